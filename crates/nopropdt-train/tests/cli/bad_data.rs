//! Datasets that are missing or damaged.

use crate::harness::{FETCH, Sandbox, tiny};
use crate::idx;

const IMAGES: &str = "data/mnist/train-images-idx3-ubyte";
const LABELS: &str = "data/mnist/train-labels-idx1-ubyte";

fn mnist() -> Vec<String> {
    tiny(&["dataset=mnist", "epochs=1", "steps=1", "out=run"])
}

#[test]
fn missing_data_says_how_to_get_it() {
    let sandbox = Sandbox::new();
    let words =
        ["train-images-idx3-ubyte: file not found", &format!("`{FETCH} mnist`"), "`--dataset digits`"];
    sandbox.refused(1, &words, mnist());
    assert!(!sandbox.exists("run"));
    let elsewhere = [mnist(), vec!["--data-dir=elsewhere".into()]].concat();
    sandbox.refused(2, &["--data-dir elsewhere: there is no such folder"], &elsewhere);
    std::fs::create_dir(sandbox.path("elsewhere")).unwrap();
    sandbox.refused(1, &["elsewhere/mnist/"], &elsewhere);
}

#[test]
fn whole_data_trains() {
    let sandbox = Sandbox::new();
    idx::write(&sandbox);
    sandbox.ok(mnist());
    assert_eq!(sandbox.json("run/summary.json")["epochs"], 1);
    assert!(sandbox.text("run/config.toml").contains("dataset = \"mnist\""));
}

#[test]
fn damaged_data_is_named() {
    let sandbox = Sandbox::new();
    let header = |words: &[u32]| words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<u8>>();
    let changed = |mut bytes: Vec<u8>, at: usize, value: u8| {
        bytes[at] = value;
        bytes
    };
    let (images, labels) = (idx::images(40), idx::labels(40));
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        (IMAGES, Vec::new(), "header takes 16 bytes; file holds 0"),
        (IMAGES, images[..10].to_vec(), "header takes 16 bytes; file holds 10"),
        (IMAGES, images[..images.len() - 1].to_vec(), "header promises 31360 pixel bytes; file holds 31359"),
        (IMAGES, [&images[..], b"x"].concat(), "header promises 31360 pixel bytes; file holds more"),
        (IMAGES, labels.clone(), "magic number must be 0x00000803; found 0x00000801"),
        (
            IMAGES,
            b"\x89PNG\r\n\x1a\n and so on".to_vec(),
            "magic number must be 0x00000803; found 0x89504e47",
        ),
        (IMAGES, header(&[0x0803, u32::MAX, 28, 28]), "count must be 1 to"),
        (IMAGES, header(&[0x0803, 1, u32::MAX, u32::MAX]), "images must be 28x28"),
        (IMAGES, idx::images(39), "there must be a label for each image; 39 images, 40 labels"),
        (LABELS, labels[..20].to_vec(), "header promises 40 labels; file holds 12"),
        (LABELS, [&labels[..], b"\0"].concat(), "header promises 40 labels; file holds more"),
        (LABELS, changed(labels.clone(), 3, 9), "magic number must be 0x00000801"),
        (LABELS, changed(labels.clone(), 8 + 17, 10), "labels must be below 10; label 17 is 10"),
        (LABELS, idx::labels(0), "count must be 1 to"),
    ];
    for (file, content, words) in cases {
        idx::write(&sandbox);
        sandbox.write(file, content);
        sandbox.refused(1, &[file.rsplit('/').next().unwrap(), words], mnist());
        assert!(!sandbox.exists("run"));
    }
}

#[test]
fn compressed_data_is_read_and_checked() {
    use std::io::Write;
    let sandbox = Sandbox::new();
    idx::write(&sandbox);
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&idx::images(40)).unwrap();
    let compressed = encoder.finish().unwrap();
    std::fs::remove_file(sandbox.path(IMAGES)).unwrap();
    let name = format!("{IMAGES}.gz");
    sandbox.write(&name, &compressed[..compressed.len() / 2]);
    sandbox.refused(1, &["train-images-idx3-ubyte.gz: file must be whole gzip data"], mnist());
    sandbox.write(&name, &compressed);
    sandbox.ok(mnist());
}
