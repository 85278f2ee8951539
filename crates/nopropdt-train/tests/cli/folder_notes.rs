//! What a run tells of a folder of pictures before it begins, and what it refuses to guess.

use crate::folder::{NAMES, picture, pictures};
use crate::harness::{Sandbox, stderr, stdout, tiny};
use nopropdt_train::model_file::load;
use serde_json::Value;

/// The lines of a run's introduction about its images.
fn introduction(sandbox: &Sandbox, own: &[&str]) -> Vec<String> {
    let output = sandbox.ok(tiny(&[own, &["epochs=1", "steps=1"]].concat()));
    stdout(&output).lines().take_while(|line| !line.starts_with("NoProp-DT")).map(str::to_owned).collect()
}

#[test]
fn parts_in_other_spellings_are_used_and_told() {
    let sandbox = Sandbox::new();
    pictures(&sandbox, "bars", 9, NAMES, &[("Training", 6), ("valid", 4)]);
    sandbox.write("bars/test/1.png", picture(9, 0, 0));
    let lines = introduction(&sandbox, &["dataset=folder:bars", "out=run"]);
    assert_eq!(
        lines,
        [
            "bars: 12 training and 8 test images of 9x9x1, 2 classes: lying, standing",
            "training images of each class: lying: 6, standing: 6",
            "training pictures: Training; test pictures: valid; test has no class folders and is left out"
        ]
    );
    assert_eq!(load(&sandbox.path("run/model.safetensors")).unwrap().metadata.class_names, NAMES);
    let eval = ["eval", "--model=run/model.safetensors", "--runs=1"];
    let note = "test pictures: valid; test has no class folders and is left out\n";
    assert!(stdout(&sandbox.ok(eval)).starts_with(note));
    // Standard output belongs to machines.
    let output = sandbox.ok([&eval[..], &["--json"]].concat());
    assert_eq!(serde_json::from_str::<Value>(&stdout(&output)).unwrap()["images"], 8);
    assert_eq!(stderr(&output), note);
}

#[test]
fn advice_does_not_lead_to_classes_called_like_parts() {
    let sandbox = Sandbox::new();
    for name in ["Training", "Testing"] {
        for seed in 0..4 {
            sandbox.write(&format!("flat/{name}/{seed}.png"), picture(9, 0, seed));
        }
    }
    let words =
        ["flat/Training: must hold a folder for each class", "sort its pictures into folders, one a class"];
    sandbox.refused(1, &words, tiny(&["dataset=folder:flat", "out=run"]));
    sandbox.refused(1, &words, tiny(&["dataset=folder:flat", "split=0.1", "out=run"]));
    pictures(&sandbox, "deep/bars", 9, NAMES, &[("train", 2), ("test", 2)]);
    let words = ["these are one folder further in; take deep/bars"];
    sandbox.refused(2, &words, tiny(&["dataset=folder:deep", "split=0.1", "out=run"]));
    pictures(&sandbox, "wrapped/images", 9, NAMES, &[(".", 2)]);
    let words = ["found one class, images; if the classes are the folders in it, take folder:wrapped/images"];
    sandbox.refused(2, &words, tiny(&["dataset=folder:wrapped", "split=0.5", "out=run"]));
}

#[test]
fn files_left_out_are_told_before_training_and_in_eval() {
    let sandbox = Sandbox::new();
    pictures(&sandbox, "bars", 9, NAMES, &[("train", 6), ("test", 4)]);
    sandbox.write("bars/train/lying/more", picture(9, 0, 7));
    for name in ["train/lying/1.tif", "train/standing/2.tif", "test/lying/3.tif"] {
        sandbox.write(&format!("bars/{name}"), b"II*\0");
    }
    let left_out =
        "left out: 3 files that are no PNG, JPEG, BMP or WebP pictures: 3 .tif (test/lying/3.tif, …)";
    let lines = introduction(&sandbox, &["dataset=folder:bars", "out=run"]);
    let first = "bars: 13 training and 8 test images of 9x9x1, 2 classes: lying, standing";
    let counts = "training images of each class: lying: 7, standing: 6";
    assert_eq!(lines, [first, counts, left_out]);
    let output = sandbox.ok(["eval", "--model=run/model.safetensors", "--runs=1"]);
    let left_out = "left out: 1 file that is no PNG, JPEG, BMP or WebP picture: 1 .tif (test/lying/3.tif)\n";
    assert!(stdout(&output).starts_with(left_out));
}

