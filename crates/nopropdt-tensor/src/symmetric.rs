//! Eigenvalues and eigenvectors of a symmetric matrix.

use std::cmp::Ordering;

/// Sweeps after which a matrix of any sensible size is diagonal to the last bit.
const MOST_SWEEPS: usize = 60;

/// Eigenvalues of a symmetric matrix [n, n], the largest first, and their eigenvectors, one a row, each of length 1 with its largest component
/// (the first of equals) positive. By cyclic Jacobi rotations: exact to rounding, for matrices of a few hundred rows.
///
/// # Panics
/// When the matrix is not square.
pub fn eigen(matrix: &[f64], n: usize) -> (Vec<f64>, Vec<Vec<f64>>) {
    assert_eq!(matrix.len(), n * n, "eigen: wants a matrix of {n} rows and columns");
    let mut a = matrix.to_vec();
    let mut vectors: Vec<Vec<f64>> =
        (0..n).map(|row| (0..n).map(|at| f64::from(u8::from(at == row))).collect()).collect();
    for _ in 0..MOST_SWEEPS {
        let off: f64 =
            (0..n).flat_map(|p| (0..p).map(move |q| (p, q))).map(|(p, q)| a[p * n + q].powi(2)).sum();
        let all: f64 = a.iter().map(|value| value * value).sum();
        // No order ends it too: what is no number never becomes diagonal.
        if off.partial_cmp(&(f64::EPSILON * f64::EPSILON * all)) != Some(Ordering::Greater) {
            break;
        }
        for p in 0..n {
            for q in p + 1..n {
                rotate(&mut a, &mut vectors, [p, q]);
            }
        }
    }
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&x, &y| a[y * n + y].total_cmp(&a[x * n + x]));
    let values = order.iter().map(|&at| a[at * n + at]).collect();
    let vectors = order.iter().map(|&at| pointed(std::mem::take(&mut vectors[at]))).collect();
    (values, vectors)
}

/// Makes a[p, q] zero by a rotation of rows and columns p and q; eigenvectors turn with them.
fn rotate(a: &mut [f64], vectors: &mut [Vec<f64>], [p, q]: [usize; 2]) {
    let n = vectors.len();
    let apart = a[p * n + q];
    if apart == 0.0 {
        return;
    }
    let theta = (a[q * n + q] - a[p * n + p]) / (2.0 * apart);
    let t = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
    let cosine = 1.0 / (t * t + 1.0).sqrt();
    let sine = t * cosine;
    let turn = |x: f64, y: f64| (cosine * x - sine * y, sine * x + cosine * y);
    for k in 0..n {
        (a[k * n + p], a[k * n + q]) = turn(a[k * n + p], a[k * n + q]);
    }
    for k in 0..n {
        (a[p * n + k], a[q * n + k]) = turn(a[p * n + k], a[q * n + k]);
    }
    let [first, second] = vectors.get_disjoint_mut([p, q]).expect("rows are two");
    for (x, y) in first.iter_mut().zip(second) {
        (*x, *y) = turn(*x, *y);
    }
}

/// The vector or its opposite, whichever has its largest component positive.
fn pointed(vector: Vec<f64>) -> Vec<f64> {
    let largest =
        vector.iter().fold(0.0f64, |best, &value| if value.abs() > best.abs() { value } else { best });
    if largest < 0.0 { vector.into_iter().map(|value| -value).collect() } else { vector }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Stream;

    #[test]
    fn a_matrix_of_two_has_known_axes() {
        let (values, vectors) = eigen(&[2.0, 1.0, 1.0, 2.0], 2);
        let half = 0.5f64.sqrt();
        for (found, wanted) in
            values.iter().chain(vectors.iter().flatten()).zip([3.0, 1.0, half, half, half, -half])
        {
            assert!((found.abs() - f64::abs(wanted)).abs() < 1e-12, "{values:?} {vectors:?}");
        }
        assert!(vectors[0][0] * vectors[0][1] > 0.0 && vectors[1][0] * vectors[1][1] < 0.0);
    }

    /// V·Λ·Vᵀ is the matrix, and V·Vᵀ is 1.
    #[test]
    fn vectors_and_values_make_the_matrix() {
        for n in [1, 3, 27] {
            let mut draws = vec![0.0f32; n * n];
            Stream::new(4).child(n as u64).fill_normal(&mut draws);
            let at = |p: usize, q: usize| f64::from(draws[p * n + q] + draws[q * n + p]);
            let matrix: Vec<f64> = (0..n * n).map(|place| at(place / n, place % n)).collect();
            let (values, vectors) = eigen(&matrix, n);
            assert!(values.is_sorted_by(|a, b| a >= b), "{values:?}");
            for (p, q) in (0..n).flat_map(|p| (0..n).map(move |q| (p, q))) {
                let made: f64 = (0..n).map(|k| values[k] * vectors[k][p] * vectors[k][q]).sum();
                assert!((made - matrix[p * n + q]).abs() < 1e-9, "{n}: {p}, {q}");
                let product: f64 = (0..n).map(|k| vectors[p][k] * vectors[q][k]).sum();
                assert!((product - f64::from(u8::from(p == q))).abs() < 1e-12, "{n}: {p}, {q}");
            }
        }
    }

    #[test]
    fn what_is_no_number_ends() {
        assert_eq!(eigen(&[f64::NAN; 4], 2).0.len(), 2);
        assert_eq!(eigen(&[0.0; 9], 3).0, [0.0; 3]);
    }
}
