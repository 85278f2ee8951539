//! Writes what a trained network makes of a few inputs, for another program to compare with:
//! `cargo run -p nopropdt-train --example export_logits -- MODEL OUT`, then `xtask/golden/rebuild.py MODEL OUT`.
//!
//! OUT is a safetensors file: random `images` [N, C, H, W] and `z` [N, d]; `logits.1` .. `logits.T` [N, m], every block on
//! that same z; `head_logits` [N, m], the output head on z. All in evaluation mode.

use nopropdt_blocks::Method;
use nopropdt_tensor::Tensor;
use nopropdt_tensor::random::Stream;
use nopropdt_train::model_file::load;
use safetensors::tensor::{Dtype, TensorView};
use std::path::Path;

const IMAGES: usize = 7;

fn main() -> anyhow::Result<()> {
    let paths: Vec<String> = std::env::args().skip(1).collect();
    let [model, out] = &paths[..] else { anyhow::bail!("wants two arguments: MODEL and OUT") };
    let model = load(Path::new(model))?;
    let (input, classes) = (model.metadata.input.sizes(), model.metadata.class_names.len());
    let network = model.metadata.config.dt_network(input, classes)?;
    let shape = [&[IMAGES], input].concat();
    let images = Tensor::filled_by(&shape, |data| Stream::new(1).fill_uniform(data));
    let dim = network.embedding_matrix(&model.weights).shape()[1];
    let z = Tensor::filled_by(&[IMAGES, dim], |data| Stream::new(2).fill_normal(data));

    let features = network.features(&model.weights, &images);
    let mut tensors = vec![("images".to_owned(), channels_first(&images)), ("z".to_owned(), z.clone())];
    for t in 1..=network.facts().blocks {
        let logits = network.block_logits(&model.weights, t, &features, &z);
        tensors.push((format!("logits.{t}"), logits));
    }
    tensors.push(("head_logits".to_owned(), network.head_logits(&model.weights, &z)));
    write(Path::new(out), &tensors)
}

/// [N, H, W, C] -> [N, C, H, W].
fn channels_first(images: &Tensor) -> Tensor {
    let view = images.view().permuted_axes(vec![0, 3, 1, 2]);
    let values: Vec<f32> = view.iter().copied().collect();
    Tensor::filled_by(view.shape(), |data| data.copy_from_slice(&values))
}

fn write(path: &Path, tensors: &[(String, Tensor)]) -> anyhow::Result<()> {
    let bytes = |tensor: &Tensor| tensor.data().iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
    let encoded: Vec<Vec<u8>> = tensors.iter().map(|(_, tensor)| bytes(tensor)).collect();
    let mut views = Vec::new();
    for ((name, tensor), bytes) in tensors.iter().zip(&encoded) {
        views.push((name, TensorView::new(Dtype::F32, tensor.shape().to_vec(), bytes)?));
    }
    Ok(safetensors::serialize_to_file(views, None, path)?)
}
