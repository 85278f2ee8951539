//! Every kind of block against PyTorch: forwards, every gradient, one optimiser step, running statistics.

mod formula;

use super::*;
use crate::block::estimate;
use crate::golden::{FORWARD, GRADIENT, Golden};
use nopropdt_tensor::gradient_check::compare;
use nopropdt_tensor::optim::{Optimizer, OptimizerConfig};
use nopropdt_tensor::{Gradients, Mode, Parameters, Tensor};

/// A block, its values, and the batch a golden file puts through it.
struct Case {
    block: Box<dyn Block>,
    parameters: Parameters,
    images: Tensor,
    z: Tensor,
    embedding: Tensor,
    labels: Vec<usize>,
    /// Where one network serves all times.
    times: Option<Vec<f64>>,
}

/// What a block does not know of itself.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    timed: bool,
    latent_is_input: bool,
}

impl Place {
    fn site(self, input: [usize; 3], classes: usize, dim: usize) -> BlockSite {
        let Self { timed, latent_is_input } = self;
        BlockSite { input: input.to_vec(), classes, dim, timed, latent_is_input }
    }
}

impl Case {
    fn new(golden: &mut Golden, config: &ConvBlock, place: Place) -> Self {
        let (images, z) = (golden.take("x").images(), golden.take("z").tensor());
        let (embedding, labels) = (golden.take("W_embed").tensor(), golden.take("labels").labels());
        let [_, height, width, channels] = *images.shape() else { unreachable!("images are [B, H, W, C]") };
        let [classes, dim] = *embedding.shape() else {
            panic!("embedding: shape is {:?}", embedding.shape())
        };
        let mut builder = ParameterBuilder::new(Stream::new(0));
        let block = config.build(&place.site([height, width, channels], classes, dim), &mut builder).unwrap();
        let times = place.timed.then(|| golden.take("t").values);
        Self { block, parameters: builder.build(), images, z, embedding, labels, times }
    }

    fn forward<'p>(&'p self, tape: &mut Tape<'p>) -> Forward {
        let slot = tape.attach(&self.parameters);
        let images = tape.constant(self.images.clone());
        let z = tape.variable(self.z.clone());
        let embedding = tape.variable(self.embedding.clone());
        // Dropout has probability 0 in the golden files, as no two programs draw the same masks.
        let features = self.block.encode(tape, slot, images, Some(Stream::new(0)));
        let inputs = BlockInputs { times: self.times.as_deref(), ..BlockInputs::new(features, z) };
        let logits = self.block.logits(tape, slot, inputs);
        let estimate = estimate(&*self.block, tape, slot, logits, embedding);
        Forward { slot, z, embedding, logits, estimate }
    }

    fn check_evaluation(&self, golden: &mut Golden) {
        let mut tape = Tape::new(Mode::Eval);
        let forward = self.forward(&mut tape);
        golden.check("eval.logits", tape.value(forward.logits).data(), FORWARD);
        golden.check("eval.estimate", tape.value(forward.estimate).data(), FORWARD);
    }

    /// Checks a training pass but for the parameters' gradients, which it returns.
    fn check_training(&self, golden: &mut Golden) -> (Slot, Gradients) {
        let mut tape = Tape::new(Mode::Train);
        let forward = self.forward(&mut tape);
        let target = tape.rows(forward.embedding, &self.labels);
        let loss = tape.squared_error(forward.estimate, target);
        for (name, var) in [
            ("u", target),
            ("train.logits", forward.logits),
            ("train.estimate", forward.estimate),
            ("train.loss", loss),
        ] {
            golden.check(name, tape.value(var).data(), FORWARD);
        }
        let gradients = tape.backward(loss);
        golden.check("grad.z", gradients.variable(forward.z).unwrap(), GRADIENT);
        golden.check("grad.W", gradients.variable(forward.embedding).unwrap(), GRADIENT);
        (forward.slot, gradients)
    }
}

/// What a forward pass left on its tape.
struct Forward {
    slot: Slot,
    z: Var,
    embedding: Var,
    logits: Var,
    estimate: Var,
}

fn small(config: ConvBlock) -> ConvBlock {
    ConvBlock { channels: [3, 4, 5], hidden: 6, join: [7, 5], dropout: 0.0, ..config }
}

fn check_small(file: &str, config: ConvBlock) {
    check_small_at(file, config, Place::default());
}

