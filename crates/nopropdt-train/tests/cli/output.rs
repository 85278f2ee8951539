//! What goes to standard output and standard error.

use crate::harness::{Sandbox, stderr, stdout, tiny};
use serde_json::Value;

#[test]
fn json_is_one_object_and_nothing_else() {
    let sandbox = Sandbox::new();
    let output = sandbox.train("run", &["json"]);
    let text = stdout(&output);
    assert_eq!(text.lines().count(), 1, "{text}");
    let printed: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(printed, sandbox.json("run/summary.json"));
    assert!(stderr(&output).contains("epoch 2/2"), "{}", stderr(&output));
}

#[test]
fn plain_lines_are_plain() {
    let sandbox = Sandbox::new();
    let output = sandbox.train("run", &[]);
    let text = stdout(&output);
    assert_eq!(stderr(&output), "");
    assert!(!text.contains('\x1b') && !text.contains('\r'), "{text:?}");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "digits: 128 training and 60 test images of 8x8x1, 10 classes");
    assert!(lines[1].starts_with("NoProp-DT: 2 blocks, "), "{text}");
    assert!(lines[2].starts_with("epoch 1/2  loss ") && lines[3].starts_with("epoch 2/2  loss "), "{text}");
    assert!(lines[4].starts_with("test accuracy "), "{text}");
    assert_eq!(lines.last(), Some(&"report: run/report.html"));
}

/// `nopropdt-train | head -1`: the reader's leaving must not end the run.
#[test]
fn a_reader_may_leave() {
    use std::process::{Command, Stdio};
    let sandbox = Sandbox::new();
    for arguments in [tiny(&["out=run", "epochs=1"]), vec!["info".into()]] {
        let mut command = Command::new(crate::harness::PROGRAM);
        command.args(arguments).current_dir(sandbox.path("")).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        assert_eq!(stderr(&output), "");
    }
    assert!(sandbox.exists("run/summary.json"));
}

/// A full disk under standard output: the run's own files are written, and the failure is told.
#[cfg(target_os = "linux")]
#[test]
fn a_full_output_is_told() {
    let sandbox = Sandbox::new();
    for arguments in [tiny(&["out=run", "epochs=1"]), vec!["info".into(), "--json".into()]] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut command = std::process::Command::new(crate::harness::PROGRAM);
        let output = command.args(arguments).current_dir(sandbox.path("")).stdout(full).output().unwrap();
        let message = crate::harness::complaint(&output, 1);
        assert!(message.starts_with("error: standard output: can't be written: "), "{message}");
    }
    assert!(sandbox.exists("run/summary.json"));
}

#[test]
fn no_command_ends_with_an_empty_line() {
    let sandbox = Sandbox::new();
    let trained = stdout(&sandbox.train("run", &["epochs=1"]));
    let eval = ["eval", "--model", "run/model.safetensors", "--runs", "1"];
    let texts = [
        trained,
        stdout(&sandbox.ok(eval)),
        stdout(&sandbox.ok([&eval[..], &["--json"]].concat())),
        stdout(&sandbox.ok(["info"])),
        stdout(&sandbox.ok(["info", "--json"])),
    ];
    for text in texts {
        assert!(text.ends_with('\n') && !text.ends_with("\n\n"), "{text:?}");
    }
}

/// The system ends such a run, or refuses it memory: somebody should have been told.
#[cfg(target_os = "linux")]
#[test]
fn a_run_that_can_not_fit_into_memory_is_warned_of() {
    let sandbox = Sandbox::new();
    let warned = |kibibytes: u64, steps: &str, own: &[&str]| {
        let script = format!("ulimit -v {kibibytes}; exec \"$0\" \"$@\"");
        let mut command = std::process::Command::new("sh");
        command.args(["-c", &script, crate::harness::PROGRAM]).current_dir(sandbox.path(""));
        let out = format!("out=run-{steps}");
        let steps = format!("steps={steps}");
        let flags =
            ["epochs=1", "threads=1", "limit-train=2", "limit-test=1", "schedule=linear", &steps, &out];
        command.args(tiny(&[&flags, own].concat()));
        stderr(&command.output().unwrap())
    };
    // 200 blocks of half a million weights, three numbers each.
    let told = warned(900_000, "200", &[]);
    assert!(told.starts_with("warning: memory: the run holds at least 1."), "{told}");
    assert!(told.contains(" are left (by ulimit -v)"), "{told}");
    // What it holds for certain would fit; with the model's file, which is made at the end, it does not.
    let told = warned(1_100_000, "150", &["precision=f32"]);
    assert!(told.starts_with("warning: memory: the run takes about 1."), "{told}");
    assert_eq!(warned(8_000_000, "1", &[]), "");
}
