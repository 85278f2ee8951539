//! The colours, of middle lightness so that they read on white and on near-black alike.

use plotters::style::RGBColor;

/// The chain: the paper's read-out, and what is right.
pub(super) const CHAIN: RGBColor = RGBColor(59, 125, 216);
/// The consensus of the blocks.
pub(super) const CONSENSUS: RGBColor = RGBColor(226, 125, 28);
/// Held-out training images.
pub(super) const VALIDATION: RGBColor = RGBColor(46, 160, 110);
/// What should be.
pub(super) const PERFECT: RGBColor = RGBColor(140, 146, 156);
/// What is wrong, and what is negative.
pub(super) const WRONG: RGBColor = RGBColor(214, 69, 61);

/// Runs side by side, in their order.
const RUNS: [RGBColor; 8] = [
    CHAIN,
    CONSENSUS,
    VALIDATION,
    RGBColor(166, 70, 196),
    WRONG,
    RGBColor(32, 164, 178),
    RGBColor(148, 112, 60),
    RGBColor(222, 82, 152),
];

/// Colour of run `index` out of `count`: one of its own for a few runs, along the ramp for many.
pub(super) fn run(index: usize, count: usize) -> RGBColor {
    if count <= RUNS.len() { RUNS[index % RUNS.len()] } else { ramp(index, count) }
}

/// The ramp from the first block to the last.
const RAMP: [RGBColor; 4] =
    [RGBColor(72, 86, 216), RGBColor(166, 70, 196), RGBColor(222, 82, 122), RGBColor(238, 150, 50)];

/// Colour of block `index` (from 0) out of `count`: from blue through magenta to orange.
pub(super) fn ramp(index: usize, count: usize) -> RGBColor {
    let last = RAMP.len() - 1;
    let place = if count < 2 { 0.0 } else { index.min(count - 1) as f64 / (count - 1) as f64 * last as f64 };
    let below = (place as usize).min(last - 1);
    let share = place - below as f64;
    let (from, to) = (RAMP[below], RAMP[below + 1]);
    let mix = |a: u8, b: u8| (f64::from(a) + share * (f64::from(b) - f64::from(a))).round() as u8;
    RGBColor(mix(from.0, to.0), mix(from.1, to.1), mix(from.2, to.2))
}

/// `color` as CSS writes it: `#3b7dd8`.
pub(super) fn css(color: RGBColor) -> String {
    format!("#{:02x}{:02x}{:02x}", color.0, color.1, color.2)
}

/// The whole ramp as a CSS gradient, first block on the left.
pub(super) fn ramp_css() -> String {
    let stops: Vec<String> = RAMP.iter().map(|&color| css(color)).collect();
    format!("linear-gradient(90deg,{})", stops.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ramp_runs_from_its_first_colour_to_its_last() {
        assert_eq!(ramp(0, 1), RAMP[0]);
        assert_eq!(ramp(0, 10), RAMP[0]);
        assert_eq!(ramp(9, 10), RAMP[3]);
        assert_eq!(ramp(1, 4), RAMP[1]);
        assert_eq!(css(CHAIN), "#3b7dd8");
    }
}
