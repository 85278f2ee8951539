//! Matrix product over row-major slices, by matrixmultiply.

/// A row-major matrix as it lies in memory, or its transpose.
#[derive(Debug, Clone, Copy)]
pub struct Operand<'a> {
    /// The values.
    pub data: &'a [f32],
    /// Whether `data` holds the transpose of the operand meant.
    pub transposed: bool,
}

impl<'a> Operand<'a> {
    /// The matrix as stored.
    pub fn plain(data: &'a [f32]) -> Self {
        Self { data, transposed: false }
    }

    /// The transpose of the stored matrix.
    pub fn transposed(data: &'a [f32]) -> Self {
        Self { data, transposed: true }
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
}

impl Gemm<'_> {
    /// Runs the product into `c`, row-major [m, n].
    ///
    /// # Panics
    /// When a slice's length is not the product of its sizes.
    #[allow(unsafe_code)]
    pub fn run(self, c: &mut [f32]) {
        let Self { m, n, k, a, b, accumulate } = self;
        let product = |x: usize, y: usize| x.checked_mul(y).expect("gemm: sizes overflow");
        assert_eq!(a.data.len(), product(m, k), "gemm: A wants m·k = {m}·{k} values");
        assert_eq!(b.data.len(), product(k, n), "gemm: B wants k·n = {k}·{n} values");
        assert_eq!(c.len(), product(m, n), "gemm: C wants m·n = {m}·{n} values");
        if b.transposed {
            // matrixmultiply packs the right operand an order of magnitude faster from rows than from columns.
            let rows = transpose(b.data, n, k);
            return Gemm { m, n, k, a, b: Operand::plain(&rows), accumulate }.run(c);
        }
        let (row_a, column_a) = a.strides(m, k);
        let (row_b, column_b) = b.strides(k, n);
        let beta = if accumulate { 1.0 } else { 0.0 };
        // SAFETY: the three lengths were checked just above, and with these strides every index that sgemm forms
        // stays below rows · columns of its own slice; `c` is borrowed mutably, so it overlaps neither operand.
        unsafe {
            matrixmultiply::sgemm(
                m,
                k,
                n,
                1.0,
                a.data.as_ptr(),
                row_a,
                column_a,
                b.data.as_ptr(),
                row_b,
                column_b,
                beta,
                c.as_mut_ptr(),
                n as isize,
                1,
            );
        }
    }
}

/// The transpose of a row-major [rows, columns] matrix, by tiles that stay in the L1 cache.
fn transpose(matrix: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    const TILE: usize = 16;
    let mut out = vec![0.0; matrix.len()];
    for first_row in (0..rows).step_by(TILE) {
        let last_row = (first_row + TILE).min(rows);
        for first in (0..columns).step_by(TILE) {
            let last = (first + TILE).min(columns);
            for column in first..last {
                let target = &mut out[column * rows + first_row..column * rows + last_row];
                let source = matrix[first_row * columns + column..].iter().step_by(columns);
                target.iter_mut().zip(source).for_each(|(to, from)| *to = *from);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn naive(g: Gemm<'_>, c: &mut [f32]) {
        for i in 0..g.m {
            for j in 0..g.n {
                let a = |p: usize| if g.a.transposed { g.a.data[p * g.m + i] } else { g.a.data[i * g.k + p] };
                let b = |p: usize| if g.b.transposed { g.b.data[j * g.k + p] } else { g.b.data[p * g.n + j] };
                let dot: f32 = (0..g.k).map(|p| a(p) * b(p)).sum();
                c[i * g.n + j] = dot + if g.accumulate { c[i * g.n + j] } else { 0.0 };
            }
        }
    }

    proptest! {
        /// Small integers make every sum exact, so any order of additions must agree to the bit.
        #[test]
        fn agrees_with_the_definition(
            m in 0usize..20, n in 0usize..20, k in 0usize..20,
            at in any::<bool>(), bt in any::<bool>(), accumulate in any::<bool>(), seed in 0i64..1000,
        ) {
            let value = |i: usize| ((i as i64 * 7 + seed) % 11 - 5) as f32;
            let (a, b): (Vec<f32>, Vec<f32>) = ((0..m * k).map(value).collect(), (3..3 + k * n).map(value).collect());
            let (a, b) = (Operand { data: &a, transposed: at }, Operand { data: &b, transposed: bt });
            let gemm = Gemm { m, n, k, a, b, accumulate };
            let start = if accumulate { 2.0 } else { f32::NAN };
            let (mut expected, mut found) = (vec![start; m * n], vec![start; m * n]);
            naive(gemm, &mut expected);
            gemm.run(&mut found);
            prop_assert_eq!(expected, found);
        }
    }

    #[test]
    #[should_panic(expected = "gemm: B wants k·n = 3·4 values")]
    fn a_short_operand_is_refused() {
        let (a, b) = (Operand::plain(&[0.0; 6]), Operand::plain(&[0.0; 11]));
        Gemm { m: 2, n: 4, k: 3, a, b, accumulate: false }.run(&mut [0.0; 8]);
    }
}
