//! What a graph knows, as safetensors: parameters by their names in a model file.

use nopropdt_tensor::graph::{Constant, Graph, Op};
use nopropdt_tensor::{Tensor, flat};
use safetensors::tensor::{Dtype, TensorView};

/// The name of a constant.
pub(super) fn name_of(index: usize, constant: &Constant) -> String {
    constant.name.clone().unwrap_or_else(|| format!("constant.{index}"))
}

/// The name of what is known of each round of the loop that is node `index`.
pub(super) fn name_of_rounds(index: usize, place: usize) -> String {
    format!("loop.{index}.{place}")
}

/// A safetensors file with all constants but single numbers, which stand in the text.
pub(super) fn weights(graph: &Graph) -> Vec<u8> {
    let of_graph = graph.constants.iter().enumerate();
    let mut tensors: Vec<(String, &Tensor)> = of_graph
        .filter(|(_, constant)| !constant.value.shape().is_empty())
        .map(|(index, constant)| (name_of(index, constant), &constant.value))
        .collect();
    for (index, node) in graph.nodes.iter().enumerate() {
        if let Op::Loop(repeated) = &node.op {
            let known = repeated.of_rounds.iter().enumerate();
            tensors.extend(known.map(|(place, values)| (name_of_rounds(index, place), values)));
        }
    }
    safetensors_of(&tensors)
}

/// A safetensors file with these tensors.
pub(super) fn safetensors_of(tensors: &[(String, &Tensor)]) -> Vec<u8> {
    let bytes: Vec<Vec<u8>> = tensors
        .iter()
        .map(|(_, tensor)| {
            let mut bytes = vec![0; 4 * tensor.len()];
            flat::to_le_bytes(tensor.data(), &mut bytes);
            bytes
        })
        .collect();
    let views = tensors.iter().zip(&bytes).map(|((name, tensor), bytes)| {
        let view = TensorView::new(Dtype::F32, tensor.shape().to_vec(), bytes);
        (name.as_str(), view.expect("the bytes are of the shape's length"))
    });
    safetensors::serialize(views, None).expect("a header without metadata has a form")
}
