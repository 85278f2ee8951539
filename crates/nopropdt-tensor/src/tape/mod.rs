//! Autograd-lite: one tape per block per step.
//!
//! A tape records values and, for each, the operation that made it; [`Tape::backward`] walks them once in reverse and
//! the tape is gone. It sees only the parameter sets attached to it, so a block's loss *cannot* reach another block.

mod operation;
mod ops;
mod sums;
mod tracing;
mod value;

pub use operation::{Backward, Operation};
pub use ops::{BatchNormParts, ConvEpilogue, ConvParts, Dropout, Window};

use crate::graph;
use crate::parameters::{ParameterId, Parameters, StatisticId};
use crate::tensor::Tensor;
use nopropdt_kernels::Precision;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use sums::SetSum;
use tracing::{Laying, Tracing};
use value::Value;

/// Whether layers behave as in training (batch statistics, dropout) or as in evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Batch statistics and dropout.
    Train,
    /// Running statistics, no dropout.
    Eval,
}

/// Which tape something belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct TapeId(u64);

impl TapeId {
    fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// A value on a tape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Var {
    tape: TapeId,
    index: usize,
}

/// A parameter set attached to a tape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    tape: TapeId,
    index: usize,
}

impl Var {
    /// Its place on the tape `tape`.
    fn on(self, tape: TapeId) -> usize {
        assert!(self.tape == tape, "tape: a value belongs to another tape");
        self.index
    }
}

impl Slot {
    /// Its place among the sets of the tape `tape`.
    fn on(self, tape: TapeId) -> usize {
        assert!(self.tape == tape, "tape: a parameter set is attached to another tape");
        self.index
    }
}

/// An operation that was recorded: what its backward pass needs, and that pass.
trait Recorded: Send {
    /// Adds the gradient of every input, given the operation's output and the gradient of it.
    fn backward(&self, pass: &mut Pass<'_>, output: &Value, grad_output: &[f32]);

    /// The parameters that the backward pass adds gradient to.
    fn parameters(&self) -> Vec<(Slot, ParameterId)> {
        Vec::new()
    }

    /// Its name, for messages.
    fn name(&self) -> &'static str;

    /// What it is in the terms of a graph; none when it has no form there. Asked for by tapes that trace.
    fn graph(&self, _laying: &mut Laying<'_>) -> Option<graph::Value> {
        None
    }
}

/// Takes the gradient of a tensor, whole or piece by piece from its start to its end: the attached set, the piece's place in it, and the
/// gradient, final.
pub type TensorSink<'s> = dyn FnMut(Slot, Range<usize>, &[f32]) + 's;

struct Node {
    value: Value,
    /// None for leaves, and for values that no gradient is wanted of.
    operation: Option<Box<dyn Recorded>>,
    needs_gradient: bool,
}

/// A new value for a kept statistic, seen by a batch norm in training.
#[derive(Debug, Clone, PartialEq)]
pub struct StatisticUpdate {
    /// Place of its set on the tape.
    set: usize,
    id: StatisticId,
    value: Vec<f32>,
}

impl StatisticUpdate {
    /// The statistic's new values.
    pub fn values(&self) -> &[f32] {
        &self.value
    }

    /// The statistic's new values, to be changed: as to the mean over parts of a batch.
    pub fn values_mut(&mut self) -> &mut [f32] {
        &mut self.value
    }
}

/// Records operations on values and parameters; see the module's documentation.
pub struct Tape<'p> {
    id: TapeId,
    mode: Mode,
    precision: Precision,
    slots: Vec<&'p Parameters>,
    nodes: Vec<Node>,
    updates: Vec<StatisticUpdate>,
    /// The graph of what is recorded, if anybody asked for it.
    tracing: Option<Box<Tracing>>,
}

impl<'p> Tape<'p> {
    /// An empty tape.
    pub fn new(mode: Mode) -> Self {
        Self::with_precision(mode, Precision::F32)
    }

    /// An empty tape whose convolutions and linear layers work in `precision`: in bf16, activations between convolutions are stored
    /// rounded, and linear layers round what they multiply. All else, and every gradient, is f32. Every operation takes values stored in
    /// either; what only changes, moves or picks such values stores its output as its input is stored.
    pub fn with_precision(mode: Mode, precision: Precision) -> Self {
        let id = TapeId::next();
        Self { id, mode, precision, slots: Vec::new(), nodes: Vec::new(), updates: Vec::new(), tracing: None }
    }

