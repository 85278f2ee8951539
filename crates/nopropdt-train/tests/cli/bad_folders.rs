//! Run folders that can't be written. Permissions would not stop a superuser, so a file stands in the way.

use crate::harness::{Sandbox, tiny};

#[test]
fn a_folder_below_a_file_is_refused() {
    let sandbox = Sandbox::new();
    sandbox.write("file", "mine");
    let words = ["file/run: run folder can't be made or written", "--out"];
    sandbox.refused(1, &words, tiny(&["out=file/run"]));
}

#[test]
fn a_file_is_not_taken_for_a_folder() {
    let sandbox = Sandbox::new();
    sandbox.write("file", "mine");
    let words = ["file: must be a folder, of a run or for one; it is a file"];
    sandbox.refused(2, &words, tiny(&["out=file"]));
    sandbox.refused(2, &words, ["--resume", "file"]);
}

#[test]
fn every_file_of_a_run_guards_its_folder() {
    let files = [
        "config.toml",
        "checkpoint.bin",
        "metrics.jsonl",
        "metrics.csv",
        "model.safetensors",
        "summary.json",
        "report.html",
        "diagnostics.json",
    ];
    for file in files {
        let sandbox = Sandbox::new();
        sandbox.write(&format!("run/{file}"), "of great value");
        sandbox.refused(2, &["--out run: already holds a run"], tiny(&["out=run"]));
    }
}

#[test]
fn other_files_in_a_folder_are_left_alone() {
    let sandbox = Sandbox::new();
    sandbox.write("run/notes.txt", "of great value");
    sandbox.train("run", &["epochs=1", "steps=1"]);
    assert_eq!(sandbox.text("run/notes.txt"), "of great value");
}
