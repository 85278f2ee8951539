//! A body that a server takes for an input's values as JSON: any bytes give an answer, or one line.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nopropdt_fuzz::{assert_one_line, predictor};
use nopropdt_serve::input::values;

fuzz_target!(|data: &[u8]| match values(predictor(), data) {
    Ok(values) => {
        let answer = predictor().predict(&values).expect("values in 0..1 have an answer");
        assert_eq!(answer.probabilities.len(), 10);
    }
    Err(refusal) => {
        assert_one_line(&refusal);
        assert_eq!(refusal.status(), 400);
    }
});
