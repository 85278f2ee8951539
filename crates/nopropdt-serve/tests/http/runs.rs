//! Runs as other processes leave them.

use crate::client::get;
use crate::world::{Served, runs, small};
use nopropdt_train::metrics::EpochMetrics;
use nopropdt_train::run::{self, Observer};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::spawn;
use std::time::Duration;

#[test]
fn a_run_that_has_ended_is_told_with_all_its_epochs() {
    let served = Served::new();
    let list = get(served.address, "/api/runs").answered();
    assert_eq!(list["broken"], json!([]));
    let listed = &list["runs"][0];
    assert_eq!(
        (&listed["name"], &listed["finished"], &listed["has_model"]),
        (&json!("small"), &json!(true), &json!(true))
    );
    let one = get(served.address, "/api/run?name=small").answered();
    let lines = fs::read_to_string(runs().join("small/metrics.jsonl")).unwrap();
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(one["metrics"], json!(lines));
    let summary: Value =
        serde_json::from_slice(&fs::read(runs().join("small/summary.json")).unwrap()).unwrap();
    assert_eq!(one["summary"], summary);
    assert_eq!(one["settings"]["method.steps"], 3);
}

/// Says of each epoch that it is done, and waits to be told to go on.
struct Steps {
    done: Sender<()>,
    go_on: Mutex<Receiver<()>>,
}

impl Observer for Steps {
    fn epoch(&self, _epoch: &EpochMetrics, _left: Duration) {
        self.done.send(()).unwrap();
        self.go_on.lock().unwrap().recv().unwrap();
    }
}

#[test]
fn a_runs_epochs_are_seen_while_it_trains() {
    let folder = tempfile::tempdir().unwrap();
    let (done, wait) = channel();
    let (go_on, told) = channel();
    let path = folder.path().join("group/run");
    let config = small().with("epochs", 3).with("limit-train", 64).resolve(None).unwrap();
    let training = spawn(move || {
        let steps = Steps { done, go_on: Mutex::new(told) };
        run::begin(config, Path::new("data"), &path).unwrap().train(&steps).unwrap();
    });
    let served = Served::with(|options, _| options.runs = Some(folder.path().to_owned()));
    for _ in 0..3 {
        wait.recv().unwrap();
        let one = get(served.address, "/api/run?name=group%2Frun").answered();
        let epochs = one["metrics"].as_array().unwrap().len();
        assert_eq!(one["run"]["finished"], false);
        assert_eq!((&one["run"]["epochs"], &one["run"]["epochs_planned"]), (&json!(epochs), &json!(3)));
        go_on.send(()).unwrap();
    }
    training.join().unwrap();
    let one = get(served.address, "/api/run?name=group%2Frun").answered();
    assert_eq!((one["metrics"].as_array().unwrap().len(), &one["run"]["finished"]), (3, &json!(true)));
}

#[test]
fn a_run_that_is_broken_is_told_beside_the_others() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["good", "torn", "odd"] {
        let path = folder.path().join(name);
        fs::create_dir(&path).unwrap();
        fs::copy(runs().join("small/config.toml"), path.join("config.toml")).unwrap();
    }
    fs::write(folder.path().join("torn/metrics.jsonl"), "{\"epoch\": 1").unwrap();
    fs::write(folder.path().join("odd/config.toml"), "[method]\nname = \"none\"\n").unwrap();
    let served = Served::with(|options, _| options.runs = Some(folder.path().to_owned()));
    let list = get(served.address, "/api/runs").answered();
    assert_eq!((list["runs"].as_array().unwrap().len(), &list["runs"][0]["name"]), (1, &json!("good")));
    let broken: Vec<&str> =
        list["broken"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
    assert!(
        broken.len() == 2 && broken[0].contains("none") && broken[1].contains("metrics.jsonl:1"),
        "{broken:?}"
    );
    assert!(get(served.address, "/api/run?name=torn").refused(500).contains("metrics.jsonl:1"));
    let line = get(served.address, "/api/model?run=good").refused(404);
    assert_eq!(line, "run \"good\": has no model yet");
    fs::write(folder.path().join("good/model.safetensors"), "no model").unwrap();
    assert!(get(served.address, "/api/model?run=good").refused(500).contains("model.safetensors"));
}

#[test]
fn wrong_answers_are_those_of_the_confusion() {
    let served = Served::new();
    let found = get(served.address, "/api/mistakes?name=small").answered();
    assert_eq!((&found["images"], &found["dataset"]), (&json!(360), &json!("digits")));
    let summary: Value =
        serde_json::from_slice(&fs::read(runs().join("small/summary.json")).unwrap()).unwrap();
    let wrong = found["wrong"].as_f64().unwrap();
    let accuracy = 1.0 - wrong / 360.0;
    assert!((accuracy - summary["answer_accuracy"].as_f64().unwrap()).abs() < 1e-9, "{accuracy} {summary}");
    assert!(wrong > 0.0);
    let classes = found["classes"].as_array().unwrap();
    assert_eq!(classes.iter().map(|class| class["wrong"].as_f64().unwrap()).sum::<f64>(), wrong);
    for class in classes {
        let shown = class["shown"].as_array().unwrap();
        assert_eq!(shown.len() as u64, class["wrong"].as_u64().unwrap().min(12));
        assert!(
            shown
                .iter()
                .all(|mistake| mistake["answered"] != class["class"] && mistake["image"]["height"] == 8)
        );
        let sure: Vec<f64> = shown.iter().map(|mistake| mistake["probability"].as_f64().unwrap()).collect();
        assert!(sure.is_sorted_by(|one, other| one >= other));
    }
    assert_eq!(get(served.address, "/api/mistakes?name=small").answered(), found);
}

#[test]
fn images_that_are_not_there_are_told_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("moved");
    fs::create_dir(&path).unwrap();
    let config = fs::read_to_string(runs().join("small/config.toml")).unwrap();
    let config = config.replace("dataset = \"digits\"", "dataset = \"mnist\"");
    assert!(config.contains("mnist"));
    fs::write(path.join("config.toml"), config).unwrap();
    fs::copy(runs().join("small/model.safetensors"), path.join("model.safetensors")).unwrap();
    let served = Served::with(|options, _| {
        options.runs = Some(folder.path().to_owned());
        options.data_dir = Some(folder.path().to_owned());
    });
    let line = get(served.address, "/api/mistakes?name=moved").refused(404);
    assert!(line.starts_with("the images of run \"moved\" can't be read: "), "{line}");
}
