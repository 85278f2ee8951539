//! A body that a server takes for a picture: any bytes give an input of the network, or one line.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nopropdt_fuzz::{assert_one_line, let_decoders_panic, predictor};
use nopropdt_serve::input::picture;

fuzz_target!(|data: &[u8]| {
    let_decoders_panic();
    match picture(predictor(), data, 1 << 16) {
        Ok(values) => assert!(values.len() == 64 && values.iter().all(|value| (0.0..=1.0).contains(value))),
        Err(refusal) => {
            assert_one_line(&refusal);
            assert_eq!(refusal.status(), 400);
        }
    }
});
