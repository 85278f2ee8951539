//! Sizes of a convolution, and what follows it.

use crate::dropout::DropoutMask;
use crate::simd::WIDEST;
use crate::sizes::product;

/// Taps of the kernel.
pub(super) const TAPS: usize = 9;
/// Bytes of neighbourhoods a group of images may have: half of the 2 MiB L2 cache of current server cores.
const GROUP_BYTES: usize = 1 << 20;
/// Most images of a group.
const MOST_IMAGES: usize = 64;
/// What messages call the operation.
const NAME: &str = "conv3x3";

/// Sizes of a convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConvShape {
    /// Images.
    pub batch: usize,
    /// Rows of an image.
    pub height: usize,
    /// Columns of an image.
    pub width: usize,
    /// Channels in.
    pub in_channels: usize,
    /// Channels out.
    pub out_channels: usize,
}

impl ConvShape {
    /// Makes sure that no length any kernel forms of these sizes wraps.
    ///
    /// # Panics
    /// When one is beyond `usize`.
    pub(super) fn check(&self) {
        let Self { batch, height, width, in_channels, out_channels } = *self;
        let channels = [in_channels, out_channels].map(|count| self.grown(count, 2 * WIDEST));
        let both = self.grown(channels[0], channels[1]);
        // Borders of at most 4 rows and columns, channels padded to whole panels, nine taps or sixteen planes of these, in bytes.
        let [rows, columns] = [height, width].map(|count| self.grown(count, 4));
        product(NAME, &[MOST_IMAGES, rows, columns, both, 4 * 16]);
        product(NAME, &[channels[0], channels[1], 4 * 16]);
        product(NAME, &[batch, height, width, in_channels]);
        product(NAME, &[batch, height, width, out_channels]);
    }

    fn grown(&self, size: usize, by: usize) -> usize {
        size.checked_add(by).unwrap_or_else(|| panic!("{NAME}: sizes overflow; found {self:?}"))
    }

    pub(super) fn pixels(&self) -> usize {
        product(NAME, &[self.height, self.width])
    }

    /// Values of one input image.
    pub(super) fn image(&self) -> usize {
        product(NAME, &[self.height, self.width, self.in_channels])
    }

    /// Values of one image's pre-activation.
    pub(super) fn activation(&self) -> usize {
        product(NAME, &[self.height, self.width, self.out_channels])
    }

    /// Values of one image's output.
    pub(super) fn image_out(&self, epilogue: &Epilogue) -> usize {
        let (rows, columns) = epilogue.output_size(self);
        product(NAME, &[rows, columns, self.out_channels])
    }

    /// Values of the kernel [3, 3, in, out].
    ///
    /// # Panics
    /// When these are more than `usize` counts.
    pub fn weights(&self) -> usize {
        product(NAME, &[TAPS, self.in_channels, self.out_channels])
    }

    /// The convolution that gives the input's gradient: the same picture, channels exchanged.
    pub(super) fn transposed(&self) -> Self {
        Self { in_channels: self.out_channels, out_channels: self.in_channels, ..*self }
    }

    /// Images whose neighbourhoods (nine copies of an image) fill [`GROUP_BYTES`].
    pub(super) fn group(&self) -> usize {
        let bytes = product(NAME, &[self.image(), TAPS, size_of::<f32>()]);
        (GROUP_BYTES / bytes.max(1)).clamp(1, MOST_IMAGES)
    }
}

/// What is done to a pre-activation before it is stored.
#[derive(Debug, Clone, Copy)]
pub enum Epilogue {
    /// Nothing: the bias is added and the value kept.
    Linear,
    /// ReLU, then optionally 2×2 max-pool (stride 2, last odd row or column left out), then optionally dropout.
    Relu {
        /// Whether to pool.
        pool: bool,
        /// The mask, in training.
        dropout: Option<DropoutMask>,
    },
}

impl Epilogue {
    /// (rows, columns) of the output image.
    pub fn output_size(&self, shape: &ConvShape) -> (usize, usize) {
        match self {
            Self::Relu { pool: true, .. } => (shape.height / 2, shape.width / 2),
            _ => (shape.height, shape.width),
        }
    }

    /// Whether a 2×2 max-pool follows.
    pub fn pools(&self) -> bool {
        matches!(self, Self::Relu { pool: true, .. })
    }

    /// The dropout mask, if there is one.
    pub(super) fn dropout(&self) -> Option<DropoutMask> {
        match self {
            Self::Relu { dropout, .. } => *dropout,
            Self::Linear => None,
        }
    }

    /// What a gradient is multiplied by where it passes.
    pub(super) fn gradient_scale(&self) -> f32 {
        self.dropout().map_or(1.0, |mask| mask.scale)
    }
}

/// The kernel turned by half a turn with channels exchanged, [3, 3, out, in]: convolving the output's gradient with
/// it gives the input's gradient.
pub(super) fn flip(shape: &ConvShape, weight: &[f32], flipped: &mut [f32]) {
    let (inputs, outputs) = (shape.in_channels, shape.out_channels);
    for (tap, source) in weight.chunks_exact(inputs * outputs).enumerate() {
        let target = &mut flipped[(TAPS - 1 - tap) * inputs * outputs..][..inputs * outputs];
        for first in (0..inputs).step_by(TOGETHER) {
            let rows = first..(first + TOGETHER).min(inputs);
            for (output, target) in target.chunks_exact_mut(inputs).enumerate() {
                let from = source[first * outputs + output..].iter().step_by(outputs);
                target[rows.clone()].iter_mut().zip(from).for_each(|(to, &from)| *to = from);
            }
        }
    }
}

/// Rows that are exchanged with columns together: a cache line, so that each is written once and those read stay in the L1 cache.
const TOGETHER: usize = 16;
