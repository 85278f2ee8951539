//! Model files, and state dicts of the reference repository.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nopropdt_fuzz::assert_one_line;
use nopropdt_train::import::reference_model;
use nopropdt_train::model_file::parse;

fuzz_target!(|data: &[u8]| {
    if let Err(error) = parse(data) {
        assert_one_line(error);
    }
    if let Err(error) = reference_model(data, None) {
        assert_one_line(error);
    }
});
