//! Augmentation: training images cut, shifted and mirrored, differently in each epoch.

mod window;

use rand_chacha::rand_core::RngCore;
use std::ops::Range;

use crate::order::{Purpose, below, stream};
use crate::{Examples, ImageShape, InputShape};
use window::Window;

/// What comes in from the edges of a shifted image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Edges {
    /// Black.
    #[default]
    Black,
    /// The image itself, mirrored at its edge without the edge's own pixel.
    Mirror,
}

/// How training images are changed; by default not at all.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Augmentation {
    /// Take a random part of each image, of at least this share of its area and with sides stretched by up to 4/3, at the size of the whole; 0
    /// for none. It comes before all else.
    pub crop_scale: f32,
    /// Shift each image by up to this many pixels up or down and left or right. The same as cutting an image of the original size at random
    /// out of one with a border of so many pixels.
    pub crop_padding: usize,
    /// What the border is.
    pub edges: Edges,
    /// Mirror every other image, on average, left to right.
    pub flip: bool,
    /// Blacken a square of so many pixels a side, whose middle lies anywhere in the image; what of it is outside is lost.
    pub cutout: usize,
}

/// What happens to one image.
struct Change {
    window: Option<Window>,
    /// Rows down and columns right.
    shift: [isize; 2],
    mirrored: bool,
    /// Rows and columns that are blackened.
    hole: [Range<usize>; 2],
}

impl Augmentation {
    /// The inputs of `set` as an epoch is to see them: a pure function of the input, the seed and the epoch. Only images can be changed:
    /// filling others panics, unless nothing is asked for.
    #[must_use]
    pub fn of<'a>(self, set: &'a dyn Examples, seed: u64, epoch: u64) -> Augmented<'a> {
        Augmented { set, augmentation: self, seed, epoch }
    }

    /// What happens to image `index` of so many rows and columns.
    fn draw(self, seed: u64, epoch: u64, index: usize, size: [usize; 2]) -> Change {
        let mut random = stream(Purpose::Augmentation, seed, epoch);
        random.set_stream(index as u64);
        let bounded = |choices: usize| u32::try_from(choices).unwrap_or(u32::MAX);
        let reach = self.crop_padding;
        let mut shift = || below(&mut random, bounded(2 * reach + 1)) as isize - reach as isize;
        let shift = [shift(), shift()];
        let mirrored = self.flip && random.next_u32() & 1 == 1;
        let hole = match self.cutout {
            0 => [0..0, 0..0],
            side => size.map(|size| {
                let middle = below(&mut random, bounded(size)) as usize;
                middle.saturating_sub(side / 2)..(middle + side.div_ceil(2)).min(size)
            }),
        };
        // Last, so that images without it are what they would be.
        let window = (self.crop_scale > 0.0).then(|| Window::draw(&mut random, self.crop_scale, size));
        Change { window, shift, mirrored, hole }
    }
}

impl Edges {
    /// Which of `size` rows or columns is seen at `at` of a shifted image; none where it is black.
    fn source(self, at: usize, shift: isize, size: usize) -> Option<usize> {
        let (from, size) = (at as isize - shift, size as isize);
        match self {
            Self::Black => (0..size).contains(&from).then_some(from as usize),
            // Back and forth: a period is there and back without either edge twice.
            Self::Mirror => {
                let period = (2 * (size - 1)).max(1);
                let place = from.rem_euclid(period);
                Some(place.min(period - place).min(size - 1) as usize)
            }
        }
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
        let shape = InputShape::from(self.set.shape()).image().expect("augmentation: wants images");
        let ImageShape { height, width, channels } = shape;
        let change = self.augmentation.draw(self.seed, self.epoch, index, [height, width]);
        let mut plain = vec![0.0; image.len()];
        self.set.fill(index, &mut plain);
        if let Some(window) = change.window {
            plain = window.of(&plain, shape);
        }
        let edges = self.augmentation.edges;
        let [down, right] = change.shift;
        for (row, values) in image.chunks_exact_mut(width * channels).enumerate() {
            let from = edges.source(row, down, height);
            for (column, pixel) in values.chunks_exact_mut(channels).enumerate() {
                let seen = if change.mirrored { width - 1 - column } else { column };
                let hidden = change.hole[0].contains(&row) && change.hole[1].contains(&column);
                match (from, edges.source(seen, right, width)) {
                    (Some(row), Some(column)) if !hidden => {
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
