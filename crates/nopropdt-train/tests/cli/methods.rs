//! Every method from the command line: trained, resumed, saved and measured like the first.

use crate::harness::{Sandbox, stdout};
use crate::resume::half_run;
use nopropdt_train::model_file::load;
use serde_json::Value;

/// Each method, the name its report has, and what its tensors' names start with.
const METHODS: [(&str, &str, &str); 5] = [
    ("ct", "NoProp-CT", "block."),
    ("fm", "NoProp-FM", "block."),
    ("backprop", "back-propagation", "blocks.1."),
    ("adjoint", "neural ODE (adjoint)", "block."),
    ("committee", "committee", "blocks.1."),
];

#[test]
fn a_run_has_its_files_and_can_be_measured() {
    for (method, title, prefix) in METHODS {
        let sandbox = Sandbox::new();
        let method_flag = format!("method={method}");
        sandbox.train("run", &[&method_flag, "steps=3", "epochs=1"]);
        let path = sandbox.path("run/model.safetensors");
        let model = load(&path).unwrap();
        assert_eq!((model.network.facts().name, model.network.facts().prefix(0).as_str()), (title, prefix));
        assert_eq!(model.metadata.alpha_bar.len(), if method == "ct" { 4 } else { 0 });
        let report = sandbox.text("run/report.html");
        assert!(report.contains(&format!("<h1>{title} on digits</h1>")), "{method}");
        let eval = ["eval", "--model=run/model.safetensors", "--runs=1", "--json", "--limit-test=60"];
        let measured: Value = serde_json::from_str(&stdout(&sandbox.ok(eval))).unwrap();
        let summary = sandbox.json("run/summary.json");
        assert_eq!(measured["test_accuracy"]["mean"], summary["test_accuracy"], "{method}");
        // What has no blocks does not speak of them.
        let (word, other) = if ["backprop", "committee"].contains(&method) {
            ("block", "read-out")
        } else {
            ("read-out", "block")
        };
        assert!(
            report.contains(&format!("<th>{word}</th>")) && !report.contains(&format!("<th>{other}</th>"))
        );
        let told =
            stdout(&sandbox.ok(["eval", "--model=run/model.safetensors", "--runs=1", "--limit-test=60"]));
        assert!(told.contains(&format!("after {word} 3")) && !told.contains(other), "{told}");
        let info = stdout(&sandbox.ok(["info", "--model=run/model.safetensors"]));
        assert!(info.contains("image.conv1.weight"), "{info}");
    }
}

#[test]
fn a_half_run_of_any_method_ends_like_a_whole_one() {
    for (method, ..) in METHODS {
        let sandbox = Sandbox::new();
        let own = [&format!("method={method}"), "steps=3"];
        half_run(&sandbox, "run", &own);
        sandbox.ok(["--resume", "run", "--no-progress"]);
        sandbox.train("whole", &[&own[..], &["lr-schedule=constant"]].concat());
        assert!(sandbox.read("run/model.safetensors") == sandbox.read("whole/model.safetensors"), "{method}");
    }
}

/// A network that is one for all times may be run in more steps than it was trained with.
#[test]
fn steps_and_rule_can_change_after_training() {
    let sandbox = Sandbox::new();
    sandbox.train("run", &["method=fm", "steps=3", "epochs=1"]);
    for flags in [["--steps=17", "--sampler=heun"], ["--steps=1", "--sampler=euler"]] {
        sandbox.ok([
            "eval",
            "--model=run/model.safetensors",
            "--runs=1",
            "--limit-test=20",
            flags[0],
            flags[1],
        ]);
    }
    let words = ["sampler: must be euler or heun"];
    sandbox.refused(2, &words, ["eval", "--model=run/model.safetensors", "--sampler=stochastic"]);
}

/// Prototypes start from images of every class; where one has none, no folder is made.
#[test]
fn a_class_without_images_has_no_prototype() {
    let sandbox = Sandbox::new();
    let words = ["prototypes: every class must have a training image; class"];
    sandbox.refused(1, &words, ["--embedding=prototype", "--limit-train=5", "--out=run"]);
    assert!(!sandbox.exists("run"));
}

#[test]
fn settings_that_mean_nothing_to_a_method_are_refused() {
    let sandbox = Sandbox::new();
    for (flags, words) in [
        (
            ["--method=fm", "--schedule=linear"],
            "--schedule: must be left out: method fm has no such setting; it has flow-sigma, sampler, steps",
        ),
        (["--method=ct", "--schedule=cosine"], "--schedule: must be learned for method ct"),
        (["--method=dt", "--schedule=learned"], "schedule learned: is for continuous time (method ct)"),
        (
            ["--method=ct", "--order=sequential"],
            "--order: must be interleaved for NoProp-CT, which has one loss",
        ),
        (
            ["--method=ct", "--flow-sigma=0.1"],
            "--flow-sigma: must be left out: method ct has no such setting",
        ),
        (
            ["--method=backprop", "--sampler=heun"],
            "--sampler: must be left out: method backprop has no such setting; it has steps",
        ),
        (["--method=dt", "--head-sigma=1"], "--head-sigma: must be left out unless the head is radial"),
        (["--method=adjoint", "--sampler=stochastic"], "sampler: must be euler or heun"),
        (["--head=radial", "--head-sigma=0"], "head-sigma: must be above 0"),
    ] {
        sandbox.refused(2, &[words], flags);
    }
}
