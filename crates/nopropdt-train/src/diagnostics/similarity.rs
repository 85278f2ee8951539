//! How alike two sets of features are: linear centred kernel alignment (Kornblith et al. 2019, *Similarity of neural network
//! representations revisited*, Eq. 3 and section 3).

use nopropdt_tensor::{Mode, Tape, Tensor, flat};

/// CKA(X, Y) = ‖YᵀX‖²_F / (‖XᵀX‖_F·‖YᵀY‖_F) of features of the same inputs, with the mean of each column taken away: 1 where they are the
/// same up to rotation, reflection and scale, 0 where no linear function of one tells anything of the other, or one does not vary. Where features
/// are wider than there are inputs, it is computed of X·Xᵀ, which gives the same.
///
/// # Shapes
/// x [n, …], y [n, …]
///
/// # Panics
/// When the numbers of inputs differ.
pub fn linear_cka(x: &Tensor, y: &Tensor) -> f64 {
    let matrix = all([x.clone(), y.clone()].into_iter());
    matrix[0][1]
}

/// [`linear_cka`] of each two of `features`.
///
/// # Panics
/// When the numbers of inputs differ.
pub(super) fn all(features: impl Iterator<Item = Tensor>) -> Vec<Vec<f64>> {
    let features: Vec<Centred> = features.map(Centred::new).collect();
    let same = features.windows(2).all(|pair| pair[0].rows == pair[1].rows);
    assert!(same, "cka: features must be of the same inputs");
    let own: Vec<f64> = features.iter().map(|x| x.product(x).sqrt()).collect();
    let mut matrix = vec![vec![0.0; features.len()]; features.len()];
    for (i, x) in features.iter().enumerate() {
        for (j, y) in features.iter().enumerate().take(i + 1) {
            let scale = own[i] * own[j];
            let value = if scale > 0.0 { (x.product(y) / scale).clamp(0.0, 1.0) } else { 0.0 };
            (matrix[i][j], matrix[j][i]) = (value, value);
        }
    }
    matrix
}

/// Features with columns of mean 0, scaled so that no square of theirs is beyond f32.
struct Centred {
    rows: usize,
    /// [1, n, p]
    values: Tensor,
    /// X·Xᵀ [1, n, n], of features that are wider than there are inputs.
    gram: Option<Tensor>,
}

impl Centred {
    fn new(features: Tensor) -> Self {
        let rows = features.shape()[0];
        let width = features.len() / rows.max(1);
        let mut values = features.reshaped(&[1, rows, width]);
        let mut mean = vec![0.0; width];
        let largest = values.data().iter().fold(0.0f32, |most, value| most.max(value.abs()));
        if largest > 0.0 {
            flat::scale(values.data_mut(), 1.0 / largest);
        }
        let each = |values: &mut Tensor, change: &mut dyn FnMut(&mut [f32])| {
            values.data_mut().chunks_exact_mut(width.max(1)).for_each(change);
        };
        each(&mut values, &mut |row| flat::add_scaled(&mut mean, 1.0 / rows as f32, row));
        each(&mut values, &mut |row| flat::add_scaled(row, -1.0, &mean));
        let norm = flat::dot(values.data(), values.data()).sqrt();
        // Rounding leaves something of features that do not vary.
        let share = if norm > 1e-5 * (values.len() as f64).sqrt() { 1.0 / norm } else { 0.0 };
        flat::scale(values.data_mut(), share as f32);
        let gram = (width > rows).then(|| product([&values, &values], [false, true]));
        Self { rows, values, gram }
    }

    /// ‖YᵀX‖²_F.
    fn product(&self, other: &Self) -> f64 {
        match (&self.gram, &other.gram) {
            (Some(one), Some(two)) => flat::dot(one.data(), two.data()),
            _ => {
                let product = product([&other.values, &self.values], [true, false]);
                flat::dot(product.data(), product.data())
            }
        }
    }
}

/// op(A)·op(B), each transposed or not.
fn product([a, b]: [&Tensor; 2], transpose: [bool; 2]) -> Tensor {
    let mut tape = Tape::new(Mode::Eval);
    let (a, b) = (tape.constant(a.clone()), tape.constant(b.clone()));
    let product = tape.batched_matmul(a, b, transpose);
    tape.value(product).clone()
}

#[cfg(test)]
mod tests {
    use super::*;
    use nopropdt_tensor::random::Stream;

    fn normal(rows: usize, width: usize, tag: u64) -> Tensor {
        Tensor::filled_by(&[rows, width], |data| Stream::new(7).child(tag).fill_normal(data))
    }