fn check_small_at(file: &str, config: ConvBlock, place: Place) {
    let mut golden = Golden::open(file);
    let mut case = Case::new(&mut golden, &small(config), place);
    golden.load("before.", &mut case.parameters);
    case.check_evaluation(&mut golden);
    let (slot, mut gradients) = case.check_training(&mut golden);
    let mut gradient = gradients.take_parameters(slot);
    let expected = golden.check_gradients("grad.", &case.parameters, &gradient);

    // Adam's first step is the gradient's sign: where the true gradient is 0, rounding must not choose it.
    gradient.iter_mut().zip(&expected).filter(|(_, e)| **e == 0.0).for_each(|(g, _)| *g = 0.0);
    let rate = golden.number("lr") as f32;
    let decay = OptimizerConfig::adamw(golden.number("weight_decay"));
    let mut after = case.parameters.clone();
    Optimizer::new(&decay, after.len()).unwrap().step(after.values_mut(), &gradient, rate);
    after.update_statistics(&gradients.take_statistics(slot));
    check_after(&mut golden, &after, rate);
}

/// Parameters within 3e-4 of a step, which rounding of values about 1 leaves room for and a missing weight decay does not;
/// running statistics as any other value.
fn check_after(golden: &mut Golden, after: &Parameters, rate: f32) {
    for entry in after.entries() {
        let name = format!("after.{}", entry.name);
        let found = after.export(&entry.name).unwrap();
        if after.range_of(&entry.name).is_none() {
            golden.check(&name, &found, FORWARD);
            continue;
        }
        let moved: Vec<f64> = golden.take(&name).values;
        let difference: Vec<f32> =
            found.iter().zip(&moved).map(|(f, m)| (f64::from(*f) - m) as f32).collect();
        assert_eq!(found.len(), moved.len(), "{name}");
        golden.within(&name, compare(&difference, &vec![0.0; moved.len()]), 3e-4 * f64::from(rate));
    }
}

#[test]
fn small_paper_block_is_pytorchs() {
    check_small("block_paper_small.safetensors", ConvBlock::paper());
}

#[test]
fn small_reference_block_is_pytorchs() {
    check_small("block_reference_small.safetensors", ConvBlock::reference());
}

#[test]
fn small_reference_block_with_decoder_is_pytorchs() {
    let config = ConvBlock { decoder: true, ..ConvBlock::reference() };
    check_small("block_reference_decoder_small.safetensors", config);
}

#[test]
fn small_block_with_residuals_is_pytorchs() {
    check_small("block_residual_small.safetensors", ConvBlock::residual());
}

#[test]
fn small_block_of_continuous_time_is_pytorchs() {
    let place = Place { timed: true, ..Place::default() };
    check_small_at("block_continuous_small.safetensors", ConvBlock::paper(), place);
}

#[test]
fn small_blocks_whose_latent_is_an_image_are_pytorchs() {
    let place = Place { latent_is_input: true, ..Place::default() };
    check_small_at("block_image_latent_small.safetensors", ConvBlock::paper(), place);
    let place = Place { timed: true, ..place };
    check_small_at("block_continuous_image_latent_small.safetensors", ConvBlock::paper(), place);
}

fn check_full(file: &str, config: ConvBlock) {
    let mut golden = Golden::open(file);
    let mut case = Case::new(&mut golden, &ConvBlock { dropout: 0.0, ..config }, Place::default());
    formula::fill(&mut case.parameters);
    for entry in case.parameters.entries() {
        let sample = golden.take(&format!("parameter_sample.{}", entry.name)).single();
        assert_eq!(formula::sample(&case.parameters.export(&entry.name).unwrap()), sample, "{}", entry.name);
    }
    case.check_evaluation(&mut golden);
    let (slot, gradients) = case.check_training(&mut golden);
    formula::check_gradients(&mut golden, &case.parameters, gradients.parameters(slot));
}

#[test]
fn full_paper_block_is_pytorchs() {
    check_full("block_paper_full.safetensors", ConvBlock::paper());
}

#[test]
fn full_reference_block_is_pytorchs() {
    check_full("block_reference_full.safetensors", ConvBlock::reference());
}

#[test]
fn multiply_adds_are_counted_by_hand() {
    let mut builder = ParameterBuilder::new(Stream::new(0));
    let site = |dim| Place::default().site([28, 28, 1], 10, dim);
    let block = ConvBlock::paper().build(&site(10), &mut builder).unwrap();
    let image_path = 784 * 9 * 32 + 196 * 9 * 32 * 64 + 196 * 9 * 64 * 128 + 6272 * 256;
    let rest = 10 * 256 + 2 * 256 * 256 + 512 * 256 + 256 * 128 + 128 * 10;
    assert_eq!(block.multiply_adds(), (image_path, rest));
    let mut builder = ParameterBuilder::new(Stream::new(0));
    let block = ConvBlock::reference().build(&site(20), &mut builder).unwrap();
    let image_path = 784 * 9 * 32 + 196 * 9 * 32 * 64 + 49 * 9 * 64 * 128 + 128 * 256;
    let rest = 20 * 256 + 2 * 256 * 256 + 512 * 256 + 256 * 256 + 256 * 10;
    assert_eq!(block.multiply_adds(), (image_path, rest));
}
