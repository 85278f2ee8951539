//! Held-out inputs once through the chain, with each block also asked alone.

use super::choice::{compared, spread};
use super::similarity;
use super::{BlockDiagnosis, Denoising, Diagnostics, HeldOut, SharedSets, Similarity};
use crate::calibration::Calibration;
use crate::evaluate::{BATCH, Seen, noise, over_features};
use nopropdt_blocks::{InChain, Inspect, Method, Weights};
use nopropdt_data::Examples;
use nopropdt_tensor::random::Stream;
use nopropdt_tensor::{Mode, Tape, Tensor};

/// Most inputs whose features are compared.
const MOST_FEATURED: usize = 1000;
/// Most values of all features that are kept: 64 MiB. Of wide ones, fewer inputs are compared.
const MOST_VALUES: usize = 1 << 24;

/// Looks at the blocks on up to `count` inputs of `data`, which are those held out as `on` says. The same seed gives the same numbers,
/// whatever the number of threads. None where there is no input or an answer is not a finite number.
///
/// # Panics
/// When the inputs are not of the method's shape, or a label is beyond the method's classes.
pub fn diagnose(
    method: &dyn Method,
    weights: &Weights,
    data: &dyn Examples,
    on: HeldOut,
    seed: u64,
    count: usize,
) -> Option<Diagnostics> {
    let mut indices = spread(data.len(), count);
    if indices.len() % BATCH == 1 && indices.len() > 1 {
        // One input alone in its batch has no other whose latent it could be given.
        indices.pop();
    }
    let look = Look::new(method, weights, seed);
    let batches = over_features(method, weights, data, &indices, |seen| look.at(seen));
    let (mut sum, mut features) = (Counts::none(&look), vec![Vec::new(); look.compared.len()]);
    for (counts, of_blocks) in batches {
        sum.plus(&counts);
        features.iter_mut().zip(of_blocks).for_each(|(all, more)| all.push(more));
    }
    if indices.is_empty() || !sum.finite {
        return None;
    }
    let inputs = indices.len();
    let similarity = look.has_features_each().then(|| similarity_of(features)).flatten();
    Some(Diagnostics {
        on,
        inputs,
        seed,
        blocks: sum
            .blocks
            .iter()
            .enumerate()
            .map(|(block, of_block)| look.said(block, of_block, inputs))
            .collect(),
        agreement: sum.agreement(look.compared.len(), inputs),
        compared: look.compared,
        similarity,
        shared: SharedSets::of(method, weights),
    })
}

/// How alike the features of each two blocks are, given in batches; none where there are too few inputs.
fn similarity_of(features: Vec<Vec<Tensor>>) -> Option<Similarity> {
    let inputs = features.first()?.iter().map(|batch| batch.shape()[0]).sum();
    if inputs == 0 {
        return None;
    }
    let matrix = similarity::all(features.into_iter().map(|batches| {
        let width = batches[0].shape()[1];
        Tensor::filled_by(&[inputs, width], |values| {
            let mut left = values;
            for batch in &batches {
                let (these, rest) = left.split_at_mut(batch.len());
                these.copy_from_slice(batch.data());
                left = rest;
            }
        })
    }));
    (inputs > 1).then_some(Similarity { inputs, cka: matrix })
}

/// What does not change from batch to batch.
struct Look<'a> {
    method: &'a dyn Method,
    weights: &'a Weights,
    seed: u64,
    inspect: Option<&'a dyn Inspect>,
    embedding: Tensor,
    readouts: usize,
    compared: Vec<usize>,
}

/// What is counted of a block.
#[derive(Clone)]
struct OfBlock {
    right: usize,
    calibration: Calibration,
    right_on_truth: usize,
    right_with_other: usize,
    error_on_truth: f64,
    error_in_chain: f64,
}

/// What is counted of some inputs.
struct Counts {
    blocks: Vec<OfBlock>,
    /// Same answers of each two of the compared blocks, row by row.
    same: Vec<usize>,
    finite: bool,
}

