use super::*;
use crate::config::{EmbeddingKind, Overrides, Value};
use nopropdt_data::{DatasetSource, ImageShape};
use std::path::PathBuf;
use tempfile::TempDir;

/// A network of two blocks with weights, in a file of its own folder.
struct Saved {
    _folder: TempDir,
    path: PathBuf,
    metadata: ModelMetadata,
    network: Box<dyn Method>,
    weights: Weights,
}

fn saved(overrides: Overrides) -> Saved {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let config = overrides.with("steps", 2).with("seed", u64::MAX).resolve(None).unwrap();
    let image = ImageShape { height: 8, width: 8, channels: 1 };
    let network = config.network(&image.sizes(), 10).unwrap();
    let mut weights = network.init(7);
    // Statistics start at 0 and 1: give each value a face, and one of them an awkward one.
    for (index, set) in weights.sets_mut().enumerate() {
        let values = set.statistics_mut().iter_mut().enumerate();
        values.for_each(|(place, value)| *value = place as f32 + 0.1 * index as f32);
    }
    weights.blocks[0].values_mut()[..3].copy_from_slice(&[-0.0, f32::MIN_POSITIVE / 2.0, f32::MAX]);
    let names: Vec<String> = (0..10).map(|class| format!("class \"{class}\"")).collect();
    let metadata = ModelMetadata::new(&config, image, network.alpha_bar(&weights), &names);
    save(&path, &metadata, network.as_ref(), &weights).unwrap();
    Saved { _folder: folder, path, metadata, network, weights }
}

fn learned() -> Overrides {
    Overrides::default().with("embedding", EmbeddingKind::Learned).with("embedding-dim", 12)
}

fn with_everything() -> Overrides {
    learned().with("block", "reference").with("decoder", true)
}

fn bits(weights: &Weights) -> Vec<Vec<u32>> {
    weights
        .sets()
        .map(|set| set.values().iter().chain(set.statistics()).map(|value| value.to_bits()).collect())
        .collect()
}

#[test]
fn weights_come_back_bit_for_bit() {
    for overrides in [Overrides::default(), learned(), with_everything()] {
        let saved = saved(overrides);
        let model = load(&saved.path).unwrap();
        assert!(bits(&model.weights) == bits(&saved.weights), "{:?}", saved.metadata.config);
        assert_eq!(model.metadata, saved.metadata);
        assert_eq!(format!("{:?}", model.network), format!("{:?}", saved.network));
    }
}

#[test]
fn values_that_are_no_numbers_are_refused() {
    for (value, shown) in [(f32::NAN, "NaN"), (f32::INFINITY, "inf"), (f32::NEG_INFINITY, "-inf")] {
        let mut saved = saved(Overrides::default());
        saved.weights.blocks[1].values_mut()[0] = value;
        save(&saved.path, &saved.metadata, saved.network.as_ref(), &saved.weights).unwrap();
        let problem = load(&saved.path).err().unwrap().problem;
        let expected =
            format!("tensor blocks.2.image.conv1.weight: values must be finite; value 0 is {shown}");
        assert_eq!(problem, expected);
    }
}

#[test]
fn statistics_that_no_batch_has_are_refused() {
    for (value, rule) in [(f32::NAN, "values must be finite"), (-1.0, "variances must be at least 0")] {
        let mut saved = saved(Overrides::default());
        saved.weights.blocks[0].statistics_mut().fill(value);
        save(&saved.path, &saved.metadata, saved.network.as_ref(), &saved.weights).unwrap();
        let problem = load(&saved.path).err().unwrap().problem;
        assert!(problem.contains(".running_") && problem.contains(rule), "{problem}");
    }
}

#[test]
fn the_same_network_is_the_same_file() {
    for overrides in [Overrides::default(), learned()] {
        let saved = saved(overrides);
        let before = std::fs::read(&saved.path).unwrap();
        let other = saved.path.with_file_name("again.safetensors");
        save(&other, &saved.metadata, saved.network.as_ref(), &saved.weights).unwrap();
        assert!(std::fs::read(&other).unwrap() == before);
        // And once more from what the file itself says.
        let model = load(&saved.path).unwrap();
        save(&other, &model.metadata, model.network.as_ref(), &model.weights).unwrap();
        assert!(std::fs::read(&other).unwrap() == before);
    }
}

