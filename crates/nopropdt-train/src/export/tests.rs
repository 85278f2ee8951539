//! Graphs of whole answers. What they answer is held against onnxruntime by `.ci/onnx`, and what each operation means by the tests of
//! nopropdt-tensor.

use super::*;
use crate::config::Overrides;
use crate::model_file::{Model, ModelMetadata};
use nopropdt_blocks::{BlockStep, Facts, Features, Method, Runner, StepInput, Trace, Weights};
use nopropdt_data::{ImageShape, Normalisation};
use nopropdt_tensor::Tensor;
use nopropdt_tensor::graph::{Graph, Loop, Op, Value};
use nopropdt_tensor::random::Stream;

const IMAGE_SHAPE: ImageShape = ImageShape { height: 8, width: 12, channels: 3 };

fn model(settings: Overrides) -> Model {
    let config = settings.with("precision", "f32").with("dataset", "npz:any").resolve(None).unwrap();
    let network = config.network(&IMAGE_SHAPE.sizes(), 4).unwrap();
    let weights = network.init(5);
    let names = ["a", "b", "c", "d"].map(str::to_owned);
    let metadata = ModelMetadata::new(&config, IMAGE_SHAPE, network.alpha_bar(&weights), &names);
    Model { metadata, network, weights }
}

fn method(name: &str, steps: usize) -> Overrides {
    Overrides::default().with("method", name).with("steps", steps)
}

fn loops(graph: &Graph) -> Vec<&Loop> {
    let loops = graph.nodes.iter().filter_map(|node| match &node.op {
        Op::Loop(repeated) => Some(&**repeated),
        _ => None,
    });
    loops.collect()
}

fn count(graph: &Graph, is: impl Fn(&Op) -> bool) -> usize {
    graph.nodes.iter().filter(|node| is(&node.op)).count()
}

fn names(graph: &Graph) -> Vec<&str> {
    graph.inputs.iter().map(|input| input.name.as_str()).collect()
}

#[test]
fn inputs_are_those_that_a_sampler_reads() {
    let inputs = |settings| names(&graph_of(&model(settings)).unwrap()).join(" ");
    assert_eq!(inputs(method("dt", 3)), "image z_0 noise");
    assert_eq!(inputs(method("dt", 3).with("sampler", "heun")), "image z_0");
    assert_eq!(inputs(method("backprop", 3)), "image z_0");
    assert_eq!(inputs(method("ct", 3)), "image z_0 noise");
    assert_eq!(inputs(method("fm", 3)), "image z_0");
    assert_eq!(inputs(method("adjoint", 3)), "image z_0");
}

#[test]
fn shapes_are_those_of_other_programs() {
    let graph = graph_of(&model(method("dt", 3))).unwrap();
    let shapes: Vec<&[usize]> = graph.inputs.iter().map(|input| &input.shape[1..]).collect();
    assert_eq!(shapes, [&[3, 8, 12][..], &[4], &[3, 4]]);
    let outputs: Vec<&str> = graph.outputs.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(outputs, [PROBABILITIES, CONSENSUS]);
}

/// Images come and go channels first; inside they are channels last, and nothing of that is left.
#[test]
fn layouts_cancel() {
    for block in ["paper", "reference", "residual"] {
        let graph = graph_of(&model(method("dt", 2).with("block", block))).unwrap();
        assert_eq!(count(&graph, |op| matches!(op, Op::Transpose(_))), 0, "{block}");
    }
}

/// Ten read-outs in a thousand steps: a loop up to each.
#[test]
fn many_steps_are_loops() {
    for name in ["ct", "fm", "adjoint"] {
        let graph = graph_of(&model(method(name, 100))).unwrap();
        let rounds: Vec<usize> = loops(&graph).iter().map(|repeated| repeated.rounds).collect();
        assert_eq!(rounds, [10; 10], "{name}");
        let unrolled = count(&graph_of(&model(method(name, 3))).unwrap(), |_| true);
        assert!(
            graph.nodes.len() < 2 * unrolled,
            "{name}: {} nodes, {unrolled} of three steps",
            graph.nodes.len()
        );
    }
}

#[test]
fn what_differs_from_round_to_round_is_known_by_its_row() {
    let graph = graph_of(&model(method("ct", 100))).unwrap();
    let all = loops(&graph);
    // Time, and the three coefficients of a step.
    let shapes: Vec<&[usize]> = all[3].of_rounds.iter().map(Tensor::shape).collect();
    assert_eq!(shapes, [&[10, 1, 64][..], &[10], &[10], &[10]]);
    let picked: Vec<usize> = all[3]
        .body
        .iter()
        .filter_map(|node| match node.op {
            Op::Pick { axis: 1, index } => Some(index),
            _ => None,
        })
        .collect();
    assert_eq!(picked, [30], "the noise of the loop's first step");
    let is_read = |place| all[3].body.iter().any(|node| node.inputs.contains(&Value::Round(place)));
    assert!((0..4).all(is_read));
}

