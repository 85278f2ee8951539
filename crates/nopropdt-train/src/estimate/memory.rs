//! The memory of a run, computed from sizes.

use super::Work;
use super::block::{Row, row};
use crate::config::{ConfigError, Order, RunConfig};
use crate::evaluate::BATCH;
use nopropdt_blocks::Method;
use serde::Serialize;

/// What the program takes by itself: code, stacks, buffers of kernels.
const PROGRAM: u64 = 20 << 20;

/// Share of a block's values whose gradients are there at once on the way back, and of its weights that products lay out anew. Like
/// [`SCRATCH`], it is fitted to what training took on digits, 28×28×1 and 32×32×3 images with the blocks paper, reference, residual and
/// patches, in both precisions, on one and two threads. The total was then 9 % too low to 15 % too high, and the step alone 19 % too low to
/// 41 % too high.
const BACK: f64 = 0.6;
/// Scratch of a thread.
const SCRATCH: u64 = 2 << 20;

/// Memory of a run in bytes, by what takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Memory {
    /// The program itself.
    pub program: u64,
    /// All images of the dataset, a byte a value.
    pub images: u64,
    /// Weights and statistics of the network.
    pub weights: u64,
    /// The optimisers' memory.
    pub optimizer: u64,
    /// Gradients and activations of the steps that run side by side.
    pub step: u64,
    /// Activations of test images that are answered side by side.
    pub evaluation: u64,
    /// The model file before it is written: its tensors as PyTorch lays them out, and its bytes.
    pub saving: u64,
    /// The most that is there at once: step, evaluation and saving follow one another.
    pub total: u64,
}

/// The memory of a run with this network on `threads` threads. It is computed, not measured; a block and two rows are all that is run.
///
/// # Errors
/// When the block can't stand on such inputs.
pub fn memory(
    config: &RunConfig,
    network: &dyn Method,
    work: &Work,
    threads: usize,
) -> Result<Memory, ConfigError> {
    let facts = network.facts();
    let Row { recorded, in_f32, encoding, features } = row(config, &facts, &work.input)?;
    let float = size_of::<f32>() as u64;
    let parameters = facts.parameters as u64;
    let weights = float * parameters;
    let losses = facts.blocks / facts.together.max(1);
    let at_once = match config.training.order {
        Order::Interleaved => losses,
        Order::Sequential => 1,
    };
    let gradient = float * parameters / losses.max(1) as u64;
    let rows = config.training.batch_size.min(work.train.max(1));
    // Steps side by side, each on its slice of the batch.
    let side_by_side = (at_once * facts.slices).min(threads).max(1) as u64;
    let rows = rows.div_ceil(facts.slices.max(1)) as u64;
    let together = facts.together.max(1) as u64;
    // Gradient goes back through one block after the other.
    let back = BACK * (gradient / together + rows * in_f32) as f64;
    let step = side_by_side * (gradient + together * rows * recorded + back as u64 + SCRATCH);
    let batches = work.test.div_ceil(BATCH).clamp(1, threads) as u64;
    // What all blocks see of a batch is there at once, and what one of them records for that, then for its answer.
    let evaluation = batches
        * BATCH.min(work.test) as u64
        * (encoding.max(recorded - encoding) + facts.blocks as u64 * features);
    let (optimizer, saving) = (config.training.optimizer().moment_count() as u64 * weights, 2 * weights);
    // Those of the best epoch and running averages are kept beside the last ones.
    let copies = [true, config.training.keep_best == Some(true), config.training.averaged().is_some()];
    let weights = copies.into_iter().filter(|&is_kept| is_kept).count() as u64 * weights;
    let total = PROGRAM + work.image_bytes + weights + optimizer + step.max(evaluation).max(saving);
    Ok(Memory {
        program: PROGRAM,
        images: work.image_bytes,
        weights,
        optimizer,
        step,
        evaluation,
        saving,
        total,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Overrides;

    fn of(overrides: Overrides, side: usize, threads: usize) -> Memory {
        let config = overrides.resolve(None).unwrap();
        let input = vec![side, side, 1];
        let network = config.network(&input, 10).unwrap();
        let image_bytes = 1100 * (side * side) as u64;
        let work = Work { input, classes: 10, train: 1000, test: 100, validation: 0, image_bytes };
        memory(&config, network.as_ref(), &work, threads).unwrap()
    }

    #[test]
    fn sizes_are_those_of_the_network() {
        let memory = of(Overrides::default(), 8, 1);
        // As the README has it.
        assert_eq!(memory.weights, 4 * 5_267_410);
        assert_eq!((memory.optimizer, memory.saving), (2 * memory.weights, 2 * memory.weights));
        assert_eq!(of(Overrides::default().with("optimizer", "sgd"), 8, 1).optimizer, memory.weights);
        let once = PROGRAM + memory.images + memory.weights + memory.optimizer;
        assert_eq!(memory.total, once + memory.saving);
        assert!(memory.step < memory.saving && memory.evaluation < memory.saving, "{memory:?}");
    }

    #[test]
    fn a_step_grows_with_what_is_side_by_side() {
        let step = |overrides: &Overrides, threads| of(overrides.clone(), 8, threads).step;
        let plain = Overrides::default();
        assert_eq!(step(&plain, 4), 4 * step(&plain, 1));
        // Not beyond the blocks there are, nor with one block after the other.
        assert_eq!(step(&plain, 40), 10 * step(&plain, 1));
        assert_eq!(step(&plain.clone().with("order", "sequential"), 4), step(&plain, 1));
        let batch = |size| step(&plain.clone().with("batch-size", size), 1);
        assert!(batch(256) > batch(128) && batch(128) - batch(64) == (batch(256) - batch(128)) / 2);
        let chain = step(&plain.clone().with("method", "backprop"), 4);
        assert!(chain > 4 * step(&plain, 1) && chain < 10 * step(&plain, 1), "{chain}");
        assert!(of(plain.clone().with("block", "patches"), 28, 1).evaluation > of(plain, 28, 1).evaluation);
    }
}