    /// The precision of convolutions and linear layers.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// The mode layers run in.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Lets operations of this tape read `parameters`.
    pub fn attach(&mut self, parameters: &'p Parameters) -> Slot {
        self.attach_named("", parameters)
    }

    /// Puts a value on the tape that no gradient is wanted of.
    pub fn constant(&mut self, value: Tensor) -> Var {
        self.trace_constant(&value);
        self.push(value, false, None)
    }

    /// Puts a value on the tape whose gradient is wanted; see [`Gradients::variable`].
    pub fn variable(&mut self, value: Tensor) -> Var {
        self.trace_constant(&value);
        self.push(value, true, None)
    }

    /// A recorded value.
    ///
    /// # Panics
    /// When it is stored in bf16, as between convolutions of a bf16 tape; [`Tape::widened`] reads these too.
    pub fn value(&self, var: Var) -> &Tensor {
        self.recorded(var).tensor()
    }

    /// The shape of a recorded value, whatever it is stored in.
    pub fn shape(&self, var: Var) -> &[usize] {
        self.recorded(var).shape()
    }

    /// A copy of a recorded value in f32, whatever it is stored in.
    pub fn widened(&self, var: Var) -> Tensor {
        self.recorded(var).widened()
    }

    /// Memory that the recorded values take, in bytes: what is kept for the way back, but for what single operations remember beside. Values
    /// that share their storage count once.
    ///
    /// ```
    /// use nopropdt_tensor::{Mode, Tape, Tensor};
    ///
    /// let mut tape = Tape::new(Mode::Train);
    /// let x = tape.variable(Tensor::zeros(&[2, 3, 4]));
    /// let flat = tape.flatten(x);
    /// assert_eq!(tape.bytes(), 24 * 4);
    /// tape.relu(flat);
    /// assert_eq!(tape.bytes(), 2 * 24 * 4);
    /// ```
    pub fn bytes(&self) -> usize {
        let stored = self.nodes.iter().map(|node| node.value.storage());
        stored.collect::<BTreeMap<usize, usize>>().into_values().sum()
    }

    fn recorded(&self, var: Var) -> &Value {
        &self.nodes[var.on(self.id)].value
    }

