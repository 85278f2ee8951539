//! What training and evaluation ask of what is learned from.

use rayon::prelude::*;

/// Inputs a thread fills before another is worth waking.
const FILLED_TOGETHER: usize = 32;

/// Labelled inputs of one shape: images, vectors, sequences. [`Split`](crate::Split) is one; so is anything else that implements this:
/// inputs made on the fly, read from a database, or changed on their way to the network. What is special to images (augmentation,
/// prototypes drawn as pictures) asks for inputs of three sizes.
///
/// Batches are filled from several threads at once, so an implementation that keeps a file or a cache must guard it.
pub trait Examples: Sync {
    /// Number of inputs, at most 2^32 - 1.
    fn len(&self) -> usize;

    /// True without inputs.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Shape of every input: `[height, width, channels]` of an image, `[length]` of a vector. Three sizes always are an image's.
    fn shape(&self) -> Vec<usize>;

    /// Class of input `index`, from 0.
    ///
    /// # Panics
    /// When there is no such input.
    fn label(&self, index: usize) -> usize;

    /// Writes input `index` as the network is to see it. The same index gives the same values every time: resumed runs,
    /// and blocks that see a batch one after the other, rely on it.
    ///
    /// # Shapes
    /// `input` as [`shape`](Self::shape) has it, row-major; usually each value in 0..1.
    ///
    /// # Panics
    /// When there is no such input, or `input` has another length.
    fn fill(&self, index: usize, input: &mut [f32]);

    /// Writes the inputs at `indices` one after the other, each as [`fill`](Self::fill) does, and their classes to `labels`, replacing what
    /// was there. Several threads fill a large batch.
    ///
    /// # Shapes
    /// `inputs` [B, …] with B = `indices.len()`; `labels` becomes `[B]`.
    ///
    /// # Panics
    /// When `inputs` has another length, or an index names no input.
    fn fill_batch(&self, indices: &[u32], inputs: &mut [f32], labels: &mut Vec<usize>) {
        fill_each(self, indices, inputs, labels);
    }

    /// How many inputs are of each of `classes` classes.
    ///
    /// # Panics
    /// When an input is of a class beyond them.
    fn class_counts(&self, classes: usize) -> Vec<usize> {
        let mut counts = vec![0; classes];
        (0..self.len()).for_each(|index| counts[self.label(index)] += 1);
        counts
    }

    /// The value that stands for black in a channel, which fills what lies beyond an image's edge.
    fn black(&self, _channel: usize) -> f32 {
        0.0
    }
}

/// What [`Examples::fill_batch`] does unless something else is said.
pub(crate) fn fill_each<E: Examples + ?Sized>(
    set: &E,
    indices: &[u32],
    inputs: &mut [f32],
    labels: &mut Vec<usize>,
) {
    let (shape, length) = (set.shape(), set.shape().iter().product::<usize>());
    assert!(
        inputs.len() == indices.len() * length,
        "fill_batch: {} inputs of {shape:?} want {} values; the buffer has {}",
        indices.len(),
        indices.len() * length,
        inputs.len()
    );
    labels.clear();
    labels.extend(indices.iter().map(|&index| set.label(index as usize)));
    let inputs = inputs.par_chunks_exact_mut(length).zip(indices).with_min_len(FILLED_TOGETHER);
    inputs.for_each(|(input, &index)| set.fill(index as usize, input));
}
