//! Where the inputs of a split come from: bytes in memory, or a program's own code.

use super::spilled::Spilled;
use crate::{Examples, InputShape, Normalisation};
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// Inputs, one after the other. `len` is the number of values of one.
#[derive(Clone)]
pub(super) enum Stored {
    /// Images as they were read; the pixel value `full_scale` stands for 1.0.
    Bytes { pixels: Vec<u8>, full_scale: u8 },
    /// Those at some indices of images that are partly in a file; the pixel value 255 stands for 1.0.
    Spilled { images: Arc<Spilled>, indices: Vec<u32> },
    /// Those at some indices of what a program makes.
    Made { examples: Arc<dyn Examples + Send>, indices: Vec<u32> },
}

impl Stored {
    /// The largest pixel, if there are pixels; 0 of none. Those in a file are taken to be of any value.
    pub(super) fn largest_pixel(&self) -> Option<u8> {
        match self {
            Self::Bytes { pixels, .. } => Some(pixels.iter().copied().max().unwrap_or(0)),
            Self::Spilled { .. } => Some(u8::MAX),
            Self::Made { .. } => None,
        }
    }

    /// The pixel value that stands for 1.0, if there are pixels.
    pub(super) fn full_scale(&self) -> Option<u8> {
        match self {
            Self::Bytes { full_scale, .. } => Some(*full_scale),
            Self::Spilled { .. } => Some(u8::MAX),
            Self::Made { .. } => None,
        }
    }

    pub(super) fn statistics(&self, shape: &InputShape) -> Normalisation {
        match self {
            Self::Bytes { pixels, full_scale } => {
                Normalisation::of([Cow::from(pixels)], shape.channels(), f32::from(*full_scale))
            }
            Self::Spilled { images, indices } => {
                let each = indices.iter().map(|&index| images.image(index as usize));
                Normalisation::of(each, shape.channels(), f32::from(u8::MAX))
            }
            Self::Made { indices, .. } => {
                Normalisation::of_values(shape, indices.len(), |index, values| self.fill(index, values))
            }
        }
    }

    pub(super) fn pixels(&self, len: usize, index: usize) -> &[u8] {
        match self {
            Self::Bytes { pixels, .. } => &pixels[index * len..][..len],
            Self::Spilled { .. } => panic!("pixels: images that are partly in a file have none in memory"),
            Self::Made { .. } => panic!("pixels: inputs that a program makes have none"),
        }
    }

    pub(super) fn bytes(&self, len: usize, index: usize) -> Cow<'_, [u8]> {
        match self {
            Self::Bytes { .. } => self.pixels(len, index).into(),
            Self::Spilled { images, indices } => images.image(indices[index] as usize),
            Self::Made { .. } => {
                let mut values = vec![0.0; len];
                self.fill(index, &mut values);
                values.iter().flat_map(|value| value.to_le_bytes()).collect()
            }
        }
    }

    /// Writes an input, the pixels of an image scaled to 0..1.
    pub(super) fn fill(&self, index: usize, input: &mut [f32]) {
        match self {
            Self::Bytes { full_scale, .. } => scaled(self.pixels(input.len(), index), *full_scale, input),
            Self::Spilled { .. } => scaled(&self.bytes(input.len(), index), u8::MAX, input),
            Self::Made { examples, indices } => examples.fill(indices[index] as usize, input),
        }
    }

    /// What makes the inputs, and its own indices of them.
    pub(super) fn made(&self, chosen: &[u32]) -> Option<(&dyn Examples, Vec<u32>)> {
        match self {
            Self::Bytes { .. } | Self::Spilled { .. } => None,
            Self::Made { examples, indices } => Some((&**examples, of(indices, chosen))),
        }
    }

    /// The first of `count` inputs with a value that is NaN or infinite.
    pub(super) fn first_not_finite(&self, len: usize, count: usize) -> Option<usize> {
        match self {
            Self::Bytes { .. } | Self::Spilled { .. } => None,
            Self::Made { .. } => {
                let mut input = vec![0.0; len];
                (0..count).find(|&index| {
                    self.fill(index, &mut input);
                    input.iter().any(|value| !value.is_finite())
                })
            }
        }
    }

    /// The value that stands for black in a channel.
    pub(super) fn black(&self, channel: usize) -> f32 {
        match self {
            Self::Bytes { .. } | Self::Spilled { .. } => 0.0,
            Self::Made { examples, .. } => examples.black(channel),
        }
    }

    /// Keeps the first `count` inputs.
    pub(super) fn truncate(&mut self, len: usize, count: usize) {
        match self {
            Self::Bytes { pixels, .. } => {
                pixels.truncate(count * len);
                pixels.shrink_to_fit();
            }
            Self::Spilled { indices, .. } | Self::Made { indices, .. } => indices.truncate(count),
        }
    }

    /// A copy of the inputs chosen.
    pub(super) fn select(&self, len: usize, chosen: &[u32]) -> Self {
        match self {
            Self::Bytes { full_scale, .. } => {
                let mut pixels = Vec::with_capacity(chosen.len() * len);
                chosen.iter().for_each(|&index| pixels.extend_from_slice(self.pixels(len, index as usize)));
                Self::Bytes { pixels, full_scale: *full_scale }
            }
            Self::Spilled { images, indices } => {
                Self::Spilled { images: Arc::clone(images), indices: of(indices, chosen) }
            }
            Self::Made { examples, indices } => {
                Self::Made { examples: Arc::clone(examples), indices: of(indices, chosen) }
            }
        }
    }

    /// Puts input `from` where input `to` was.
    pub(super) fn move_to(&mut self, len: usize, from: usize, to: usize) {
        match self {
            Self::Bytes { pixels, .. } => pixels.copy_within(from * len..(from + 1) * len, to * len),
            Self::Spilled { indices, .. } | Self::Made { indices, .. } => indices[to] = indices[from],
        }
    }
}

/// Writes pixels as shares of `full_scale`.
fn scaled(pixels: &[u8], full_scale: u8, input: &mut [f32]) {
    let scale = f32::from(full_scale);
    for (value, &pixel) in input.iter_mut().zip(pixels) {
        // A division, not a product with 1/255, which would round twice.
        *value = f32::from(pixel) / scale;
    }
}

/// Those of `indices` at the places chosen.
fn of(indices: &[u32], chosen: &[u32]) -> Vec<u32> {
    chosen.iter().map(|&index| indices[index as usize]).collect()
}

/// Images in a file are the same when it is the same file. Inputs that a program makes are the same when it is the same object that makes them.
impl PartialEq for Stored {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Bytes { pixels, full_scale }, Self::Bytes { pixels: others, full_scale: other }) => {
                full_scale == other && pixels == others
            }
            (Self::Spilled { images, indices }, Self::Spilled { images: other, indices: others }) => {
                Arc::ptr_eq(images, other) && indices == others
            }
            (Self::Made { examples, indices }, Self::Made { examples: other, indices: others }) => {
                Arc::ptr_eq(examples, other) && indices == others
            }
            _ => false,
        }
    }
}

impl fmt::Debug for Stored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes { pixels, full_scale } => {
                f.debug_struct("Bytes").field("pixels", pixels).field("full_scale", full_scale).finish()
            }
            Self::Spilled { indices, .. } => {
                f.debug_struct("Spilled").field("indices", indices).finish_non_exhaustive()
            }
            Self::Made { indices, .. } => {
                f.debug_struct("Made").field("indices", indices).finish_non_exhaustive()
            }
        }
    }
}
