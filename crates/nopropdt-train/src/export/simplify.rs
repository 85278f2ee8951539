//! Layouts that cancel, and what nobody reads.
//!
//! Inside, images are [B, H, W, C]; a graph has them [B, C, H, W], and an operation says so on its way in and out.

use nopropdt_tensor::graph::{Graph, Node, Op, Value};
use std::collections::HashSet;

/// The same graph without layouts that cancel, and without what no output depends on.
pub(super) fn simplified(mut graph: Graph) -> Graph {
    for node in &mut graph.nodes {
        if let Op::Loop(repeated) = &mut node.op {
            let (body, places) = rewritten(std::mem::take(&mut repeated.body));
            let results: Vec<Value> = repeated.results.iter().map(|&value| moved(value, &places)).collect();
            (repeated.body, repeated.results) = kept(body, results);
        }
    }
    let (nodes, places) = rewritten(std::mem::take(&mut graph.nodes));
    let values = graph.outputs.iter().map(|(_, value)| moved(*value, &places)).collect();
    let (nodes, values) = kept(nodes, values);
    graph.nodes = nodes;
    graph.outputs.iter_mut().zip(values).for_each(|((_, output), value)| *output = value);
    without_unread(graph)
}

fn moved(value: Value, places: &[Value]) -> Value {
    match value {
        Value::Node(index) => places[index],
        value => value,
    }
}

/// What is read of outside by a loop's body, moved too.
fn moved_node(mut node: Node, places: &[Value]) -> Node {
    node.inputs.iter_mut().for_each(|input| *input = moved(*input, places));
    if let Op::Loop(repeated) = &mut node.op {
        let inner = repeated.body.iter_mut().flat_map(|node| node.inputs.iter_mut());
        for value in inner.chain(&mut repeated.results) {
            if let Value::Outer(index) = *value {
                *value = match places[index] {
                    Value::Node(index) => Value::Outer(index),
                    value => value,
                };
            }
        }
    }
    node
}

/// The nodes rewritten, and what each of them is now.
fn rewritten(nodes: Vec<Node>) -> (Vec<Node>, Vec<Value>) {
    let mut list = List(Vec::with_capacity(nodes.len()));
    let mut places = Vec::with_capacity(nodes.len());
    for node in nodes {
        let place = list.add(moved_node(node, &places));
        places.push(place);
    }
    (list.0, places)
}

/// Nodes to be, none of which only undoes another.
struct List(Vec<Node>);

impl List {
    fn push(&mut self, node: Node) -> Value {
        self.0.push(node);
        Value::Node(self.0.len() - 1)
    }

    /// The node that makes a value, if it is one of these.
    fn maker(&self, value: Value) -> Option<&Node> {
        match value {
            Value::Node(index) => Some(&self.0[index]),
            _ => None,
        }
    }

    fn add(&mut self, node: Node) -> Value {
        let maker = node.inputs.first().and_then(|&input| self.maker(input)).cloned();
        match (&node.op, maker) {
            (Op::Transpose(axes), _) if axes.iter().copied().eq(0..axes.len()) => node.inputs[0],
            (Op::Transpose(axes), Some(Node { op: Op::Transpose(inner), inputs, .. })) => {
                let axes = axes.iter().map(|&axis| inner[axis]).collect();
                self.add(Node { op: Op::Transpose(axes), inputs, ..node })
            }
            (Op::Transpose(axes), Some(Node { op: Op::Reshape { before, behind }, inputs, .. }))
                if *axes == [0, 2, 1] && before.is_empty() =>
            {
                match self.flattened(&behind, inputs[0]) {
                    Some((images, rest)) => {
                        self.add(Node { op: Op::reshape(rest), inputs: vec![images], ..node })
                    }
                    None => self.push(node),
                }
            }
            (Op::Reshape { .. }, Some(Node { op: Op::Reshape { .. }, inputs, .. })) => {
                self.add(Node { inputs, ..node })
            }
            (Op::Add | Op::Relu | Op::Tanh | Op::Sigmoid, Some(Node { op: Op::Transpose(axes), .. })) => {
                self.below(node, axes)
            }
            _ => self.push(node),
        }
    }

