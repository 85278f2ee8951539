//! SVHN's MATLAB files.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nopropdt_data::{DatasetName, load};
use nopropdt_fuzz::{assert_one_line, folder, write};

fuzz_target!(|data: &[u8]| {
    write("svhn/train_32x32.mat", data);
    write("svhn/test_32x32.mat", data);
    if let Err(error) = load(DatasetName::Svhn, folder()) {
        assert_one_line(error);
    }
});