    fn parameters(&self, slot: Slot) -> &'p Parameters {
        self.slots[slot.on(self.id)]
    }

    fn push(
        &mut self,
        value: impl Into<Value>,
        needs_gradient: bool,
        operation: Option<Box<dyn Recorded>>,
    ) -> Var {
        self.nodes.push(Node { value: value.into(), operation, needs_gradient });
        Var { tape: self.id, index: self.nodes.len() - 1 }
    }

    /// Records the output of an operation of `inputs` that reads no parameters.
    fn record(&mut self, value: impl Into<Value>, inputs: &[Var], operation: impl Recorded + 'static) -> Var {
        let value = value.into();
        self.trace(&operation, &value);
        let needs_gradient = inputs.iter().any(|input| self.nodes[input.on(self.id)].needs_gradient);
        self.push(value, needs_gradient, needs_gradient.then(|| Box::new(operation) as Box<dyn Recorded>))
    }

    /// Records the output of an operation that reads parameters, whose gradient is always wanted.
    fn record_with_parameters(&mut self, value: impl Into<Value>, operation: impl Recorded + 'static) -> Var {
        let value = value.into();
        self.trace(&operation, &value);
        self.push(value, true, Some(Box::new(operation)))
    }

    /// Gradients of the scalar `loss` with respect to every attached parameter set and every variable.
    ///
    /// # Panics
    /// When `loss` is not a one-element tensor.
    pub fn backward(self, loss: Var) -> Gradients {
        self.check_scalar(loss);
        self.backward_from(loss, vec![1.0], Vec::new())
    }

    /// As [`Tape::backward`], but hands the gradients of the sets in `streamed` to `sink` tensor by tensor, each as soon as it is final, and
    /// a large one in pieces, so that they need not all be in memory at once. Tensors that the loss does not depend on are left out;
    /// [`Gradients::parameters`] of these sets is empty.
    ///
    /// # Panics
    /// When `loss` is not a one-element tensor.
    pub fn backward_into(self, loss: Var, streamed: &[Slot], sink: &mut TensorSink<'_>) -> Gradients {
        self.check_scalar(loss);
        let streamed: Vec<usize> = streamed.iter().map(|slot| slot.on(self.id)).collect();
        let sets = self.slots.iter().enumerate().map(|(index, set)| {
            if streamed.contains(&index) {
                SetSum::parts(set.ranges().len())
            } else {
                SetSum::Whole(vec![0.0; set.len()])
            }
        });
        let sets = sets.collect();
        self.walk_back(loss, vec![1.0], sets, sink)
    }

    fn check_scalar(&self, loss: Var) {
        let value = self.recorded(loss);
        assert_eq!(value.len(), 1, "backward: loss wants one value; shape {:?}", value.shape());
    }

    /// As [`Tape::backward`], from any value of which the gradient is known: where a computation is cut into several
    /// tapes, the later one's gradient of a [`Tape::variable`] goes on here. Gradients of parameters are added to
    /// `sums`, one for each attached set in order of attachment; sets beyond its end start from zeros.
    ///
    /// # Panics
    /// When `gradient` is not as long as the value, or a sum not as long as its set.
    pub fn backward_from(self, output: Var, gradient: Vec<f32>, mut sums: Vec<Vec<f32>>) -> Gradients {
        let length = self.recorded(output).len();
        assert_eq!(gradient.len(), length, "backward_from: wants a gradient for each of {length} values");
        let sets = self.slots.len();
        assert!(sums.len() <= sets, "backward_from: {} sums; {sets} attached sets", sums.len());
        sums.extend(self.slots[sums.len()..].iter().map(|set| vec![0.0; set.len()]));
        let fits = sums.iter().zip(&self.slots).all(|(sum, set)| sum.len() == set.len());
        assert!(fits, "backward_from: every sum wants to be as long as its set");
        let sets = sums.into_iter().map(SetSum::Whole).collect();
        self.walk_back(output, gradient, sets, &mut |_, _, _| ())
    }

    fn walk_back(
        self,
        output: Var,
        gradient: Vec<f32>,
        mut sums: Vec<SetSum>,
        sink: &mut TensorSink<'_>,
    ) -> Gradients {
        for operation in self.nodes.iter().filter_map(|node| node.operation.as_ref()) {
            operation.parameters().into_iter().for_each(|(slot, id)| sums[slot.index].count_use(id));
        }
        let mut of_values: Vec<Option<Vec<f32>>> = self.nodes.iter().map(|_| None).collect();
        of_values[output.on(self.id)] = Some(gradient);
        let mut nodes = self.nodes;
        // A node is dropped as soon as its gradient has gone on, so that memory falls on the way back.
        while let Some(Node { value, operation, .. }) = nodes.pop() {
            let Some(operation) = operation else { continue };
            if let Some(grad_output) = of_values[nodes.len()].take() {
                let mut pass = Pass {
                    nodes: &nodes,
                    slots: &self.slots,
                    of_values: &mut of_values,
                    of_parameters: &mut sums,
                    sink: &mut *sink,
                };
                operation.backward(&mut pass, &value, &grad_output);
            }
            for (slot, id) in operation.parameters() {
                if let Some(gradient) = sums[slot.index].used(id) {
                    sink(slot, self.slots[slot.index].range(id), &gradient);
                }
            }
        }
        let of_parameters = sums.into_iter().map(SetSum::into_whole).collect();
        Gradients { tape: self.id, of_values, of_parameters, updates: self.updates }
    }
}

/// Values of a gradient that are handed on together where rows are not longer than usual: 1 MiB, which is in the cache still when they
/// are added to a sum.
const PANEL: usize = 1 << 18;
/// The fewest rows of a panel: whole tiles of a matrix product, or nearly so.
const PANEL_ROWS: usize = 28;

/// A place on the walk over a tape in reverse: the values recorded before it to read, gradients to add to.
struct Pass<'a> {
    nodes: &'a [Node],
    slots: &'a [&'a Parameters],
    of_values: &'a mut [Option<Vec<f32>>],
    of_parameters: &'a mut [SetSum],
    sink: &'a mut TensorSink<'a>,
}

