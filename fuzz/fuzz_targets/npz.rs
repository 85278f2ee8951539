//! NumPy files. The first byte says whether the rest is the archive, or its arrays, each behind its length: since the checksums of an
//! archive that was changed are wrong, and nothing behind them would be reached.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nopropdt_data::{DatasetSource, LoadOptions, load_from, load_test};
use nopropdt_fuzz::{assert_one_line, packed, write};

/// The arrays in these bytes.
fn arrays(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (length, rest) = bytes.split_first_chunk()?;
        let (array, rest) = rest.split_at(usize::from(u16::from_be_bytes(*length)).min(rest.len()));
        bytes = rest;
        Some(array)
    })
}

fuzz_target!(|data: &[u8]| {
    let Some((&kind, rest)) = data.split_first() else { return };
    let path = match kind & 1 {
        0 => write("some.npz", rest),
        _ => write("some.npz", &packed(arrays(rest), kind & 2 != 0)),
    };
    let source = DatasetSource::Npz(path.display().to_string());
    match load_from(&source, &LoadOptions::default()) {
        Ok(dataset) => {
            let parts = [&dataset.train, &dataset.test].into_iter().chain(&dataset.validation);
            for part in parts {
                assert!(part.shape() == dataset.shape() && !part.is_empty());
                assert!(part.labels().iter().all(|&label| usize::from(label) < dataset.classes()));
            }
        }
        Err(error) => assert_one_line(error),
    }
    let names = ["0", "1"].map(str::to_owned);
    if let Err(error) = load_test(&source, &LoadOptions::default(), &names) {
        assert_one_line(error);
    }
});
