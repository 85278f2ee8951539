//! The dense f32 tensor every layer passes on: row-major, cheap to clone.

use ndarray::{ArcArray, ArrayViewD, IxDyn};

/// Why a tensor could not be made from the parts given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TensorError {
    /// The number of values is not the product of the shape.
    #[error("tensor: shape {shape:?} holds {expected} values; {found} were given")]
    Length {
        /// The shape asked for.
        shape: Vec<usize>,
        /// Values that shape holds.
        expected: usize,
        /// Values given.
        found: usize,
    },
}

/// A row-major f32 array of any rank on `ndarray` storage; images are [B, H, W, C].
///
/// Cloning shares the storage, and the first write to a shared tensor copies it.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    array: ArcArray<f32, IxDyn>,
}

impl Tensor {
    /// A tensor of zeros.
    pub fn zeros(shape: &[usize]) -> Self {
        Self { array: ArcArray::zeros(IxDyn(shape)) }
    }

    /// A tensor over `values` in row-major order.
    ///
    /// # Errors
    /// [`TensorError::Length`] when `values` does not fill the shape exactly.
    pub fn from_vec(shape: &[usize], values: Vec<f32>) -> Result<Self, TensorError> {
        let found = values.len();
        let expected = shape.iter().fold(1usize, |product, &length| product.saturating_mul(length));
        ArcArray::from_shape_vec(IxDyn(shape), values)
            .map(|array| Self { array })
            .map_err(|_| TensorError::Length { shape: shape.to_vec(), expected, found })
    }

    /// A tensor whose values `fill` writes, starting from zeros.
    pub fn filled_by(shape: &[usize], fill: impl FnOnce(&mut [f32])) -> Self {
        let mut tensor = Self::zeros(shape);
        fill(tensor.data_mut());
        tensor
    }

    /// A one-element tensor `[1]`.
    pub fn scalar(value: f32) -> Self {
        Self::filled_by(&[1], |data| data[0] = value)
    }

    /// The length of every axis.
    pub fn shape(&self) -> &[usize] {
        self.array.shape()
    }

    /// The number of values.
    pub fn len(&self) -> usize {
        self.array.len()
    }

    /// Whether the tensor holds no value.
    pub fn is_empty(&self) -> bool {
        self.array.is_empty()
    }

    /// The values in row-major order.
    pub fn data(&self) -> &[f32] {
        self.array.as_slice().expect("tensors are only ever made in row-major order")
    }

    /// The values in row-major order, for writing; copies them first when they are shared.
    pub fn data_mut(&mut self) -> &mut [f32] {
        self.array.as_slice_mut().expect("tensors are only ever made in row-major order")
    }

    /// An `ndarray` view, for slicing and arithmetic.
    pub fn view(&self) -> ArrayViewD<'_, f32> {
        self.array.view()
    }

    /// The same values under another shape.
    ///
    /// # Panics
    /// When the two shapes hold different numbers of values.
    pub fn reshaped(self, shape: &[usize]) -> Self {
        let from = self.shape().to_vec();
        let array = self.array.into_shape_with_order(IxDyn(shape));
        Self { array: array.unwrap_or_else(|_| panic!("reshape: {from:?} and {shape:?} differ in length")) }
    }

    /// (rows, columns) of a rank-2 tensor [rows, columns].
    ///
    /// # Panics
    /// When the rank is not 2; `what` names the argument in the message.
    pub fn matrix_shape(&self, what: &str) -> (usize, usize) {
        matrix_shape(self.shape(), what)
    }

    /// The only value of a one-element tensor.
    ///
    /// # Panics
    /// When the tensor holds more or fewer values than one.
    pub fn item(&self) -> f32 {
        assert_eq!(self.len(), 1, "item: wants one value; shape is {:?}", self.shape());
        self.data()[0]
    }

    /// Index of the largest value of each row of a matrix; the first among equals. NaN is the largest of a row
    /// of nothing else only.
    ///
    /// # Panics
    /// When the tensor is not a matrix or has no columns.
    pub fn argmax_rows(&self) -> Vec<usize> {
        let (_, columns) = self.matrix_shape("argmax_rows");
        assert!(columns > 0, "argmax_rows: wants at least one column");
        let above = |value: f32, best: f32| value > best || (best.is_nan() && !value.is_nan());
        let largest =
            |row: &[f32]| (0..columns).fold(0, |best, i| if above(row[i], row[best]) { i } else { best });
        self.data().chunks_exact(columns).map(largest).collect()
    }
}

/// (rows, columns) of a shape of rank 2; `what` names the argument in the message.
///
/// # Panics
/// When the rank is not 2.
pub(crate) fn matrix_shape(shape: &[usize], what: &str) -> (usize, usize) {
    match *shape {
        [rows, columns] => (rows, columns),
        _ => panic!("{what}: wants a matrix; shape is {shape:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn from_vec_checks_the_length() {
        let error = Tensor::from_vec(&[2, 3], vec![0.0; 5]).unwrap_err();
        assert_eq!(error.to_string(), "tensor: shape [2, 3] holds 6 values; 5 were given");
    }

    #[test]
    fn writing_to_a_clone_leaves_the_original() {
        let original = Tensor::zeros(&[2]);
        let mut copy = original.clone();
        copy.data_mut()[0] = 1.0;
        assert_eq!(original.data(), [0.0, 0.0]);
        assert_eq!(copy.data(), [1.0, 0.0]);
    }

    #[test]
    fn argmax_takes_the_first_of_equals() {
        let logits = Tensor::from_vec(&[3, 3], vec![1., 5., 5., -3., -2., -9., 0., 0., 0.]).unwrap();
        assert_eq!(logits.argmax_rows(), [1, 1, 0]);
    }

    #[test]
    fn argmax_passes_over_nan() {
        let nan = f32::NAN;
        let logits = Tensor::from_vec(&[3, 3], vec![nan, -1., nan, -2., nan, -1., nan, nan, nan]).unwrap();
        assert_eq!(logits.argmax_rows(), [1, 2, 0]);
    }

    #[test]
    fn a_shape_beyond_memory_is_an_error() {
        let error = Tensor::from_vec(&[usize::MAX, 2], vec![]).unwrap_err();
        assert!(matches!(error, TensorError::Length { found: 0, .. }), "{error}");
    }
}
