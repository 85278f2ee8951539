//! Steps that do the same become a loop.

use nopropdt_tensor::Tensor;
use nopropdt_tensor::graph::{Constant, Graph, Loop, Node, Op, Value};
use std::collections::HashMap;
use std::ops::Range;

/// The graph with a loop in place of `least` or more steps in a row that do the same and differ in known values alone.
///
/// A loop ends where something of its last step, other than what the step carries on, is read later.
pub(super) fn folded(graph: Graph, least: usize) -> Graph {
    let steps = Steps::of(&graph);
    let mut folding =
        Folding { graph: &graph, steps: &steps, new: Vec::new(), added: Vec::new(), places: Vec::new() };
    let mut step = 0;
    folding.copy(0..steps.start(0));
    while step < steps.count() {
        let run = steps.run_from(step);
        let whole = (run.len() >= least).then(|| folding.repeat(run.clone())).flatten();
        match whole {
            Some(()) => step = run.end,
            None => {
                // Copied whole: from its middle on, it would be looked through again and again.
                let nodes = steps.start(run.start)..steps.start(run.end);
                folding.copy(nodes);
                step = run.end;
            }
        }
    }
    folding.copy(steps.start(steps.count())..graph.nodes.len());
    let Folding { new, added, places, .. } = folding;
    let outputs =
        graph.outputs.iter().map(|(name, value)| (name.clone(), renamed(*value, &places))).collect();
    let constants = [graph.constants.clone(), added].concat();
    Graph { nodes: new, constants, outputs, steps: Vec::new(), inputs: graph.inputs.clone() }
}

fn renamed(value: Value, places: &[Option<Value>]) -> Value {
    match value {
        Value::Node(index) => places[index].expect("a loop gives all that is read of its steps"),
        value => value,
    }
}

/// The marked steps of a graph.
struct Steps<'g> {
    graph: &'g Graph,
    /// Of each step what is read of it when it is over, beside what it carries on: nodes, or what it began from.
    left: Vec<Vec<Value>>,
    /// The step, but for the first, that begins from a value.
    carriers: HashMap<Value, usize>,
}

impl<'g> Steps<'g> {
    fn of(graph: &'g Graph) -> Self {
        let count = graph.steps.len().saturating_sub(1);
        let carriers = (1..count).rev().map(|step| (graph.steps[step].carried, step)).collect();
        let mut steps = Self { graph, left: vec![Vec::new(); count], carriers };
        for reader in 0..graph.nodes.len() {
            for value in graph.nodes[reader].reads() {
                steps.note(value, Some(reader));
            }
        }
        for (_, value) in &graph.outputs {
            steps.note(*value, None);
        }
        steps
    }

    /// Notes that `value` is read by this node, or by an output.
    fn note(&mut self, value: Value, reader: Option<usize>) {
        let reader = reader.and_then(|reader| self.holding(reader));
        // What a step carries on is at hand in the next, as what that began from.
        let carrier = self.carriers.get(&value).copied();
        let maker = match value {
            Value::Node(index) => self.holding(index),
            _ => None,
        };
        let Some(maker) = maker else { return };
        if reader == Some(maker) || (carrier.is_some() && reader == carrier) {
            return;
        }
        let is_last = self.graph.steps.last().is_some_and(|last| last.carried == value);
        let holder = match carrier {
            Some(carrier) => carrier,
            None if is_last => return,
            None => maker,
        };
        if !self.left[holder].contains(&value) {
            self.left[holder].push(value);
        }
    }

    /// The step that a node is of.
    fn holding(&self, node: usize) -> Option<usize> {
        let after = self.graph.steps.partition_point(|step| step.node <= node);
        (after > 0 && after <= self.count()).then(|| after - 1)
    }

    fn count(&self) -> usize {
        self.left.len()
    }

    /// The first node of a step, or the one behind the last.
    fn start(&self, step: usize) -> usize {
        self.graph.steps.get(step).map_or(self.graph.nodes.len(), |step| step.node)
    }

    fn nodes(&self, step: usize) -> Range<usize> {
        self.start(step)..self.start(step + 1)
    }

    /// The steps from this one on that do the same, up to the first that leaves something behind.
    fn run_from(&self, first: usize) -> Range<usize> {
        let mut end = first + 1;
        while end < self.count() && self.left[end - 1].is_empty() && self.same(first, end) {
            end += 1;
        }
        first..end
    }

    /// Whether two steps do the same.
    fn same(&self, one: usize, other: usize) -> bool {
        let (a, b) = (self.nodes(one), self.nodes(other));
        let carried = |step: usize| self.seen(self.graph.steps[step + 1].carried, step);
        a.len() == b.len()
            && carried(one) == carried(other)
            && a.zip(b).all(|(a, b)| self.same_nodes((one, a), (other, b)))
    }

    fn same_nodes(&self, (one, a): (usize, usize), (other, b): (usize, usize)) -> bool {
        let (a, b) = (&self.graph.nodes[a], &self.graph.nodes[b]);
        let same_op = match (&a.op, &b.op) {
            (Op::Pick { axis, index }, Op::Pick { axis: along, index: place }) => {
                axis == along && *place == index + (other - one)
            }
            (a, b) => a == b,
        };
        let same = |(a, b): (&Value, &Value)| match (a, b) {
            (Value::Constant(a), Value::Constant(b)) => {
                let (a, b) = (&self.graph.constants[*a], &self.graph.constants[*b]);
                a.name == b.name && a.value.shape() == b.value.shape()
            }
            (a, b) => {
                let (a, b) = (self.seen(*a, one), self.seen(*b, other));
                a == b && !matches!(a, Value::Outer(index) if index >= self.start(0))
            }
        };
        same_op
            && a.shape == b.shape
            && a.inputs.len() == b.inputs.len()
            && a.inputs.iter().zip(&b.inputs).all(same)
    }

