//! A graph as a Python file with the network in PyTorch, and its weights as safetensors.

use super::weights::{name_of, name_of_rounds, weights};
use nopropdt_tensor::graph::{Graph, Input, Loop, Node, Op, Value};
use std::fmt::Write;

/// What the Python file says of the network beside the graph.
#[derive(Debug, Clone)]
pub struct About<'a> {
    /// Name of the method, for people.
    pub method: &'a str,
    /// Class names, label k the k-th.
    pub class_names: &'a [String],
    /// Name of the file with the weights, which lies beside the Python file.
    pub weights: &'a str,
    /// Which of the outputs is the answer.
    pub answer: &'a str,
}

/// The Python file and the file of weights.
pub fn written(graph: &Graph, about: &About<'_>) -> (String, Vec<u8>) {
    (python(graph, about), weights(graph))
}

/// Longest expression that becomes part of another.
const LONGEST: usize = 80;

fn python(graph: &Graph, about: &About<'_>) -> String {
    let given: Vec<&Input> = graph.inputs.iter().collect();
    let (first, drawn) = given.split_first().expect("a network has an input");
    let mut text = head(first, drawn, about);
    let parameters: String = drawn.iter().map(|input| format!(", {}=None", input.name)).collect();
    line(&mut text, 1, &format!("def forward(self, {}{parameters}):", first.name));
    line(&mut text, 2, "w = lambda name: getattr(self, name.replace(\".\", \"__\"))");
    line(&mut text, 2, &format!("rows = {}.shape[0]", first.name));
    for input in drawn {
        let rest: Vec<String> = input.shape[1..].iter().map(usize::to_string).collect();
        let fresh = format!("torch.randn(rows, {}, device={}.device)", rest.join(", "), first.name);
        line(&mut text, 2, &format!("{0} = {fresh} if {0} is None else {0}", input.name));
    }
    let outputs: Vec<Value> = graph.outputs.iter().map(|(_, value)| *value).collect();
    let mut scope = Scope::new(graph, "", 2);
    scope.nodes(&mut text, &graph.nodes, &outputs);
    let results: Vec<String> = outputs.iter().map(|&value| scope.text(value)).collect();
    line(&mut text, 2, &format!("return {}", results.join(", ")));
    text
}

