//! Tapes that also write down the graph of what they record.

use super::{Mode, Recorded, Slot, Tape, Value, Var};
use crate::graph::{self, Graph, GraphBuilder, GraphError, Op};
use crate::parameters::{Layout, ParameterId, Parameters, StatisticId};
use crate::tensor::Tensor;
use std::collections::HashMap;

/// The graph of what a tape has recorded so far.
#[derive(Default)]
pub(super) struct Tracing {
    graph: GraphBuilder,
    /// What each recorded value is in the graph.
    values: Vec<graph::Value>,
    /// What names of each attached set begin with.
    prefixes: Vec<String>,
    /// Parameters that are in the graph: by set and full name.
    named: HashMap<(usize, String), graph::Value>,
}

impl Tracing {
    pub(super) fn attach(&mut self, prefix: &str) {
        self.prefixes.push(prefix.to_owned());
    }
}

/// Where an operation lays its form.
pub(super) struct Laying<'a> {
    pub(super) graph: &'a mut GraphBuilder,
    values: &'a [graph::Value],
    prefixes: &'a [String],
    named: &'a mut HashMap<(usize, String), graph::Value>,
    slots: &'a [&'a Parameters],
}

impl Laying<'_> {
    /// What a recorded value is in the graph.
    pub(super) fn value(&self, var: Var) -> graph::Value {
        self.values[var.index]
    }

    /// The shape of a recorded value.
    pub(super) fn shape(&self, var: Var) -> Vec<usize> {
        self.graph.shape(self.value(var)).to_vec()
    }

    /// A parameter in its saved shape, and how that relates to the stored one.
    pub(super) fn parameter(&mut self, slot: Slot, id: ParameterId) -> (graph::Value, Layout) {
        let entry = self.slots[slot.index].entry(id);
        (self.saved(slot, &entry.name, &entry.shape), entry.layout)
    }

    /// A parameter in PyTorch's layout, without a word on how it is stored.
    pub(super) fn saved_parameter(&mut self, slot: Slot, id: ParameterId) -> graph::Value {
        self.parameter(slot, id).0
    }

    /// A kept statistic.
    pub(super) fn statistic(&mut self, slot: Slot, id: StatisticId) -> graph::Value {
        let entry = self.slots[slot.index].statistic_entry(id);
        self.saved(slot, &entry.name, &entry.shape)
    }

    fn saved(&mut self, slot: Slot, name: &str, shape: &[usize]) -> graph::Value {
        let Self { graph, prefixes, named, slots, .. } = self;
        let full = format!("{}{name}", prefixes[slot.index]);
        *named.entry((slot.index, full.clone())).or_insert_with(|| {
            let values = slots[slot.index].export(name).expect("the set has a tensor of this name");
            let tensor = Tensor::filled_by(shape, |data| data.copy_from_slice(&values));
            graph.named(full, tensor)
        })
    }

    /// A value times a number.
    pub(super) fn scaled(&mut self, x: graph::Value, factor: f32) -> graph::Value {
        let factor = self.graph.scalar(factor);
        self.graph.op(Op::Mul, &[x, factor])
    }

    /// An operation on values of the graph.
    pub(super) fn op(&mut self, op: Op, inputs: &[graph::Value]) -> Option<graph::Value> {
        Some(self.graph.op(op, inputs))
    }
}

impl<'p> Tape<'p> {
    /// An empty tape in evaluation mode that also writes down the graph of what it records, all in f32. It asks operations for their form
    /// ([`Operation::graph`](super::Operation::graph)).
    ///
    /// ```
    /// use nopropdt_tensor::{Tape, Tensor};
    ///
    /// let mut tape = Tape::tracing();
    /// let x = tape.input("x", Tensor::zeros(&[2, 3]));
    /// let y = tape.relu(x);
    /// let graph = tape.graph(&[("y", y)])?;
    /// assert_eq!((graph.nodes.len(), graph.inputs[0].name.as_str()), (1, "x"));
    /// # Ok::<(), nopropdt_tensor::graph::GraphError>(())
    /// ```
    pub fn tracing() -> Self {
        Self { tracing: Some(Box::default()), ..Self::new(Mode::Eval) }
    }

    /// As [`Tape::attach`]; in a graph, names of the set's tensors begin with `prefix`.
    pub fn attach_named(&mut self, prefix: &str, parameters: &'p Parameters) -> Slot {
        self.slots.push(parameters);
        if let Some(tracing) = &mut self.tracing {
            tracing.attach(prefix);
        }
        Slot { tape: self.id, index: self.slots.len() - 1 }
    }

    /// Puts a value on the tape that is an input of the graph by this name; on a tape that does not trace, [`Tape::constant`].
    pub fn input(&mut self, name: &str, value: Tensor) -> Var {
        if let Some(tracing) = &mut self.tracing {
            let input = tracing.graph.input(name, value.shape());
            tracing.values.push(input);
        }
        self.push(value, false, None)
    }

    /// What `compute` records last, of which nothing but that is kept in memory: a long computation, traced, is then no more than its graph.
    /// Gradients do not go back through it.
    pub fn keeping_the_result(&mut self, compute: impl FnOnce(&mut Self) -> Var) -> Var {
        let first = self.nodes.len();
        let result = compute(self);
        for (index, node) in self.nodes.iter_mut().enumerate().skip(first) {
            if index != result.index {
                node.value = Value::F32(Tensor::zeros(&[0]));
            }
        }
        result
    }

    /// A step of a repeated computation begins here, from `carried`; or the last one ends. Steps that do the same may become a loop.
    pub fn step(&mut self, carried: Var) {
        let index = carried.on(self.id);
        if let Some(tracing) = &mut self.tracing {
            let carried = tracing.values[index];
            tracing.graph.step(carried);
        }
    }

    /// The graph of what was recorded, with these outputs.
    ///
    /// # Errors
    /// [`GraphError::NoForm`] when an output depends on an operation that has no form.
    ///
    /// # Panics
    /// When the tape does not trace.
    pub fn graph(self, outputs: &[(&str, Var)]) -> Result<Graph, GraphError> {
        let id = self.id;
        let tracing = self.tracing.expect("graph: wants a tape that traces");
        let outputs = outputs.iter().map(|&(name, var)| (name.to_owned(), tracing.values[var.on(id)]));
        let outputs = outputs.collect();
        tracing.graph.finish(outputs)
    }

    /// Writes down a constant that is about to be recorded.
    pub(super) fn trace_constant(&mut self, value: &Tensor) {
        if let Some(tracing) = &mut self.tracing {
            let constant = tracing.graph.constant(value.clone());
            tracing.values.push(constant);
        }
    }

    /// Writes down an operation whose output is about to be recorded.
    pub(super) fn trace(&mut self, operation: &impl Recorded, output: &Value) {
        let Some(tracing) = &mut self.tracing else { return };
        let Tracing { graph, values, prefixes, named } = &mut **tracing;
        graph.from = operation.name();
        let mut laying = Laying { graph, values, prefixes, named, slots: &self.slots };
        let form = operation.graph(&mut laying);
        let form = form.unwrap_or_else(|| graph.opaque(output.shape()));
        let (found, wanted) = (graph.shape(form), output.shape());
        assert_eq!(found, wanted, "graph: {}: its form is of another shape", operation.name());
        values.push(form);
    }
}