    /// A value as the body of a loop of this step would name it.
    fn seen(&self, value: Value, step: usize) -> Value {
        let nodes = self.nodes(step);
        match value {
            value if value == self.graph.steps[step].carried => Value::Carried(0),
            Value::Node(index) if nodes.contains(&index) => Value::Node(index - nodes.start),
            Value::Node(index) => Value::Outer(index),
            value => value,
        }
    }
}

/// A graph that is written anew, with loops.
struct Folding<'g> {
    graph: &'g Graph,
    steps: &'g Steps<'g>,
    new: Vec<Node>,
    /// Constants beside those of the graph.
    added: Vec<Constant>,
    /// What each node of the graph is in the new one; none of what is within a loop.
    places: Vec<Option<Value>>,
}

impl Folding<'_> {
    fn copy(&mut self, nodes: Range<usize>) {
        for node in &self.graph.nodes[nodes] {
            let inputs = node.inputs.iter().map(|&input| renamed(input, &self.places)).collect();
            let place = self.push(Node { inputs, ..node.clone() });
            self.places.push(Some(place));
        }
    }

    fn push(&mut self, node: Node) -> Value {
        self.new.push(node);
        Value::Node(self.new.len() - 1)
    }

    /// Puts a loop in the place of these steps; none where something that is left behind has no rows.
    fn repeat(&mut self, run: Range<usize>) -> Option<()> {
        let (graph, steps, last) = (self.graph, self.steps, run.end - 1);
        let rows = *graph.inputs.first()?.shape.first()?;
        let left = &steps.left[last];
        if left.iter().any(|&value| graph.shape(value).first() != Some(&rows)) {
            return None;
        }
        let mut of_rounds = Vec::new();
        let body = steps.nodes(run.start).enumerate().map(|(offset, index)| {
            let node = &graph.nodes[index];
            let inputs = (0..node.inputs.len()).map(|place| self.seen(&run, (offset, place), &mut of_rounds));
            Node { inputs: inputs.collect(), ..node.clone() }
        });
        let body: Vec<Node> = body.collect();
        let carried = graph.steps[run.end].carried;
        let results: Vec<Value> =
            [carried].iter().chain(left).map(|&value| steps.seen(value, last)).collect();
        let mut inputs = vec![renamed(graph.steps[run.start].carried, &self.places)];
        for &value in left {
            inputs.push(self.zeros(graph.shape(value)));
        }
        let repeated = Loop { rounds: run.len(), of_rounds, body, results };
        let (shape, from) = (graph.shape(carried).to_vec(), "loop");
        let place = self.push(Node { op: Op::Loop(Box::new(repeated)), inputs, shape, from });
        self.places.resize(steps.start(run.end), None);
        self.give(carried, place);
        for (index, &value) in left.iter().enumerate() {
            let shape = graph.shape(value).to_vec();
            let op = Op::Result(index + 1);
            let result = self.push(Node { op, inputs: vec![place], shape, from });
            self.give(value, result);
        }
        Some(())
    }

    /// Says where a node of the graph is to be found.
    fn give(&mut self, value: Value, place: Value) {
        if let Value::Node(index) = value {
            self.places[index] = Some(place);
        }
    }

    /// Zeros for what a loop has not yet left.
    fn zeros(&mut self, shape: &[usize]) -> Value {
        let row = [&[1], &shape[1..]].concat();
        self.added.push(Constant { name: None, value: Tensor::zeros(&row) });
        let zeros = Value::Constant(self.graph.constants.len() + self.added.len() - 1);
        let inputs = vec![zeros, Value::Input(0)];
        self.push(Node { op: Op::RepeatRow, inputs, shape: shape.to_vec(), from: "loop" })
    }

    /// An input of a node of the steps as the body of their loop names it. A known value that differs from step to step is added to
    /// `of_rounds`.
    fn seen(
        &self,
        run: &Range<usize>,
        (offset, place): (usize, usize),
        of_rounds: &mut Vec<Tensor>,
    ) -> Value {
        let (graph, steps) = (self.graph, self.steps);
        let input = |step: usize| graph.nodes[steps.start(step) + offset].inputs[place];
        let first = input(run.start);
        if !matches!(first, Value::Constant(_)) {
            return match steps.seen(first, run.start) {
                Value::Outer(index) => match renamed(Value::Node(index), &self.places) {
                    Value::Node(index) => Value::Outer(index),
                    value => value,
                },
                value => value,
            };
        }
        let values = run.clone().map(|step| match input(step) {
            Value::Constant(index) => &graph.constants[index].value,
            _ => unreachable!("the steps do the same"),
        });
        let values: Vec<&Tensor> = values.collect();
        if values.iter().all(|value| *value == values[0]) {
            return first;
        }
        let shape = [&[values.len()], values[0].shape()].concat();
        of_rounds.push(Tensor::filled_by(&shape, |data| {
            let rows = data.chunks_exact_mut(values[0].len().max(1)).zip(&values);
            rows.for_each(|(row, value)| row.copy_from_slice(value.data()));
        }));
        Value::Round(of_rounds.len() - 1)
    }
}
