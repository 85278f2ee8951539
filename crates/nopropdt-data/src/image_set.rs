//! What training and evaluation ask of images.

use rayon::prelude::*;

use crate::{ImageShape, Split};

/// Images a thread fills before another is worth waking.
const FILLED_TOGETHER: usize = 32;

/// Labelled images of one shape. [`Split`] is one; so is anything else that implements this: images made on the fly,
/// read from a database, or changed on their way to the network.
///
/// Batches are filled from several threads at once, so an implementation that keeps a file or a cache must guard it.
pub trait ImageSet: Sync {
    /// Number of images, at most 2^32 - 1.
    fn len(&self) -> usize;

    /// True without images.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Shape of every image.
    fn shape(&self) -> ImageShape;

    /// Class of image `index`, from 0.
    ///
    /// # Panics
    /// When there is no such image.
    fn label(&self, index: usize) -> usize;

    /// Writes image `index` as the network is to see it. The same index gives the same values every time: resumed runs,
    /// and blocks that see a batch one after the other, rely on it.
    ///
    /// # Shapes
    /// `image` [height, width, channels], row-major; usually each value in 0..1.
    ///
    /// # Panics
    /// When there is no such image, or `image` has another length.
    fn fill(&self, index: usize, image: &mut [f32]);

    /// Writes the images at `indices` one after the other, each as [`fill`](Self::fill) does, and their classes to `labels`, replacing what
    /// was there. Several threads fill a large batch.
    ///
    /// # Shapes
    /// `images` [B, height, width, channels] with B = `indices.len()`; `labels` becomes `[B]`.
    ///
    /// # Panics
    /// When `images` has another length, or an index names no image.
    fn fill_batch(&self, indices: &[u32], images: &mut [f32], labels: &mut Vec<usize>) {
        let shape = self.shape();
        assert!(
            images.len() == indices.len() * shape.len(),
            "fill_batch: {} images of {shape} want {} values; the buffer has {}",
            indices.len(),
            indices.len() * shape.len(),
            images.len()
        );
        labels.clear();
        labels.extend(indices.iter().map(|&index| self.label(index as usize)));
        let images = images.par_chunks_exact_mut(shape.len()).zip(indices).with_min_len(FILLED_TOGETHER);
        images.for_each(|(image, &index)| self.fill(index as usize, image));
    }

    /// The value that stands for black in a channel, which fills what lies beyond an image's edge.
    fn black(&self, _channel: usize) -> f32 {
        0.0
    }
}

impl ImageSet for Split {
    fn len(&self) -> usize {
        Split::len(self)
    }

    fn shape(&self) -> ImageShape {
        Split::shape(self)
    }

    fn label(&self, index: usize) -> usize {
        Split::label(self, index)
    }

    fn fill(&self, index: usize, image: &mut [f32]) {
        Split::fill(self, index, image);
    }

    fn black(&self, channel: usize) -> f32 {
        self.value(channel, 0)
    }
}