#[test]
fn classes_that_a_share_leaves_without_images_are_told() {
    let sandbox = Sandbox::new();
    pictures(&sandbox, "bars", 9, NAMES, &[(".", 9)]);
    sandbox.write("bars/rare/1.png", picture(9, 2, 0));
    let lines = |own: &[&str]| introduction(&sandbox, &[&["dataset=folder:bars"], own].concat());
    assert_eq!(
        lines(&["split=0.2", "out=a"])[2..],
        ["warning: no test images of 1 of the 3 classes (with --limit-test, --split): rare"]
    );
    assert_eq!(
        lines(&["split=0.9", "out=b"])[2..],
        ["warning: no training images of 1 of the 3 classes (with --limit-train, --split): rare"]
    );
    let known = introduction(&sandbox, &["dataset=digits", "limit-train=10", "validation=5", "out=c"]);
    let begin = "warning: no training images of ";
    assert!(
        known[1].starts_with(begin) && known[1].contains("(with --limit-train, --validation): "),
        "{known:?}"
    );
    // Nothing is missing, nothing is said.
    assert_eq!(introduction(&sandbox, &["dataset=digits", "out=d"]).len(), 1);
}

#[test]
fn home_is_found_where_the_shell_did_not_look() {
    let sandbox = Sandbox::new();
    pictures(&sandbox, "me/bars", 9, NAMES, &[(".", 6)]);
    let run = |arguments: &[&str]| {
        let mut command = sandbox.command();
        command.env("HOME", sandbox.path("me")).args(arguments).output().unwrap()
    };
    let train =
        ["--dataset=folder:~/bars", "--split=0.5", "--steps=1", "--epochs=1", "--no-progress", "--out=run"];
    let output = run(&train);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stdout(&output).starts_with("bars: 6 training and 6 test images"));
    let eval = ["eval", "--model=run/model.safetensors", "--runs=1", "--json"];
    assert!(run(&eval).status.success());
    // The same for every path.
    let names = |path: &str| sandbox.exists(path);
    for arguments in [
        &["--dataset=digits", "--limit-train=8", "--steps=1", "--epochs=1", "--no-progress", "--out=~/run"][..],
        &["--resume=~/run"],
        &["info", "--model=~/run/model.safetensors"],
        &["info", "--config=~/run/config.toml"],
        &["eval", "--model=~/run/model.safetensors", "--runs=1"],
    ] {
        let output = run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
    }
    assert!(names("me/run/model.safetensors") && !names("~"));
    std::fs::create_dir(sandbox.path("me/data")).unwrap();
    let output = run(&["--dataset=mnist", "--data-dir=~/data", "--out=other"]);
    assert!(
        stderr(&output).contains(&*sandbox.path("me/data/mnist").to_string_lossy()),
        "{}",
        stderr(&output)
    );
    // It is the folder trained on, whichever way it is written.
    let output = run(&[&eval[..], &["--dataset=folder:me/bars"]].concat());
    assert_eq!(serde_json::from_str::<Value>(&stdout(&output)).unwrap()["images"], 6);
    let words = [
        "--dataset folder:$HOME/bars: there is no such folder",
        "$HOME was not replaced by the shell: leave out the quotes",
    ];
    sandbox.refused(2, &words, tiny(&["dataset=folder:$HOME/bars"]));
}

#[test]
fn gray_and_color_are_words_too() {
    let sandbox = Sandbox::new();
    pictures(&sandbox, "bars", 9, NAMES, &[("train", 4), ("test", 2)]);
    for (word, kept) in
        [("gray", "grey"), ("grey", "grey"), ("color", "rgb"), ("colour", "rgb"), ("rgb", "rgb")]
    {
        sandbox.write("mine.toml", format!("channels = \"{word}\"\n"));
        for (out, flag) in [("flag", format!("channels={word}")), ("file", "config=mine.toml".into())] {
            let out = format!("{word}-{out}");
            sandbox.train(&out, &["dataset=folder:bars", "epochs=1", "steps=1", &flag]);
            assert!(sandbox.text(&format!("{out}/config.toml")).contains(&format!("channels = \"{kept}\"")));
        }
    }
}

/// Found by fuzzing: the decoder panics. The line about the picture is all that is said.
#[test]
fn a_decoder_that_panics_prints_nothing() {
    let sandbox = Sandbox::new();
    pictures(&sandbox, "bars", 9, NAMES, &[("train", 4), ("test", 2)]);
    let path =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../nopropdt-data/src/folder/tests/sampling_factors.jpeg");
    let bytes = std::fs::read(path).unwrap();
    sandbox.write("bars/train/lying/x.jpeg", [&bytes[..691], &[0xff, 0xd9]].concat());
    let words = ["bars/train/lying/x.jpeg: must be a PNG, JPEG, BMP or WebP picture; its decoder gave up"];
    sandbox.refused(1, &words, tiny(&["dataset=folder:bars", "image-size=9", "out=run"]));
}
