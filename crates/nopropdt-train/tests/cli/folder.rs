//! Folders of pictures, from training to evaluation.

use crate::harness::{Sandbox, stderr, stdout, tiny};
use crate::resume::half_run;
use nopropdt_train::model_file::load;
use serde_json::Value;

/// A PNG picture, `side` pixels square: white where `class` says, on noise by `seed`.
pub fn picture(side: u32, class: usize, seed: u32) -> Vec<u8> {
    let pixels: Vec<u8> = (0..side * side)
        .map(|place| match class {
            0 if place / side == side / 2 => 255,
            1 if place % side == side / 2 => 255,
            _ => (place.wrapping_add(seed * 97).wrapping_mul(2_654_435_761) >> 25) as u8,
        })
        .collect();
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, side, side);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
    bytes
}

/// Two classes of pictures in `folder`, divided or in one tree.
pub fn pictures(sandbox: &Sandbox, folder: &str, side: u32, names: [&str; 2], parts: &[(&str, u32)]) {
    for (class, name) in names.into_iter().enumerate() {
        for (part, count) in parts {
            for seed in 0..*count {
                sandbox.write(&format!("{folder}/{part}/{name}/{seed:03}.png"), picture(side, class, seed));
            }
        }
    }
}

const DIVIDED: [(&str, u32); 2] = [("train", 40), ("test", 20)];
pub const NAMES: [&str; 2] = ["lying", "standing"];

#[test]
fn a_folder_is_trained_on_and_its_class_names_kept() {
    let sandbox = Sandbox::new();
    pictures(&sandbox, "bars", 9, NAMES, &DIVIDED);
    let flags =
        ["dataset=folder:bars", "normalize=standard", "crop-padding=1", "flip", "epochs=3", "batch-size=16"];
    let output = sandbox.ok(tiny(&flags));
    // The name of the folder names the run.
    let said = stdout(&output) + &stderr(&output);
    assert!(said.contains("bars: 80 training and 40 test images of 9x9x1, 2 classes"), "{said}");
    let model = load(&sandbox.path("runs/bars-dt/model.safetensors")).unwrap();
    assert_eq!(model.metadata.class_names, NAMES);
    assert!(model.metadata.normalisation.is_some());
    let summary: Value = sandbox.json("runs/bars-dt/summary.json");

    // The same test images, normalised the same way: the same accuracy.
    let eval = ["eval", "--model=runs/bars-dt/model.safetensors", "--runs=1", "--json"];
    let found: Value = serde_json::from_str(&stdout(&sandbox.ok(eval))).unwrap();
    assert_eq!(found["test_accuracy"]["mean"], summary["test_accuracy"]);
    assert_eq!(found["test_accuracy_consensus"]["mean"], summary["test_accuracy_consensus"]);
    assert_eq!(found["images"], 40);

    // Larger pictures are brought to the model's size. None to train on are asked for.
    pictures(&sandbox, "large", 30, NAMES, &[("test", 3)]);
    sandbox.ok(["eval", "--model=runs/bars-dt/model.safetensors", "--dataset=folder:large", "--runs=1"]);
    pictures(&sandbox, "others", 9, ["apple", "pear"], &DIVIDED);
    let words = ["others/test/apple: test pictures must be of a training class; \"apple\" is none of the 2"];
    sandbox.refused(1, &words, ["eval", "--model=runs/bars-dt/model.safetensors", "--dataset=folder:others"]);

    let info = stdout(&sandbox.ok(["info", "--dataset=folder:bars", "--block=paper"]));
    assert!(info.contains("10 blocks for images of 9×9×1, 2 classes"), "{info}");
}

