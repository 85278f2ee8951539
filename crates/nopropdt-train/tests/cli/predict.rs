//! `predict`: what pictures show, in every form it is told in.

use crate::harness::{Sandbox, stderr, stdout};
use nopropdt_data::{DatasetName, load};
use serde_json::Value;
use std::path::Path;
use std::sync::OnceLock;

/// A PNG file of these bytes.
fn png(width: u32, colour: png::ColorType, pixels: &[u8]) -> Vec<u8> {
    let height = (pixels.len() / colour.samples()) as u32 / width;
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(colour);
    encoder.write_header().unwrap().write_image_data(pixels).unwrap();
    bytes
}

/// The first test digit.
fn digit() -> Vec<u8> {
    let test = load(DatasetName::Digits, Path::new("unused")).unwrap().test;
    test.picture(0).unwrap().1
}

/// A folder with a model of the digits that knows most of them, and the first test digits as pictures.
fn sandbox() -> &'static Sandbox {
    static SANDBOX: OnceLock<Sandbox> = OnceLock::new();
    SANDBOX.get_or_init(|| {
        let sandbox = Sandbox::new();
        let flags =
            ["steps=2", "epochs=6", "batch-size=16", "lr=0.002", "dropout=0", "no-progress", "out=run"];
        sandbox.ok(flags.map(|flag| format!("--{flag}")));
        let test = load(DatasetName::Digits, Path::new("unused")).unwrap().test;
        let (mut all, mut labels) = (vec![0, 0, 8, 3, 0, 0, 0, 20, 0, 0, 0, 8, 0, 0, 0, 8], Vec::new());
        for index in 0..20 {
            let (_, pixels) = test.picture(index).unwrap();
            all.extend(&pixels);
            labels.push(test.label(index).to_string());
            let below = if index % 2 == 0 { "some" } else { "some/more" };
            sandbox.write(&format!("{below}/{index:02}.png"), png(8, png::ColorType::Grayscale, &pixels));
        }
        sandbox.write("digits.idx", all);
        sandbox.write("labels.txt", labels.join("\n"));
        sandbox.write("some/notes.txt", "no picture");
        sandbox
    })
}

fn predict(arguments: &[&str]) -> String {
    stdout(&sandbox().ok([&["predict", "--model", "run/model.safetensors"], arguments].concat()))
}

fn json(arguments: &[&str]) -> Vec<Value> {
    serde_json::from_str(&predict(&[arguments, &["--json"]].concat())).unwrap()
}

fn refused(words: &[&str], arguments: &[&str]) {
    let command = [&["predict", "--model", "run/model.safetensors"], arguments].concat();
    sandbox().refused(2, words, command);
}

#[test]
fn a_picture_has_a_class_a_probability_and_a_runner_up() {
    let text = predict(&["some/00.png"]);
    let answers = json(&["some/00.png"]);
    let [answer] = &answers[..] else { panic!("{answers:?}") };
    let probabilities: Vec<f64> =
        answer["probabilities"].as_array().unwrap().iter().map(|p| p.as_f64().unwrap()).collect();
    assert_eq!(probabilities.len(), 10);
    assert!((probabilities.iter().sum::<f64>() - 1.0).abs() < 1e-5);
    let label = answer["label"].as_u64().unwrap() as usize;
    assert_eq!(answer["probability"].as_f64().unwrap(), probabilities[label]);
    assert_eq!(answer["class"], label.to_string());
    assert_eq!((&answer["file"], &answer["readout"]), (&"some/00.png".into(), &"chain".into()));
    assert!(answer.get("index").is_none());
    let percent = |key: &str| format!("({:.2} %)", 100.0 * answer[key].as_f64().unwrap());
    let wanted = format!(
        "some/00.png: {} {}, then {} {}\n",
        answer["class"].as_str().unwrap(),
        percent("probability"),
        answer["runner_up"].as_str().unwrap(),
        percent("runner_up_probability")
    );
    assert_eq!(text, wanted);
}

#[test]
fn pictures_of_a_folder_and_images_of_a_file_have_the_same_answers() {
    let (folder, file) = (json(&["some"]), json(&["digits.idx"]));
    assert_eq!((folder.len(), file.len()), (20, 20));
    // Folders in the order of paths: the even ones are at the top.
    let labels = sandbox().text("labels.txt");
    let labels: Vec<&str> = labels.lines().collect();
    let mut right = 0;
    for (index, answer) in file.iter().enumerate() {
        let name =
            if index % 2 == 0 { format!("some/{index:02}.png") } else { format!("some/more/{index:02}.png") };
        let other = folder.iter().find(|other| other["file"] == name.as_str()).unwrap();
        assert_eq!(answer["probabilities"], other["probabilities"], "{name}");
        assert_eq!(answer["index"], index);
        right += usize::from(answer["class"] == labels[index]);
    }
    assert!(right >= 16, "{right} of 20 are right");
    let chosen = json(&["digits.idx", "--index", "7,2-3"]);
    assert_eq!(chosen, [&file[7], &file[2], &file[3]].map(Clone::clone));
    assert!(
        stderr(&sandbox().ok(["predict", "--model", "run/model.safetensors", "some"])).contains("notes.txt")
    );
}

#[test]
fn tables_have_a_line_an_image() {
    let csv = predict(&["some/00.png", "digits.idx", "--index", "1", "--csv"]);
    let lines: Vec<Vec<&str>> = csv.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!((lines.len(), lines[0][0], lines[0][10]), (3, "file", "probability of 0"));
    assert!(lines.iter().all(|line| line.len() == 20), "{csv}");
    assert_eq!(
        (lines[1][..2].to_vec(), lines[2][..2].to_vec()),
        (vec!["some/00.png", ""], vec!["digits.idx", "1"])
    );
}