/// All before the network's way from inputs to answers.
fn head(first: &Input, drawn: &[&Input], about: &About<'_>) -> String {
    let About { method, class_names, weights, answer } = about;
    let sizes: Vec<String> = first.shape[1..].iter().map(usize::to_string).collect();
    let (name, sizes, classes) = (&first.name, sizes.join(", "), class_names.len());
    let of_noise: Vec<String> = drawn.iter().map(|input| input.name.clone()).collect();
    let quoted: Vec<String> = class_names.iter().map(|name| quoted(name)).collect();
    format!(
        r#""""{method} on inputs [batch, {sizes}], {classes} classes, written by nopropdt {version}.

    network = Network()
    probabilities, consensus = network({name})  # {name} [batch, {sizes}], float32 in 0..1

The answer is read from {answer}: CLASS_NAMES[{answer}[0].argmax()].
{noise} are standard normal values, drawn where they are left out.
Needs torch and safetensors, and the file of weights that was written beside this one.
"""

from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file

CLASS_NAMES = [{quoted}]


class Network(torch.nn.Module):
    def __init__(self, weights=Path(__file__).parent / {weights_quoted}):
        super().__init__()
        for name, tensor in load_file(weights).items():
            self.register_buffer(name.replace(".", "__"), tensor)

"#,
        version = env!("CARGO_PKG_VERSION"),
        noise = of_noise.join(" and "),
        quoted = quoted.join(", "),
        weights_quoted = self::quoted(weights),
    )
}

/// A Python string of any text: JSON's escapes are Python's too.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn line(text: &mut String, depth: usize, code: &str) {
    writeln!(text, "{}{code}", "    ".repeat(depth)).expect("a string takes all");
}

/// Expressions for the values of a graph, or of a loop's body.
struct Scope<'g> {
    graph: &'g Graph,
    /// What names begin with.
    prefix: String,
    depth: usize,
    /// Of each node its name, or the expression that it stands for.
    nodes: Vec<String>,
    /// Names of the nodes outside.
    outer: Vec<String>,
    /// Names of what is carried.
    carried: Vec<String>,
    /// Names of what is known of each round.
    rounds: Vec<String>,
}

impl<'g> Scope<'g> {
    fn new(graph: &'g Graph, prefix: &str, depth: usize) -> Self {
        let empty = Vec::new;
        let prefix = prefix.to_owned();
        Self { graph, prefix, depth, nodes: empty(), outer: empty(), carried: empty(), rounds: empty() }
    }

    fn text(&self, value: Value) -> String {
        match value {
            Value::Input(index) => self.graph.inputs[index].name.clone(),
            Value::Constant(index) => {
                let constant = &self.graph.constants[index];
                match constant.value.shape() {
                    [] => format!("{:?}", constant.value.item()),
                    _ => format!("w({})", quoted(&name_of(index, constant))),
                }
            }
            Value::Node(index) => self.nodes[index].clone(),
            Value::Outer(index) => self.outer[index].clone(),
            Value::Carried(index) => self.carried[index].clone(),
            Value::Round(index) => self.rounds[index].clone(),
        }
    }

    /// Writes the nodes. One that is read once, by the next that is written, becomes part of that.
    fn nodes(&mut self, text: &mut String, nodes: &[Node], results: &[Value]) {
        let mut uses = vec![0; nodes.len()];
        let reads = nodes.iter().flat_map(Node::reads).chain(results.iter().copied());
        for value in reads {
            if let Value::Node(index) = value {
                uses[index] += 1;
            }
        }
        for node in nodes {
            let index = self.nodes.len();
            let name = format!("{}x{index}", self.prefix);
            if let Op::Loop(repeated) = &node.op {
                self.repeat(text, index, repeated, &node.inputs);
                self.nodes.push(format!("loop{index}_0"));
                continue;
            }
            let expression = self.expression(node);
            let is_read_by_a_loop = self.prefix.is_empty() && self.is_outer(nodes, index);
            let stands_for = matches!(node.op, Op::Result(_))
                || (uses[index] == 1 && expression.len() <= LONGEST && !is_read_by_a_loop);
            if stands_for {
                self.nodes.push(expression);
            } else {
                line(text, self.depth, &format!("{name} = {}", without_brackets(&expression)));
                self.nodes.push(name);
            }
        }
    }

    /// Whether a loop reads the node: it would be computed anew in every round.
    fn is_outer(&self, nodes: &[Node], index: usize) -> bool {
        let loops = nodes.iter().filter(|node| matches!(node.op, Op::Loop(_)));
        loops.flat_map(Node::reads).any(|value| value == Value::Node(index))
    }

    fn repeat(&self, text: &mut String, index: usize, repeated: &Loop, initial: &[Value]) {
        let Loop { rounds, of_rounds, body, results } = repeated;
        let carried: Vec<String> = (0..results.len()).map(|place| format!("loop{index}_{place}")).collect();
        for (name, value) in carried.iter().zip(initial) {
            line(text, self.depth, &format!("{name} = {}", self.text(*value)));
        }
        let round = format!("round{index}");
        line(text, self.depth, &format!("for {round} in range({rounds}):"));
        let known = (0..of_rounds.len()).map(|place| {
            let name = name_of_rounds(index, place);
            format!("w({})[{round}]", quoted(&name))
        });
        let mut inner = Scope {
            outer: self.nodes.clone(),
            carried: carried.clone(),
            rounds: known.collect(),
            ..Scope::new(self.graph, &format!("loop{index}_"), self.depth + 1)
        };
        inner.nodes(text, body, results);
        let left: Vec<String> = results.iter().map(|&value| inner.text(value)).collect();
        line(text, self.depth + 1, &format!("{} = {}", carried.join(", "), left.join(", ")));
    }

    fn expression(&self, node: &Node) -> String {
        let inputs: Vec<String> = node.inputs.iter().map(|&input| self.text(input)).collect();
        let x = inputs.first().cloned().unwrap_or_default();
        let all = inputs.join(", ");
        let between = |sign: &str| format!("({})", inputs.join(sign));
        let list = |values: &[usize]| values.iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
        match &node.op {
            Op::Add => between(" + "),
            Op::Sub => between(" - "),
            Op::Mul => between(" * "),
            Op::Div => between(" / "),
            Op::MatMul => between(" @ "),
            Op::Sqrt => format!("torch.sqrt({x})"),
            Op::Erf => format!("torch.erf({x})"),
            Op::Relu => format!("torch.relu({x})"),
            Op::Sigmoid => format!("torch.sigmoid({x})"),
            Op::Tanh => format!("torch.tanh({x})"),
            Op::Softmax => format!("torch.softmax({x}, -1)"),
            Op::Linear => format!("F.linear({all})"),
            Op::BatchNorm { epsilon } => {
                let [x, weight, bias, mean, variance] = &inputs[..] else {
                    unreachable!("it has five inputs")
                };
                format!("F.batch_norm({x}, {mean}, {variance}, {weight}, {bias}, eps={epsilon:?})")
            }
            Op::LayerNorm { epsilon } => {
                let width = node.shape.last().copied().unwrap_or_default();
                format!("F.layer_norm({x}, ({width},), {}, eps={epsilon:?})", inputs[1..].join(", "))
            }
            Op::Conv { stride, padding } => {
                format!("F.conv2d({all}, stride=({}), padding=({}))", list(stride), list(padding))
            }
            Op::MaxPool(at) | Op::AveragePool(at) => {
                let name = if matches!(node.op, Op::MaxPool(_)) { "max" } else { "avg" };
                let [size, stride, padding] = [at.size, at.stride, at.padding].map(|pair| list(&pair));
                format!("F.{name}_pool2d({x}, ({size}), ({stride}), ({padding}))")
            }
            Op::Transpose(axes) => format!("{x}.permute({})", list(axes)),
            Op::Reshape { before, behind } => {
                let lengths = |axes: &[usize]| axes.iter().map(usize::to_string).collect::<Vec<_>>();
                let shape = [lengths(before), vec!["-1".into()], lengths(behind)].concat();
                format!("{x}.reshape({})", shape.join(", "))
            }
            Op::Concat { axis } => format!("torch.cat([{all}], {axis})"),
            Op::Slice { axis, start, end } => format!("{x}[{}{start}:{end}]", ":, ".repeat(*axis)),
            Op::Flip { axis } => format!("{x}.flip({axis})"),
            Op::Pick { axis, index } => match self.prefix.strip_prefix("loop") {
                Some(of) => {
                    let of = of.trim_end_matches('_');
                    format!("{x}.select({axis}, {index} + round{of})")
                }
                None => format!("{x}.select({axis}, {index})"),
            },
            Op::Rows(rows) => format!("{x}[[{}]]", list(rows)),
            Op::RepeatRow => format!("{x}.expand(rows{})", ", -1".repeat(node.shape.len() - 1)),
            Op::ReduceSum { axis } => format!("{x}.sum({axis})"),
            Op::ReduceMean { axis } => format!("{x}.mean({axis})"),
            Op::Result(result) => {
                let Value::Node(of) = node.inputs[0] else { unreachable!("a result is that of a loop") };
                format!("loop{of}_{result}")
            }
            other => unreachable!("a graph that was traced has no {other:?}"),
        }
    }
}

/// An expression that stands alone needs no brackets around it.
fn without_brackets(expression: &str) -> &str {
    let Some(inner) = expression.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) else {
        return expression;
    };
    // The first bracket must be closed by the last one.
    let mut depth = 0;
    let closes_early = inner.chars().any(|c| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        depth < 0
    });
    if closes_early { expression } else { inner }
}
