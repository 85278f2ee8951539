//! Event files: what is in them, and that it is what the run measured, whatever became of the run.

use crate::harness::{PROGRAM, Sandbox, stderr, stdout, tiny};
use crate::resume::half_run;
use serde_json::Value;
use std::collections::BTreeMap;

const RESUME: [&str; 4] = ["--resume", "run", "--no-progress", "--tensorboard"];

/// A field of a protocol buffer: its number, and its bytes or, of a whole number, that.
struct Field<'f> {
    number: u64,
    bytes: &'f [u8],
    whole: u64,
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..).step_by(7) {
        let byte = *bytes.split_off_first().unwrap();
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            break;
        }
    }
    value
}

fn fields(mut message: &[u8]) -> Vec<Field<'_>> {
    let mut found = Vec::new();
    while !message.is_empty() {
        let key = varint(&mut message);
        let (mut bytes, mut whole) = (&message[..0], 0);
        match key & 7 {
            0 => whole = varint(&mut message),
            1 => bytes = message.split_off(..8).unwrap(),
            2 => {
                let length = varint(&mut message) as usize;
                bytes = message.split_off(..length).unwrap();
            }
            5 => bytes = message.split_off(..4).unwrap(),
            other => panic!("no such type of a field: {other}"),
        }
        found.push(Field { number: key >> 3, bytes, whole });
    }
    found
}

fn one<'f>(message: &'f [u8], number: u64) -> Option<Field<'f>> {
    fields(message).into_iter().find(|field| field.number == number)
}

/// The events of a file, whose checksums are tested where they are made.
fn events(mut file: &[u8]) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    while let Some(length) = file.split_off(..8) {
        let length = u64::from_le_bytes(length.try_into().unwrap()) as usize;
        file.split_off(..4).unwrap();
        found.push(file.split_off(..length).unwrap().to_vec());
        file.split_off(..4).unwrap();
    }
    found
}

/// What stands in an event's values: numbers and tags.
type Values = BTreeMap<String, Option<f32>>;

fn values(event: &[u8]) -> Values {
    let Some(summary) = one(event, 5) else { return Values::new() };
    let value = |value: Field<'_>| {
        let tag = String::from_utf8(one(value.bytes, 1).unwrap().bytes.to_vec()).unwrap();
        (tag, one(value.bytes, 2).map(|number| f32::from_le_bytes(number.bytes.try_into().unwrap())))
    };
    fields(summary.bytes).into_iter().map(value).collect()
}

/// What a line of metrics.jsonl says, by tag.
fn wanted(line: &str) -> (u64, Values) {
    let line: Value = serde_json::from_str(line).unwrap();
    let mut found = Values::new();
    let mut add = |tag: String, value: &Value| {
        found.insert(tag, Some(value.as_f64().unwrap() as f32));
    };
    for (key, value) in line.as_object().unwrap() {
        match value {
            Value::Array(of_blocks) => {
                of_blocks
                    .iter()
                    .zip(1..)
                    .for_each(|(value, number)| add(format!("{key}/block_{number}"), value));
            }
            Value::Object(parts) => {
                parts.iter().for_each(|(part, value)| add(format!("{key}/{part}"), value))
            }
            Value::Number(_) if key.contains("accuracy") => add(format!("accuracy/{key}"), value),
            Value::Number(_) if key != "epoch" => add(format!("training/{key}"), value),
            _ => {}
        }
    }
    (line["epoch"].as_u64().unwrap(), found)
}

fn event_file(sandbox: &Sandbox, run: &str) -> String {
    let names = sandbox.names(&format!("{run}/tensorboard"));
    assert_eq!(names.len(), 1, "{names:?}");
    assert!(names[0].starts_with("events.out.tfevents.") && names[0].ends_with(".nopropdt"), "{names:?}");
    format!("{run}/tensorboard/{}", names[0])
}

/// Each step stands once, with what the run measured: the version, the beginning, the epochs and, of a finished run, the end.
#[track_caller]
fn check(sandbox: &Sandbox, run: &str) {
    let file = sandbox.read(&event_file(sandbox, run));
    let events = events(&file);
    let lines = sandbox.text(&format!("{run}/metrics.jsonl"));
    assert_eq!(events.len(), lines.lines().count() + 3);
    assert_eq!(one(&events[0], 3).unwrap().bytes, b"brain.Event:2");
    let beginning = values(&events[1]);
    let pictures = beginning.keys().filter(|tag| tag.starts_with("training_images/")).count();
    assert_eq!((pictures, one(&events[1], 2).unwrap().whole), (8, 0));
    for tag in ["_hparams_/experiment", "_hparams_/session_start_info"] {
        assert!(beginning.contains_key(tag), "{tag}: {:?}", beginning.keys());
    }
    for (event, line) in events[2..].iter().zip(lines.lines()) {
        let (epoch, wanted) = wanted(line);
        assert_eq!(one(event, 2).unwrap().whole, epoch);
        assert_eq!(values(event), wanted);
    }
    assert!(values(events.last().unwrap()).contains_key("_hparams_/session_end_info"));
    let times: Vec<f64> = events
        .iter()
        .map(|event| f64::from_le_bytes(one(event, 1).unwrap().bytes.try_into().unwrap()))
        .collect();
    assert!(times.is_sorted() && times[0] > 1.7e9, "{times:?}");
}

