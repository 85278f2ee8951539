//! Augmentation: training images shifted and mirrored, differently in each epoch.

use rand_chacha::rand_core::RngCore;

use crate::order::{Purpose, below, stream};
use crate::{Examples, ImageShape, InputShape};

/// How training images are changed; by default not at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Augmentation {
    /// Shift each image by up to this many pixels up or down and left or right; black comes in from the edges. The same as
    /// cutting an image of the original size at random out of one with a border of so many black pixels.
    pub crop_padding: usize,
    /// Mirror every other image, on average, left to right.
    pub flip: bool,
}

impl Augmentation {
    /// The inputs of `set` as an epoch is to see them: a pure function of the input, the seed and the epoch. Only images can be changed:
    /// filling others panics, unless nothing is asked for.
    #[must_use]
    pub fn of<'a>(self, set: &'a dyn Examples, seed: u64, epoch: u64) -> Augmented<'a> {
        Augmented { set, augmentation: self, seed, epoch }
    }

    /// What happens to image `index`: rows down, columns right, mirrored.
    fn draw(self, seed: u64, epoch: u64, index: usize) -> (isize, isize, bool) {
        let mut random = stream(Purpose::Augmentation, seed, epoch);
        random.set_stream(index as u64);
        let mut shift = || {
            let choices = u32::try_from(2 * self.crop_padding + 1).unwrap_or(u32::MAX);
            below(&mut random, choices) as isize - self.crop_padding as isize
        };
        let (down, right) = (shift(), shift());
        (down, right, self.flip && random.next_u32() & 1 == 1)
    }
}

/// Images changed by an [`Augmentation`].
pub struct Augmented<'a> {
    set: &'a dyn Examples,
    augmentation: Augmentation,
    seed: u64,
    epoch: u64,
}

impl Examples for Augmented<'_> {
    fn len(&self) -> usize {
        self.set.len()
    }

    fn shape(&self) -> Vec<usize> {
        self.set.shape()
    }

    fn label(&self, index: usize) -> usize {
        self.set.label(index)
    }

    fn fill(&self, index: usize, image: &mut [f32]) {
        if self.augmentation == Augmentation::default() {
            return self.set.fill(index, image);
        }
        let (down, right, mirrored) = self.augmentation.draw(self.seed, self.epoch, index);
        let mut plain = vec![0.0; image.len()];
        self.set.fill(index, &mut plain);
        let shape = InputShape::from(self.set.shape()).image().expect("augmentation: wants images");
        let ImageShape { height, width, channels } = shape;
        let inside =
            |at: usize, shift: isize, size: usize| at.checked_add_signed(-shift).filter(|&at| at < size);
        for (row, values) in image.chunks_exact_mut(width * channels).enumerate() {
            let from = inside(row, down, height);
            for (column, pixel) in values.chunks_exact_mut(channels).enumerate() {
                let seen = if mirrored { width - 1 - column } else { column };
                match (from, inside(seen, right, width)) {
                    (Some(row), Some(column)) => {
                        pixel.copy_from_slice(&plain[(row * width + column) * channels..][..channels]);
                    }
                    _ => pixel
                        .iter_mut()
                        .enumerate()
                        .for_each(|(channel, value)| *value = self.set.black(channel)),
                }
            }
        }
    }

    fn black(&self, channel: usize) -> f32 {
        self.set.black(channel)
    }
}

#[cfg(test)]
mod tests;
