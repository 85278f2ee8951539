//! What a block keeps in memory for a row of a batch, found by having one answer two rows.

use crate::config::{ConfigError, RunConfig};
use nopropdt_blocks::{BlockInputs, BlockSite, Facts};
use nopropdt_tensor::random::Stream;
use nopropdt_tensor::{Mode, ParameterBuilder, Precision, Tape, Tensor};

/// Rows of the trial: the fewest that batch norm can train on.
const ROWS: usize = 2;

/// Values of a latent that a step has at once beside what the block keeps: z, the noise in it, the estimate, the target, their
/// difference, the gradient.
const LATENTS: usize = 6;

/// Bytes that a block takes for a row of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Row {
    /// What the tape of a step records.
    pub(super) recorded: u64,
    /// The same values in f32, as gradients are.
    pub(super) in_f32: u64,
    /// Of what is recorded, the part up to what the block sees of an input.
    pub(super) encoding: u64,
    /// What the block sees of an input.
    pub(super) features: u64,
}

/// What a block takes for a row, whatever the block is: one is built, with zeros for weights, and answers.
pub(super) fn row(config: &RunConfig, facts: &Facts<'_>, input: &[usize]) -> Result<Row, ConfigError> {
    let network = config.network_config(input, facts.classes)?;
    let dim = facts.embedding.dim();
    let site = BlockSite {
        input: input.to_vec(),
        classes: facts.classes,
        dim,
        timed: facts.one_network,
        latent_is_input: network.embedding.is_input(),
    };
    let mut builder = ParameterBuilder::of_zeros();
    let block = network.block.build(&site, &mut builder)?;
    let set = builder.build();
    let trial = |precision| {
        let mut tape = Tape::with_precision(Mode::Train, precision);
        let slot = tape.attach(&set);
        let dropout = Some(Stream::new(0));
        let inputs = tape.constant(Tensor::zeros(&[&[ROWS], input].concat()));
        let features = block.encode(&mut tape, slot, inputs, dropout);
        let encoding = tape.bytes() / ROWS;
        let z = tape.constant(Tensor::zeros(&[ROWS, dim]));
        let times = facts.one_network.then_some(&[0.5; ROWS][..]);
        block.logits(&mut tape, slot, BlockInputs { times, dropout, ..BlockInputs::new(features, z) });
        let float = size_of::<f32>();
        let recorded = (tape.bytes() / ROWS + LATENTS * dim * float) as u64;
        let features = tape.shape(features).iter().product::<usize>() / ROWS * float;
        Row { recorded, in_f32: recorded, encoding: encoding as u64, features: features as u64 }
    };
    let row = trial(network.precision);
    Ok(match network.precision {
        Precision::F32 => row,
        Precision::Bf16 => Row { in_f32: trial(Precision::F32).recorded, ..row },
    })
}
