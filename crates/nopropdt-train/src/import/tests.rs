//! State dicts made of their tensors' names, as xtask/golden/reference_model.py makes them, whose answers PyTorch has given.

use super::*;
use nopropdt_blocks::Runner;
use nopropdt_tensor::{Tensor, flat};
use safetensors::tensor::{Dtype, TensorView};
use std::collections::BTreeMap;

const GOLDEN: &[u8] = include_bytes!("../../tests/golden/reference_model.safetensors");

type Tensors = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

/// The tensors of a network of so many blocks.
fn state_dict(blocks: usize, channels: usize, has_decoder: bool) -> Tensors {
    let mut all = Tensors::new();
    let mut add = |name: String, shape: &[usize]| {
        let values = filled(&name, shape);
        all.insert(name, (shape.to_vec(), values));
    };
    for t in 0..blocks {
        let mut layer = |name: &str, shape: &[usize]| {
            add(format!("blocks.{t}.{name}.weight"), shape);
            add(format!("blocks.{t}.{name}.bias"), &shape[..1]);
            let norm = match name.split_once("fc_") {
                Some(("", "out")) => return,
                Some(("", rest)) => format!("bn_{rest}"),
                _ if name == "conv_path.14" => "conv_path.15".into(),
                _ => return,
            };
            for tensor in ["weight", "bias", "running_mean", "running_var"] {
                add(format!("blocks.{t}.{norm}.{tensor}"), &[256]);
            }
        };
        layer("conv_path.0", &[32, channels, 3, 3]);
        layer("conv_path.4", &[64, 32, 3, 3]);
        layer("conv_path.8", &[128, 64, 3, 3]);
        layer("conv_path.14", &[256, 128]);
        ["fc_z1", "fc_z2", "fc_z3", "fc_f2"].iter().for_each(|name| layer(name, &[256, 256]));
        layer("fc_f1", &[256, 512]);
        layer("fc_out", &[10, 256]);
        if has_decoder {
            layer("decoder.0", &[256, 256]);
        }
    }
    add("W_embed".into(), &[10, 256]);
    add("classifier.weight".into(), &[10, 256]);
    add("classifier.bias".into(), &[10]);
    all
}