impl<'a> Pass<'a> {
    fn value(&self, var: Var) -> &'a Value {
        &self.nodes[var.index].value
    }

    fn wants(&self, var: Var) -> bool {
        self.nodes[var.index].needs_gradient
    }

    fn parameter(&self, slot: Slot, id: ParameterId) -> &'a [f32] {
        self.slots[slot.index].get(id)
    }

    fn parameter_gradient(&mut self, slot: Slot, id: ParameterId) -> &mut [f32] {
        self.of_parameters[slot.index].of(self.slots[slot.index], id)
    }

    /// Lets `add` add to the gradient of some rows of a parameter with so many `columns`: of all at once, or panel by panel
    /// where the gradient is handed on and nobody else adds to it.
    fn parameter_gradient_by_rows(
        &mut self,
        slot: Slot,
        id: ParameterId,
        columns: usize,
        mut add: impl FnMut(Range<usize>, &mut [f32]),
    ) {
        let range = self.slots[slot.index].range(id);
        let rows = range.len() / columns.max(1);
        if !self.of_parameters[slot.index].is_handed_on_by(id) {
            return add(0..rows, self.parameter_gradient(slot, id));
        }
        let together = (PANEL / columns.max(1) / PANEL_ROWS * PANEL_ROWS).max(PANEL_ROWS);
        let mut panel = vec![0.0; together.min(rows) * columns];
        for first in (0..rows).step_by(together) {
            let rows = first..rows.min(first + together);
            let panel = &mut panel[..rows.len() * columns];
            panel.fill(0.0);
            add(rows, panel);
            let start = range.start + first * columns;
            (self.sink)(slot, start..start + panel.len(), panel);
        }
    }

    /// Takes the gradient of `var` to add to it (zeros at first); None when nobody wants it. To be given back.
    fn take_gradient(&mut self, var: Var) -> Option<Vec<f32>> {
        let node = &self.nodes[var.index];
        node.needs_gradient
            .then(|| self.of_values[var.index].take().unwrap_or_else(|| vec![0.0; node.value.len()]))
    }

    fn give_back(&mut self, var: Var, gradient: Vec<f32>) {
        self.of_values[var.index] = Some(gradient);
    }

    /// Lets `add` add to the gradient of `var`, if anybody wants it.
    fn accumulate(&mut self, var: Var, add: impl FnOnce(&mut [f32])) {
        if let Some(mut gradient) = self.take_gradient(var) {
            add(&mut gradient);
            self.give_back(var, gradient);
        }
    }
}

/// What [`Tape::backward`] found.
#[derive(Debug)]
pub struct Gradients {
    tape: TapeId,
    of_values: Vec<Option<Vec<f32>>>,
    of_parameters: Vec<Vec<f32>>,
    updates: Vec<StatisticUpdate>,
}

impl Gradients {
    /// The gradient of an attached parameter set, flat, as long as [`Parameters::values`].
    pub fn parameters(&self, slot: Slot) -> &[f32] {
        &self.of_parameters[slot.on(self.tape)]
    }

    /// Takes the gradient of an attached parameter set; what is left of it is empty.
    pub fn take_parameters(&mut self, slot: Slot) -> Vec<f32> {
        std::mem::take(&mut self.of_parameters[slot.on(self.tape)])
    }

    /// The gradient of a [`Tape::variable`]; None when the loss does not depend on it.
    pub fn variable(&self, var: Var) -> Option<&[f32]> {
        self.of_values[var.on(self.tape)].as_deref()
    }

    /// The statistics that batch norms of one attached set saw, for [`Parameters::update_statistics`].
    pub fn take_statistics(&mut self, slot: Slot) -> Vec<StatisticUpdate> {
        let set = slot.on(self.tape);
        self.updates.extract_if(.., |update| update.set == set).collect()
    }
}

impl Parameters {
    /// Stores the statistics seen in a training step.
    ///
    /// # Panics
    /// When an update belongs to a set of another shape.
    pub fn update_statistics(&mut self, updates: &[StatisticUpdate]) {
        for update in updates {
            self.statistic_mut(update.id).copy_from_slice(&update.value);
        }
    }
}
