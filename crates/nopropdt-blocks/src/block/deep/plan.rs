//! From a picture's size to the convolutions that see it.

use super::DeepBlock;

/// Channels fill vectors of every instruction set, so that each convolution behind the first takes the fast way.
const VECTOR: usize = 16;
/// Least rows and columns that the last stage leaves, where the picture has as many.
const LEAST_SIDE: usize = 3;

/// Sizes of a block's convolutions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plan {
    /// Channels behind the convolution that sees the picture.
    pub(super) stem: usize,
    /// Channels behind each stage, first to last.
    pub(super) stages: Vec<usize>,
    /// Rows and columns that the last stage leaves.
    pub(super) places: [usize; 2],
    /// Multiply-adds of all convolutions.
    pub(super) multiply_adds: u64,
}

impl Plan {
    /// The convolutions of a checked block for pictures [height, width, channels].
    pub(super) fn new(block: &DeepBlock, [height, width, channels]: [usize; 3]) -> Self {
        let count = match block.stages {
            0 => stages_of(height.min(width)),
            given => given,
        };
        let stages: Vec<usize> =
            (0..count).map(|stage| channels_of(block.width, count - 1 - stage)).collect();
        let stem = (stages[0] / 2).next_multiple_of(VECTOR);
        let convolution = |[rows, columns]: [usize; 2], inputs: usize, outputs: usize| {
            [rows, columns, 9, inputs, outputs].map(|n| n as u64).iter().product::<u64>()
        };
        let mut places = [height, width];
        let mut multiply_adds = convolution(places, channels, stem);
        let mut inputs = stem;
        for &outputs in &stages {
            multiply_adds += convolution(places, inputs, outputs);
            places = places.map(|side| side / 2);
            multiply_adds += block.depth as u64 * convolution(places, outputs, outputs);
            inputs = outputs;
        }
        Self { stem, stages, places, multiply_adds }
    }
}

/// As many stages as halve a side and leave [`LEAST_SIDE`] of it; one at the least.
fn stages_of(side: usize) -> usize {
    (1..).take_while(|stages| side >> stages >= LEAST_SIDE).last().unwrap_or(1)
}

/// Channels of the stage before so many others: all of `width` in the last two, a quarter before them, then half of that with each
/// further stage towards the picture, so that large pictures cost little more than small ones.
fn channels_of(width: usize, before: usize) -> usize {
    let share = if before < 2 { width } else { width >> before.min(16) };
    share.max(1).next_multiple_of(VECTOR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_leave_a_few_places() {
        for (side, stages) in [(4, 1), (8, 1), (12, 2), (28, 3), (32, 3), (64, 4), (96, 5), (224, 6)] {
            assert_eq!(stages_of(side), stages, "{side}");
            assert!((2..=5).contains(&(side >> stages)), "{side}");
        }
    }

    #[test]
    fn channels_fall_towards_the_picture_and_fill_vectors() {
        let of =
            |stages: usize| (0..stages).map(|stage| channels_of(256, stages - 1 - stage)).collect::<Vec<_>>();
        assert_eq!(of(3), [64, 256, 256]);
        assert_eq!(of(6), [16, 16, 32, 64, 256, 256]);
        assert_eq!(channels_of(1, 0), 16);
    }

    /// A picture of 16 times as many pixels costs a few times as much, and has nearly the same parameters.
    #[test]
    fn large_pictures_cost_little_more() {
        let cost = |side| Plan::new(&DeepBlock::standard(), [side, side, 3]).multiply_adds as f64;
        assert!(cost(128) / cost(32) < 3.0, "{}", cost(128) / cost(32));
        assert!(cost(224) / cost(32) < 6.0, "{}", cost(224) / cost(32));
    }
}
