//! Convolutions that see an image before it is cut into patches (Xiao et al. 2021).

use nopropdt_tensor::layers::Conv3x3;
use nopropdt_tensor::{ConvEpilogue, ParameterBuilder, Slot, Tape, Var};

/// 3×3 convolutions, each with ReLU and a 2×2 max-pool.
#[derive(Debug, Clone)]
pub(super) struct Stem(Vec<Conv3x3>);

/// What a stem makes of an image.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    /// Channels behind each convolution.
    channels: Vec<usize>,
    /// Multiply-adds of an image.
    pub(super) multiply_adds: u64,
    /// Rows, columns and channels of what is left.
    pub(super) image: [usize; 3],
    /// Rows and columns of a patch of that.
    pub(super) patch: usize,
}

impl Plan {
    /// As many convolutions as halve a patch of so many pixels a side and the sides of the image without a rest: no row or column is lost at
    /// a pool. The first has half of a token's `width` for channels, the others all of it.
    pub(super) fn new(patch: usize, width: usize, image: [usize; 3]) -> Self {
        let mut plan = Self::none(patch, image);
        while [plan.patch, plan.image[0], plan.image[1]].iter().all(|side| side.is_multiple_of(2)) {
            let [height, columns, inputs] = plan.image;
            let outputs = if plan.channels.is_empty() { width.div_ceil(2) } else { width };
            plan.multiply_adds += (height * columns * 9 * inputs * outputs) as u64;
            plan.channels.push(outputs);
            plan.image = [height / 2, columns / 2, outputs];
            plan.patch /= 2;
        }
        plan
    }

    /// No convolution.
    pub(super) fn none(patch: usize, image: [usize; 3]) -> Self {
        Self { channels: Vec::new(), multiply_adds: 0, image, patch }
    }
}

impl Stem {
    /// Registers `stem.{i}.weight` and `.bias`, of an image of so many channels.
    pub(super) fn new(plan: &Plan, mut channels: usize, builder: &mut ParameterBuilder) -> Self {
        let convolution = |(index, &outputs): (usize, &usize)| {
            let inputs = std::mem::replace(&mut channels, outputs);
            Conv3x3::new(builder, &format!("stem.{index}"), inputs, outputs)
        };
        Self(plan.channels.iter().enumerate().map(convolution).collect())
    }

    /// x [B, H, W, C] -> what the plan says
    pub(super) fn forward(&self, tape: &mut Tape<'_>, slot: Slot, images: Var) -> Var {
        let pooled = ConvEpilogue::Relu { pool: true, dropout: None };
        self.0.iter().fold(images, |x, convolution| convolution.forward(tape, slot, x, pooled))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_is_halved_while_there_is_something_to_halve() {
        let plan = |patch, image| {
            let Plan { channels, image, patch, .. } = Plan::new(patch, 64, image);
            (channels, image, patch)
        };
        assert_eq!(plan(2, [8, 8, 1]), (vec![32], [4, 4, 32], 1));
        assert_eq!(plan(4, [28, 28, 1]), (vec![32, 64], [7, 7, 64], 1));
        assert_eq!(plan(32, [256, 256, 3]), (vec![32, 64, 64, 64, 64], [8, 8, 64], 1));
        assert_eq!(plan(6, [30, 32, 3]), (vec![32], [15, 16, 32], 3));
        assert_eq!(plan(3, [9, 9, 1]), (vec![], [9, 9, 1], 3));
        // An odd side would lose a row.
        assert_eq!(plan(4, [30, 40, 1]), (vec![32], [15, 20, 32], 2));
        assert_eq!(plan(4, [3, 40, 1]), (vec![], [3, 40, 1], 4));
        let adds = Plan::new(4, 64, [28, 28, 1]).multiply_adds;
        assert_eq!(adds, 28 * 28 * 9 * 32 + 14 * 14 * 9 * 32 * 64);
    }
}