/// Name and shape of every tensor of the file, sorted by name.
fn contents(path: &Path) -> Vec<(String, Vec<usize>)> {
    let bytes = std::fs::read(path).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let mut all: Vec<_> =
        tensors.iter().map(|(name, view)| (name.to_owned(), view.shape().to_vec())).collect();
    all.sort();
    all
}

/// The paper's block on 8×8 images, as docs promise it to other programs.
fn promised(embedding: usize) -> Vec<(String, Vec<usize>)> {
    let mut all = vec![
        ("embedding.weight".to_owned(), vec![10, embedding]),
        ("head.weight".to_owned(), vec![10, embedding]),
        ("head.bias".to_owned(), vec![10]),
    ];
    let linear: [(&str, usize, usize); 7] = [
        ("image.fc", 256, 128 * 2 * 2),
        ("label.fc1", 256, embedding),
        ("label.fc2", 256, 256),
        ("label.fc3", 256, 256),
        ("join.fc1", 256, 512),
        ("join.fc2", 128, 256),
        ("join.out", 10, 128),
    ];
    let convolutions = [("conv1", 32, 1), ("conv2", 64, 32), ("conv3", 128, 64)];
    let norms = [
        ("image.bn", 256),
        ("label.bn1", 256),
        ("label.bn2", 256),
        ("label.bn3", 256),
        ("join.bn1", 256),
        ("join.bn2", 128),
    ];
    for t in 1..=2 {
        for (name, outputs, inputs) in convolutions {
            all.push((format!("blocks.{t}.image.{name}.weight"), vec![outputs, inputs, 3, 3]));
            all.push((format!("blocks.{t}.image.{name}.bias"), vec![outputs]));
        }
        for (name, outputs, inputs) in linear {
            all.push((format!("blocks.{t}.{name}.weight"), vec![outputs, inputs]));
            all.push((format!("blocks.{t}.{name}.bias"), vec![outputs]));
        }
        for (name, width) in norms {
            let parts = ["weight", "bias", "running_mean", "running_var"];
            all.extend(parts.map(|part| (format!("blocks.{t}.{name}.{part}"), vec![width])));
        }
    }
    all.sort();
    all
}

#[test]
fn names_and_shapes_are_those_promised() {
    assert_eq!(contents(&saved(Overrides::default()).path), promised(10));
    assert_eq!(contents(&saved(learned()).path), promised(12));
}

#[test]
fn values_are_in_pytorchs_order() {
    let saved = saved(Overrides::default());
    let bytes = std::fs::read(&saved.path).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let block = &saved.weights.blocks[1];
    let stored = |name: &str| &block.values()[block.range_of(name).unwrap()];
    // A convolution is kept [kh, kw, in, out] and written [out, in, kh, kw].
    let written = values(&tensors, "blocks.2.image.conv2.weight", &[64, 32, 3, 3]).unwrap();
    let (o, i, kh, kw) = (5, 7, 2, 1);
    let kept = stored("image.conv2.weight")[((kh * 3 + kw) * 32 + i) * 64 + o];
    assert_eq!(written[((o * 32 + i) * 3 + kh) * 3 + kw], kept);
    // The layer after the flatten is kept with columns (row, column, channel) and written (channel, row, column).
    let written = values(&tensors, "blocks.2.image.fc.weight", &[256, 512]).unwrap();
    let (o, c, row, column) = (9, 100, 1, 0);
    let kept = stored("image.fc.weight")[o * 512 + (row * 2 + column) * 128 + c];
    assert_eq!(written[o * 512 + (c * 2 + row) * 2 + column], kept);
    // A fixed embedding is written for readers.
    let identity = values(&tensors, EMBEDDING, &[10, 10]).unwrap();
    assert!(identity.iter().enumerate().all(|(place, &value)| value == f32::from(u8::from(place % 11 == 0))));
}

