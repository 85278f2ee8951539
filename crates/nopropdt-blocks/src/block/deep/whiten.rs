//! A first convolution that whitens what it sees, so that training need not learn the statistics of pictures.

use nopropdt_tensor::Tensor;
use nopropdt_tensor::symmetric::eigen;

/// Rows and columns of a window.
const SIDE: usize = 3;
/// Added to each variance, as a share of the mean variance: components that hardly vary are noise.
const SHARE: f64 = 1e-3;

/// One output channel of a convolution.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Filter {
    /// [3, 3, C]
    pub(super) kernel: Vec<f32>,
    pub(super) bias: f32,
}

/// Filters that turn a window into its principal components, the largest first, each of variance 1 over `images` [B, H, W, C]. Each
/// component has two, the second with its sign turned, since a ReLU follows. There are at most `most`, no more than components that vary, and none without a
/// whole window.
///
/// # Source
/// A fixed layer of this kind is in Page, "How to train your ResNet", 2019, and in Jordan, "94% on CIFAR-10 in 3.29 seconds", 2024.
pub(super) fn whitening(images: &Tensor, most: usize) -> Vec<Filter> {
    let &[batch, height, width, channels] = images.shape() else { return Vec::new() };
    if batch == 0 || height < SIDE || width < SIDE {
        return Vec::new();
    }
    let (mean, covariance) = moments(images.data(), [height, width, channels]);
    let (values, vectors) = eigen(&covariance, mean.len());
    let floor = SHARE * values.iter().sum::<f64>() / mean.len() as f64;
    let varying =
        values.iter().zip(&vectors).take(most / 2).filter(|&(&value, _)| value.max(0.0) + floor > 0.0);
    let filters = varying.flat_map(|(value, vector)| {
        let scale = 1.0 / (value.max(0.0) + floor).sqrt();
        [scale, -scale].map(|scale| Filter {
            kernel: vector.iter().map(|weight| (scale * weight) as f32).collect(),
            bias: (-scale * vector.iter().zip(&mean).map(|(weight, mean)| weight * mean).sum::<f64>()) as f32,
        })
    });
    filters.collect()
}

/// Mean and covariance of the windows that lie wholly in an image, in the order row, column, channel.
fn moments(images: &[f32], [height, width, channels]: [usize; 3]) -> (Vec<f64>, Vec<f64>) {
    let (length, run) = (SIDE * SIDE * channels, SIDE * channels);
    let (mut sum, mut products) = (vec![0.0f64; length], vec![0.0f64; length * length]);
    let mut count = 0.0;
    let mut window = vec![0.0f64; length];
    for image in images.chunks_exact(height * width * channels) {
        for (y, x) in (0..=height - SIDE).flat_map(|y| (0..=width - SIDE).map(move |x| (y, x))) {
            for (row, to) in window.chunks_exact_mut(run).enumerate() {
                let from = &image[((y + row) * width + x) * channels..][..run];
                to.iter_mut().zip(from).for_each(|(to, &from)| *to = f64::from(from));
            }
            count += 1.0;
            for (p, &value) in window.iter().enumerate() {
                sum[p] += value;
                let row = &mut products[p * length..=p * length + p];
                row.iter_mut().zip(&window).for_each(|(product, other)| *product += value * other);
            }
        }
    }
    let mean: Vec<f64> = sum.iter().map(|sum| sum / count).collect();
    for p in 0..length {
        for q in 0..=p {
            let covariance = products[p * length + q] / count - mean[p] * mean[q];
            products[p * length + q] = covariance;
            products[q * length + p] = covariance;
        }
    }
    (mean, products)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nopropdt_tensor::random::Stream;

    /// Values that depend on their neighbours: each the sum of two draws, one of them shared with the pixel before.
    fn images() -> Tensor {
        let mut draws = vec![0.0; 40 * 8 * 8 * 2];
        Stream::new(6).fill_normal(&mut draws);
        let mixed: Vec<f32> =
            (0..draws.len()).map(|at| 3.0 + draws[at] + 0.8 * draws[at.saturating_sub(2)]).collect();
        Tensor::from_vec(&[40, 8, 8, 2], mixed).unwrap()
    }

    /// Over all windows each component has mean 0 and variance 1, and no two go together.
    #[test]
    fn components_are_white() {
        let images = images();
        let filters = whitening(&images, 12);
        assert_eq!(filters.len(), 12);
        let (mean, covariance) = moments(images.data(), [8, 8, 2]);
        let wide =
            |filter: &Filter| -> Vec<f64> { filter.kernel.iter().map(|&weight| weight.into()).collect() };
        for (filter, found) in filters.iter().enumerate() {
            let (a, bias) = (wide(found), found.bias);
            let of_mean: f64 = a.iter().zip(&mean).map(|(a, mean)| a * mean).sum();
            assert!((of_mean + f64::from(bias)).abs() < 1e-4, "{filter}: {of_mean} and {bias}");
            for (other, found) in filters.iter().enumerate() {
                let b = wide(found);
                let together: f64 =
                    (0..18 * 18).map(|place| a[place / 18] * covariance[place] * b[place % 18]).sum();
                // A component goes with itself and against its double.
                let wanted = match (filter / 2 == other / 2, filter == other) {
                    (false, _) => 0.0,
                    (true, true) => 1.0,
                    (true, false) => -1.0,
                };
                assert!((together - wanted).abs() < 0.02, "{filter} and {other}: {together}");
            }
        }
    }

    /// More channels than a window has components get no more filters than there are.
    #[test]
    fn there_are_no_more_components_than_values() {
        assert_eq!(whitening(&images(), 40).len(), 2 * 18);
        assert_eq!(whitening(&images(), 7).len(), 6);
    }

    /// Pictures that are all alike, and such as are smaller than a window, have no components.
    #[test]
    fn what_does_not_vary_has_no_filter() {
        assert_eq!(whitening(&Tensor::zeros(&[3, 4, 4, 1]), 8), []);
        assert_eq!(whitening(&Tensor::zeros(&[3, 2, 4, 1]), 8), []);
    }
}
