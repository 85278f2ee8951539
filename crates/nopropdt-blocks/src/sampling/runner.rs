//! What an answer is computed on: numbers, piece by piece, or a graph of the whole. A rule that is written on it once serves both.

use super::row_noise::RowNoise;
use crate::trace::Trace;
use crate::weights::Weights;
use nopropdt_tensor::random::Stream;
use nopropdt_tensor::{Mode, Parameters, Precision, Slot, Tape, Tensor, Var};

/// Something on the way to an answer: numbers, or their place in a graph.
#[derive(Debug, Clone)]
pub struct Value(Held);

#[derive(Debug, Clone)]
enum Held {
    Numbers(Tensor),
    Place(Var),
}

impl From<Tensor> for Value {
    fn from(numbers: Tensor) -> Self {
        Self(Held::Numbers(numbers))
    }
}

impl From<Var> for Value {
    fn from(place: Var) -> Self {
        Self(Held::Place(place))
    }
}

impl Value {
    /// The numbers.
    ///
    /// # Panics
    /// When it is a place in a graph.
    pub fn numbers(&self) -> &Tensor {
        match &self.0 {
            Held::Numbers(numbers) => numbers,
            Held::Place(_) => panic!("value: must be numbers here; it is a place in a graph"),
        }
    }

    /// The numbers themselves.
    ///
    /// # Panics
    /// When it is a place in a graph.
    pub fn into_numbers(self) -> Tensor {
        match self.0 {
            Held::Numbers(numbers) => numbers,
            Held::Place(_) => panic!("value: must be numbers here; it is a place in a graph"),
        }
    }

    /// The place in a graph.
    ///
    /// # Panics
    /// When it is numbers.
    pub fn place(&self) -> Var {
        match self.0 {
            Held::Place(place) => place,
            Held::Numbers(_) => panic!("value: must be a place in a graph here; it is numbers"),
        }
    }
}

/// What an answer is made of: class logits [B, m].
#[derive(Debug, Clone)]
pub struct Answer {
    /// At each read-out, in order.
    pub block_logits: Vec<Value>,
    /// Of the answer: the output head's on z_T.
    pub head_logits: Value,
}

impl Answer {
    /// The numbers.
    ///
    /// # Panics
    /// When the answer was laid in a graph.
    pub fn into_trace(self) -> Trace {
        let block_logits = self.block_logits.into_iter().map(Value::into_numbers).collect();
        Trace { block_logits, head_logits: self.head_logits.into_numbers() }
    }
}

/// Runs what an answer is made of.
pub struct Runner<'r, 'p>(On<'r, 'p>);

