//! What a tape records: a tensor, or activations stored in bf16.

use crate::tensor::{Tensor, matrix_shape};
use nopropdt_kernels::sizes::product;
use nopropdt_kernels::{Bf16, Values};
use std::borrow::Cow;
use std::sync::Arc;

/// A recorded value.
#[derive(Debug, Clone)]
pub(super) enum Value {
    F32(Tensor),
    Bf16 { shape: Vec<usize>, data: Arc<Vec<Bf16>> },
}

impl Value {
    pub(super) fn shape(&self) -> &[usize] {
        match self {
            Self::F32(tensor) => tensor.shape(),
            Self::Bf16 { shape, .. } => shape,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.values().len()
    }

    /// (rows, columns) of a matrix; see [`Tensor::matrix_shape`].
    pub(super) fn matrix_shape(&self, what: &str) -> (usize, usize) {
        matrix_shape(self.shape(), what)
    }

    /// (number of rows, length of one), a row being all values along the last axis.
    ///
    /// # Panics
    /// When there is no axis.
    pub(super) fn rows(&self, what: &str) -> (usize, usize) {
        match self.shape() {
            [] => panic!("{what}: wants rows; a single number has none"),
            [rows @ .., length] => (rows.iter().product(), *length),
        }
    }

    /// The numbers, as stored.
    pub(super) fn values(&self) -> Values<'_> {
        match self {
            Self::F32(tensor) => Values::F32(tensor.data()),
            Self::Bf16 { data, .. } => Values::Bf16(data),
        }
    }

    /// Where the numbers lie, and how many bytes they take there.
    pub(super) fn storage(&self) -> (usize, usize) {
        match self.values() {
            Values::F32(values) => (values.as_ptr().addr(), size_of_val(values)),
            Values::Bf16(values) => (values.as_ptr().addr(), size_of_val(values)),
        }
    }

    /// The tensor.
    ///
    /// # Panics
    /// When the value is stored in bf16.
    pub(super) fn tensor(&self) -> &Tensor {
        match self {
            Self::F32(tensor) => tensor,
            Self::Bf16 { shape, .. } => panic!("tape: wants a value in f32; {shape:?} is stored in bf16"),
        }
    }

    /// The numbers in f32: themselves, or a copy of what is stored in bf16.
    pub(super) fn data(&self) -> Cow<'_, [f32]> {
        match self {
            Self::F32(tensor) => Cow::Borrowed(tensor.data()),
            Self::Bf16 { data, .. } => data.iter().map(|value| value.to_f32()).collect(),
        }
    }

    /// The value as a tensor in f32: itself, or a copy of what is stored in bf16.
    pub(super) fn in_f32(&self) -> Cow<'_, Tensor> {
        match self {
            Self::F32(tensor) => Cow::Borrowed(tensor),
            Self::Bf16 { .. } => Cow::Owned(self.widened()),
        }
    }

    /// The value as a tensor of its own.
    pub(super) fn widened(&self) -> Tensor {
        match self {
            Self::F32(tensor) => tensor.clone(),
            Self::Bf16 { shape, data } => Tensor::filled_by(shape, |to| {
                to.iter_mut().zip(data.iter()).for_each(|(to, from)| *to = from.to_f32());
            }),
        }
    }

    /// The tensor, in bf16 if that is wanted, as activations between convolutions of a bf16 tape are stored.
    pub(super) fn stored(tensor: Tensor, rounded: bool) -> Self {
        if rounded { Self::rounded(&tensor) } else { Self::F32(tensor) }
    }

    fn rounded(tensor: &Tensor) -> Self {
        let data = tensor.data().iter().map(|&value| Bf16::from_f32(value)).collect();
        Self::Bf16 { shape: tensor.shape().to_vec(), data: Arc::new(data) }
    }

    /// Whether the numbers are stored in bf16.
    pub(super) fn is_rounded(&self) -> bool {
        matches!(self, Self::Bf16 { .. })
    }

    /// The same numbers under another shape.
    ///
    /// # Panics
    /// When the two shapes hold different numbers of values.
    pub(super) fn reshaped(self, shape: &[usize]) -> Self {
        match self {
            Self::F32(tensor) => Self::F32(tensor.reshaped(shape)),
            Self::Bf16 { shape: from, data } => {
                let length = product("reshape", shape);
                assert_eq!(data.len(), length, "reshape: {from:?} and {shape:?} differ in length");
                Self::Bf16 { shape: shape.to_vec(), data }
            }
        }
    }
}

impl From<Tensor> for Value {
    fn from(tensor: Tensor) -> Self {
        Self::F32(tensor)
    }
}
