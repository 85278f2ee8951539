//! What `cargo xtask` does when nobody reads what it says, as behind `| head -1`, or the disk is full: no panic, whatever the command.

#![cfg(target_os = "linux")]

use std::fs::File;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// Commands that print a result, and a few that only complain; each ends soon and needs nothing.
const COMMANDS: [(&[&str], i32); 6] = [
    (&["fetch-data", "list"], 0),
    (&["fetch-data", "digits"], 0),
    (&["reproduce", "smoke", "--list"], 0),
    (&["fetch-data", "mnist", "--from", "empty"], 1),
    (&["fetch-data", "cats"], 2),
    (&["bench", "--block", "reference", "--input", "32x32x3"], 2),
];

fn xtask(arguments: &[&str], folder: &Path) -> Command {
    std::fs::create_dir_all(folder.join("empty")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.args(arguments).current_dir(folder).stdin(Stdio::null());
    if arguments[0] == "fetch-data" {
        command.args(["--data-dir", "data"]);
    }
    command
}

/// A pipe that nobody reads any more.
fn closed_pipe() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}

fn full_disk() -> Stdio {
    File::options().write(true).open("/dev/full").unwrap().into()
}

#[track_caller]
fn check(output: &Output, code: i32, what: &str) -> String {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!text.contains("panicked"), "{what}: {text}");
    assert_eq!(output.status.code(), Some(code), "{what}: {text}");
    text
}

#[test]
fn a_reader_that_has_gone_away_is_no_failure() {
    let folder = TempDir::new().unwrap();
    for (arguments, code) in COMMANDS {
        let output = xtask(arguments, folder.path()).stdout(closed_pipe()).output().unwrap();
        let text = check(&output, code, &arguments.join(" "));
        assert_eq!(text.contains("error"), code != 0, "{arguments:?}: {text}");
    }
}

#[test]
fn complaints_that_nobody_hears_change_no_exit_code() {
    let folder = TempDir::new().unwrap();
    for (arguments, code) in COMMANDS {
        for stderr in [closed_pipe(), full_disk()] {
            let output = xtask(arguments, folder.path()).stderr(stderr).output().unwrap();
            check(&output, code, &arguments.join(" "));
        }
        let both = xtask(arguments, folder.path()).stdout(closed_pipe()).stderr(closed_pipe()).output();
        check(&both.unwrap(), code, &arguments.join(" "));
    }
}

#[test]
fn a_result_that_finds_no_room_is_a_failure() {
    let folder = TempDir::new().unwrap();
    for (arguments, _) in COMMANDS.iter().filter(|(_, code)| *code == 0) {
        let output = xtask(arguments, folder.path()).stdout(full_disk()).output().unwrap();
        let text = check(&output, 1, &arguments.join(" "));
        assert!(text.starts_with("error: standard output: can't be written: "), "{arguments:?}: {text}");
    }
}