#[test]
fn what_a_run_measures_is_in_its_event_file() {
    let sandbox = Sandbox::new();
    sandbox.train("run", &["tensorboard", "validation=20", "eval-every=2", "epochs=3", "crop-padding=1"]);
    check(&sandbox, "run");
    let file = sandbox.read(&event_file(&sandbox, "run"));
    let beginning = &events(&file)[1];
    let is_picture = |value: &Field<'_>| one(value.bytes, 4).is_some();
    let summary = one(beginning, 5).unwrap().bytes.to_vec();
    let picture = fields(&summary).into_iter().find(is_picture).unwrap();
    let image = one(picture.bytes, 4).unwrap();
    let sizes = [1, 2, 3].map(|number| one(image.bytes, number).unwrap().whole);
    assert_eq!(sizes, [8, 8, 1]);
    assert!(one(image.bytes, 4).unwrap().bytes.starts_with(b"\x89PNG\r\n"));
    // Nothing that is learned depends on it, and without the flag there is none.
    sandbox.train("plain", &["validation=20", "eval-every=2", "epochs=3", "crop-padding=1"]);
    assert!(sandbox.read("plain/model.safetensors") == sandbox.read("run/model.safetensors"));
    assert!(!sandbox.exists("plain/tensorboard"));
    assert_eq!(sandbox.text("plain/config.toml"), sandbox.text("run/config.toml"));
}

#[test]
fn a_run_goes_on_in_its_event_file() {
    let sandbox = Sandbox::new();
    half_run(&sandbox, "run", &["tensorboard"]);
    let first = event_file(&sandbox, "run");
    let checkpoint = sandbox.read("run/checkpoint.bin");
    sandbox.ok(RESUME);
    assert_eq!(event_file(&sandbox, "run"), first);
    check(&sandbox, "run");
    // As a kill leaves it: the second epoch is in the file and not in the checkpoint, and half of a record stands behind it.
    let file = sandbox.read(&first);
    for left in [file.clone(), file[..file.len() - 9].to_vec(), [&file[..], &[7; 30]].concat()] {
        sandbox.write(&first, left);
        sandbox.write("run/checkpoint.bin", &checkpoint);
        for file in ["summary.json", "report.html", "diagnostics.json"] {
            std::fs::remove_file(sandbox.path(&format!("run/{file}"))).unwrap();
        }
        sandbox.ok(RESUME);
        check(&sandbox, "run");
    }
}

#[test]
fn what_an_event_file_lacks_is_written() {
    let sandbox = Sandbox::new();
    sandbox.train("run", &[]);
    sandbox.ok(RESUME);
    check(&sandbox, "run");
    let (name, before) = (event_file(&sandbox, "run"), sandbox.snapshot());
    sandbox.ok(RESUME);
    assert!(sandbox.snapshot() == before, "a complete file is left as it is");
    let file = sandbox.read(&name);
    // Lost records, a record of something else, and no record at all.
    for damaged in [file[..file.len() / 2].to_vec(), file[60..].to_vec(), b"no event".to_vec(), Vec::new()] {
        sandbox.write(&name, damaged);
        sandbox.ok(RESUME);
        check(&sandbox, "run");
    }
    // Without the flag nobody touches it; with other settings the file has those.
    let before = sandbox.read(&name);
    sandbox.ok(["--resume", "run", "--no-progress", "--epochs", "3"]);
    assert!(sandbox.read(&name) == before);
    sandbox.ok(RESUME);
    check(&sandbox, "run");
}

#[test]
fn a_killed_run_leaves_no_step_twice() {
    let sandbox = Sandbox::new();
    let mut command = std::process::Command::new(PROGRAM);
    let own = ["epochs=300", "lr-schedule=constant", "tensorboard", "out=run"];
    command.args(tiny(&own)).current_dir(sandbox.path("")).stdout(std::process::Stdio::null());
    let mut child = command.stderr(std::process::Stdio::null()).spawn().unwrap();
    let began = std::time::Instant::now();
    // Epochs are shorter than saving takes, so that the file is ahead of the checkpoint.
    let epochs = || match sandbox.exists("run/tensorboard") {
        true => sandbox.names("run/tensorboard").first().map_or(0, |name| {
            let file = sandbox.read(&format!("run/tensorboard/{name}"));
            file.windows(20).filter(|window| window == b"accuracy/test_accura").count()
        }),
        false => 0,
    };
    while epochs() < 12 {
        assert!(began.elapsed().as_secs() < 60, "waited in vain");
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let saved = sandbox.text("run/metrics.jsonl").lines().count();
    sandbox.ok([&RESUME[..], &[&format!("--epochs={}", saved + 2)]].concat());
    check(&sandbox, "run");
}

#[test]
fn what_stands_in_the_way_is_told() {
    let sandbox = Sandbox::new();
    half_run(&sandbox, "run", &[]);
    sandbox.write("run/tensorboard", "a file");
    let words =
        ["run/tensorboard: can't be written: ", "; then go on with --resume run --tensorboard, or without"];
    sandbox.refused(1, &words, RESUME);
    // A folder of event files is one of a run.
    let words = ["--out run2: already holds a run"];
    sandbox.write("run2/tensorboard/events.out.tfevents.1.nopropdt", "");
    sandbox.refused(2, &words, tiny(&["out=run2"]));
    let help = stdout(&sandbox.ok(["train", "--help"]));
    assert!(help.contains("--tensorboard"), "{help}");
    let output = sandbox.train("other", &["epochs=1", "tensorboard"]);
    assert!(!stderr(&output).contains("warning"), "{}", stderr(&output));
}
