//! Matrix product over row-major slices.

mod element;
mod pairs;
mod panel;
mod portable;
mod tiled;

use crate::precision::Precision;
use crate::sizes::product;
use crate::values::Values;

/// A row-major matrix as it lies in memory, or its transpose.
#[derive(Debug, Clone, Copy)]
pub struct Operand<'a> {
    /// The values.
    pub data: Values<'a>,
    /// Whether `data` holds the transpose of the operand meant.
    pub transposed: bool,
}

impl<'a> Operand<'a> {
    /// The matrix as stored.
    pub fn plain(data: impl Into<Values<'a>>) -> Self {
        Self { data: data.into(), transposed: false }
    }

    /// The transpose of the stored matrix.
    pub fn transposed(data: impl Into<Values<'a>>) -> Self {
        Self { data: data.into(), transposed: true }
    }

    /// (row stride, column stride) of the [rows, columns] operand.
    fn strides(self, rows: usize, columns: usize) -> (isize, isize) {
        if self.transposed { (1, rows as isize) } else { (columns as isize, 1) }
    }
}

/// C [m, n] = A [m, k] · B [k, n], or C += A · B.
#[derive(Debug, Clone, Copy)]
pub struct Gemm<'a> {
    /// Rows of A and C.
    pub m: usize,
    /// Columns of B and C.
    pub n: usize,
    /// Columns of A, rows of B.
    pub k: usize,
    /// The left operand.
    pub a: Operand<'a>,
    /// The right operand.
    pub b: Operand<'a>,
    /// Add to C instead of overwriting it.
    pub accumulate: bool,
    /// What both operands are rounded to before they are multiplied; C and the sums are f32.
    pub precision: Precision,
}

/// What an instruction set brings to the matrix product. The front, [`Gemm::run`], checks every length.
pub trait Products {
    /// Overwrites C with the product, or adds the product to it.
    fn product(&self, gemm: &Gemm<'_>, c: &mut [f32]);
}

impl Gemm<'_> {
    /// Runs the product into `c`, row-major [m, n].
    ///
    /// # Panics
    /// When a slice's length is not the product of its sizes, or such a product is beyond `usize`.
    pub fn run(&self, kernels: &dyn Products, c: &mut [f32]) {
        let Self { m, n, k, a, b, .. } = *self;
        let product = |sizes: [usize; 2]| product("gemm", &sizes);
        assert_eq!(a.data.len(), product([m, k]), "gemm: A wants m·k = {m}·{k} values");
        assert_eq!(b.data.len(), product([k, n]), "gemm: B wants k·n = {k}·{n} values");
        assert_eq!(c.len(), product([m, n]), "gemm: C wants m·n = {m}·{n} values");
        if c.is_empty() {
            return;
        }
        kernels.product(self, c);
    }
}

#[cfg(test)]
mod tests;
