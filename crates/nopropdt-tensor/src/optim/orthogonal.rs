//! The orthogonal matrix nearest to another one, nearly.

use nopropdt_kernels::Precision;
use nopropdt_kernels::active;
use nopropdt_kernels::gemm::{Gemm, Operand};

/// Steps of the iteration.
const STEPS: usize = 5;
/// a, b, c: as steep at 0 as is possible with a map that keeps what is near 1 within 0.7..1.2.
const COEFFICIENTS: [f32; 3] = [3.4445, -4.7750, 2.0315];

/// Overwrites x [rows, columns] with a matrix of its singular vectors whose singular values lie about 1, within 0.7..1.2 but for those that
/// were next to nothing: five steps X ← a·X + (b·A + c·A²)·X with A = X·Xᵀ from X/‖X‖ (for more rows than columns, of the transpose).
/// Zeros, and what is not finite, stay.
///
/// # Source
/// Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024.
pub(super) fn orthogonalise(x: &mut [f32], [rows, columns]: [usize; 2]) {
    let norm = x.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt();
    if !(norm > 0.0 && norm.is_finite()) {
        return;
    }
    x.iter_mut().for_each(|value| *value = (f64::from(*value) / norm) as f32);
    let (least, most) = (rows.min(columns), rows.max(columns));
    let [a, b, c] = COEFFICIENTS;
    let mut gram = vec![0.0; least * least];
    let mut factor = vec![0.0; least * least];
    let mut next = vec![0.0; x.len()];
    let product = |[m, n, k]: [usize; 3], a: Operand<'_>, b: Operand<'_>, to: &mut [f32], accumulate| {
        Gemm { m, n, k, a, b, accumulate, precision: Precision::F32 }.run(active(), to);
    };
    for _ in 0..STEPS {
        let (plain, turned) = (Operand::plain(&*x), Operand::transposed(&*x));
        let (left, right) = if rows <= columns { (plain, turned) } else { (turned, plain) };
        product([least, least, most], left, right, &mut gram, false);
        // b·A + c·A², as (b/c·A + A·A)·c.
        factor.iter_mut().zip(&gram).for_each(|(factor, gram)| *factor = b / c * gram);
        product([least; 3], Operand::plain(&gram[..]), Operand::plain(&gram[..]), &mut factor, true);
        factor.iter_mut().for_each(|factor| *factor *= c);
        next.iter_mut().zip(&*x).for_each(|(next, x)| *next = a * x);
        let factor = Operand::plain(&factor[..]);
        match rows <= columns {
            true => product([rows, columns, least], factor, plain, &mut next, true),
            false => product([rows, columns, least], plain, factor, &mut next, true),
        }
        x.copy_from_slice(&next);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Stream;

    /// Singular values are those whose squares are the eigenvalues of XᵀX: for an orthogonal matrix of any size, all of them 1. Here they are
    /// held by what X does to random vectors: it keeps their length, within the iteration's range.
    #[test]
    fn vectors_keep_their_length() {
        for [rows, columns] in [[8, 8], [5, 40], [40, 5], [1, 9], [9, 1]] {
            let mut x = vec![0.0; rows * columns];
            Stream::new(1).child((rows * 100 + columns) as u64).fill_normal(&mut x);
            orthogonalise(&mut x, [rows, columns]);
            let (least, wide) = (rows.min(columns), rows <= columns);
            for vector in 0..least {
                // The image of a unit vector is a row of a wide matrix, a column of a tall one.
                let at = |i: usize| if wide { x[vector * columns + i] } else { x[i * columns + vector] };
                let length = (0..rows.max(columns)).map(|i| at(i).powi(2)).sum::<f32>().sqrt();
                assert!((0.6..1.3).contains(&length), "{rows}x{columns}: {length}");
            }
        }
    }

    /// Of a diagonal matrix singular vectors are the axes.
    #[test]
    fn directions_stay() {
        let mut x = [2.0, 0.0, 0.0, 0.0, -0.7, 0.0];
        orthogonalise(&mut x, [2, 3]);
        assert!((0.7..1.2).contains(&x[0]) && (-1.2..-0.7).contains(&x[4]), "{x:?}");
        assert!([x[1], x[2], x[3], x[5]].iter().all(|value| value.abs() < 1e-6), "{x:?}");
    }

    #[test]
    fn a_matrix_and_its_transpose_agree() {
        let (rows, columns) = (6, 11);
        let mut wide = vec![0.0; rows * columns];
        Stream::new(2).fill_normal(&mut wide);
        let turned = |x: &[f32]| -> Vec<f32> {
            (0..columns)
                .flat_map(|column| (0..rows).map(move |row| (row, column)))
                .map(|(row, column)| x[row * columns + column])
                .collect()
        };
        let mut tall = turned(&wide);
        orthogonalise(&mut wide, [rows, columns]);
        orthogonalise(&mut tall, [columns, rows]);
        for (wide, tall) in turned(&wide).iter().zip(&tall) {
            assert!((wide - tall).abs() < 1e-4, "{wide} and {tall}");
        }
    }

    #[test]
    fn what_has_no_direction_stays() {
        let mut zeros = [0.0; 4];
        orthogonalise(&mut zeros, [2, 2]);
        assert_eq!(zeros, [0.0; 4]);
        let mut infinite = [f32::INFINITY, 1.0];
        orthogonalise(&mut infinite, [1, 2]);
        assert_eq!(infinite, [f32::INFINITY, 1.0]);
    }
}