/// Values of a tensor: the formula of xtask/golden/README.md.
fn filled(name: &str, shape: &[usize]) -> Vec<f32> {
    let (layer, kind) = name.rsplit_once('.').unwrap_or(("", name));
    let is_norm = layer.contains("bn_") || layer.ends_with("conv_path.15");
    let (centre, half) = match kind {
        "W_embed" => (0.0, 1.0),
        "running_var" => (1.0, 0.5),
        "weight" if is_norm => (1.0, 0.1),
        "weight" => (0.0, (3.0 / shape[1..].iter().product::<usize>() as f64).sqrt()),
        _ => (0.0, 0.1),
    };
    let start = name
        .bytes()
        .fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3));
    let fraction = |i: u64| {
        let mut h = start.wrapping_add(i.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        h = (h ^ (h >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        h = (h ^ (h >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        h ^= h >> 31;
        (h >> 40) as f64 / f64::from(1u32 << 24)
    };
    let length = shape.iter().product::<usize>() as u64;
    (0..length).map(|i| (centre + half * (2.0 * fraction(i) - 1.0)) as f32).collect()
}

fn file(tensors: &Tensors) -> Vec<u8> {
    let bytes: Vec<Vec<u8>> = tensors
        .values()
        .map(|(_, values)| {
            let mut bytes = vec![0; 4 * values.len()];
            flat::to_le_bytes(values, &mut bytes);
            bytes
        })
        .collect();
    let views = tensors.iter().zip(&bytes).map(|((name, (shape, _)), bytes)| {
        (name, TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap())
    });
    safetensors::serialize(views, None).unwrap()
}

fn golden(name: &str) -> Tensor {
    let file = SafeTensors::deserialize(GOLDEN).unwrap();
    let tensor = file.tensor(name).unwrap();
    let mut values = Vec::new();
    flat::extend_from_le_bytes(&mut values, tensor.data());
    Tensor::from_vec(tensor.shape(), values).unwrap()
}

/// [B, C, H, W] as [B, H, W, C].
fn channels_last(images: &Tensor) -> Tensor {
    let view = images.view().permuted_axes(vec![0, 2, 3, 1]);
    Tensor::from_vec(view.shape(), view.iter().copied().collect()).unwrap()
}

#[test]
fn answers_are_pytorchs() {
    for (case, blocks, channels, has_decoder) in [("grey", 3, 1, true), ("colour", 2, 3, false)] {
        let model = reference_model(&file(&state_dict(blocks, channels, has_decoder)), None).unwrap();
        let mut images = channels_last(&golden(&format!("{case}.image")));
        if let Some(normalisation) = &model.metadata.normalisation {
            normalisation.apply(images.data_mut());
        }
        assert_eq!(model.metadata.normalisation.is_some(), channels == 3);
        let start = golden(&format!("{case}.z_0"));
        let mut on = Runner::given(start, Tensor::zeros(&[2, blocks, 256]));
        let answer = model.network.answer_on(&model.weights, &mut on, &images.into()).unwrap().into_trace();
        let logits =
            (1..).zip(&answer.block_logits).map(|(t, logits)| (format!("{case}.logits.{t}"), logits));
        for (name, found) in logits.chain([(format!("{case}.head_logits"), &answer.head_logits)]) {
            let wanted = golden(&name);
            for (found, wanted) in found.data().iter().zip(wanted.data()) {
                assert!((found - wanted).abs() < 1e-5, "{name}: {found} and {wanted}");
            }
            // Of answers that are all alike, anything would be near.
            assert!(wanted.data().iter().any(|value| value.abs() > 0.1), "{name}: {wanted:?}");
        }
        let names = &model.metadata.class_names;
        assert_eq!(names[0], if channels == 3 { "airplane" } else { "0" });
    }
}

/// What is said of a state dict of one block that `change` was let loose on.
fn refusal(dataset: Option<DatasetName>, change: impl FnOnce(&mut Tensors)) -> String {
    let mut tensors = state_dict(1, 1, false);
    change(&mut tensors);
    reference_model(&file(&tensors), dataset).err().expect("it is refused")
}

#[test]
fn what_does_not_fit_is_named() {
    let said = refusal(None, |tensors| drop(tensors.remove("blocks.0.fc_z2.bias")));
    assert_eq!(said, "tensor blocks.0.fc_z2.bias is missing");
    let said = refusal(None, |tensors| {
        tensors.insert("blocks.0.fc_z4.bias".into(), (vec![1], vec![0.0]));
    });
    assert_eq!(said, "tensor blocks.0.fc_z4.bias has no place in this network");
    let said = refusal(None, |tensors| tensors.get_mut("classifier.bias").unwrap().1[3] = f32::NAN);
    assert_eq!(said, "tensor classifier.bias: values must be finite; value 3 is NaN");
    let said = refusal(None, |tensors| drop(tensors.remove("W_embed")));
    assert!(said.starts_with("is no state dict of the reference repository's NoPropDT"), "{said}");
    let said = refusal(Some(DatasetName::Cifar10), |_| ());
    let wanted = "the network is for images of 1 channels and 10 classes; cifar10 has 3 and 10";
    assert_eq!(said, wanted);
    let said = refusal(None, |tensors| {
        tensors.insert("alpha_bar".into(), (vec![1], vec![0.5]));
    });
    assert!(said.starts_with("tensor alpha_bar: must be the reference repository's schedule"), "{said}");
    assert!(reference_model(b"none", None).err().unwrap().starts_with("is not a whole safetensors file"));
}

/// A small file that promises many blocks is refused before there is memory for them.
#[test]
fn blocks_that_are_promised_alone_take_no_memory() {
    let mut tensors = state_dict(1, 1, false);
    for t in 1..900 {
        tensors.insert(format!("blocks.{t}.fc_out.weight"), (vec![1], vec![0.0]));
    }
    let said = reference_model(&file(&tensors), None).err().expect("it is refused");
    assert!(said.starts_with("tensor blocks.1."), "{said}");
}

#[test]
fn what_answers_do_not_depend_on_is_left_out() {
    let mut tensors = state_dict(1, 1, false);
    tensors.insert("alpha_bar".into(), (vec![1], vec![0.0]));
    tensors.insert("snr_diff".into(), (vec![1], vec![0.0]));
    tensors.insert("blocks.0.bn_z1.num_batches_tracked".into(), (vec![], vec![7.0]));
    let model = reference_model(&file(&tensors), Some(DatasetName::FashionMnist)).unwrap();
    assert_eq!(model.metadata.class_names[0], "T-shirt/top");
}
