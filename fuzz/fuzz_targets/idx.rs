//! MNIST's four files, plain or compressed: the first byte says which, the next two where the labels begin.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nopropdt_data::{DatasetName, load};
use nopropdt_fuzz::{assert_one_line, folder, write};

fuzz_target!(|data: &[u8]| {
    let Some((&[kind, high, low], rest)) = data.split_first_chunk() else { return };
    let at = usize::from(u16::from_be_bytes([high, low])).min(rest.len());
    let (images, labels) = rest.split_at(at);
    let (set, suffix) = if kind & 1 == 0 { ("plain", "") } else { ("gz", ".gz") };
    for part in ["train", "t10k"] {
        write(&format!("{set}/mnist/{part}-images-idx3-ubyte{suffix}"), images);
        write(&format!("{set}/mnist/{part}-labels-idx1-ubyte{suffix}"), labels);
    }
    if let Err(error) = load(DatasetName::Mnist, &folder().join(set)) {
        assert_one_line(error);
    }
});
