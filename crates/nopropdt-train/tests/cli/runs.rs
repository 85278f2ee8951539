//! `runs`: what runs reached, and in what they differ.

use crate::harness::{Sandbox, stderr, stdout};
use serde_json::Value;

/// Two finished runs that differ in the learning rate, one of another method, and one that was stopped after its first epoch.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.train("runs/one", &["lr=0.002", "flip=false"]);
    sandbox.train("runs/sweep/two-10", &["epochs=1"]);
    sandbox.train("runs/sweep/two-9", &["method=fm", "steps=5", "epochs=1"]);
    let first = sandbox.text("runs/one/metrics.jsonl").lines().next().unwrap().to_owned() + "\n";
    sandbox.write("runs/stopped/config.toml", sandbox.read("runs/one/config.toml"));
    sandbox.write("runs/stopped/metrics.jsonl", first);
    sandbox
}

fn list(sandbox: &Sandbox, own: &[&str]) -> Vec<Value> {
    let text = stdout(&sandbox.ok([&["runs", "--json"], own].concat()));
    assert_eq!(text.lines().count(), 1, "{text}");
    serde_json::from_str(&text).unwrap()
}

fn names(sandbox: &Sandbox, own: &[&str]) -> Vec<String> {
    list(sandbox, own).iter().map(|run| run["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn runs_are_listed_with_what_differs() {
    let sandbox = sandbox();
    let text = stdout(&sandbox.ok(["runs"]));
    let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(
        lines[0],
        [
            "name",
            "method",
            "block",
            "dataset",
            "accuracy",
            "chain",
            "consensus",
            "epochs",
            "seconds",
            "settings"
        ]
    );
    let firsts: Vec<&str> = lines.iter().map(|line| line[0]).collect();
    assert_eq!(firsts, ["name", "one", "stopped", "sweep/two-9", "sweep/two-10"]);
    assert!(text.lines().nth(1).unwrap().contains("steps=2 epochs=2 lr=0.002"), "{text}");
    // Stopped; its accuracy is that of the epoch that it has.
    assert!(lines[2].contains(&"1/2"), "{text}");
    let epoch: Value = serde_json::from_str(&sandbox.text("runs/stopped/metrics.jsonl")).unwrap();
    let shown = format!("{:.2}", 100.0 * epoch["test_accuracy"].as_f64().unwrap());
    // "97.22 %" is two words.
    assert_eq!(lines[2][6], shown);
    // What was typed and is so anyway is no difference, nor is what one method has and the other has not.
    assert!(!text.contains("flip") && !text.contains("eta") && !text.contains("objective"), "{text}");
    // The same runs from inside, and one alone.
    let inner = stdout(&sandbox.ok(["runs", "runs/sweep", "--filter", "method=dt"]));
    assert!(inner.lines().nth(1).unwrap().starts_with("two-10 ") && !inner.contains("settings"), "{inner}");
    assert_eq!(names(&sandbox, &["runs/one"]), ["one"]);
}

#[test]
fn machines_read_the_same() {
    let sandbox = sandbox();
    let runs = list(&sandbox, &[]);
    let (one, stopped, summary) = (&runs[0], &runs[1], sandbox.json("runs/one/summary.json"));
    assert_eq!((&one["name"], &one["folder"]), (&"one".into(), &"runs/one".into()));
    assert_eq!(one["summary"], summary);
    assert_eq!((&one["accuracy"], &one["chain"]), (&summary["test_accuracy"], &summary["test_accuracy"]));
    assert_eq!(one["consensus"], summary["test_accuracy_consensus"]);
    assert_eq!(
        (&one["finished"], &one["epochs"], &one["epochs_planned"]),
        (&true.into(), &2.into(), &2.into())
    );
    assert_eq!(one["differing"]["training.lr"], 0.002);
    assert_eq!(
        (&one["settings"]["training.batch-size"], &one["settings"]["block.dropout"]),
        (&64.into(), &0.2.into())
    );
    assert_eq!(
        (&stopped["finished"], &stopped["epochs"], &stopped["summary"]),
        (&false.into(), &1.into(), &Value::Null)
    );
    let csv = stdout(&sandbox.ok(["runs", "--csv"]));
    let lines: Vec<&str> = csv.lines().collect();
    let head = "name,method,block,dataset,accuracy,chain,consensus,epochs,epochs_planned,finished,seconds,";
    assert!(lines[0].starts_with(head) && lines[0].contains(",training.lr,"), "{csv}");
    assert_eq!(lines.len(), 5);
    assert!(lines.iter().all(|line| line.matches(',').count() == lines[0].matches(',').count()), "{csv}");
    assert!(lines[1].starts_with("one,dt,paper,digits,") && lines[1].contains(",0.002,"), "{csv}");
}

#[test]
fn runs_are_sorted_and_chosen() {
    let sandbox = sandbox();
    let sorted = |key: &str| {
        let runs = list(&sandbox, &["--sort", key]);
        runs.into_iter().map(|run| run[key.trim_start_matches('-')].as_f64().unwrap()).collect::<Vec<_>>()
    };
    for (key, descending) in
        [("accuracy", true), ("consensus", true), ("epochs", false), ("-epochs", true), ("seconds", false)]
    {
        let found = sorted(key);
        let is_sorted = if descending { found.is_sorted_by(|a, b| a >= b) } else { found.is_sorted() };
        assert!(is_sorted, "{key}: {found:?}");
    }
    assert_eq!(names(&sandbox, &["--reverse"]), ["sweep/two-10", "sweep/two-9", "stopped", "one"]);
    assert_eq!(
        names(&sandbox, &["--sort", "-training.lr"]),
        ["one", "stopped", "sweep/two-9", "sweep/two-10"]
    );
    // A setting that one of them has not, and what only finished runs have: these come last.
    assert_eq!(names(&sandbox, &["--sort", "method.eta"])[3], "sweep/two-9");
    assert_eq!(names(&sandbox, &["--sort=-test_accuracy"])[3], "stopped");
    for (filters, wanted) in [
        (&["method=dt", "epochs>=2"][..], &["one"][..]),
        (&["method!=dt"], &["sweep/two-9"]),
        (&["lr<0.0015"], &["sweep/two-9", "sweep/two-10"]),
        (&["training.lr=2e-3", "seed=0"], &["one", "stopped"]),
        (&["block.hidden>5000"], &[]),
    ] {
        let filters: Vec<&str> = filters.iter().flat_map(|filter| ["--filter", filter]).collect();
        assert_eq!(names(&sandbox, &filters), wanted, "{filters:?}");
    }
    assert_eq!(
        stdout(&sandbox.ok(["runs", "--filter", "method=ct"])),
        "runs: the filter leaves none of 4 runs\n"
    );
}

#[test]
fn wrong_use_is_refused() {
    let sandbox = Sandbox::new();
    sandbox.refused(2, &["runs: there is no such folder here", "nopropdt-train runs DIR"], ["runs"]);
    sandbox.refused(2, &["there: there is no such folder"], ["runs", "there"]);
    sandbox.write("file", "");
    sandbox.refused(2, &["file: must be a folder of runs; it is a file"], ["runs", "file"]);
    sandbox.write("empty/notes", "");
    assert_eq!(stdout(&sandbox.ok(["runs", "empty"])), "empty: no runs\n");
    assert_eq!(stdout(&sandbox.ok(["runs", "empty", "--json"])), "[]\n");
    sandbox.refused(
        2,
        &["--sort: \"acuracy\": must be a column", "near are accuracy"],
        ["runs", "empty", "--sort", "acuracy"],
    );
    sandbox.refused(
        2,
        &["--filter: \"data.lr\"", "lr", "training.lr"],
        ["runs", "empty", "--filter", "data.lr=1"],
    );
    sandbox.refused(2, &["must be KEY=VALUE"], ["runs", "empty", "--filter", "lr"]);
    sandbox.refused(
        2,
        &["the bound of lr must be a number; found \"low\""],
        ["runs", "empty", "--filter", "lr<low"],
    );
}

/// One line each, and the others are listed all the same.
#[test]
fn a_broken_run_is_told_and_passed_over() {
    let sandbox = Sandbox::new();
    sandbox.train("runs/good", &["epochs=1"]);
    let config = sandbox.text("runs/good/config.toml");
    sandbox.write("runs/a/config.toml", config.replace("name = \"dt\"", "name = \"mine\""));
    sandbox.write("runs/b/config.toml", "[training\n");
    sandbox.write("runs/c/config.toml", &config);
    sandbox.write("runs/c/metrics.jsonl", "{\"epoch\":1");
    sandbox.write("runs/d/config.toml", &config);
    sandbox.write("runs/d/summary.json", "{}");
    sandbox.write("runs/e/checkpoint.bin", "");
    sandbox.write("runs/just-begun/config.toml", &config);
    let output = sandbox.ok(["runs"]);
    let (told, text) = (stderr(&output), stdout(&output));
    let lines: Vec<&str> = told.lines().collect();
    let files = [
        "a/config.toml: ",
        "b/config.toml: line 1: ",
        "c/metrics.jsonl:1: ",
        "d/summary.json: ",
        "e/config.toml: ",
    ];
    assert_eq!(lines.len(), files.len(), "{told}");
    for (line, file) in lines.iter().zip(files) {
        assert!(line.starts_with(&format!("warning: runs/{file}")), "{line}");
    }
    assert!(lines[0].contains("unknown method `mine`, must be one of `dt`"), "{told}");
    assert_eq!(text.lines().count(), 3, "{text}");
    let begun = text.lines().nth(2).unwrap();
    assert!(begun.starts_with("just-begun ") && begun.contains(" –  ") && begun.contains(" 0/1 "), "{begun}");
    let output = sandbox.output(["runs", "runs/b"]);
    assert_eq!(output.status.code(), Some(1));
    let told = stderr(&output);
    assert!(told.ends_with("error: runs/b: must hold a run that can be read; none of 1 can\n"), "{told}");
}
