//! The Box–Muller transform over lanes: two uniform words make two independent normal numbers.
//!
//! z0 = sqrt(-2 ln u) cos(2 pi v), z1 = sqrt(-2 ln u) sin(2 pi v)
//!
//! The logarithm, sine and cosine are short series of multiplications and additions instead of calls into the
//! system's mathematics library: they run in vector lanes, and round alike on every machine.

use super::group::{GROUP, LANES};
use super::philox::Lanes;

type Floats = [f32; LANES];

/// A group of normal numbers: words 0 and 1 of each counter make the first two runs of lanes, 2 and 3 the rest.
#[inline(always)]
pub(super) fn from_words(words: &Lanes<LANES>) -> [f32; GROUP] {
    let mut out = [0.0; GROUP];
    let (pairs, _) = out.as_chunks_mut::<{ 2 * LANES }>();
    for (out, words) in pairs.iter_mut().zip(words.as_chunks::<2>().0) {
        let (cosines, sines) = out.split_at_mut(LANES);
        let radius: Floats = words[0].map(radius);
        for lane in 0..LANES {
            let (sine, cosine) = sine_cosine(words[1][lane]);
            cosines[lane] = radius[lane] * cosine;
            sines[lane] = radius[lane] * sine;
        }
    }
    out
}

/// sqrt(-2 ln u) with u = (word + 1/2) / 2^32 rounded to f32: never 0, and at most 1.
#[inline(always)]
fn radius(word: u32) -> f32 {
    const SCALE: f32 = 1.0 / (1u64 << 32) as f32;
    // The bits of sqrt(1/2): subtracting them first splits u = 2^e m with m in [sqrt(1/2), sqrt(2)), so that ln m
    // is small where ln u is, and their sum never cancels.
    const ROOT_HALF: u32 = 0x3F35_04F3;
    let u = word as f32 * SCALE + 0.5 * SCALE;
    let shifted = u.to_bits().wrapping_sub(ROOT_HALF) as i32;
    let exponent = (shifted >> 23) as f32;
    let m = f32::from_bits((shifted & 0x007F_FFFF) as u32 + ROOT_HALF);
    // ln m = 2 artanh(s); |s| < 0.172, so the first term left out is below 4e-10.
    let s = (m - 1.0) / (m + 1.0);
    let q = s * s;
    let series = 1.0 + q * (1.0 / 3.0 + q * (1.0 / 5.0 + q * (1.0 / 7.0 + q * (1.0 / 9.0))));
    let ln = exponent * std::f32::consts::LN_2 + 2.0 * s * series;
    // u is at most 1, so ln is never positive.
    (-2.0 * ln).sqrt()
}

/// The sine and cosine of 2 pi word / 2^32.
///
/// # Accuracy
/// The quadrant is taken off exactly, as an integer, and the series end where their terms fall under 3e-9 for
/// angles within pi/4.
#[inline(always)]
fn sine_cosine(word: u32) -> (f32, f32) {
    const R: [f32; 9] = [
        1.0 / 2.0,
        1.0 / 6.0,
        1.0 / 12.0,
        1.0 / 20.0,
        1.0 / 30.0,
        1.0 / 42.0,
        1.0 / 56.0,
        1.0 / 72.0,
        1.0 / 90.0,
    ];
    const RADIANS: f32 = (std::f64::consts::TAU / (1u64 << 32) as f64) as f32;
    let quadrant = word.wrapping_add(1 << 29) >> 30;
    let angle = word.wrapping_sub(quadrant << 30) as i32 as f32 * RADIANS;
    let q = angle * angle;
    // Each term of a series is the one before times -q / (n (n + 1)); the constants are divided at compile time.
    let sine = angle * (1.0 - q * R[1] * (1.0 - q * R[3] * (1.0 - q * R[5] * (1.0 - q * R[7]))));
    let cosine = 1.0 - q * R[0] * (1.0 - q * R[2] * (1.0 - q * R[4] * (1.0 - q * R[6] * (1.0 - q * R[8]))));
    // A quarter turn swaps the two; the sine is negative in quadrants 2 and 3, the cosine in 1 and 2.
    let (sine, cosine) = if quadrant & 1 == 0 { (sine, cosine) } else { (cosine, sine) };
    let sine_sign = (quadrant & 2) << 30;
    let cosine_sign = (quadrant.wrapping_add(1) & 2) << 30;
    (f32::from_bits(sine.to_bits() ^ sine_sign), f32::from_bits(cosine.to_bits() ^ cosine_sign))
}
