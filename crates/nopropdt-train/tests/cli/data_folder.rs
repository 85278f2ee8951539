//! Which folder datasets are looked for in.

use crate::harness::{Sandbox, complaint, stdout, tiny};
use crate::idx;
use std::process::Output;

fn train(sandbox: &Sandbox, variable: Option<&str>, out: &str) -> Output {
    let mut command = sandbox.command();
    command.args(tiny(&["dataset=mnist", "epochs=1", "steps=1", &format!("out={out}")]));
    command.envs(variable.map(|folder| ("NOPROPDT_DATA_DIR", folder)));
    command.output().unwrap()
}

#[track_caller]
fn assert_trains(output: &Output) {
    assert!(stdout(output).starts_with("mnist: 40 training and 20 test images"), "{output:?}");
    assert!(output.status.success());
}

#[test]
#[cfg(not(target_os = "macos"))]
fn the_cache_folder_is_the_last_resort() {
    let sandbox = Sandbox::new();
    // No such folder is no wrong use: what is missing is told, and where it was looked for.
    let place = sandbox.path("cache").join("nopropdt/mnist/train-images-idx3-ubyte").display().to_string();
    let message = complaint(&train(&sandbox, None, "run"), 1);
    assert!(message.contains(&format!("{place}: file not found")), "{message}");
    idx::write_in(&sandbox, "cache/nopropdt");
    assert_trains(&train(&sandbox, None, "run"));
    // A folder `data` that is here comes first, even without the files.
    std::fs::create_dir(sandbox.path("data")).unwrap();
    let message = complaint(&train(&sandbox, None, "second"), 1);
    assert!(message.contains("error: data/mnist/train-images-idx3-ubyte: file not found"), "{message}");
}

#[test]
fn the_variable_comes_before_what_is_here_and_after_the_flag() {
    let sandbox = Sandbox::new();
    idx::write_in(&sandbox, "named");
    std::fs::create_dir(sandbox.path("data")).unwrap();
    assert_trains(&train(&sandbox, Some("named"), "run"));
    // An empty one counts as none.
    complaint(&train(&sandbox, Some(""), "second"), 1);
    let eval = |variable: &str, flags: &[&str]| {
        let mut command = sandbox.command();
        command.args(["eval", "--model=run/model.safetensors", "--runs=1"]).args(flags);
        command.env("NOPROPDT_DATA_DIR", variable).output().unwrap()
    };
    assert!(eval("named", &[]).status.success());
    assert!(eval("none", &["--data-dir=named"]).status.success());
    for output in [eval("none", &[]), train(&sandbox, Some("none"), "third")] {
        assert_eq!(complaint(&output, 2), "error: NOPROPDT_DATA_DIR=none: there is no such folder");
    }
    let output = eval("named", &["--data-dir=none"]);
    assert_eq!(complaint(&output, 2), "error: --data-dir none: there is no such folder");
    assert!(!sandbox.exists("second") && !sandbox.exists("third"));
}

#[test]
fn help_tells_the_rule() {
    let sandbox = Sandbox::new();
    let rule = "[default: $NOPROPDT_DATA_DIR, else data if it is here, else nopropdt in your cache folder]";
    for command in ["train", "eval"] {
        let text = stdout(&sandbox.ok([command, "--help"]));
        let words: Vec<&str> = text.split_whitespace().collect();
        assert!(words.join(" ").contains(rule), "{text}");
    }
}
