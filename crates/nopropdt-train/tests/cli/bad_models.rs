//! Model files that are missing, damaged or somebody else's.

use crate::harness::{FETCH, Sandbox, example};
use crate::idx;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use std::collections::{BTreeMap, HashMap};

const EVAL: [&str; 5] = ["eval", "--model", "model.safetensors", "--runs", "1"];
const INFO: [&str; 3] = ["info", "--model", "model.safetensors"];

struct Tensor {
    kind: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

/// A model file taken apart.
struct Parts {
    tensors: BTreeMap<String, Tensor>,
    metadata: Option<HashMap<String, String>>,
}

/// The example model, changed.
fn changed(change: impl FnOnce(&mut Parts)) -> Vec<u8> {
    let (model, _) = example();
    let (_, header) = SafeTensors::read_metadata(model).unwrap();
    let own = |(name, view): (&str, TensorView<'_>)| {
        let tensor = Tensor { kind: view.dtype(), shape: view.shape().to_vec(), bytes: view.data().to_vec() };
        (name.to_owned(), tensor)
    };
    let tensors = SafeTensors::deserialize(model).unwrap();
    let mut parts = Parts { tensors: tensors.iter().map(own).collect(), metadata: header.metadata().clone() };
    change(&mut parts);
    let view = |t: &'_ Tensor| TensorView::new(t.kind, t.shape.clone(), &t.bytes).unwrap().data().len();
    assert!(parts.tensors.values().all(|tensor| view(tensor) == tensor.bytes.len()));
    let views = parts
        .tensors
        .iter()
        .map(|(name, t)| (name, TensorView::new(t.kind, t.shape.clone(), &t.bytes).unwrap()));
    safetensors::serialize(views, parts.metadata).unwrap()
}

fn metadata(change: impl FnOnce(&mut serde_json::Value)) -> Vec<u8> {
    changed(|parts| {
        let json = parts.metadata.as_mut().unwrap().get_mut("nopropdt").unwrap();
        let mut value = serde_json::from_str(json).unwrap();
        change(&mut value);
        *json = value.to_string();
    })
}

#[track_caller]
fn refused(content: &[u8], words: &str) {
    let sandbox = Sandbox::new();
    sandbox.write("model.safetensors", content);
    for command in [&EVAL[..], &INFO[..]] {
        sandbox.refused(1, &["model.safetensors: ", words], command.iter().copied());
    }
}

#[test]
fn a_model_taken_apart_and_put_together_is_the_same() {
    assert!(changed(|_| ()) == example().0);
}

#[test]
fn missing_files() {
    let sandbox = Sandbox::new();
    sandbox.refused(2, &["--model model.safetensors: there is no such file"], EVAL);
    sandbox.refused(2, &["--model model.safetensors: there is no such file"], INFO);
    std::fs::create_dir(sandbox.path("model.safetensors")).unwrap();
    for command in [&EVAL[..], &INFO[..], &["info", "--config", "model.safetensors"]] {
        sandbox.refused(2, &["model.safetensors: must be a file; it is a folder"], command.iter().copied());
    }
}

#[test]
fn files_that_are_no_safetensors() {
    let (model, _) = example();
    let noise: Vec<u8> = (0..5000u32).map(|place| (place.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let endless = [&u64::MAX.to_le_bytes()[..], &noise].concat();
    for content in
        [&[][..], b"short", &noise, &endless, &model[..7], &model[..5000], &model[..model.len() - 1]]
    {
        refused(content, "is not a whole safetensors file");
    }
    refused(&[&model[..], b"tail"].concat(), "is not a whole safetensors file");
}

#[test]
fn models_of_other_programs() {
    refused(&changed(|parts| parts.metadata = None), "was not written by nopropdt-train");
    let other = changed(|parts| parts.metadata = Some(HashMap::from([("format".into(), "pt".into())])));
    refused(&other, "was not written by nopropdt-train: its metadata has no entry `nopropdt`");
}

#[test]
fn tensors_out_of_place() {
    let name = "blocks.2.join.out.weight";
    let missing = changed(|parts| drop(parts.tensors.remove(name)));
    refused(&missing, "tensor blocks.2.join.out.weight is missing");
    let turned = changed(|parts| parts.tensors.get_mut(name).unwrap().shape.reverse());
    refused(&turned, "tensor blocks.2.join.out.weight: wants F32 [10, 128]; found F32 [128, 10]");
    let kind = changed(|parts| parts.tensors.get_mut(name).unwrap().kind = Dtype::I32);
    refused(&kind, "wants F32 [10, 128]; found I32 [10, 128]");
    let half = changed(|parts| {
        let tensor = parts.tensors.get_mut(name).unwrap();
        tensor.kind = Dtype::F16;
        tensor.bytes.truncate(2 * 10 * 128);
    });
    refused(&half, "wants F32 [10, 128]; found F16 [10, 128]");
    let extra = changed(|parts| {
        parts
            .tensors
            .insert("lora.weight".into(), Tensor { kind: Dtype::F32, shape: vec![1], bytes: vec![0; 4] });
    });
    refused(&extra, "tensor lora.weight has no place in this network");
}

#[test]
fn a_fixed_embedding_must_be_the_identity() {
    let name = "embedding.weight";
    let shape = changed(|parts| {
        let tensor = parts.tensors.get_mut(name).unwrap();
        (tensor.shape, tensor.bytes) = (vec![10, 9], vec![0; 4 * 90]);
    });
    refused(&shape, "tensor embedding.weight: wants F32 [10, 10]; found F32 [10, 9]");
    let values = changed(|parts| parts.tensors.get_mut(name).unwrap().bytes.fill(0));
    refused(&values, "tensor embedding.weight: must be the identity");
}

#[test]
fn metadata_that_can_not_be_true() {
    refused(&metadata(|m| m["format_version"] = 9.into()), "format version must be from 1 to 2; found 9");
    refused(
        &metadata(|m| drop(m.as_object_mut().unwrap().remove("config"))),
        "metadata `nopropdt`: missing field `config`",
    );
    refused(&metadata(|m| m["config"]["colour"] = 1.into()), "unknown setting `colour`");
    refused(&metadata(|m| m["config"]["block"]["dropout"] = 2.into()), "metadata: dropout: must be");
    refused(&metadata(|m| m["config"]["method"]["steps"] = 0.into()), "metadata: steps: must be from 1");
    refused(
        &metadata(|m| m["config"]["method"]["steps"] = 20.into()),
        "tensor blocks.3.image.conv1.weight is missing",
    );
    refused(&metadata(|m| m["image"]["width"] = 4_000_000_000_u64.into()), "images of digits must be 8x8x1");
    refused(&metadata(|m| m["class_names"] = vec!["one"].into()), "must have 10 class names; found 1");
}

/// They would give an accuracy, of whatever class NaN is taken for.
#[test]
fn weights_that_are_no_numbers() {
    for (value, shown) in [(f32::NAN, "NaN"), (f32::INFINITY, "inf"), (f32::NEG_INFINITY, "-inf")] {
        let content = changed(|parts| {
            let bytes = &mut parts.tensors.get_mut("head.bias").unwrap().bytes;
            bytes[4..8].copy_from_slice(&value.to_le_bytes());
        });
        refused(&content, &format!("tensor head.bias: values must be finite; value 1 is {shown}"));
    }
}

/// Finite weights whose answers are not.
#[test]
fn answers_that_are_no_numbers() {
    let sandbox = Sandbox::new();
    let content = changed(|parts| {
        for value in parts.tensors.get_mut("head.weight").unwrap().bytes.chunks_exact_mut(4) {
            value.copy_from_slice(&f32::MAX.to_le_bytes());
        }
    });
    sandbox.write("model.safetensors", content);
    sandbox.refused(1, &["model.safetensors: answers must be finite; they are not"], EVAL);
}

#[test]
fn data_of_another_shape() {
    let sandbox = Sandbox::new();
    sandbox.write("model.safetensors", &example().0);
    let mnist = [&EVAL[..], &["--dataset", "mnist"]].concat();
    sandbox.refused(1, &["file not found", &format!("{FETCH} mnist")], &mnist);
    let elsewhere = [&mnist[..], &["--data-dir", "none"]].concat();
    sandbox.refused(2, &["--data-dir none: there is no such folder"], &elsewhere);
    sandbox.refused(2, &["--data-dir none: there is no such folder"], ["--data-dir", "none", "--out", "run"]);
    idx::write(&sandbox);
    sandbox.refused(1, &["model.safetensors: wants images of 8x8x1; mnist has 28x28x1"], &mnist);
}
