//! `report`: runs side by side.

use crate::harness::{Sandbox, stdout};

/// Two finished runs that differ in the learning rate, and one that was stopped after its first epoch.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.train("runs/one", &["lr=0.002"]);
    sandbox.train("runs/<two>", &["lr=0.0005", "steps=3"]);
    let first = sandbox.text("runs/one/metrics.jsonl").lines().next().unwrap().to_owned() + "\n";
    sandbox.write("stopped/config.toml", sandbox.read("runs/one/config.toml"));
    sandbox.write("stopped/metrics.jsonl", first);
    sandbox
}

#[test]
fn runs_are_laid_side_by_side() {
    let sandbox = sandbox();
    let told = stdout(&sandbox.ok(["report", "runs", "stopped", "runs/one"]));
    assert_eq!(told, "3 runs compared: comparison.html\n");
    let page = sandbox.text("comparison.html");
    for text in [
        "3 runs compared",
        "&lt;two&gt;",
        ">one<",
        ">stopped<",
        "<td>0.002</td>",
        "<td>0.0005</td>",
        "<td>1 of 2</td>",
    ] {
        assert!(page.contains(text), "{text}");
    }
    assert_eq!(page.matches("<svg").count(), 4);
    for outside in ["http:", "https:", "<script", "<link", "<two>", "NaN"] {
        assert!(!page.contains(outside), "{outside}");
    }
    let summary = sandbox.json("runs/one/summary.json");
    let shown = format!("{:.2}\u{a0}%", 100.0 * summary["test_accuracy_consensus"].as_f64().unwrap());
    assert!(page.contains(&shown), "{shown}");
    sandbox.ok(["report", "runs/one", "runs/<two>", "--out", "pages.html"]);
    assert!(sandbox.text("pages.html").contains("2 runs compared"));
}

#[test]
fn wrong_use_is_refused() {
    let sandbox = sandbox();
    std::fs::create_dir(sandbox.path("empty")).unwrap();
    sandbox.refused(
        2,
        &["must be two runs or more; the page of one is runs/one/report.html"],
        ["report", "runs/one"],
    );
    let twice = ["report", "runs/one", "./runs/one"];
    sandbox.refused(2, &["must be two runs or more"], twice);
    sandbox.refused(2, &["gone: there is no such folder"], ["report", "runs/one", "gone"]);
    sandbox.refused(
        2,
        &["config.toml: must be the folder of a run; it is a file"],
        ["report", "runs", "stopped/config.toml"],
    );
    sandbox.refused(2, &["empty: must hold a run; found none"], ["report", "runs", "empty"]);
    sandbox.refused(
        1,
        &["no/such/page.html: can't be written"],
        ["report", "runs", "--out", "no/such/page.html"],
    );
    sandbox.write("stopped/metrics.jsonl", "{}");
    sandbox.refused(1, &["stopped/metrics.jsonl:1: "], ["report", "runs", "stopped"]);
}