    fn matrix(rows: &[&[f32]]) -> Tensor {
        Tensor::from_vec(&[rows.len(), rows[0].len()], rows.concat()).unwrap()
    }

    /// tr(K·H·L·H) by the definition of HSIC, in f64, from Gram matrices that are centred by H = I − 1/n.
    fn by_definition(x: &Tensor, y: &Tensor) -> f64 {
        let n = x.shape()[0];
        let gram = |x: &Tensor| {
            let row = |i: usize| x.data().chunks_exact(x.len() / n).nth(i).unwrap();
            let k: Vec<Vec<f64>> =
                (0..n).map(|i| (0..n).map(|j| flat::dot(row(i), row(j))).collect()).collect();
            let of_row = |i: usize| k[i].iter().sum::<f64>() / n as f64;
            let of_all = (0..n).map(of_row).sum::<f64>() / n as f64;
            (0..n)
                .map(|i| (0..n).map(|j| k[i][j] - of_row(i) - of_row(j) + of_all).collect::<Vec<f64>>())
                .collect::<Vec<_>>()
        };
        let (k, l) = (gram(x), gram(y));
        let hsic = |a: &[Vec<f64>], b: &[Vec<f64>]| {
            (0..n).flat_map(|i| (0..n).map(move |j| (i, j))).map(|(i, j)| a[i][j] * b[i][j]).sum::<f64>()
        };
        hsic(&k, &l) / (hsic(&k, &k) * hsic(&l, &l)).sqrt()
    }

    #[test]
    fn a_small_case_by_hand() {
        let x = matrix(&[&[1.0], &[2.0], &[3.0]]);
        let y = matrix(&[&[0.0], &[3.0], &[0.0]]);
        assert!(linear_cka(&x, &y) < 1e-12, "centred, they are orthogonal");
        // Centred columns (−1, 0, 1) and (−1, 2, −1): YᵀX = (2, 0), ‖YᵀX‖² = 4; ‖XᵀX‖ = 2; YᵀY = diag(2, 6), norm sqrt(40).
        let both = matrix(&[&[1.0, 0.0], &[2.0, 3.0], &[3.0, 0.0]]);
        let found = linear_cka(&x, &both);
        assert!((found - 4.0 / (2.0 * 40f64.sqrt())).abs() < 1e-6, "{found}");
    }

    /// Narrow and wide features, and one of each.
    #[test]
    fn it_is_that_of_the_definition() {
        for (p, q) in [(3, 5), (40, 50), (3, 50), (50, 3), (12, 12)] {
            let x = normal(12, p, 1);
            let mut y = normal(12, q, 2);
            // Something in common.
            y.data_mut()[..].iter_mut().zip(x.data().iter().cycle()).for_each(|(y, x)| *y += 0.5 * x + 3.0);
            let (found, wanted) = (linear_cka(&x, &y), by_definition(&x, &y));
            assert!((found - wanted).abs() < 1e-5, "{p}, {q}: {found} instead of {wanted}");
            assert!((linear_cka(&y, &x) - found).abs() < 1e-6);
        }
    }

    /// A product of reflections I − 2·v·vᵀ/‖v‖², scaled and moved.
    #[test]
    fn rotation_scale_and_shift_change_nothing() {
        for width in [4, 30] {
            let x = normal(20, width, 1);
            let mut y = x.clone();
            for tag in 10..13 {
                let v = normal(1, width, tag);
                let square = flat::dot(v.data(), v.data());
                for row in y.data_mut().chunks_exact_mut(width) {
                    let share = -2.0 * flat::dot(row, v.data()) / square;
                    flat::add_scaled(row, share as f32, v.data());
                }
            }
            y.data_mut().iter_mut().for_each(|value| *value = 1e-6 * (*value + 5.0));
            let found = linear_cka(&x, &y);
            assert!((found - 1.0).abs() < 1e-4, "{width}: {found}");
            let other = linear_cka(&x, &normal(20, width, 2));
            assert!(other < 0.9 && (linear_cka(&x, &x) - 1.0).abs() < 1e-6, "{other}");
        }
    }

    #[test]
    fn large_and_constant_features_give_numbers() {
        let mut large = normal(8, 20, 1);
        flat::scale(large.data_mut(), 1e37);
        assert!((linear_cka(&large, &normal(8, 20, 1)) - 1.0).abs() < 1e-5);
        let constant = Tensor::filled_by(&[8, 3], |data| data.fill(0.1));
        assert_eq!(linear_cka(&constant, &normal(8, 3, 1)), 0.0);
        assert_eq!(linear_cka(&constant, &constant), 0.0);
    }
}
