//! Where the original files of datasets lie that tests read. Such a test never passes in silence without them.

use std::env;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Names the folder with a folder for each dataset, which must then hold what a test asks for.
const VARIABLE: &str = "NOPROPDT_TEST_DATA";
/// Where that folder lies without the variable, if there is one: beside the checkout.
const BESIDE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/datasets");

/// The path of `file` in that folder; without one, `None` after saying that the test was not run.
///
/// # Panics
/// When the variable is set and the file is not there.
pub(crate) fn original(file: &str) -> Option<PathBuf> {
    let found = found(env::var_os(VARIABLE).as_ref().map(Path::new), Path::new(BESIDE), file);
    if found.is_none() {
        // Not `eprintln!`, which the test runner keeps to itself when a test passes.
        let note = format!(
            "NOTE: SKIPPED: a test that reads {file}: {VARIABLE} is not set, and it is not in ../shared/datasets\n"
        );
        io::stderr().write_all(note.as_bytes()).unwrap();
    }
    found
}

fn found(named: Option<&Path>, beside: &Path, file: &str) -> Option<PathBuf> {
    let path = named.unwrap_or(beside).join(file);
    let is_there = path.is_file();
    assert!(is_there || named.is_none(), "{}: {VARIABLE} promises this file", path.display());
    is_there.then_some(path)
}

#[test]
fn what_is_promised_must_be_there() {
    let folder = tempfile::tempdir().unwrap();
    let elsewhere = folder.path().join("none");
    std::fs::write(folder.path().join("file"), "").unwrap();
    assert!(found(None, folder.path(), "file").is_some() && found(None, &elsewhere, "file").is_none());
    assert!(found(Some(folder.path()), &elsewhere, "file").is_some());
    assert!(std::panic::catch_unwind(|| found(Some(&elsewhere), folder.path(), "file")).is_err());
}