/// A folder's defaults, with a small block: what follows from the number of images is in its files, and a run in two parts is the run in one.
#[test]
fn a_folder_has_the_best_preset_unless_another_block_is_named() {
    let sandbox = Sandbox::new();
    pictures(&sandbox, "bars", 9, NAMES, &DIVIDED);
    let small = ["--dataset=folder:bars", "--set", "block.width=32", "--no-progress"];
    let train = |more: &[&str]| stdout(&sandbox.ok([&small[..], more].concat()));
    let said = train(&["--out=run", "--epochs=8", "--lr=0.01"]);
    assert!(said.contains("NoProp-DT: 2 blocks") && said.contains("answer read by the consensus"), "{said}");
    let config = sandbox.text("run/config.toml");
    for line in [
        "name = \"deep\"",
        "objective = \"labels\"",
        "optimizer = \"muon\"",
        "batch-size = 32",
        "test-flip = true",
    ] {
        assert!(config.contains(line), "{line}: {config}");
    }
    let summary: Value = sandbox.json("run/summary.json");
    assert!(summary["answer_accuracy"].as_f64().unwrap() > 0.9, "{summary}");

    // The same in two parts: running averages and all.
    train(&["--out=half", "--epochs=8", "--lr=0.01", "--lr-schedule=constant"]);
    train(&["--out=parts", "--epochs=3", "--lr=0.01", "--lr-schedule=constant"]);
    sandbox.ok(["--resume=parts", "--epochs=8", "--no-progress"]);
    assert_eq!(sandbox.read("half/model.safetensors"), sandbox.read("parts/model.safetensors"));

    let info = |more: &[&str]| stdout(&sandbox.ok([&["info", "--dataset=folder:bars"], more].concat()));
    assert!(info(&[]).contains("2 blocks for images of 9×9×1"), "{}", info(&[]));
    for other in ["--block=paper", "--method=committee", "--preset=paper"] {
        assert!(info(&[other]).contains("10 blocks for images of 9×9×1"), "{other}");
    }
}

/// Wherever pictures lie: the same bits.
#[test]
fn a_cache_changes_nothing_but_memory() {
    let sandbox = Sandbox::new();
    pictures(&sandbox, "bars", 9, NAMES, &DIVIDED);
    for (out, flag) in [("all", ""), ("none", "cache-mib=0")] {
        let out = format!("out={out}");
        let flags = ["dataset=folder:bars", "block=paper", "normalize=standard", "validation=10", &out, flag];
        sandbox.ok(tiny(&flags.into_iter().filter(|flag| !flag.is_empty()).collect::<Vec<_>>()));
    }
    assert_eq!(sandbox.read("all/model.safetensors"), sandbox.read("none/model.safetensors"));
    sandbox.refused(
        2,
        &["--cache-mib", "must be a whole number from 0 to 1073741824"],
        tiny(&["cache-mib=-1"]),
    );
}

#[test]
fn threads_do_not_change_what_augmentation_does() {
    let sandbox = Sandbox::new();
    pictures(&sandbox, "bars", 9, NAMES, &DIVIDED);
    let flags = ["dataset=folder:bars", "crop-padding=2", "flip", "limit-train=64"];
    for (out, more) in [("one", "threads=1"), ("two", "threads=2"), ("other", "seed=1")] {
        sandbox.train(out, &[&flags[..], &[more]].concat());
    }
    let model = |out: &str| sandbox.read(&format!("{out}/model.safetensors"));
    assert!(model("one") == model("two") && model("one") != model("other"));
    // It does something.
    sandbox.train("plain", &["dataset=folder:bars", "limit-train=64", "threads=1"]);
    assert_ne!(sandbox.text("one/metrics.jsonl"), sandbox.text("plain/metrics.jsonl"));
}

