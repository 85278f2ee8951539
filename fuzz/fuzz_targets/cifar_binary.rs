//! CIFAR's binary files; the first byte says which of the three datasets. Below 128 it also makes the
//! input whole records, so that short inputs can be right.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nopropdt_data::{DatasetName, load};
use nopropdt_fuzz::{assert_one_line, folder, write};

fuzz_target!(|data: &[u8]| {
    let Some((&kind, rest)) = data.split_first() else { return };
    let (name, record) = match kind % 3 {
        0 => (DatasetName::Cifar10, 3073),
        1 => (DatasetName::Cifar100, 3074),
        _ => (DatasetName::Cifar100Coarse, 3074),
    };
    // A small first byte pads to whole records.
    let mut bytes = rest.to_vec();
    if kind < 128 {
        bytes.resize(bytes.len().next_multiple_of(record), kind);
    }
    for file in (1..=5)
        .map(|batch| format!("data_batch_{batch}.bin"))
        .chain(["test_batch.bin", "train.bin", "test.bin"].map(str::to_owned))
    {
        write(&format!("{}/{file}", name.files()), &bytes);
    }
    match load(name, folder()) {
        Ok(dataset) => {
            assert!(dataset.train.labels().iter().all(|&label| usize::from(label) < name.classes()))
        }
        Err(error) => assert_one_line(error),
    }
});