enum On<'r, 'p> {
    /// Each piece on a tape of its own, of which only the result is kept.
    Numbers { noise: Noise<'r> },
    /// All on one tape that traces.
    Graph { tape: &'r mut Tape<'p>, sets: Vec<(&'p Parameters, Slot)>, start: Var, noise: Var },
}

/// Where noise comes from.
enum Noise<'r> {
    OfRows(RowNoise<'r>),
    /// z_0 [B, d] and what follows [B, T, d].
    Given(Tensor, Tensor),
}

impl Noise<'_> {
    /// Values [B, d] for step t, those of step 0 being z_0.
    fn of_step(&self, t: usize) -> Tensor {
        match self {
            Self::OfRows(noise) => noise.of_step(t),
            Self::Given(start, _) if t == 0 => start.clone(),
            Self::Given(start, noise) => Tensor::filled_by(start.shape(), |data| {
                let (_, dim) = start.matrix_shape("noise");
                let of_rows = noise.data().chunks_exact((noise.len() / start.shape()[0].max(1)).max(1));
                let rows = data.chunks_exact_mut(dim.max(1)).zip(of_rows);
                rows.for_each(|(row, all)| row.copy_from_slice(&all[(t - 1) * dim..][..dim]));
            }),
        }
    }

    fn rows(&self) -> usize {
        match self {
            Self::OfRows(noise) => noise.rows,
            Self::Given(start, _) => start.shape()[0],
        }
    }
}

impl<'r, 'p> Runner<'r, 'p> {
    /// On numbers: latents of so many rows and `dim` values, row b with noise from `noise(b)` alone.
    pub fn numbers(rows: usize, dim: usize, noise: &'r dyn Fn(usize) -> Stream) -> Self {
        Self(On::Numbers { noise: Noise::OfRows(RowNoise { rows, dim, stream: noise }) })
    }

    /// On numbers: from `start` = z_0 [B, d] and further `noise` [B, T, d].
    ///
    /// # Panics
    /// When the shapes do not fit.
    pub fn given(start: Tensor, noise: Tensor) -> Self {
        let (rows, dim) = start.matrix_shape("z_0");
        let fits = matches!(*noise.shape(), [of, _, width] if of == rows && width == dim);
        assert!(fits, "noise: must be [{rows}, T, {dim}]; shape is {:?}", noise.shape());
        Self(On::Numbers { noise: Noise::Given(start, noise) })
    }

    /// On a tape that traces: of `start` = z_0 [B, d], `noise` [B, T, d] and weights whose names begin, block by block, with what `prefix` says.
    pub fn graph(
        tape: &'r mut Tape<'p>,
        weights: &'p Weights,
        prefix: impl Fn(usize) -> String,
        [start, noise]: [Var; 2],
    ) -> Self {
        let blocks = weights.blocks.iter().enumerate().map(|(block, set)| (prefix(block), set));
        let all = blocks.chain(weights.shared.values().map(|set| (String::new(), set)));
        let sets = all.map(|(prefix, set)| (set, tape.attach_named(&prefix, set))).collect();
        Self(On::Graph { tape, sets, start, noise })
    }

    /// z_0 [B, d]: standard normal values.
    pub fn start(&self) -> Value {
        match &self.0 {
            On::Numbers { noise } => noise.of_step(0).into(),
            On::Graph { start, .. } => (*start).into(),
        }
    }

    /// Standard normal values [B, d] of step `t` = 1..=T.
    pub fn noise(&mut self, t: usize) -> Value {
        match &mut self.0 {
            On::Numbers { noise } => noise.of_step(t).into(),
            On::Graph { tape, noise, .. } => tape.pick(*noise, 1, t - 1).into(),
        }
    }

    /// Rows of the batch.
    pub fn rows(&self) -> usize {
        match &self.0 {
            On::Numbers { noise } => noise.rows(),
            On::Graph { tape, start, .. } => tape.shape(*start)[0],
        }
    }

    /// Σ factor·value, added up in the order given.
    ///
    /// # Panics
    /// When there are no terms, or their shapes differ.
    pub fn combine(&mut self, terms: &[(f32, &Value)]) -> Value {
        match &mut self.0 {
            On::Numbers { .. } => {
                let terms: Vec<(f32, &Tensor)> =
                    terms.iter().map(|&(factor, value)| (factor, value.numbers())).collect();
                sum(&terms).into()
            }
            On::Graph { tape, .. } => {
                let terms: Vec<(Var, f32)> =
                    terms.iter().map(|&(factor, value)| (value.place(), factor)).collect();
                tape.linear_combination(&terms, 0.0).into()
            }
        }
    }

    /// A step of a chain begins here, from `z`; or the last one ends. Says nothing to numbers; in a graph, steps that do the same may become
    /// a loop.
    pub fn step(&mut self, z: &Value) {
        if let On::Graph { tape, .. } = &mut self.0 {
            tape.step(z.place());
        }
    }

    /// What `compute` makes of parameter sets and values, in evaluation mode: in `precision` where it is numbers.
    ///
    /// # Panics
    /// When a set is not one of the weights that a graph is made of.
    pub fn run(
        &mut self,
        precision: Precision,
        sets: &[&'p Parameters],
        inputs: &[&Value],
        compute: impl FnOnce(&mut Tape<'p>, &[Slot], &[Var]) -> Var,
    ) -> Value {
        match &mut self.0 {
            On::Numbers { .. } => {
                let mut tape = Tape::with_precision(Mode::Eval, precision);
                let slots: Vec<Slot> = sets.iter().map(|&set| tape.attach(set)).collect();
                let inputs: Vec<Var> =
                    inputs.iter().map(|&input| tape.constant(input.numbers().clone())).collect();
                let result = compute(&mut tape, &slots, &inputs);
                tape.value(result).clone().into()
            }
            On::Graph { tape, sets: known, .. } => {
                let slot = |&set: &&'p Parameters| {
                    let found = known.iter().find(|(other, _)| std::ptr::eq(*other, set));
                    found.expect("a graph is made of the sets of its weights").1
                };
                let slots: Vec<Slot> = sets.iter().map(slot).collect();
                let inputs: Vec<Var> = inputs.iter().map(|&input| input.place()).collect();
                tape.keeping_the_result(|tape| compute(tape, &slots, &inputs)).into()
            }
        }
    }
}

/// Σ factor·value in one pass; the first term is not added to anything, so that its zeros keep their sign.
fn sum(terms: &[(f32, &Tensor)]) -> Tensor {
    let ((first, x), rest) = terms.split_first().expect("combine: wants at least one term");
    let mut total = (*x).clone();
    assert!(rest.iter().all(|(_, y)| y.shape() == x.shape()), "combine: shapes differ");
    match *rest {
        [] => total.data_mut().iter_mut().for_each(|v| *v *= first),
        [(second, y)] => {
            let pairs = total.data_mut().iter_mut().zip(y.data());
            pairs.for_each(|(v, y)| *v = first * *v + second * y);
        }
        [(second, y), ref more @ ..] => {
            let pairs = total.data_mut().iter_mut().zip(y.data());
            pairs.for_each(|(v, y)| *v = first * *v + second * y);
            for (factor, y) in more {
                total.data_mut().iter_mut().zip(y.data()).for_each(|(v, y)| *v += factor * y);
            }
        }
    }
    total
}
