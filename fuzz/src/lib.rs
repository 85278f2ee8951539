//! What the targets share: a folder in memory to put files in, since the readers read files.

#![forbid(unsafe_code)]

use nopropdt_data::is_decoding;
use std::fs;
use std::panic;
use std::path::{Path, PathBuf};
use std::sync::{Once, OnceLock};
use tempfile::TempDir;

/// A folder that belongs to this process; in memory where the system has such a place.
pub fn folder() -> &'static Path {
    static FOLDER: OnceLock<TempDir> = OnceLock::new();
    let made = FOLDER.get_or_init(|| {
        let memory = Path::new("/dev/shm");
        let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
        made.expect("there is room for a folder")
    });
    made.path()
}

/// Writes a file below the folder, with the folders it lies in.
pub fn write(name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder().join(name);
    let parent = path.parent().expect("a file lies in a folder");
    fs::create_dir_all(parent).expect("there is room for a folder");
    fs::write(&path, bytes).expect("there is room for a file");
    path
}

/// Lets the panics of picture decoders pass, which are caught and told as errors: the fuzzer's hook ends the process at any.
pub fn let_decoders_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let end = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if !is_decoding() {
                end(panic);
            }
        }));
    });
}

/// Asserts that an error is one line for people.
pub fn assert_one_line(error: impl ToString) {
    let text = error.to_string();
    assert!(!text.is_empty() && !text.contains('\n'), "{text:?}");
}
