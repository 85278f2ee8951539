//! From a file's samples to grey or RGB pixels, a byte a channel.

use super::raster::{Layout, Raster};

/// Shares of red, green and blue in the luminance of sRGB: the Y row of the matrix from its primaries and its white, D65, to XYZ.
const LUMINANCE: [f32; 3] = [0.212_647_84, 0.715_179_2, 0.072_173_04];

impl Raster {
    /// The pixels with `channels` 1 (grey) or 3 (RGB). Transparent ones are laid on white as a page or a viewer shows them: what lies
    /// under them is nobody's picture.
    pub(super) fn into_channels(self, channels: usize) -> Vec<u8> {
        match (self.header.layout, self.header.is_deep, channels) {
            (Layout::Grey, false, 1) | (Layout::Rgb, false, 3) => self.samples,
            (layout, false, _) => convert::<1>(&self.samples, layout, channels),
            (layout, true, _) => convert::<2>(&self.samples, layout, channels),
        }
    }
}

/// Converts samples of `BYTES` bytes each.
fn convert<const BYTES: usize>(samples: &[u8], layout: Layout, channels: usize) -> Vec<u8> {
    let pixels = samples.chunks_exact(BYTES * layout.channels());
    let mut converted = Vec::with_capacity(pixels.len() * channels);
    for pixel in pixels {
        let sample =
            |at: usize| pixel[at * BYTES..][..BYTES].iter().fold(0, |high, &low| high << 8 | u32::from(low));
        let on_white = |at, alpha| lay_on_white::<BYTES>(sample(at), sample(alpha));
        let rgb = match layout {
            Layout::Grey => [sample(0); 3],
            Layout::GreyAlpha => [on_white(0, 1); 3],
            Layout::Rgb => [0, 1, 2].map(sample),
            Layout::Rgba => [0, 1, 2].map(|at| on_white(at, 3)),
        };
        match (layout, channels) {
            (Layout::Rgb | Layout::Rgba, 1) => converted.push(luminance::<BYTES>(rgb)),
            (_, 1) => converted.push(to_byte::<BYTES>(rgb[0])),
            _ => converted.extend(rgb.map(to_byte::<BYTES>)),
        }
    }
    converted
}

/// The largest sample of `BYTES` bytes.
const fn most<const BYTES: usize>() -> u32 {
    (1 << (8 * BYTES)) - 1
}

/// A sample seen on white through its alpha, rounded.
fn lay_on_white<const BYTES: usize>(sample: u32, alpha: u32) -> u32 {
    let white = most::<BYTES>();
    // At most white² + white / 2: below 2³² for two bytes, too.
    (sample * alpha + white * (white - alpha) + white / 2) / white
}

/// A sample on the scale of a byte, rounded.
fn to_byte<const BYTES: usize>(sample: u32) -> u8 {
    let step = most::<BYTES>() / 255;
    ((sample + step / 2) / step) as u8
}

fn luminance<const BYTES: usize>(rgb: [u32; 3]) -> u8 {
    let scale = 1.0 / most::<BYTES>() as f32;
    let sum = rgb.iter().zip(LUMINANCE).fold(0.0, |sum, (&value, share)| sum + value as f32 * scale * share);
    (sum * 255.0).round() as u8
}
