//! How a graph is put together.

use super::{Constant, Graph, GraphError, Input, Node, Op, Step, Value};
use crate::tensor::Tensor;

/// A graph that grows, node by node.
#[derive(Debug, Clone, Default)]
pub struct GraphBuilder {
    graph: Graph,
    /// Name of the tape's operation whose nodes come next.
    pub(crate) from: &'static str,
}

impl GraphBuilder {
    /// An empty graph.
    pub fn new() -> Self {
        Self::default()
    }

    /// An input of this shape, the first axis of which is the batch.
    pub fn input(&mut self, name: &str, shape: &[usize]) -> Value {
        self.graph.inputs.push(Input { name: name.to_owned(), shape: shape.to_vec() });
        Value::Input(self.graph.inputs.len() - 1)
    }

    /// Known values.
    pub fn constant(&mut self, value: Tensor) -> Value {
        self.add_constant(None, value)
    }

    /// Known values under a name, which is to be that of no others.
    pub fn named(&mut self, name: String, value: Tensor) -> Value {
        self.add_constant(Some(name), value)
    }

    fn add_constant(&mut self, name: Option<String>, value: Tensor) -> Value {
        self.graph.constants.push(Constant { name, value });
        Value::Constant(self.graph.constants.len() - 1)
    }

    /// A known number, of no axis.
    pub fn scalar(&mut self, value: f32) -> Value {
        self.constant(Tensor::filled_by(&[], |data| data[0] = value))
    }

    /// An operation on values.
    ///
    /// # Panics
    /// When their shapes do not fit it.
    pub fn op(&mut self, op: Op, inputs: &[Value]) -> Value {
        let shapes: Vec<&[usize]> = inputs.iter().map(|&input| self.graph.shape(input)).collect();
        let Some(shape) = op.shape(&shapes) else {
            panic!("graph: {}: {op:?} does not fit shapes {shapes:?}", self.from)
        };
        self.push(Node { op, inputs: inputs.to_vec(), shape, from: self.from })
    }

    /// Images [B, H, W, C] as [B, C, H, W].
    ///
    /// # Panics
    /// When the value has other than four axes.
    pub fn channels_first(&mut self, images: Value) -> Value {
        self.op(Op::Transpose(vec![0, 3, 1, 2]), &[images])
    }

    /// Images [B, C, H, W] as [B, H, W, C].
    ///
    /// # Panics
    /// When the value has other than four axes.
    pub fn channels_last(&mut self, images: Value) -> Value {
        self.op(Op::Transpose(vec![0, 2, 3, 1]), &[images])
    }

    /// An operation without a form, whose output has this shape.
    pub(crate) fn opaque(&mut self, shape: &[usize]) -> Value {
        self.push(Node { op: Op::Opaque, inputs: Vec::new(), shape: shape.to_vec(), from: self.from })
    }

    fn push(&mut self, node: Node) -> Value {
        self.graph.nodes.push(node);
        Value::Node(self.graph.nodes.len() - 1)
    }

    /// The shape of a value.
    pub fn shape(&self, value: Value) -> &[usize] {
        self.graph.shape(value)
    }

    /// A step of a repeated computation begins here, from `carried`; or the last one ends.
    pub fn step(&mut self, carried: Value) {
        self.graph.steps.push(Step { node: self.graph.nodes.len(), carried });
    }

    /// The graph with these outputs.
    ///
    /// # Errors
    /// [`GraphError::NoForm`] when an output depends on an operation that has none.
    pub fn finish(self, outputs: Vec<(String, Value)>) -> Result<Graph, GraphError> {
        let graph = Graph { outputs, ..self.graph };
        let needed = graph.needed();
        let mut nodes = graph.nodes.iter().zip(needed);
        match nodes.find(|(node, is_needed)| *is_needed && node.op == Op::Opaque) {
            Some((node, _)) => Err(GraphError::NoForm { operation: node.from }),
            None => Ok(graph),
        }
    }
}

impl Graph {
    /// The shape of a value, at the number of rows that the graph was traced with.
    ///
    /// # Panics
    /// When it is a value of a loop's body.
    pub fn shape(&self, value: Value) -> &[usize] {
        match value {
            Value::Input(index) => &self.inputs[index].shape,
            Value::Constant(index) => self.constants[index].value.shape(),
            Value::Node(index) => &self.nodes[index].shape,
            Value::Outer(_) | Value::Carried(_) | Value::Round(_) => {
                panic!("graph: {value:?} is a value of a loop's body")
            }
        }
    }

    /// Which nodes the outputs depend on.
    pub fn needed(&self) -> Vec<bool> {
        let mut needed = vec![false; self.nodes.len()];
        let ask = |value: Value, needed: &mut [bool]| {
            if let Value::Node(index) = value {
                needed[index] = true;
            }
        };
        self.outputs.iter().for_each(|(_, value)| ask(*value, &mut needed));
        for index in (0..self.nodes.len()).rev() {
            if needed[index] {
                self.nodes[index].reads().into_iter().for_each(|value| ask(value, &mut needed));
            }
        }
        needed
    }
}

impl Node {
    /// All that it reads of the graph: its inputs and, of a loop, what its body reads from outside.
    pub fn reads(&self) -> Vec<Value> {
        let mut reads = self.inputs.clone();
        if let Op::Loop(repeated) = &self.op {
            let of_body = repeated.body.iter().flat_map(|node| node.inputs.iter().copied());
            reads.extend(of_body.chain(repeated.results.iter().copied()).filter_map(|value| match value {
                Value::Outer(index) => Some(Value::Node(index)),
                Value::Input(_) | Value::Constant(_) => Some(value),
                Value::Node(_) | Value::Carried(_) | Value::Round(_) => None,
            }));
        }
        reads
    }
}
