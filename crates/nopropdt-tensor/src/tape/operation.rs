//! Operations from anywhere: what a type has to say to stand on a tape.

use super::{Laying, Pass, Recorded, Tape, Value, Var};
use crate::graph::{self, GraphBuilder};
use crate::tensor::Tensor;
use std::borrow::Cow;

/// An operation on values: what it makes of them, and how gradient goes back through it. [`Tape::apply`] records it.
///
/// ```
/// use nopropdt_tensor::graph::{GraphBuilder, Op, Value};
/// use nopropdt_tensor::{Backward, Mode, Operation, Tape, Tensor};
///
/// /// x² of each value.
/// struct Square;
///
/// impl Operation for Square {
///     fn name(&self) -> &'static str {
///         "square"
///     }
///
///     fn forward(&mut self, inputs: &[&Tensor]) -> Tensor {
///         let mut value = inputs[0].clone();
///         value.data_mut().iter_mut().for_each(|v| *v *= *v);
///         value
///     }
///
///     fn backward(&self, back: &mut Backward<'_, '_>) {
///         let (x, gradient) = (back.input(0), back.gradient());
///         back.add(0, |sum| {
///             for ((sum, x), g) in sum.iter_mut().zip(x.data()).zip(gradient) {
///                 *sum += 2.0 * x * g;
///             }
///         });
///     }
///
///     fn graph(&self, graph: &mut GraphBuilder, inputs: &[Value]) -> Option<Value> {
///         Some(graph.op(Op::Mul, &[inputs[0], inputs[0]]))
///     }
/// }
///
/// let mut tape = Tape::new(Mode::Train);
/// let x = tape.variable(Tensor::scalar(3.0));
/// let y = tape.apply(Square, &[x]);
/// assert_eq!(tape.value(y).item(), 9.0);
/// assert_eq!(tape.backward(y).variable(x), Some(&[6.0][..]));
/// ```
pub trait Operation: Send + 'static {
    /// Its name, for messages.
    fn name(&self) -> &'static str;

    /// The output for inputs in the order given to [`Tape::apply`]. What the way back needs beside inputs and output, `self` may keep.
    ///
    /// # Panics
    /// When the shapes do not fit.
    fn forward(&mut self, inputs: &[&Tensor]) -> Tensor;

    /// Adds to the gradients of the inputs: of Σ output · gradient, by each of them.
    fn backward(&self, back: &mut Backward<'_, '_>);

    /// What the operation makes of inputs in the terms of a graph, for files that other programs read; none when it has no form there. It is
    /// asked after [`Operation::forward`]. The default has none, and what depends on such an operation is refused by its name.
    ///
    /// # Panics
    /// When a shape does not fit.
    fn graph(&self, _graph: &mut GraphBuilder, _inputs: &[graph::Value]) -> Option<graph::Value> {
        None
    }

    /// Whether the output is stored in bf16 where all inputs are, as of an operation that only changes, moves or picks values. One that
    /// adds up many of them answers in f32.
    fn keeps_storage(&self) -> bool {
        false
    }
}

/// An operation's place on the way back: its inputs, its output and the gradient of that.
pub struct Backward<'a, 'n> {
    pass: &'a mut Pass<'n>,
    inputs: &'a [Var],
    output: &'a Value,
    gradient: &'a [f32],
}

impl<'a, 'n> Backward<'a, 'n> {
    /// Input `index`, in f32 whatever it is stored in.
    ///
    /// # Panics
    /// When there is no such input.
    pub fn input(&self, index: usize) -> Cow<'n, Tensor> {
        self.pass.value(self.inputs[index]).in_f32()
    }

    /// The output, in f32; rounded if it is stored so.
    pub fn output(&self) -> Cow<'a, Tensor> {
        self.output.in_f32()
    }

    /// The gradient of each value of the output.
    pub fn gradient(&self) -> &'a [f32] {
        self.gradient
    }

    /// Whether anybody wants the gradient of input `index`.
    ///
    /// # Panics
    /// When there is no such input.
    pub fn wants(&self, index: usize) -> bool {
        self.pass.wants(self.inputs[index])
    }

    /// Lets `add` add to the gradient of input `index`, if anybody wants it.
    ///
    /// # Panics
    /// When there is no such input.
    pub fn add(&mut self, index: usize, add: impl FnOnce(&mut [f32])) {
        self.pass.accumulate(self.inputs[index], add);
    }
}

struct Applied<O> {
    operation: O,
    inputs: Vec<Var>,
}

impl<O: Operation> Recorded for Applied<O> {
    fn backward(&self, pass: &mut Pass<'_>, output: &Value, gradient: &[f32]) {
        self.operation.backward(&mut Backward { pass, inputs: &self.inputs, output, gradient });
    }

    fn name(&self) -> &'static str {
        self.operation.name()
    }

    fn graph(&self, laying: &mut Laying<'_>) -> Option<graph::Value> {
        let inputs: Vec<graph::Value> = self.inputs.iter().map(|&input| laying.value(input)).collect();
        self.operation.graph(laying.graph, &inputs)
    }
}

impl Tape<'_> {
    /// Applies an operation to recorded values.
    ///
    /// # Panics
    /// When the operation does, and when an input is of another tape.
    pub fn apply(&mut self, mut operation: impl Operation, inputs: &[Var]) -> Var {
        let recorded: Vec<&Value> = inputs.iter().map(|&x| self.recorded(x)).collect();
        let rounded =
            operation.keeps_storage() && !inputs.is_empty() && recorded.iter().all(|x| x.is_rounded());
        let values: Vec<Cow<'_, Tensor>> = recorded.iter().map(|x| x.in_f32()).collect();
        let value = operation.forward(&values.iter().map(|x| &**x).collect::<Vec<_>>());
        drop(values);
        self.record(Value::stored(value, rounded), inputs, Applied { operation, inputs: inputs.to_vec() })
    }
}