#[test]
fn a_run_on_a_split_folder_goes_on_and_is_evaluated_on_the_same_pictures() {
    let sandbox = Sandbox::new();
    pictures(&sandbox, "tree", 9, NAMES, &[(".", 30)]);
    let flags =
        ["dataset=folder:tree", "split=0.2", "image-size=8x12", "channels=rgb", "flip", "batch-size=8"];
    sandbox.train("whole", &[&flags[..], &["epochs=2", "lr-schedule=constant"]].concat());
    half_run(&sandbox, "run", &flags);
    // With one picture fewer, or another one, it would be another run.
    let resume = ["--resume", "run", "--no-progress"];
    let kept = sandbox.read("tree/lying/000.png");
    let words =
        ["run/checkpoint.bin: must have the images the run was started with; folder:tree has others now"];
    std::fs::remove_file(sandbox.path("tree/lying/000.png")).unwrap();
    sandbox.refused(1, &words, resume);
    sandbox.write("tree/lying/000.png", picture(9, 0, 99));
    sandbox.refused(1, &words, resume);
    sandbox.write("tree/lying/000.png", kept);
    sandbox.ok(resume);
    assert!(sandbox.read("whole/model.safetensors") == sandbox.read("run/model.safetensors"));
    let model = load(&sandbox.path("whole/model.safetensors")).unwrap();
    let image = model.metadata.input.image().unwrap();
    assert_eq!((image.height, image.width, image.channels), (8, 12, 3));
    let eval = ["eval", "--model=whole/model.safetensors", "--runs=1", "--json"];
    let found: Value = serde_json::from_str(&stdout(&sandbox.ok(eval))).unwrap();
    assert_eq!(found["images"], 12);
    assert_eq!(found["test_accuracy"]["mean"], sandbox.json("whole/summary.json")["test_accuracy"]);

    // However the folder is spelled, it is that one; another share would have training pictures in it.
    let eval = |more: &[&'static str]| {
        let flags = ["eval", "--model=whole/model.safetensors", "--runs=1", "--json"];
        [&flags[..], more].concat()
    };
    let found: Value =
        serde_json::from_str(&stdout(&sandbox.ok(eval(&["--dataset=folder:./tree/../tree"])))).unwrap();
    assert_eq!(found["images"], 12);
    sandbox.refused(
        2,
        &["--split: must be 0.2 for the folder that the model was trained on"],
        eval(&["--split=0.5"]),
    );
    // Of another tree all pictures are test pictures, or a share, as one says.
    pictures(&sandbox, "more", 20, NAMES, &[(".", 5)]);
    for (flags, images) in [("--split=1", 10), ("--split=0.4", 4)] {
        let found: Value =
            serde_json::from_str(&stdout(&sandbox.ok(eval(&["--dataset=folder:more", flags])))).unwrap();
        assert_eq!(found["images"], images);
    }
    sandbox.refused(
        2,
        &["more: the share held out for testing must be above 0 and below 1; found 1.5; change --split"],
        eval(&["--dataset=folder:more", "--split=1.5"]),
    );
}

#[test]
fn wrong_use_is_told() {
    let sandbox = Sandbox::new();
    pictures(&sandbox, "bars", 9, NAMES, &[("train", 4), ("test", 2)]);
    sandbox.write("one/class/1.png", picture(9, 0, 0));
    sandbox.write("one/class/2.png", picture(9, 0, 1));
    for (code, flags, words) in [
        (2, &["dataset=cats"][..], "name must be one of digits, mnist"),
        (2, &["dataset=folder:"], "name must be one of digits, mnist"),
        (2, &["dataset=digits", "split=0.1"], "--split: is for folder:PATH only; digits has a fixed form"),
        (2, &["dataset=mnist", "image-size=32"], "--image-size: is for folder:PATH only; mnist"),
        (2, &["dataset=digits", "channels=rgb"], "--channels: is for folder:PATH only; digits"),
        (2, &["dataset=own:bars"], "own:bars: images must come from the program that makes them"),
        (2, &["dataset=folder:bars", "image-size=3", "block=paper"], "at least 4×4 pixels; found 3×3"),
        (2, &["dataset=folder:bars", "image-size=7", "block=reference"], "at least 8×8 pixels; found 7×7"),
        (2, &["dataset=folder:bars", "image-size=0"], "must be N or HEIGHTxWIDTH, each from 1 to 256"),
        (2, &["dataset=folder:bars", "split=1.5"], "--split: must be above 0 and below 1; found 1.5"),
        (2, &["dataset=folder:bars", "crop-padding=300"], "--crop-padding: must be from 0 to 256; found 300"),
        (2, &["dataset=folder:bars", "normalize=some"], "unknown variant `some`"),
        (
            2,
            &["dataset=folder:bars", "split=0.5"],
            "a share to hold out is for a folder without test pictures; there are some in bars/test; leave out --split",
        ),
        (2, &["dataset=folder:nothing"], "--dataset folder:nothing: there is no such folder"),
        (2, &["dataset=folder:bars/train"], "must hold the folders train and test"),
        (2, &["dataset=folder:one", "split=0.5"], "folder:one: must hold pictures of at least two classes"),
    ] {
        let out = ["out=run"];
        sandbox.refused(code, &[words], tiny(&[flags, &out].concat()));
        assert!(!sandbox.exists("run"));
    }
    sandbox.write("bars/test/lying/bad.png", b"no picture");
    sandbox.refused(
        1,
        &["bars/test/lying/bad.png: must be a PNG, JPEG, BMP or WebP picture"],
        tiny(&["dataset=folder:bars"]),
    );
}

/// A run of pictures that goes on after its first epoch of two.
fn half_run_of_pictures(sandbox: &Sandbox) {
    pictures(sandbox, "bars", 8, NAMES, &[("train", 6), ("test", 2)]);
    half_run(sandbox, "run", &["dataset=folder:bars", "limit-train=12"]);
}