impl Counts {
    fn none(look: &Look<'_>) -> Self {
        let of_block = OfBlock {
            right: 0,
            calibration: Calibration::none(),
            right_on_truth: 0,
            right_with_other: 0,
            error_on_truth: 0.0,
            error_in_chain: 0.0,
        };
        let blocks = look.compared.len();
        Self { blocks: vec![of_block; look.readouts], same: vec![0; blocks * blocks], finite: true }
    }

    fn plus(&mut self, other: &Self) {
        for (sum, more) in self.blocks.iter_mut().zip(&other.blocks) {
            sum.right += more.right;
            sum.calibration.plus(&more.calibration);
            sum.right_on_truth += more.right_on_truth;
            sum.right_with_other += more.right_with_other;
            sum.error_on_truth += more.error_on_truth;
            sum.error_in_chain += more.error_in_chain;
        }
        self.same.iter_mut().zip(&other.same).for_each(|(sum, more)| *sum += more);
        self.finite &= other.finite;
    }

    fn agreement(&self, blocks: usize, inputs: usize) -> Vec<Vec<f64>> {
        let share = |&same: &usize| same as f64 / inputs as f64;
        self.same.chunks(blocks.max(1)).map(|row| row.iter().map(share).collect()).collect()
    }
}

impl<'a> Look<'a> {
    fn new(method: &'a dyn Method, weights: &'a Weights, seed: u64) -> Self {
        let readouts = method.facts().readouts;
        let embedding = method.embedding_matrix(weights);
        let inspect = method.inspect();
        Self { method, weights, seed, inspect, embedding, readouts, compared: compared(readouts) }
    }

    /// Whether each compared block has image features of its own.
    fn has_features_each(&self) -> bool {
        self.readouts > 1 && self.weights.blocks.len() == self.readouts
    }

    /// Counts what blocks answer to a batch; and the features [b, p] of each compared block, of as many inputs as are compared.
    fn at(&self, seen: &Seen<'_>) -> (Counts, Vec<Tensor>) {
        let mut counts = Counts::none(self);
        let noise = |row: usize| noise(self.seed, 0, seen.indices[row] as usize);
        let trace = match self.inspect {
            None => self.method.sample(self.weights, seen.features, &noise),
            Some(inspect) => inspect.watch(self.weights, seen.features, &noise, &mut |block| {
                self.ask(inspect, seen, block, &mut counts);
            }),
        };
        let mut answers = Vec::with_capacity(self.readouts);
        for (of_block, probabilities) in counts.blocks.iter_mut().zip(trace.block_probabilities()) {
            let named = probabilities.argmax_rows();
            let rows = probabilities.data().chunks_exact(probabilities.shape()[1]);
            for ((&answer, row), &label) in named.iter().zip(rows).zip(seen.labels) {
                of_block.right += usize::from(answer == label);
                of_block.calibration.add(f64::from(row[answer]), answer == label);
                counts.finite &= row[answer].is_finite();
            }
            answers.push(named);
        }
        let pairs = self.compared.iter().flat_map(|&one| self.compared.iter().map(move |&two| (one, two)));
        for (same, (one, two)) in counts.same.iter_mut().zip(pairs) {
            *same = answers[one - 1].iter().zip(&answers[two - 1]).filter(|(a, b)| a == b).count();
        }
        (counts, self.features(seen))
    }

    /// Asks a block alone: on noised truth of its level, and with the latents of other inputs.
    fn ask(&self, inspect: &dyn Inspect, seen: &Seen<'_>, block: InChain<'_>, counts: &mut Counts) {
        let of_block = &mut counts.blocks[block.block - 1];
        let target = rows(&self.embedding, seen.labels);
        let alone = |z: &Tensor| inspect.alone(self.weights, block.block, seen.features, z);
        of_block.error_in_chain = squared_error(block.estimate, &target);

        let level = inspect.level(self.weights, block.block);
        let on_truth = alone(&self.noised(seen, block.block, level, &target));
        of_block.right_on_truth = right(&on_truth.logits, seen.labels);
        of_block.error_on_truth = squared_error(&on_truth.estimate, &target);

        let count = seen.labels.len();
        let turned: Vec<usize> = (0..count).map(|row| (row + 1) % count).collect();
        of_block.right_with_other = right(&alone(&rows(block.given, &turned)).logits, seen.labels);
        counts.finite &=
            [of_block.error_in_chain, of_block.error_on_truth].iter().all(|error| error.is_finite());
    }

