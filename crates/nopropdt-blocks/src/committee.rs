//! A control: the blocks of NoProp-DT as plain classifiers, T of them, which know nothing of noise and answer together.
//!
//! What NoProp-DT has beyond this is its latent. Parameters and work are the same, since a member is a whole block; what reads the latent in it takes no
//! part.

use crate::error::BlocksError;
use crate::loss_tape::Loss;
use crate::method::{BlockStep, Facts, LossTerms, Method, StepInput, Term};
use crate::network::{Network, NetworkConfig};
use crate::readout::Readout;
use crate::sampling::{Answer, Runner, Value};
use crate::tensors::Tensors;
use crate::trace::{Features, Trace};
use crate::weights::Weights;
use nopropdt_tensor::Tensor;
use nopropdt_tensor::random::Stream;

/// Most members.
const MOST_MEMBERS: usize = 1000;

/// Settings of a committee.
#[derive(Debug, Clone)]
pub struct CommitteeConfig {
    /// The network.
    pub network: NetworkConfig,
    /// T, the number of members.
    pub steps: usize,
}

/// A checked committee, without its weights. Member t learns alone, by the cross-entropy of its own logits; the answer is the mean of the
/// members' class probabilities. Its chain is the last member.
#[derive(Debug, Clone)]
pub struct Committee {
    net: Network,
    members: usize,
}

impl Committee {
    /// Checks a configuration.
    ///
    /// # Errors
    /// When a setting is out of range or the block can't stand on inputs of this shape.
    pub fn new(config: &CommitteeConfig) -> Result<Self, BlocksError> {
        BlocksError::check_size("steps", 1, MOST_MEMBERS, config.steps)?;
        Ok(Self { net: Network::of_blocks(&config.network)?, members: config.steps })
    }

    fn answer<'p>(&self, weights: &'p Weights, features: &[Value], on: &mut Runner<'_, 'p>) -> Answer {
        let pairs = weights.blocks.iter().zip(features);
        let logits = pairs.map(|(own, features)| self.net.blind_logits_on(on, own, features));
        let block_logits: Vec<Value> = logits.collect();
        let head_logits = block_logits.last().expect("there is a member").clone();
        Answer { block_logits, head_logits }
    }
}

impl Method for Committee {
    fn facts(&self) -> Facts<'_> {
        Facts { shown: Term::CrossEntropy, ..self.net.facts("committee", self.members) }
    }

    fn init(&self, seed: u64) -> Weights {
        self.net.init(self.members, seed)
    }

    fn blank(&self) -> Weights {
        self.net.blank(self.members)
    }

    fn tensors(&self) -> Tensors {
        self.net.tensors(self.members)
    }

    fn step(&self, input: &StepInput<'_>) -> BlockStep {
        let mut on = self.net.loss_tape(input);
        let logits = on.blind_logits(input.batch, input.stream.purpose("dropout"));
        let total = input.batch.cross_entropy(&mut on.tape, logits);
        let value = on.scalar(total);
        on.finish(Loss {
            total,
            terms: LossTerms { total: value, cross_entropy: value, ..LossTerms::default() },
        })
    }

    fn features(&self, weights: &Weights, inputs: &Tensor) -> Features {
        self.net.features(weights, inputs)
    }

    fn sample(&self, weights: &Weights, features: &Features, noise: &dyn Fn(usize) -> Stream) -> Trace {
        let mut on = self.net.numbers(features.rows(), noise);
        self.answer(weights, &features.values(), &mut on).into_trace()
    }

    fn readout(&self) -> Readout {
        Readout::Consensus
    }

    fn answer_on<'p>(&self, weights: &'p Weights, on: &mut Runner<'_, 'p>, inputs: &Value) -> Option<Answer> {
        let features = self.net.features_on(on, weights, inputs);
        Some(self.answer(weights, &features, on))
    }
}

#[cfg(test)]
mod tests;