const RESUME: [&str; 3] = ["--resume", "run", "--no-progress"];

/// Where pictures lie is no setting: their hash guards, and the result has the same bits.
#[test]
fn a_run_goes_on_where_its_pictures_lie_now() {
    let sandbox = Sandbox::new();
    half_run_of_pictures(&sandbox);
    let whole = ["dataset=folder:bars", "limit-train=12", "lr-schedule=constant", "out=whole"];
    sandbox.ok(tiny(&whole));
    std::fs::rename(sandbox.path("bars"), sandbox.path("moved")).unwrap();
    let words = [
        "bars: the images are not there, seen from the current folder",
        "--resume run --dataset folder:PATH",
    ];
    sandbox.refused(2, &words, RESUME);
    // Other pictures are another run, wherever they lie.
    pictures(&sandbox, "others", 8, NAMES, &[("train", 6), ("test", 3)]);
    let words =
        ["run/checkpoint.bin: must have the images the run was started with", "folder:others has others"];
    sandbox.refused(1, &words, [&RESUME[..], &["--dataset", "folder:others"]].concat());
    sandbox.refused(2, &["--dataset: with --resume"], [&RESUME[..], &["--dataset", "digits"]].concat());
    sandbox.refused(2, &["leave the other flags out"], [&RESUME[..], &["--split", "0.5"]].concat());
    let output = sandbox.ok([&RESUME[..], &["--dataset", "folder:moved"]].concat());
    assert!(stdout(&output).contains("run: going on after epoch 1"), "{}", stdout(&output));
    assert!(sandbox.read("run/model.safetensors") == sandbox.read("whole/model.safetensors"));
    // It is known from now on, to eval too.
    assert!(sandbox.text("run/config.toml").contains("dataset = \"folder:moved\""));
    sandbox.ok(RESUME);
    sandbox.ok(["eval", "--model", "run/model.safetensors", "--runs", "1"]);
}

#[test]
fn an_edited_place_and_another_working_folder_will_do() {
    let sandbox = Sandbox::new();
    half_run_of_pictures(&sandbox);
    let config = sandbox.text("run/config.toml");
    std::fs::rename(sandbox.path("bars"), sandbox.path("moved")).unwrap();
    sandbox.write("run/config.toml", config.replace("folder:bars", "folder:moved"));
    sandbox.ok(RESUME);
    let sandbox = Sandbox::new();
    half_run_of_pictures(&sandbox);
    std::fs::create_dir(sandbox.path("elsewhere")).unwrap();
    let here = |own: &[&str]| {
        let mut command = sandbox.command();
        command
            .current_dir(sandbox.path("elsewhere"))
            .args(["--resume", "../run"])
            .args(own)
            .output()
            .unwrap()
    };
    let message = crate::harness::complaint(&here(&[]), 2);
    assert!(message.contains("--resume ../run --dataset folder:PATH"), "{message}");
    assert!(here(&["--dataset", "folder:../bars"]).status.success());
}

/// A model file is the same wherever its pictures lay, and does not tell it.
#[test]
fn a_model_does_not_keep_where_its_pictures_lay() {
    let sandbox = Sandbox::new();
    pictures(&sandbox, "a/bars", 8, NAMES, &[(".", 8)]);
    pictures(&sandbox, "b/bars", 8, NAMES, &[(".", 8)]);
    for place in ["a", "b"] {
        let dataset = format!("dataset=folder:{place}/bars");
        sandbox.train(&format!("run-{place}"), &[dataset.as_str(), "split=0.25"]);
    }
    let model = sandbox.read("run-a/model.safetensors");
    assert!(model == sandbox.read("run-b/model.safetensors"));
    sandbox.write("alone.safetensors", &model);
    let eval = ["eval", "--model", "alone.safetensors", "--runs", "1"];
    sandbox.refused(
        2,
        &["bars: the images are not there, seen from the current folder", "--dataset folder:PATH"],
        eval,
    );
    // The folder trained on is known by its name then: nobody tests on training pictures unasked.
    let here = [&eval[..], &["--dataset", "folder:a/bars"]].concat();
    let json = sandbox.ok([&here[..], &["--json"]].concat());
    assert_eq!(serde_json::from_str::<Value>(&stdout(&json)).unwrap()["images"], 4);
    sandbox.refused(2, &["--split: must be 0.25"], [&here[..], &["--split", "1"]].concat());
}