    /// sqrt(ᾱ)·u_y + sqrt(1 − ᾱ)·ε, whose noise is a function of the input and the block.
    fn noised(&self, seen: &Seen<'_>, block: usize, alpha_bar: f64, target: &Tensor) -> Tensor {
        let epsilon = Tensor::filled_by(target.shape(), |values| {
            let width = target.shape()[1].max(1);
            for (row, &index) in values.chunks_exact_mut(width).zip(seen.indices) {
                let stream = Stream::new(self.seed).purpose("diagnose").child(u64::from(index));
                stream.child(block as u64).fill_normal(row);
            }
        });
        computed(|tape| {
            let (target, epsilon) = (tape.constant(target.clone()), tape.constant(epsilon));
            let terms = [(target, alpha_bar.sqrt() as f32), (epsilon, (1.0 - alpha_bar).sqrt() as f32)];
            tape.linear_combination(&terms, 0.0)
        })
    }

    fn features(&self, seen: &Seen<'_>) -> Vec<Tensor> {
        if !self.has_features_each() {
            return Vec::new();
        }
        let rows = seen.labels.len();
        let of_compared = || self.compared.iter().map(|&block| &seen.features.of_blocks[block - 1]);
        let an_input = of_compared().map(|features| features.len() / rows).sum::<usize>();
        let limit = MOST_FEATURED.min(MOST_VALUES / an_input.max(1));
        let kept = limit.saturating_sub(seen.first).min(rows);
        let flattened = |features: &Tensor| {
            let width = features.len() / rows;
            Tensor::filled_by(&[kept, width], |values| {
                values.copy_from_slice(&features.data()[..kept * width])
            })
        };
        if kept == 0 { Vec::new() } else { of_compared().map(flattened).collect() }
    }

    fn said(&self, block: usize, of_block: &OfBlock, inputs: usize) -> BlockDiagnosis {
        let share = |count: usize| count as f64 / inputs as f64;
        let denoising = self.inspect.map(|inspect| Denoising {
            alpha_bar: inspect.level(self.weights, block + 1),
            accuracy_on_truth: share(of_block.right_on_truth),
            squared_error_on_truth: of_block.error_on_truth / inputs as f64,
            squared_error_in_chain: of_block.error_in_chain / inputs as f64,
            accuracy_with_other_latent: share(of_block.right_with_other),
            use_of_latent: share(of_block.right) - share(of_block.right_with_other),
        });
        BlockDiagnosis {
            accuracy: share(of_block.right),
            calibration_error: of_block.calibration.expected_error(),
            denoising,
        }
    }
}

fn right(logits: &Tensor, labels: &[usize]) -> usize {
    logits.argmax_rows().iter().zip(labels).filter(|(answer, label)| answer == label).count()
}

fn computed(compute: impl FnOnce(&mut Tape<'_>) -> nopropdt_tensor::Var) -> Tensor {
    let mut tape = Tape::new(Mode::Eval);
    let result = compute(&mut tape);
    tape.value(result).clone()
}

/// These rows of a matrix.
fn rows(matrix: &Tensor, which: &[usize]) -> Tensor {
    computed(|tape| {
        let matrix = tape.constant(matrix.clone());
        tape.rows(matrix, which)
    })
}

/// Σ over rows of ‖a − b‖².
fn squared_error(a: &Tensor, b: &Tensor) -> f64 {
    nopropdt_tensor::flat::squared_distance(a.data(), b.data())
}
