//! Prototypes: for each class the training image that is nearest to the others of its class, where a learned embedding of images
//! starts (spec section 5).

use crate::trainer::gather;
use nopropdt_data::ImageSet;
use nopropdt_tensor::{Mode, Tape, Tensor};
use rayon::prelude::*;

/// Images whose distances to all others are in memory at once, for each thread.
const STRIP: usize = 64;
/// Medians this near to the smallest, as a share of the largest squared length, are looked at again: f32 products of images are
/// good to far less.
const DOUBT: f64 = 1e-4;

/// A class of which there is no image.
#[derive(Debug, PartialEq, thiserror::Error)]
#[error("prototypes: every class must have a training image; class {class} has none")]
pub struct PrototypesError {
    /// The class.
    pub class: usize,
}

/// The prototypes of `classes` classes, [m, H·W·C], pixels in the order of [`ImageSet::fill`]: of each class the image with the
/// smallest median distance to the others, the first of equals. Of an even number of others, the median is the lower of the two in
/// the middle. Exact, and the same whatever the number of threads.
///
/// # Errors
/// When a class has no image.
pub fn prototypes(data: &dyn ImageSet, classes: usize) -> Result<Tensor, PrototypesError> {
    let members = members(data, classes)?;
    let length = data.shape().len();
    let mut rows = Vec::with_capacity(classes * length);
    for members in members {
        let images = gather(data, &members).images.reshaped(&[members.len(), length]);
        let chosen = nearest_to_all(&images);
        rows.extend_from_slice(&images.data()[chosen * length..][..length]);
    }
    Ok(Tensor::filled_by(&[classes, length], |values| values.copy_from_slice(&rows)))
}

/// The images of each class: what [`prototypes`] fails on is known before any work is done.
///
/// # Errors
/// When a class has no image.
pub fn members(data: &dyn ImageSet, classes: usize) -> Result<Vec<Vec<u32>>, PrototypesError> {
    let mut members = vec![Vec::new(); classes];
    (0..data.len()).for_each(|index| members[data.label(index)].push(index as u32));
    match members.iter().position(Vec::is_empty) {
        Some(class) => Err(PrototypesError { class }),
        None => Ok(members),
    }
}

/// Index of the row with the smallest median distance to the others.
fn nearest_to_all(images: &Tensor) -> usize {
    let (count, length) = images.matrix_shape("prototypes");
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
    let (count, length) = images.matrix_shape("prototypes");
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
    let (_, length) = images.matrix_shape("prototypes");
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

#[cfg(test)]
mod tests {
    use super::*;
    use nopropdt_data::{DatasetName, ImageShape, load};
    use nopropdt_tensor::random::Stream;
    use std::path::Path;

    /// Random grey pictures of 5×4 pixels.
    struct Random {
        count: usize,
        classes: usize,
        seed: u64,
    }

    impl ImageSet for Random {
        fn len(&self) -> usize {
            self.count
        }

        fn shape(&self) -> ImageShape {
            ImageShape { height: 5, width: 4, channels: 1 }
        }

        fn label(&self, index: usize) -> usize {
            index * 7 % self.classes
        }

        fn fill(&self, index: usize, image: &mut [f32]) {
            // Few different values, so that distances are often equal.
            Stream::new(self.seed).child(index as u64 / 2).fill_uniform(image);
            image.iter_mut().for_each(|v| *v = (4.0 * *v).round() / 4.0);
        }
    }

    /// By the definition, all in f64, sorted.
    fn brute_force(data: &dyn ImageSet, class: usize) -> Vec<f32> {
        let image = |index: usize| {
            let mut image = vec![0.0; data.shape().len()];
            data.fill(index, &mut image);
            image
        };
        let members: Vec<usize> = (0..data.len()).filter(|&index| data.label(index) == class).collect();
        let median = |index: usize| {
            let others = members.iter().filter(|&&other| other != index);
            let distance = |other: usize| {
                let pairs = image(index).into_iter().zip(image(other));
                pairs.map(|(a, b)| (f64::from(a) - f64::from(b)).powi(2)).sum::<f64>().sqrt()
            };
            let mut distances: Vec<f64> = others.map(|&other| distance(other)).collect();
            distances.sort_by(f64::total_cmp);
            if distances.is_empty() { 0.0 } else { distances[(distances.len() - 1) / 2] }
        };
        let medians: Vec<f64> = members.iter().map(|&index| median(index)).collect();
        let smallest = medians.iter().copied().fold(f64::INFINITY, f64::min);
        image(members[medians.iter().position(|&m| m == smallest).unwrap()])
    }

    fn check(data: &dyn ImageSet, classes: usize) {
        let found = prototypes(data, classes).unwrap();
        for (class, row) in found.data().chunks_exact(data.shape().len()).enumerate() {
            assert_eq!(row, brute_force(data, class), "class {class}");
        }
    }

    #[test]
    fn prototypes_are_those_of_brute_force() {
        for seed in 0..5 {
            check(&Random { count: 150 + seed as usize, classes: 2, seed }, 2);
            // Classes of one, of two and of three images.
            for count in [3, 6, 9] {
                check(&Random { count, classes: 3, seed }, 3);
            }
        }
    }

    #[test]
    fn prototypes_of_the_digits_are_those_of_brute_force() {
        let digits = load(DatasetName::Digits, Path::new("unused")).unwrap().train.limited(Some(700));
        check(&digits, 10);
    }

    #[test]
    fn a_class_without_images_is_named() {
        let error = prototypes(&Random { count: 10, classes: 2, seed: 1 }, 3).unwrap_err();
        assert_eq!(error, PrototypesError { class: 2 });
    }
}
