//! Bringing pixels to a size.

/// Width and height.
type Size = (usize, usize);

/// The middle of a picture, as large as the wanted proportions allow, scaled to the wanted size with a triangle filter: each pixel is
/// the weighted mean of those around its place, over two pixels' width or, where the picture gets smaller, over as many as fall on two.
///
/// It is cut first: a long thin picture scaled whole would have sides beyond any bound.
pub(super) fn to_size(pixels: Vec<u8>, channels: usize, size: Size, wanted: Size) -> Vec<u8> {
    if size == wanted {
        return pixels;
    }
    let (wide, high) = size;
    let cut_wide = (high * wanted.0 / wanted.1).clamp(1, wide);
    let cut_high = (wide * wanted.1 / wanted.0).clamp(1, high);
    let (left, top) = ((wide - cut_wide) / 2, (high - cut_high) / 2);
    let row = |y: usize| &pixels[((top + y) * wide + left) * channels..][..cut_wide * channels];
    if (cut_wide, cut_high) == wanted {
        return (0..cut_high).flat_map(row).copied().collect();
    }

    let (across, down) = (weights(cut_wide, wanted.0), weights(cut_high, wanted.1));
    let mut scaled = Vec::with_capacity(wanted.0 * wanted.1 * channels);
    let mut sums = vec![0.0_f32; cut_wide * channels];
    for taps in &down {
        sums.fill(0.0);
        for (y, &weight) in (taps.first..).zip(&taps.weights) {
            sums.iter_mut().zip(row(y)).for_each(|(sum, &value)| *sum += f32::from(value) * weight);
        }
        for taps in &across {
            for channel in 0..channels {
                let column = sums[channel..].iter().step_by(channels).skip(taps.first);
                let sum: f32 =
                    column.zip(&taps.weights).fold(0.0, |sum, (value, weight)| sum + value * weight);
                scaled.push(sum.clamp(0.0, 255.0).round() as u8);
            }
        }
    }
    scaled
}

/// The pixels that one pixel of the result is made of.
struct Taps {
    first: usize,
    /// They add up to 1.
    weights: Vec<f32>,
}

/// For each of `to` pixels the weights of those it is made of, among `from` pixels.
fn weights(from: usize, to: usize) -> Vec<Taps> {
    let ratio = from as f32 / to as f32;
    // Half the filter's width, in pixels of the source.
    let reach = ratio.max(1.0);
    let taps = |index: usize| {
        let centre = (index as f32 + 0.5) * ratio;
        let first = ((centre - reach).floor().max(0.0) as usize).min(from - 1);
        let end = ((centre + reach).ceil() as usize).clamp(first + 1, from);
        // A pixel's own centre lies half a pixel behind its left edge.
        let weight = |pixel: usize| (1.0 - ((pixel as f32 - (centre - 0.5)) / reach).abs()).max(0.0);
        let mut weights: Vec<f32> = (first..end).map(weight).collect();
        let sum: f32 = weights.iter().sum();
        weights.iter_mut().for_each(|weight| *weight /= sum);
        Taps { first, weights }
    };
    (0..to).map(taps).collect()
}
