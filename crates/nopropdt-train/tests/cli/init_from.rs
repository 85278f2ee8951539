//! `--init-from`: what is said of a start, and what is refused before anything is written.

use crate::folder::{NAMES, pictures};
use crate::harness::{Sandbox, example, stderr, stdout, tiny};

/// A sandbox with the example model in it.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("start.safetensors", &example().0);
    sandbox
}

/// The line about the start.
fn told(text: &str) -> String {
    let mut lines = text.lines().filter(|line| line.starts_with("starting from "));
    let line = lines.next().unwrap_or_else(|| panic!("no start is told:\n{text}")).to_owned();
    assert_eq!(lines.next(), None, "{text}");
    line
}

#[test]
fn what_is_taken_is_told() {
    let sandbox = sandbox();
    let same = stdout(&sandbox.train("same", &["init-from=start.safetensors", "epochs=1"]));
    let line = told(&same);
    assert!(
        line.starts_with("starting from start.safetensors: all ") && line.ends_with(" tensors taken"),
        "{line}"
    );
    assert!(!same.contains("other class names"), "{same}");
    let config = sandbox.text("same/config.toml");
    assert!(config.contains("\ninit-from = \"sha256:") && !config.contains("start.safetensors"), "{config}");

    // Two classes of pictures.
    pictures(&sandbox, "bars", 8, NAMES, &[("train", 20), ("test", 10)]);
    let flags = [
        "init-from=start.safetensors",
        "dataset=folder:bars",
        "block=paper",
        "epochs=1",
        "batch-size=8",
        "json",
    ];
    let output = sandbox.train("bars-run", &flags);
    let line = told(&stderr(&output));
    let fresh = "; fresh: head.weight, head.bias, blocks.1.label.fc1.weight, blocks.1.join.out.weight, \
                 blocks.1.join.out.bias and 3 more";
    assert!(line.contains(" tensors taken") && line.ends_with(fresh), "{line}");
    assert!(!stdout(&output).contains("starting"), "{}", stdout(&output));

    // Two others.
    let others = tiny(&[
        "init-from=bars-run/model.safetensors",
        "dataset=folder:lines",
        "block=paper",
        "epochs=1",
        "batch-size=8",
    ]);
    pictures(&sandbox, "lines", 8, ["across", "down"], &[("train", 20), ("test", 10)]);
    let said = stdout(&sandbox.ok(others));
    let note = "note: bars-run/model.safetensors has other class names (lying, standing); its weights are taken all the same";
    assert!(said.lines().any(|line| line == note), "{said}");
}

#[test]
fn a_file_or_the_home_folder_may_name_it() {
    let sandbox = sandbox();
    sandbox.write("me/m.safetensors", &example().0);
    sandbox.write("own.toml", "[training]\ninit-from = \"~/m.safetensors\"\n");
    let run = |arguments: Vec<String>| {
        let output = sandbox.command().env("HOME", sandbox.path("me")).args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        told(&stdout(&output))
    };
    let line = run(tiny(&["config=own.toml", "epochs=1", "out=one"]));
    assert!(line.contains("m.safetensors: all "), "{line}");
    run(tiny(&["init-from=~/m.safetensors", "epochs=1", "out=two"]));
    assert!(sandbox.read("one/model.safetensors") == sandbox.read("two/model.safetensors"));
    // Settings without the start make another run.
    sandbox.train("plain", &["epochs=1"]);
    assert!(sandbox.read("one/model.safetensors") != sandbox.read("plain/model.safetensors"));
}

#[test]
fn a_start_that_can_not_be_is_refused() {
    let sandbox = sandbox();
    let refused = |code: i32, words: &[&str], own: &[&str]| {
        sandbox.refused(code, words, tiny(&[own, &["out=run"]].concat()));
    };
    refused(2, &["--init-from no.safetensors: there is no such file"], &["init-from=no.safetensors"]);
    refused(2, &["--init-from .: must be a file; it is a folder"], &["init-from=."]);
    refused(2, &["--init-from", "must be the path of a model file; found \"\""], &["init-from="]);
    sandbox.write("no.toml", "init-from = \"no.safetensors\"\n");
    refused(2, &["--init-from no.safetensors: there is no such file"], &["config=no.toml"]);
    sandbox.write("number.toml", "[training]\ninit-from = 3\n");
    refused(2, &["number.toml: line 2: init-from: must be a text; found 3"], &["config=number.toml"]);
    sandbox.write("cut.safetensors", &example().0[..3000]);
    refused(1, &["cut.safetensors: is not a whole safetensors file"], &["init-from=cut.safetensors"]);
    let words = ["start.safetensors: must share tensors of blocks", "it is of method dt with block paper"];
    refused(1, &words, &["init-from=start.safetensors", "block=patches"]);
}

#[test]
fn the_settings_of_a_run_that_began_so_are_told() {
    let sandbox = sandbox();
    sandbox.train("run", &["init-from=start.safetensors", "epochs=1"]);
    let rule = "--init-from: must be the path of a model file for a new run; found sha256:";
    sandbox.refused(2, &[rule], ["--config", "run/config.toml", "--out", "other", "--no-progress"]);
    assert!(!sandbox.exists("other"));
    // All else reads them.
    std::fs::remove_file(sandbox.path("start.safetensors")).unwrap();
    sandbox.ok(["--resume", "run", "--no-progress"]);
    sandbox.ok(["eval", "--model", "run/model.safetensors", "--runs", "1", "--limit-test", "20"]);
    sandbox.ok(["info", "--config", "run/config.toml"]);
    assert!(sandbox.text("run/report.html").contains("sha256:"));
    std::fs::remove_file(sandbox.path("run/checkpoint.bin")).unwrap();
    for file in [
        "summary.json",
        "model.safetensors",
        "metrics.jsonl",
        "metrics.csv",
        "report.html",
        "diagnostics.json",
    ] {
        std::fs::remove_file(sandbox.path(&format!("run/{file}"))).unwrap();
    }
    let words =
        ["run/checkpoint.bin: is gone, but run/config.toml says that the run starts from a model file"];
    sandbox.refused(1, &words, ["--resume", "run", "--no-progress"]);
}