#[test]
fn blocks_of_their_own_are_not_one_loop() {
    let graph = graph_of(&model(method("dt", 20).with("block", "reference"))).unwrap();
    assert_eq!(loops(&graph).len(), 0);
}

/// Every parameter that has a name is a tensor of the model file, whole, and all that the network reads is there.
#[test]
fn parameters_have_the_names_of_the_model_file() {
    let model = model(method("dt", 2).with("embedding", "learned").with("embedding-dim", 5));
    let graph = graph_of(&model).unwrap();
    let found: Vec<&str> = graph.constants.iter().filter_map(|constant| constant.name.as_deref()).collect();
    let wanted: usize = model.weights.sets().map(|set| set.entries().count()).sum();
    assert_eq!(found.len(), wanted, "{found:?}");
    for name in
        ["blocks.2.image.conv1.weight", "blocks.1.image.bn.running_var", "embedding.weight", "head.bias"]
    {
        assert!(found.contains(&name), "{name} in {found:?}");
    }
}

#[test]
fn normalisation_is_within() {
    let mut model = model(method("dt", 1));
    let plain = graph_of(&model).unwrap();
    let normalisation = Normalisation { mean: vec![0.1, 0.2, 0.3], deviation: vec![1.0, 2.0, 3.0] };
    model.metadata.normalisation = Some(normalisation);
    let normalised = graph_of(&model).unwrap();
    let is_done = |op: &Op| matches!(op, Op::Sub | Op::Div);
    assert_eq!((count(&plain, is_done), count(&normalised, is_done)), (0, 2));
    let shapes: Vec<&[usize]> = normalised.constants.iter().map(|constant| constant.value.shape()).collect();
    assert!(shapes.contains(&&[3, 1, 1][..]), "{shapes:?}");
}

/// A method that answers, and says nothing of a graph.
#[derive(Debug)]
struct Silent(Box<dyn Method>);

impl Method for Silent {
    fn facts(&self) -> Facts<'_> {
        Facts { name: "silent", ..self.0.facts() }
    }

    fn init(&self, seed: u64) -> Weights {
        self.0.init(seed)
    }

    fn step(&self, input: &StepInput<'_>) -> BlockStep {
        self.0.step(input)
    }

    fn features(&self, weights: &Weights, inputs: &Tensor) -> Features {
        self.0.features(weights, inputs)
    }

    fn sample(&self, weights: &Weights, features: &Features, noise: &dyn Fn(usize) -> Stream) -> Trace {
        self.0.sample(weights, features, noise)
    }
}

#[test]
fn a_method_that_says_nothing_of_a_graph_is_refused_by_its_name() {
    let mut model = model(method("dt", 1));
    model.network = Box::new(Silent(model.network));
    let error = graph_of(&model).unwrap_err().to_string();
    assert_eq!(error, "method silent: has no form in other programs' files (Method::answer_on)");
}

/// From the noise of an example, the methods answer what they do from the streams that it was drawn from.
#[test]
fn answers_from_given_noise_are_those_from_streams() {
    let plain = ["dt", "ct", "fm", "backprop", "adjoint", "committee"].map(|name| method(name, 3));
    for method in plain.into_iter().chain([method("dt", 3).with("test-flip", true)]) {
        let name = format!("{method:?}");
        let model = model(method);
        let (network, weights) = (model.network.as_ref(), &model.weights);
        let images = Tensor::filled_by(&[2, 8, 12, 3], |data| Stream::new(3).fill_uniform(data));
        let of_row = |row: usize| Stream::new(4).child(row as u64);
        let drawn = |shape: &[usize], first: u64, steps: usize| {
            Tensor::filled_by(shape, |data| {
                for (at, values) in data.chunks_exact_mut(4).enumerate() {
                    of_row(at / steps).child(first + (at % steps) as u64).fill_normal(values);
                }
            })
        };
        let mut on = Runner::given(drawn(&[2, 4], 0, 1), drawn(&[2, 3, 4], 1, 3));
        let given = network.answer_on(weights, &mut on, &images.clone().into()).unwrap().into_trace();
        let streamed = network.sample(weights, &network.features(weights, &images), &of_row);
        assert_eq!(given.head_logits, streamed.head_logits, "{name}");
        assert_eq!(given.block_logits, streamed.block_logits, "{name}");
    }
}

#[test]
fn a_file_is_its_weights_and_little_more() {
    let graph = graph_of(&model(method("dt", 1))).unwrap();
    let bytes = onnx::encoded(&graph, &[("class_names", "[]".into())]).unwrap();
    let weights: usize = graph.constants.iter().map(|constant| 4 * constant.value.len()).sum();
    assert!(bytes.len() > weights && bytes.len() < weights + 50_000, "{} of {weights}", bytes.len());
    assert_eq!(bytes[..2], [0x08, 0x08], "the version comes first");
}
