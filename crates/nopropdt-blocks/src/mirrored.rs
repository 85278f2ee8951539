//! A method whose answers are those to an image and to its mirror image, averaged.

use crate::inspect::Inspect;
use crate::method::{BlockStep, Facts, Method, StepInput};
use crate::readout::Readout;
use crate::sampling::{Answer, Runner, Value};
use crate::tensors::Tensors;
use crate::trace::{Features, Trace};
use crate::weights::Weights;
use nopropdt_tensor::random::Stream;
use nopropdt_tensor::{Mode, Precision, Tape, Tensor, flat};

/// Axis of the columns of images [B, H, W, C].
const COLUMNS: usize = 2;

/// Any method for images, which trains as it does alone. Its answer is read from the means of the logits for the image and for the image
/// mirrored left to right, at the end of the chain and at each read-out. Both chains start from the same noise. What [`Inspect`] tells is
/// of the image itself.
#[derive(Debug)]
pub struct Mirrored {
    method: Box<dyn Method>,
}

impl Mirrored {
    /// The same method with such answers.
    pub fn new(method: Box<dyn Method>) -> Self {
        Self { method }
    }
}

impl Method for Mirrored {
    fn facts(&self) -> Facts<'_> {
        self.method.facts()
    }

    fn init(&self, seed: u64) -> Weights {
        self.method.init(seed)
    }

    fn blank(&self) -> Weights {
        self.method.blank()
    }

    fn step(&self, input: &StepInput<'_>) -> BlockStep {
        self.method.step(input)
    }

    /// Those of the images, then those of the mirror images.
    fn features(&self, weights: &Weights, inputs: &Tensor) -> Features {
        let mut features = self.method.features(weights, inputs);
        let mut tape = Tape::new(Mode::Eval);
        let images = tape.constant(inputs.clone());
        let mirrored = tape.flip(images, COLUMNS);
        let of_mirrored = self.method.features(weights, tape.value(mirrored));
        features.of_blocks.extend(of_mirrored.of_blocks);
        features
    }

    fn sample(&self, weights: &Weights, features: &Features, noise: &dyn Fn(usize) -> Stream) -> Trace {
        let halves = features.of_blocks.chunks(features.of_blocks.len() / 2);
        let traces =
            halves.map(|half| self.method.sample(weights, &Features { of_blocks: half.to_vec() }, noise));
        traces.reduce(mean).expect("there are two halves")
    }

    fn readout(&self) -> Readout {
        self.method.readout()
    }

    fn answer_on<'p>(&self, weights: &'p Weights, on: &mut Runner<'_, 'p>, inputs: &Value) -> Option<Answer> {
        let mirrored =
            on.run(Precision::F32, &[], &[inputs], |tape, _, images| tape.flip(images[0], COLUMNS));
        let one = self.method.answer_on(weights, on, inputs)?;
        let other = self.method.answer_on(weights, on, &mirrored)?;
        let mut mean = |one: &Value, other: &Value| on.combine(&[(0.5, one), (0.5, other)]);
        let pairs = one.block_logits.iter().zip(&other.block_logits);
        let block_logits = pairs.map(|(one, other)| mean(one, other)).collect();
        Some(Answer { block_logits, head_logits: mean(&one.head_logits, &other.head_logits) })
    }

    fn inspect(&self) -> Option<&dyn Inspect> {
        self.method.inspect()
    }

    fn tensors(&self) -> Tensors {
        self.method.tensors()
    }

    fn alpha_bar(&self, weights: &Weights) -> Vec<f64> {
        self.method.alpha_bar(weights)
    }

    fn start(&self, weights: &mut Weights, inputs: &Tensor) {
        self.method.start(weights, inputs);
    }

    fn embed(&self, weights: &mut Weights, rows: &Tensor) {
        self.method.embed(weights, rows);
    }

    fn embedding_matrix(&self, weights: &Weights) -> Tensor {
        self.method.embedding_matrix(weights)
    }
}

/// The mean of two traces, logit by logit.
fn mean(mut one: Trace, other: Trace) -> Trace {
    let pairs = one.block_logits.iter_mut().zip(&other.block_logits);
    for (one, other) in pairs.chain([(&mut one.head_logits, &other.head_logits)]) {
        flat::scale(one.data_mut(), 0.5);
        flat::add_scaled(one.data_mut(), 0.5, other.data());
    }
    one
}