    /// Where pixels and channels of [B, pixels, channels] are those of images that had the channels first: these images, and how they
    /// become [B, channels, pixels].
    fn flattened(&self, rest: &[usize], images: Value) -> Option<(Value, Vec<usize>)> {
        let maker = self.maker(images)?;
        let ([pixels, channels], [_, height, width, last]) = (rest, &maker.shape[..]) else { return None };
        let is_last = maker.op == Op::Transpose(vec![0, 2, 3, 1]);
        let fits = is_last && pixels == &(height * width) && channels == last;
        fits.then(|| (maker.inputs[0], vec![*channels, *pixels]))
    }

    /// An operation on each value, all inputs of which have their axes in the same new order: done in the old order.
    fn below(&mut self, node: Node, axes: Vec<usize>) -> Value {
        let below = |&input: &Value| match self.maker(input)? {
            Node { op: Op::Transpose(others), inputs, .. } if *others == axes => Some(inputs[0]),
            _ => None,
        };
        let Some(inputs) = node.inputs.iter().map(below).collect::<Option<Vec<Value>>>() else {
            return self.push(node);
        };
        let mut shape = node.shape.clone();
        axes.iter().zip(&node.shape).for_each(|(&axis, &length)| shape[axis] = length);
        let done = self.push(Node { op: node.op, inputs, shape, from: node.from });
        self.add(Node { op: Op::Transpose(axes), inputs: vec![done], shape: node.shape, from: node.from })
    }
}

/// The nodes that `values` depend on, and these values.
fn kept(nodes: Vec<Node>, values: Vec<Value>) -> (Vec<Node>, Vec<Value>) {
    let mut needed = vec![false; nodes.len()];
    let ask = |value: Value, needed: &mut [bool]| {
        if let Value::Node(index) = value {
            needed[index] = true;
        }
    };
    values.iter().for_each(|&value| ask(value, &mut needed));
    for index in (0..nodes.len()).rev() {
        if needed[index] {
            nodes[index].reads().into_iter().for_each(|value| ask(value, &mut needed));
        }
    }
    let (mut left, mut places) = (Vec::new(), Vec::with_capacity(nodes.len()));
    for (node, needed) in nodes.into_iter().zip(needed) {
        // The place of a node that nobody reads is never asked for.
        places.push(Value::Node(left.len()));
        if needed {
            left.push(moved_node(node, &places));
        }
    }
    let values = values.into_iter().map(|value| moved(value, &places)).collect();
    (left, values)
}

/// The graph without constants and inputs that are not read; the first input stays, since its rows are the batch.
fn without_unread(mut graph: Graph) -> Graph {
    let of_bodies = graph.nodes.iter().filter_map(|node| match &node.op {
        Op::Loop(repeated) => Some(repeated.body.iter().flat_map(|node| node.inputs.iter().copied())),
        _ => None,
    });
    let reads = of_bodies.flatten().chain(graph.nodes.iter().flat_map(Node::reads));
    let outputs = graph.outputs.iter().map(|(_, value)| *value);
    let read: HashSet<Value> = reads.chain(outputs).chain([Value::Input(0)]).collect();
    let inputs = renumbered(&mut graph.inputs, |index| read.contains(&Value::Input(index)));
    let constants = renumbered(&mut graph.constants, |index| read.contains(&Value::Constant(index)));
    let place = |value: &mut Value| match value {
        Value::Input(index) => *index = inputs[*index],
        Value::Constant(index) => *index = constants[*index],
        _ => {}
    };
    for node in &mut graph.nodes {
        node.inputs.iter_mut().for_each(place);
        if let Op::Loop(repeated) = &mut node.op {
            repeated.body.iter_mut().flat_map(|node| &mut node.inputs).for_each(place);
            repeated.results.iter_mut().for_each(place);
        }
    }
    graph.outputs.iter_mut().for_each(|(_, value)| place(value));
    graph
}

/// Drops what is not kept; the new place of each, which says nothing of what is dropped.
fn renumbered<T>(values: &mut Vec<T>, kept: impl Fn(usize) -> bool) -> Vec<usize> {
    let mut places = Vec::with_capacity(values.len());
    let mut left = 0;
    for index in 0..values.len() {
        places.push(left);
        left += usize::from(kept(index));
    }
    let mut index = 0..;
    values.retain(|_| kept(index.next().expect("numbers do not end")));
    places
}
