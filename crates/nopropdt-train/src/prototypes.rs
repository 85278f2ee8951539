//! Prototypes: for each class the training image that is nearest to the others of its class, where a learned embedding of images
//! starts (spec section 5).

use crate::trainer::gather;
use nopropdt_blocks::nearest_to_all;
use nopropdt_data::Examples;
use nopropdt_tensor::Tensor;

/// A class of which there is no image.
#[derive(Debug, PartialEq, thiserror::Error)]
#[error("prototypes: every class must have a training image; class {class} has none")]
pub struct PrototypesError {
    /// The class.
    pub class: usize,
}

/// The prototypes of `classes` classes, [m, H·W·C], pixels in the order of [`Examples::fill`]: of each class the image with the
/// smallest median distance to the others, the first of equals. Of an even number of others, the median is the lower of the two in
/// the middle. Exact, and the same whatever the number of threads.
///
/// # Errors
/// When a class has no image.
pub fn prototypes(data: &dyn Examples, classes: usize) -> Result<Tensor, PrototypesError> {
    prototypes_watched(data, classes, &|_, _| ())
}

/// As [`prototypes`]; after each class `tell` is told of (images compared, images in all).
///
/// # Errors
/// When a class has no image.
pub fn prototypes_watched(
    data: &dyn Examples,
    classes: usize,
    tell: &dyn Fn(usize, usize),
) -> Result<Tensor, PrototypesError> {
    let members = members(data, classes)?;
    let mut compared = 0;
    let length = data.shape().iter().product();
    let mut rows = Vec::with_capacity(classes * length);
    for members in members {
        let images = gather(data, &members).inputs.reshaped(&[members.len(), length]);
        let chosen = nearest_to_all(&images);
        rows.extend_from_slice(&images.data()[chosen * length..][..length]);
        compared += members.len();
        tell(compared, data.len());
    }
    Ok(Tensor::filled_by(&[classes, length], |values| values.copy_from_slice(&rows)))
}

/// The images of each class: what [`prototypes`] fails on is known before any work is done.
///
/// # Errors
/// When a class has no image.
pub fn members(data: &dyn Examples, classes: usize) -> Result<Vec<Vec<u32>>, PrototypesError> {
    let mut members = vec![Vec::new(); classes];
    (0..data.len()).for_each(|index| members[data.label(index)].push(index as u32));
    match members.iter().position(Vec::is_empty) {
        Some(class) => Err(PrototypesError { class }),
        None => Ok(members),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nopropdt_data::{DatasetName, load};
    use nopropdt_tensor::random::Stream;
    use std::path::Path;

    /// Random grey pictures of 5×4 pixels.
    struct Random {
        count: usize,
        classes: usize,
        seed: u64,
    }

    impl Examples for Random {
        fn len(&self) -> usize {
            self.count
        }

        fn shape(&self) -> Vec<usize> {
            vec![5, 4, 1]
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
    fn brute_force(data: &dyn Examples, class: usize) -> Vec<f32> {
        let image = |index: usize| {
            let mut image = vec![0.0; data.shape().iter().product()];
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

    fn check(data: &dyn Examples, classes: usize) {
        let found = prototypes(data, classes).unwrap();
        for (class, row) in found.data().chunks_exact(data.shape().iter().product()).enumerate() {
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
