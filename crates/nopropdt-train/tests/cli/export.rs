//! `export` and `import`: files of other programs. What is in an ONNX file, `.ci/onnx` checks.

use crate::harness::{Sandbox, example, stdout};
use serde_json::Value;

/// A folder with the model of a tiny run.
fn with_model() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("model.safetensors", &example().0);
    sandbox
}

const ONNX: [&str; 5] = ["export", "--model", "model.safetensors", "--to", "onnx"];

#[test]
fn an_onnx_file_says_what_it_takes_and_gives() {
    let sandbox = with_model();
    let text = stdout(&sandbox.ok([&ONNX[..], &["--out", "net.onnx"]].concat()));
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "wrote net.onnx", "{text}");
    assert_eq!(lines[1], "inputs   image [batch, 1, 8, 8], z_0 [batch, 10], noise [batch, 2, 10]", "{text}");
    assert_eq!(lines[2], "outputs  probabilities [batch, 10], consensus [batch, 10]", "{text}");
    let bytes = sandbox.read("net.onnx");
    let has = |words: &str| bytes.windows(words.len()).any(|part| part == words.as_bytes());
    for words in
        ["blocks.2.image.conv1.weight", "class_names", "[\"0\",\"1\"", "NoProp-DT", "BatchNormalization"]
    {
        assert!(has(words), "{words}");
    }
    // The same again is the same file.
    sandbox.ok([&ONNX[..], &["--out", "net.onnx"]].concat());
    assert_eq!(sandbox.read("net.onnx"), bytes);
}

#[test]
fn a_python_file_has_its_weights_beside_it() {
    let sandbox = with_model();
    let own = ["export", "--model", "model.safetensors", "--to", "pytorch", "--out", "net.py", "--json"];
    let said: Value = serde_json::from_str(&stdout(&sandbox.ok(own))).unwrap();
    assert_eq!(said["files"], serde_json::json!(["net.py", "net.weights.safetensors"]));
    assert_eq!(said["outputs"][0]["name"], "probabilities");
    let python = sandbox.text("net.py");
    for words in
        ["class Network(torch.nn.Module):", "\"net.weights.safetensors\"", "CLASS_NAMES = [\"0\", \"1\""]
    {
        assert!(python.contains(words), "{words} in {python}");
    }
    let weights = sandbox.read("net.weights.safetensors");
    let weights = safetensors::SafeTensors::deserialize(&weights).unwrap();
    let ours = sandbox.read("model.safetensors");
    let ours = safetensors::SafeTensors::deserialize(&ours).unwrap();
    for name in ["blocks.1.image.fc.weight", "blocks.2.join.bn1.running_mean", "head.weight"] {
        assert_eq!(weights.tensor(name).unwrap().data(), ours.tensor(name).unwrap().data(), "{name}");
    }
}

#[test]
fn an_example_is_inputs_and_what_they_are_answered() {
    let sandbox = with_model();
    sandbox.ok([&ONNX[..], &["--out", "net.onnx", "--example", "example.safetensors"]].concat());
    let bytes = sandbox.read("example.safetensors");
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    for (name, shape) in [
        ("image", &[4, 1, 8, 8][..]),
        ("z_0", &[4, 10]),
        ("noise", &[4, 2, 10]),
        ("probabilities", &[4, 10]),
        ("consensus", &[4, 10]),
    ] {
        assert_eq!(tensors.tensor(name).unwrap().shape(), shape, "{name}");
    }
}

#[test]
fn nothing_is_written_over_the_model_or_twice() {
    let sandbox = with_model();
    let words = ["must be another file than the model"];
    sandbox.refused(2, &words, [&ONNX[..], &["--out", "model.safetensors"]].concat());
    sandbox.refused(2, &words, [&ONNX[..], &["--out", "net.onnx", "--example", "./net.onnx"]].concat());
    sandbox.refused(
        2,
        &words,
        [&ONNX[..], &["--out", "net.onnx", "--example", "./model.safetensors"]].concat(),
    );
    sandbox.refused(2, &words, [&ONNX[..], &["--out", "net.onnx", "--example", "net.onnx"]].concat());
    let words = ["--model none: there is no such file"];
    sandbox.refused(2, &words, ["export", "--model", "none", "--to", "onnx", "--out", "net.onnx"]);
    let words = ["--steps: must be left out for a network of 2 blocks; found 3"];
    sandbox.refused(2, &words, [&ONNX[..], &["--out", "net.onnx", "--steps", "3"]].concat());
    let words = ["no such folder"];
    sandbox.refused(1, &words, [&ONNX[..], &["--out", "none/net.onnx"]].concat());
}

#[test]
fn what_is_no_state_dict_is_not_imported() {
    let sandbox = with_model();
    let words = ["model.safetensors: is no state dict of the reference repository's NoPropDT"];
    sandbox.refused(1, &words, ["import", "model.safetensors", "--out", "new.safetensors"]);
    let words = ["--out model.safetensors: is there already"];
    sandbox.refused(2, &words, ["import", "model.safetensors", "--out", "model.safetensors"]);
    let words = ["none: there is no such file"];
    sandbox.refused(2, &words, ["import", "none", "--out", "new.safetensors"]);
    let words = ["--dataset: must be one with a name, such as mnist; found folder:pictures"];
    let own = ["import", "model.safetensors", "--out", "new.safetensors", "--dataset", "folder:pictures"];
    sandbox.refused(2, &words, own);
}
