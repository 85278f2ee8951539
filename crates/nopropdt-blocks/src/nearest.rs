//! The image that is nearest to the others of its class.

use nopropdt_tensor::{Mode, Tape, Tensor};
use rayon::prelude::*;

/// Images whose distances to all others are in memory at once, for each thread.
const STRIP: usize = 64;
/// Medians this near to the smallest, as a share of the largest squared length, are looked at again: f32 products of images are
/// good to far less.
const DOUBT: f64 = 1e-4;

/// Index of the row of `images` [N, D] with the smallest median distance to the others, the first of equals. Of an even number of
/// others, the median is the lower of the two in the middle. Exact, and the same whatever the number of threads.
///
/// # Panics
/// When `images` is no matrix.
#[must_use]
pub fn nearest_to_all(images: &Tensor) -> usize {
    let (count, length) = images.matrix_shape("nearest_to_all");
    if count < 3 {
        // Of two, each is as near to the other.
        return 0;
    }
    let squares: Vec<f64> = images.data().chunks_exact(length).map(square).collect();
    let columns = Tensor::filled_by(&[length, count], |values| {
        for (column, image) in images.data().chunks_exact(length).enumerate() {
            image.iter().enumerate().for_each(|(row, &pixel)| values[row * count + column] = pixel);
        }
    });
    let starts: Vec<usize> = (0..count).step_by(STRIP).collect();
    let medians = starts.par_iter().flat_map_iter(|&start| strip_medians(images, &columns, &squares, start));
    let medians: Vec<f64> = medians.collect();
    let doubt = DOUBT * squares.iter().copied().fold(0.0, f64::max);
    let limit = medians.iter().copied().fold(f64::INFINITY, f64::min) + 2.0 * doubt;
    let candidates: Vec<usize> = (0..count).filter(|&row| medians[row] <= limit).collect();
    let exact: Vec<f64> = candidates.par_iter().map(|&row| exact_median(images, row)).collect();
    let best = (0..exact.len()).reduce(|best, next| if exact[next] < exact[best] { next } else { best });
    candidates[best.expect("the smallest median is within its own limit")]
}

fn square(image: &[f32]) -> f64 {
    image.iter().map(|&v| f64::from(v).powi(2)).sum()
}

/// Medians of the squared distances of the rows from `start` to all others, by ‖a‖² + ‖b‖² − 2ab.
fn strip_medians(images: &Tensor, columns: &Tensor, squares: &[f64], start: usize) -> Vec<f64> {
    let (count, length) = images.matrix_shape("nearest_to_all");
    let rows = STRIP.min(count - start);
    let strip = &images.data()[start * length..][..rows * length];
    let mut tape = Tape::new(Mode::Eval);
    let strip = tape.constant(Tensor::filled_by(&[rows, length], |values| values.copy_from_slice(strip)));
    let columns = tape.constant(columns.clone());
    let products = tape.matmul(strip, columns);
    let products = tape.value(products).data().chunks_exact(count).enumerate();
    products
        .map(|(offset, products)| {
            let row = start + offset;
            let others = products.iter().zip(squares).enumerate().filter(|(other, _)| *other != row);
            let distances =
                others.map(|(_, (&product, other))| squares[row] + other - 2.0 * f64::from(product));
            median(distances.collect())
        })
        .collect()
}

/// The median of the squared distances of one row to all others, in f64 from differences.
fn exact_median(images: &Tensor, row: usize) -> f64 {
    let (_, length) = images.matrix_shape("nearest_to_all");
    let own = &images.data()[row * length..][..length];
    let others = images.data().chunks_exact(length).enumerate().filter(|(other, _)| *other != row);
    let distance = |other: &[f32]| {
        own.iter().zip(other).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum::<f64>()
    };
    median(others.map(|(_, other)| distance(other)).collect())
}

fn median(mut values: Vec<f64>) -> f64 {
    let middle = (values.len() - 1) / 2;
    *values.select_nth_unstable_by(middle, f64::total_cmp).1
}
