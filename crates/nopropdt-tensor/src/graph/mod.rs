//! A computation in neutral terms, for programs that know nothing of tapes: what [`Tape::tracing`](crate::Tape::tracing) writes down.
//!
//! Its operations are those that ONNX and PyTorch have in common, so that a writer of either format is a table. Images are [B, C, H, W]
//! here, as they are there. The first axis of an input is the batch: traced with one number of rows, and free in
//! [`with_free_rows`](Graph::with_free_rows).

mod builder;
mod error;
mod op;
mod rows;

pub use builder::GraphBuilder;
pub use error::GraphError;
pub use op::{Loop, Op};

use crate::tensor::Tensor;

/// A computation: inputs and constants through nodes, in their order, to outputs.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Graph {
    /// What is given.
    pub inputs: Vec<Input>,
    /// What is known.
    pub constants: Vec<Constant>,
    /// What is computed: a node reads those before it alone.
    pub nodes: Vec<Node>,
    /// What is asked for, by name.
    pub outputs: Vec<(String, Value)>,
    /// Where each step of a repeated computation begins, the last mark at its end.
    pub steps: Vec<Step>,
}

/// An input.
#[derive(Debug, Clone, PartialEq)]
pub struct Input {
    /// Its name.
    pub name: String,
    /// Its shape; the first axis is the batch.
    pub shape: Vec<usize>,
}

/// Known values.
#[derive(Debug, Clone, PartialEq)]
pub struct Constant {
    /// The name of a parameter, which is in PyTorch's layout; none of what has no name.
    pub name: Option<String>,
    /// The values.
    pub value: Tensor,
}

/// An operation on values.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// What it does.
    pub op: Op,
    /// What it reads.
    pub inputs: Vec<Value>,
    /// Shape of its output.
    pub shape: Vec<usize>,
    /// Name of the tape's operation that it is of.
    pub from: &'static str,
}

/// The beginning of a step: so many nodes stand before it, and it begins from this value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Nodes before it.
    pub node: usize,
    /// What is carried from step to step.
    pub carried: Value,
}

/// Something that a node can read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Value {
    /// An input of the graph.
    Input(usize),
    /// A constant of the graph.
    Constant(usize),
    /// The output of a node: in a loop's body, one of the body.
    Node(usize),
    /// In a loop's body: a node outside of it.
    Outer(usize),
    /// In a loop's body: what the round before left, or what the loop began from.
    Carried(usize),
    /// In a loop's body: the row of this round of [`Loop::of_rounds`].
    Round(usize),
}
