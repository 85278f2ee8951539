//! The panic hook belongs to the program. In a process of its own, since there is one hook for all tests of a file.

#![cfg(feature = "pictures")]

use std::fs;
use std::panic;
use std::sync::atomic::{AtomicUsize, Ordering};

use nopropdt_data::{DatasetSource, LoadOptions, is_decoding, load_from};

#[test]
fn a_decoders_panic_goes_through_the_programs_hook() {
    static DECODERS: AtomicUsize = AtomicUsize::new(0);
    static OTHERS: AtomicUsize = AtomicUsize::new(0);
    panic::set_hook(Box::new(|_| {
        let count = if is_decoding() { &DECODERS } else { &OTHERS };
        count.fetch_add(1, Ordering::SeqCst);
    }));
    let folder = tempfile::tempdir().unwrap();
    let bytes = include_bytes!("../src/folder/tests/sampling_factors.jpeg");
    for part in ["train/a", "test/a"] {
        fs::create_dir_all(folder.path().join(part)).unwrap();
        fs::write(folder.path().join(part).join("1.jpeg"), [&bytes[..691], &[0xff, 0xd9]].concat()).unwrap();
    }
    let source = DatasetSource::Folder(folder.path().display().to_string());
    let message = load_from(&source, &LoadOptions::new("unused")).unwrap_err().to_string();
    assert!(message.ends_with("its decoder gave up"), "{message}");
    assert_eq!((DECODERS.load(Ordering::SeqCst), OTHERS.load(Ordering::SeqCst)), (1, 0));
    // The hook is still the program's, and the next panic is nobody's decoder.
    assert!(!is_decoding() && panic::catch_unwind(|| panic!("mine")).is_err());
    assert_eq!((DECODERS.load(Ordering::SeqCst), OTHERS.load(Ordering::SeqCst)), (1, 1));
    drop(panic::take_hook());
}
