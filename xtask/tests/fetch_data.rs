//! `cargo xtask fetch-data` is `nopropdt-train fetch`: arguments and exit codes are handed on.

use std::fs;
use std::process::{Command, Output};
use tempfile::TempDir;

fn fetch(folder: &TempDir, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.env("NOPROPDT_DATA_DIR", "named").current_dir(folder.path());
    command.arg("fetch-data").args(arguments).output().unwrap()
}

#[test]
fn arguments_and_exit_codes_are_handed_on() {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("from")).unwrap();
    for (arguments, code, words) in [
        (&["digits"][..], 0, "digits: part of the program; nothing to fetch\n"),
        (&["mnist", "--from", "from"], 1, "error: from: folder must hold train-images-idx3-ubyte or "),
        (&["cats"], 2, "must be one of digits, mnist, fashion-mnist"),
    ] {
        let output = fetch(&folder, arguments);
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert_eq!(output.status.code(), Some(code), "{text}");
        assert!(text.contains(words), "{text}");
    }
    assert!(folder.path().join("named/mnist/.fetch-lock").exists());
}
