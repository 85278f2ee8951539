//! Matrix product by matrixmultiply, which brings vectors of its own.

use super::{Gemm, Operand, Products};
use crate::portable::Portable;
use crate::precision::Precision;
use crate::sizes::product as size;
use crate::values::{Values, as_multiplied};

impl Products for Portable {
    #[allow(unsafe_code)]
    fn product(&self, gemm: &Gemm<'_>, c: &mut [f32]) {
        let Gemm { m, n, k, a, b, accumulate, precision } = *gemm;
        let (Values::F32(a_data), Values::F32(b_data), Precision::F32) = (a.data, b.data, precision) else {
            let [a_data, b_data] = [a, b].map(|operand| as_multiplied(operand.data, precision));
            let (a, b) =
                (Operand { data: Values::F32(&a_data), ..a }, Operand { data: Values::F32(&b_data), ..b });
            return self.product(&Gemm { a, b, precision: Precision::F32, ..*gemm }, c);
        };
        if b.transposed {
            // matrixmultiply packs the right operand an order of magnitude faster from rows than from columns.
            let rows = transpose(b_data, n, k);
            return self.product(&Gemm { b: Operand::plain(&rows), ..*gemm }, c);
        }
        let (row_a, column_a) = a.strides(m, k);
        let (row_b, column_b) = b.strides(k, n);
        let beta = if accumulate { 1.0 } else { 0.0 };
        assert!(
            a_data.len() >= size("gemm", &[m, k])
                && b_data.len() >= size("gemm", &[k, n])
                && c.len() >= size("gemm", &[m, n]),
            "gemm: lengths do not fit"
        );
        // SAFETY: the three lengths were checked just above, and with these strides every index that sgemm forms
        // stays below rows · columns of its own slice; `c` is borrowed mutably, so it overlaps neither operand.
        unsafe {
            matrixmultiply::sgemm(
                m,
                k,
                n,
                1.0,
                a_data.as_ptr(),
                row_a,
                column_a,
                b_data.as_ptr(),
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
