//! The operations of a graph, and the shapes of what they make.

use super::{Node, Value};
use crate::tape::Window;
use crate::tensor::Tensor;

/// An operation of a graph. Shapes that differ are broadcast as in NumPy, where two values are taken together.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Op {
    /// a + b.
    Add,
    /// a − b.
    Sub,
    /// a·b, value by value.
    Mul,
    /// a/b, value by value.
    Div,
    /// The square root.
    Sqrt,
    /// The error function.
    Erf,
    /// max(x, 0).
    Relu,
    /// 1/(1 + e^−x).
    Sigmoid,
    /// tanh(x).
    Tanh,
    /// Softmax over the last axis.
    Softmax,
    /// A·B of each pair of matrices.
    MatMul,
    /// x·Wᵀ + b: x [B, in], W [out, in], b `[out]`.
    Linear,
    /// Normalisation by known statistics: x [B, C, …], then γ, β, μ and σ² `[C]`.
    BatchNorm {
        /// ε.
        epsilon: f32,
    },
    /// Normalisation of each row of the last axis: x [.., n], γ and β `[n]`.
    LayerNorm {
        /// ε.
        epsilon: f32,
    },
    /// Cross-correlation of x [B, C, H, W] with a kernel [out, C, kh, kw], and a bias `[out]`; padded by zeros.
    Conv {
        /// Rows and columns from one place to the next.
        stride: [usize; 2],
        /// Rows and columns of zeros on either side.
        padding: [usize; 2],
    },
    /// The largest value of a window in x [B, C, H, W]; padding is never the largest.
    MaxPool(Window),
    /// The mean of a window in x [B, C, H, W], padding counted as zeros.
    AveragePool(Window),
    /// Axis `i` of the output is axis `axes[i]` of the input.
    Transpose(Vec<usize>),
    /// The same values as [before.., n, behind..], with n as large as there are values for. [`Op::reshape`] has nothing before.
    Reshape {
        /// Lengths of the axes before the one that follows from the others.
        before: Vec<usize>,
        /// Lengths of the axes behind it.
        behind: Vec<usize>,
    },
    /// Side by side along an axis.
    Concat {
        /// The axis.
        axis: usize,
    },
    /// Places `start..end` along an axis.
    Slice {
        /// The axis.
        axis: usize,
        /// First place.
        start: usize,
        /// The place behind the last.
        end: usize,
    },
    /// The places along an axis in the opposite order.
    Flip {
        /// The axis.
        axis: usize,
    },
    /// One place along an axis, which the output lacks.
    Pick {
        /// The axis.
        axis: usize,
        /// The place; in a loop's body that of the first round, the next one's being one more.
        index: usize,
    },
    /// These rows.
    Rows(Vec<usize>),
    /// The one row of the first input as often as the second, an input of the graph, has rows.
    RepeatRow,
    /// Sum over an axis, which the output lacks.
    ReduceSum {
        /// The axis.
        axis: usize,
    },
    /// Mean over an axis, which the output lacks.
    ReduceMean {
        /// The axis.
        axis: usize,
    },
    /// The same again and again. Its inputs are what is carried at first, its output is [`Loop::results`]' first at the end.
    Loop(Box<Loop>),
    /// Another of the results of a loop, its input.
    Result(usize),
    /// An operation that has no form here.
    Opaque,
}

/// A computation that is repeated on what it left the last time.
#[derive(Debug, Clone, PartialEq)]
pub struct Loop {
    /// How often.
    pub rounds: usize,
    /// Known values that differ from round to round: [rounds, …], a row a round.
    pub of_rounds: Vec<Tensor>,
    /// What is computed in a round.
    pub body: Vec<Node>,
    /// What a round leaves for the next, or at the end.
    pub results: Vec<Value>,
}

impl Op {
    /// The same values as [n, rest..], with n as large as there are values for.
    pub fn reshape(rest: Vec<usize>) -> Self {
        Self::Reshape { before: Vec::new(), behind: rest }
    }

