//! Datasets in one NumPy file, from training to evaluation. The files are written here; `.ci/npz` takes those of NumPy.

use crate::harness::{Sandbox, stderr, stdout, tiny};
use crate::resume::half_run;
use nopropdt_train::model_file::load;
use serde_json::Value;

/// Zip's checksum.
fn crc32(bytes: &[u8]) -> u32 {
    let shifted = |crc: u32| (crc >> 1) ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 };
    !bytes.iter().fold(!0, |crc, &byte| (0..8).fold(crc ^ u32::from(byte), |crc, _| shifted(crc)))
}

/// An archive of stored members.
fn zip(members: &[(String, Vec<u8>)]) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    let short = |number: usize| (number as u16).to_le_bytes();
    let long = |number: usize| (number as u32).to_le_bytes();
    for (name, data) in members {
        let begin = bytes.len();
        let sizes = [crc32(data).to_le_bytes(), long(data.len()), long(data.len())].concat();
        let what = [&[20, 0, 0, 0, 0, 0, 0, 0, 0, 0][..], &sizes, &short(name.len()), &[0, 0]].concat();
        bytes.extend([b"PK\x03\x04", &what[..], name.as_bytes(), data].concat());
        directory
            .extend([b"PK\x01\x02", &[20, 0][..], &what, &[0; 10], &long(begin), name.as_bytes()].concat());
    }
    let (begin, count) = (bytes.len(), short(members.len()));
    let numbers = [&[0; 4][..], &count, &count, &long(directory.len()), &long(begin), &[0, 0]].concat();
    [bytes, directory, b"PK\x05\x06".to_vec(), numbers].concat()
}

/// An array of bytes.
fn npy(shape: &[usize], values: &[u8]) -> Vec<u8> {
    let sizes: Vec<String> = shape.iter().map(|size| format!("{size},")).collect();
    let dict = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': ({}), }}\n", sizes.join(" "));
    [b"\x93NUMPY\x01\0", &(dict.len() as u16).to_le_bytes()[..], dict.as_bytes(), values].concat()
}

/// A file of two classes, lying bars and standing ones, with this many images in each part: every third of class 0. The images are
/// [N, 28, 28] or, of three channels, [N, 28, 28, 3], the labels [N, 1].
fn bars(channels: usize, parts: &[(&str, usize)]) -> Vec<u8> {
    let mut members = Vec::new();
    for &(part, count) in parts {
        let labels: Vec<u8> = (0..count).map(|image| u8::from(image % 3 > 0)).collect();
        let pixel = |image: usize, place: usize| {
            let (row, column) = (place / 28, place % 28);
            let along = if labels[image] == 0 { row } else { column };
            if (10 + image % 7..13 + image % 7).contains(&along) {
                255
            } else {
                (place * 37 + image * 11) as u8 / 4
            }
        };
        let pixels: Vec<u8> = (0..count * 28 * 28 * channels)
            .map(|at| pixel(at / (784 * channels), at / channels % 784))
            .collect();
        let shape = [count, 28, 28, channels];
        let shape = if channels == 1 { &shape[..3] } else { &shape };
        members.push((format!("{part}_images.npy"), npy(shape, &pixels)));
        members.push((format!("{part}_labels.npy"), npy(&[count, 1], &labels)));
    }
    zip(&members)
}

const PARTS: [(&str, usize); 3] = [("train", 60), ("val", 9), ("test", 20)];
/// As quick as can be.
const QUICK: [&str; 3] = ["epochs=1", "block=reference", "batch-size=16"];

fn quick<'a>(own: &[&'a str]) -> Vec<&'a str> {
    [&QUICK[..], own].concat()
}

/// What an evaluation says, as JSON.
fn evaluated(sandbox: &Sandbox, model: &str, own: &[&str]) -> Value {
    let flags = [&["eval", "--runs=1", "--json", "--model", model][..], own].concat();
    serde_json::from_str(&stdout(&sandbox.ok(flags))).unwrap()
}