#[test]
fn draws_are_averaged_and_those_that_agree_are_counted() {
    let answer = &json(&["some/00.png", "--draws", "9"])[0];
    assert_eq!(answer["draws"], 9);
    let agreeing = answer["agreeing_draws"].as_u64().unwrap();
    assert!((1..=9).contains(&agreeing));
    assert!(predict(&["some/00.png", "--draws", "9"]).ends_with(&format!("; {agreeing} of 9 draws agree\n")));
    assert_eq!(json(&["some/00.png"])[0]["agreeing_draws"], 1);
    // Another seed, other noise; the threads have no say.
    assert_ne!(
        json(&["some/00.png", "--seed", "5"])[0]["probabilities"],
        json(&["some/00.png"])[0]["probabilities"]
    );
    assert_eq!(json(&["some", "--threads", "3"]), json(&["some"]));
}

#[test]
fn the_read_out_is_as_asked() {
    let consensus = &json(&["some/00.png", "--readout", "consensus"])[0];
    assert_eq!(consensus["readout"], "consensus");
    assert_ne!(consensus["probabilities"], json(&["some/00.png"])[0]["probabilities"]);
    let chart = predict(&["some/00.png", "--readout", "consensus", "--chart"]);
    let lines: Vec<&str> = chart.lines().collect();
    assert!(lines[1].starts_with("  after block 1 "), "{chart}");
    assert!(chart.contains("\n  chain ") && chart.contains("\n  consensus (answer) "), "{chart}");
}

/// As paper is: dark on light.
#[test]
fn an_inverted_picture_is_told_and_turned_when_asked() {
    let sandbox = sandbox();
    let inverted: Vec<u8> = digit().iter().map(|value| 255 - value).collect();
    sandbox.write("paper.png", png(8, png::ColorType::Grayscale, &inverted));
    let command = ["predict", "--model", "run/model.safetensors", "paper.png"];
    let warned = stderr(&sandbox.ok(command));
    assert!(
        warned.starts_with("warning: paper.png looks inverted: ") && warned.contains("--invert"),
        "{warned}"
    );
    let turned = sandbox.ok([&command[..], &["--invert", "--json"]].concat());
    assert_eq!(stderr(&turned), "");
    let turned: Vec<Value> = serde_json::from_str(&stdout(&turned)).unwrap();
    assert_eq!(turned[0]["probabilities"], json(&["some/00.png"])[0]["probabilities"]);
    assert_eq!(stderr(&sandbox.ok(["predict", "--model", "run/model.safetensors", "some/00.png"])), "");
}

/// Colours, another size, and transparency are brought to what the network takes.
#[test]
fn a_picture_is_brought_to_the_models_form() {
    let sandbox = sandbox();
    let grey = digit();
    // Three times as large, in colour, with black at the left and the right: the middle is what counts.
    let value = |x: usize, y: usize| if (4..28).contains(&x) { grey[y / 3 * 8 + (x - 4) / 3] } else { 0 };
    let pixels: Vec<u8> = (0..24 * 32).flat_map(|place| [value(place % 32, place / 32); 3]).collect();
    sandbox.write("large.png", png(32, png::ColorType::Rgb, &pixels));
    let (small, large) = (&json(&["some/00.png"])[0], &json(&["large.png"])[0]);
    assert_eq!(small["class"], large["class"]);
}

#[test]
fn what_can_not_be_read_is_told_and_the_rest_answered() {
    let sandbox = sandbox();
    sandbox.write("broken.png", b"\x89PNG\r\n\x1a\nnothing");
    let command = ["predict", "--model", "run/model.safetensors", "broken.png", "some/00.png", "--json"];
    let output = sandbox.output(command);
    assert_eq!(output.status.code(), Some(1));
    let answers: Vec<Value> = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!((answers.len(), &answers[0]["file"]), (1, &"some/00.png".into()));
    let told = stderr(&output);
    let lines: Vec<&str> = told.lines().collect();
    assert!(lines[0].starts_with("error: broken.png: ") && lines.len() == 2, "{told}");
    assert_eq!(lines[1], "error: 1 of 2 images can't be read; the others are answered");
}

#[test]
fn wrong_use_is_refused() {
    refused(&["gone.png: there is no such file or folder"], &["gone.png"]);
    refused(&["--index: digits.idx has the images 0 to 19; found 20"], &["digits.idx", "--index", "3,20"]);
    refused(&["must be places from 0, as in 7, 0-9 or 3,5,8-12"], &["digits.idx", "--index", "x"]);
    refused(&["--index: is for IDX and NumPy files"], &["some/00.png", "--index", "0"]);
    refused(&["--draws: must be from 1 to 10000; found 0"], &["some/00.png", "--draws", "0"]);
    refused(&["chain, consensus"], &["some/00.png", "--readout", "best"]);
    std::fs::create_dir_all(sandbox().path("empty")).unwrap();
    refused(&["empty: must hold PNG, JPEG, BMP or WebP pictures; found none"], &["empty"]);
    sandbox().refused(
        2,
        &["--model gone: there is no such file"],
        ["predict", "--model", "gone", "some/00.png"],
    );
    sandbox().refused(
        1,
        &["it has no array"],
        ["predict", "--model", "run/model.safetensors", "digits.idx", "--array", "x"],
    );
}