    /// The shape of what the operation makes of inputs of these shapes; none where they do not fit.
    pub fn shape(&self, inputs: &[&[usize]]) -> Option<Vec<usize>> {
        let first = inputs.first()?.to_vec();
        let without =
            |axis: usize| (axis < first.len()).then(|| [&first[..axis], &first[axis + 1..]].concat());
        Some(match self {
            Self::Add | Self::Sub | Self::Mul | Self::Div => broadcast(inputs.first()?, inputs.get(1)?)?,
            Self::Sqrt | Self::Erf | Self::Relu | Self::Sigmoid | Self::Tanh | Self::Softmax => first,
            Self::BatchNorm { .. } | Self::LayerNorm { .. } => first,
            Self::MatMul => {
                let ([a @ .., m, k], [b @ .., rows, n]) = (inputs.first()?, inputs.get(1)?) else {
                    return None;
                };
                (k == rows).then_some(())?;
                [&broadcast(a, b)?[..], &[*m, *n]].concat()
            }
            Self::Linear => {
                let ([rows, columns], [outputs, wanted]) = (inputs.first()?, inputs.get(1)?) else {
                    return None;
                };
                (columns == wanted).then(|| vec![*rows, *outputs])?
            }
            Self::Conv { stride, padding } => {
                let ([batch, channels, sides @ ..], [outputs, wanted, size @ ..]) =
                    (inputs.first()?, inputs.get(1)?)
                else {
                    return None;
                };
                (channels == wanted).then_some(())?;
                let window = Window { size: size.try_into().ok()?, stride: *stride, padding: *padding };
                [&[*batch, *outputs][..], &window.fitting(sides.try_into().ok()?)?].concat()
            }
            Self::MaxPool(window) | Self::AveragePool(window) => {
                let [batch, channels, sides @ ..] = &first[..] else { return None };
                [&[*batch, *channels][..], &window.fitting(sides.try_into().ok()?)?].concat()
            }
            Self::Transpose(axes) => {
                axes.iter().map(|&axis| first.get(axis).copied()).collect::<Option<Vec<usize>>>()?
            }
            Self::Reshape { before, behind } => {
                let (all, one) =
                    (first.iter().product::<usize>(), before.iter().chain(behind).product::<usize>());
                (one > 0 && all.is_multiple_of(one)).then(|| [&before[..], &[all / one], behind].concat())?
            }
            Self::Concat { axis } => {
                let mut shape = first;
                *shape.get_mut(*axis)? =
                    inputs.iter().map(|shape| shape.get(*axis)).sum::<Option<usize>>()?;
                shape
            }
            Self::Flip { axis } => (*axis < first.len()).then_some(first)?,
            Self::Slice { axis, start, end } => {
                let mut shape = first;
                let length = shape.get_mut(*axis).filter(|length| *end <= **length)?;
                *length = end.checked_sub(*start)?;
                shape
            }
            Self::Pick { axis, .. } | Self::ReduceSum { axis } | Self::ReduceMean { axis } => without(*axis)?,
            Self::Rows(rows) => [&[rows.len()][..], first.get(1..)?].concat(),
            Self::RepeatRow => [&[*inputs.get(1)?.first()?][..], first.get(1..)?].concat(),
            Self::Loop(_) | Self::Result(_) | Self::Opaque => first,
        })
    }
}

/// The shape of two values taken together.
fn broadcast(a: &[usize], b: &[usize]) -> Option<Vec<usize>> {
    let rank = a.len().max(b.len());
    let length =
        |shape: &[usize], axis: usize| (axis + shape.len()).checked_sub(rank).map_or(1, |at| shape[at]);
    let joined = |axis| match (length(a, axis), length(b, axis)) {
        (one, other) if one == other || other == 1 => Some(one),
        (1, other) => Some(other),
        _ => None,
    };
    (0..rank).map(joined).collect()
}