#[test]
fn a_file_is_trained_on_and_evaluated() {
    for (channels, shape) in [(1, "28x28x1"), (3, "28x28x3")] {
        let sandbox = Sandbox::new();
        sandbox.write("a/bars.v1.npz", bars(channels, &PARTS));
        let output = sandbox.ok(tiny(&quick(&["dataset=npz:a/bars.v1.npz", "normalize=standard"])));
        let lines: Vec<String> = stdout(&output).lines().take(3).map(str::to_owned).collect();
        assert_eq!(
            lines,
            [
                format!("bars.v1: 60 training and 20 test images of {shape}, 2 classes").as_str(),
                "training images of each class: 0: 20, 1: 40; with --class-weights balanced all classes count the same",
                "validation images: 9, from the file"
            ]
        );
        // The model knows the file by its name alone.
        let model = load(&sandbox.path("runs/bars.v1-dt/model.safetensors")).unwrap();
        assert_eq!(model.metadata.class_names, ["0", "1"]);
        assert_eq!(model.metadata.config.data.dataset.to_string(), "npz:bars.v1");
        let metrics = sandbox.text("runs/bars.v1-dt/metrics.jsonl");
        assert!(metrics.contains("validation_accuracy"), "{metrics}");
        let found = evaluated(&sandbox, "runs/bars.v1-dt/model.safetensors", &[]);
        let summary = sandbox.json("runs/bars.v1-dt/summary.json");
        assert_eq!((found["images"].as_u64(), found["dataset"].as_str()), (Some(20), Some("bars.v1")));
        assert_eq!(found["test_accuracy"]["mean"], summary["test_accuracy"]);

        // Test images alone, of another file; and a file of another shape.
        sandbox.write("other.npz", bars(channels, &[("test", 5)]));
        let found = evaluated(&sandbox, "runs/bars.v1-dt/model.safetensors", &["--dataset=npz:other.npz"]);
        assert_eq!(found["images"], 5);
        sandbox.write("odd.npz", bars(4 - channels, &[("test", 5)]));
        sandbox.refused(
            1,
            &["wants images of 28x28x", "odd has 28x28x"],
            ["eval", "--model=runs/bars.v1-dt/model.safetensors", "--dataset=npz:odd.npz"],
        );
        let info = stdout(&sandbox.ok(["info", "--dataset=npz:a/bars.v1.npz"]));
        assert!(info.contains(&format!("images of 28×28×{channels}, 2 classes")), "{info}");
    }
}

/// `predict` takes the images of one array: those of the test unless another is named.
#[test]
fn images_of_an_array_are_answered() {
    let sandbox = Sandbox::new();
    sandbox.write("bars.npz", bars(1, &PARTS));
    // Its images are the first of the others.
    sandbox.write("few.npz", bars(1, &[("test", 5)]));
    sandbox.ok(tiny(&quick(&["dataset=npz:bars.npz", "out=run"])));
    let command = |own: &[&str]| {
        let fixed = ["predict", "--model", "run/model.safetensors", "--json"];
        fixed.iter().chain(own).map(|argument| (*argument).to_owned()).collect::<Vec<_>>()
    };
    let answers =
        |own: &[&str]| serde_json::from_str::<Vec<Value>>(&stdout(&sandbox.ok(command(own)))).unwrap();
    let (all, few) = (answers(&["bars.npz"]), answers(&["few.npz"]));
    assert_eq!((all.len(), few.len(), answers(&["bars.npz", "--array", "val_images"]).len()), (20, 5, 9));
    for (one, other) in all.iter().zip(&few) {
        assert_eq!((&one["index"], &one["probabilities"]), (&other["index"], &other["probabilities"]));
    }
    assert_ne!(all[0]["probabilities"], all[1]["probabilities"]);
    let chosen = answers(&["bars.npz", "--index", "3", "--array", "test_images"]);
    assert_eq!(chosen, [all[3].clone()]);
    let words = [
        "bars.npz: must hold the array asked for; x is missing; it holds train_images, train_labels, val_images",
    ];
    sandbox.refused(1, &words, command(&["bars.npz", "--array", "x"]));
    sandbox.refused(
        1,
        &["bars.npz: test_labels must be bytes (uint8) of [N, H, W]"],
        command(&["bars.npz", "--array", "test_labels"]),
    );
}

/// Images held out of the training images take the place of those of the file; without either there are none.
#[test]
fn images_for_validation_are_those_of_the_file_or_held_out() {
    let sandbox = Sandbox::new();
    sandbox.write("bars.npz", bars(1, &PARTS));
    sandbox.write("none.npz", bars(1, &[PARTS[0], PARTS[2]]));
    let output = sandbox.train("held-out", &quick(&["dataset=npz:bars.npz", "validation=12"]));
    let said = stdout(&output) + &stderr(&output);
    assert!(said.contains("bars: 48 training and 20 test images"), "{said}");
    assert!(said.contains("training images of each class: 0: 16, 1: 32; with"), "{said}");
    assert!(said.contains("left out: the file's validation images (9)\n"), "{said}");
    sandbox.train("none", &quick(&["dataset=npz:none.npz"]));
    sandbox.train("own", &quick(&["dataset=npz:bars.npz"]));
    for (run, validated) in [("held-out", true), ("own", true), ("none", false)] {
        let metrics = sandbox.text(&format!("{run}/metrics.jsonl"));
        assert_eq!(metrics.contains("validation_accuracy"), validated, "{metrics}");
    }
    // What they are measured by changes nothing of the training.
    let summary = |run: &str| sandbox.json(&format!("{run}/summary.json"))["test_accuracy_per_block"].clone();
    assert_eq!(summary("own"), summary("none"));
}