#[test]
fn the_metadata_explains_the_network() {
    let saved = saved(Overrides::default());
    let bytes = std::fs::read(&saved.path).unwrap();
    let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
    let json = &header.metadata().as_ref().unwrap()[METADATA_KEY];
    let metadata: serde_json::Value = serde_json::from_str(json).unwrap();
    assert_eq!(metadata["format_version"], 2);
    assert_eq!(metadata["config"]["method"]["steps"], 2);
    assert_eq!(metadata["config"]["embedding"]["kind"], "one-hot");
    assert_eq!(metadata["class_names"][3], "class \"3\"");
    assert_eq!(metadata["image"]["height"], 8);
    // ᾱ_0, ᾱ_1, ᾱ_2 of the cosine schedule with T = 2.
    let alpha_bar: Vec<f64> =
        metadata["alpha_bar"].as_array().unwrap().iter().map(|a| a.as_f64().unwrap()).collect();
    let expected = [1e-5, 0.493_843_5, 0.999];
    assert_eq!(alpha_bar.len(), 3);
    assert!(alpha_bar.iter().zip(expected).all(|(a, e)| (a - e).abs() < 1e-5), "{alpha_bar:?}");
}

/// Replaces a setting of the method.
fn set(metadata: &mut ModelMetadata, key: &str, value: impl Serialize) {
    metadata.config.method.settings.insert(key.into(), Value::of(&value));
}

/// The refusal of a file whose metadata was changed by `change`.
fn refusal(change: impl FnOnce(&mut ModelMetadata)) -> String {
    let mut saved = saved(Overrides::default());
    change(&mut saved.metadata);
    save(&saved.path, &saved.metadata, saved.network.as_ref(), &saved.weights).unwrap();
    load(&saved.path).map(drop).unwrap_err().problem
}

#[test]
fn metadata_is_not_believed() {
    assert_eq!(refusal(|m| m.format_version = 3), "format version must be from 1 to 2; found 3");
    assert!(refusal(|m| m.config.training.epochs = 0).starts_with("metadata: epochs: must be from 1"));
    assert!(refusal(|m| set(m, "eta", -1.0)).starts_with("metadata: eta: must be above 0"));
    // Sizes that would take all memory before the tensors are looked at.
    let huge = refusal(|m| m.input = vec![usize::MAX, 8, 1].into());
    assert_eq!(huge, format!("metadata: images of digits must be 8x8x1; found {}x8x1", usize::MAX));
    assert_eq!(
        refusal(|m| {
            set(m, "steps", 900);
            set(m, "schedule", "linear");
        }),
        "tensor blocks.3.image.conv1.weight is missing"
    );
    assert_eq!(refusal(|m| drop(m.class_names.pop())), "metadata: digits must have 10 class names; found 9");
    assert_eq!(refusal(|m| set(m, "steps", 1)), "tensor blocks.2.image.bn.bias has no place in this network");
    assert_eq!(
        refusal(|m| {
            m.config.data.dataset = DatasetSource::Own("waves".into());
            m.input = vec![usize::MAX, 2, 0].into();
        }),
        format!("metadata: image: sizes must be above 0 and fit memory; found {}x2x0", usize::MAX)
    );
    let wide = refusal(|m| (m.config.embedding.kind, m.config.embedding.dim) = (EmbeddingKind::Learned, 12));
    assert_eq!(wide, "tensor blocks.1.label.fc1.weight: wants F32 [256, 12]; found F32 [256, 10]");
}

/// Found by fuzzing: the libraries' errors quote the file, line feeds and all.
#[test]
fn whatever_a_file_says_an_error_is_one_line() {
    let long = "x".repeat(1000);
    for kind in ["F\n32", "F\r\n32", "F\u{b}32\u{2028}", long.as_str()] {
        let header = format!(r#"{{"a":{{"dtype":"{kind}","shape":[0],"data_offsets":[0,0]}}}}"#);
        let bytes = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes()].concat();
        let problem = parse(&bytes).err().expect("such a file is none");
        assert!(problem.starts_with("is not a whole safetensors file"), "{problem}");
        assert!(!problem.contains(|c: char| c.is_control() || c == '\u{2028}'), "{problem:?}");
        assert!(problem.chars().count() <= 303, "{problem}");
    }
}