const RESUME: [&str; 3] = ["--resume", "run", "--no-progress"];

/// Where the file lies is no setting, as for a folder.
#[test]
fn a_run_goes_on_where_its_file_lies_now() {
    let sandbox = Sandbox::new();
    sandbox.write("bars.npz", bars(1, &PARTS));
    let flags = ["dataset=npz:bars.npz", "block=reference"];
    half_run(&sandbox, "run", &flags);
    sandbox.train("whole", &[&flags[..], &["lr-schedule=constant"]].concat());
    std::fs::rename(sandbox.path("bars.npz"), sandbox.path("moved.npz")).unwrap();
    let there = "bars.npz: the images are not there, seen from the current folder";
    sandbox.refused(2, &[there, "--resume run --dataset npz:FILE"], RESUME);
    sandbox.write("others.npz", bars(1, &[("train", 61), ("test", 20)]));
    sandbox.refused(
        1,
        &["must have the images the run was started with", "npz:others.npz has others"],
        [&RESUME[..], &["--dataset", "npz:others.npz"]].concat(),
    );
    for other in ["digits", "folder:moved.npz"] {
        let words = ["--dataset: with --resume must be left out, or say where its folder or file lies now"];
        sandbox.refused(2, &words, [&RESUME[..], &["--dataset", other]].concat());
    }
    let output = sandbox.ok([&RESUME[..], &["--dataset", "npz:moved.npz"]].concat());
    assert!(stdout(&output).contains("run: going on after epoch 1"), "{}", stdout(&output));
    assert!(sandbox.read("run/model.safetensors") == sandbox.read("whole/model.safetensors"));
    assert!(sandbox.text("run/config.toml").contains("dataset = \"npz:moved.npz\""));
    sandbox.ok(RESUME);
    evaluated(&sandbox, "run/model.safetensors", &[]);
    // A model alone does not know where its file lies.
    sandbox.write("alone.safetensors", sandbox.read("run/model.safetensors"));
    let words = ["bars: the images are not there", "say where to find images to test on: --dataset npz:FILE"];
    sandbox.refused(2, &words, ["eval", "--model", "alone.safetensors"]);
}

#[test]
fn the_home_folder_is_known() {
    let sandbox = Sandbox::new();
    sandbox.write("home/bars.npz", bars(1, &PARTS));
    let mut command = sandbox.command();
    let flags = tiny(&quick(&["dataset=npz:~/bars.npz", "steps=1"]));
    let output = command.env("HOME", sandbox.path("home")).args(flags).output().unwrap();
    assert!(output.status.success() || cfg!(windows), "{}", stderr(&output));
}

#[test]
fn wrong_use_is_told() {
    let sandbox = Sandbox::new();
    sandbox.write("bars.npz", bars(1, &PARTS));
    sandbox.write("test.npz", bars(1, &[("test", 5)]));
    sandbox.write("one.npz", bars(1, &[("train", 1), ("test", 1)]));
    sandbox.write("text.npz", "no archive");
    for (code, flags, words) in [
        (2, &["dataset=npz:"][..], "name must be one of digits, mnist"),
        (2, &["dataset=npz:none.npz"], "--dataset npz:none.npz: there is no such file"),
        (2, &["dataset=npz:$DATA/x.npz"], "there is no such file; $DATA was not replaced by the shell"),
        (
            2,
            &["dataset=npz:bars.npz", "split=0.1"],
            "--split: is for folder:PATH only; npz:bars.npz has a fixed form",
        ),
        (2, &["dataset=npz:bars.npz", "image-size=32"], "--image-size: is for folder:PATH only"),
        (2, &["dataset=npz:bars.npz", "channels=rgb"], "--channels: is for folder:PATH only"),
        (
            2,
            &["dataset=npz:bars.npz", "validation=60"],
            "--validation: count must be below the 60 training images",
        ),
        (
            2,
            &["dataset=npz:one.npz"],
            "npz:one.npz: must hold pictures of at least two classes; found one class, 0",
        ),
        (1, &["dataset=npz:test.npz"], "train_images is missing; it holds test_images, test_labels"),
        (
            1,
            &["dataset=npz:text.npz"],
            "text.npz: must be a whole zip archive, as numpy.savez writes it; found 10 bytes, text",
        ),
        (1, &["dataset=npz:."], "must be a plain file; it is a folder"),
    ] {
        sandbox.refused(code, &[words], tiny(&[flags, &["out=run"]].concat()));
        assert!(!sandbox.exists("run"));
    }
    sandbox.train("run", &["limit-train=64"]);
    sandbox.refused(
        1,
        &["wants images of 8x8x1; test has 28x28x1"],
        ["eval", "--model=run/model.safetensors", "--dataset=npz:test.npz"],
    );
}
