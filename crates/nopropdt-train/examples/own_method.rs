//! A training method of one's own in less than a hundred lines, with the whole command line:
//! `cargo run -p nopropdt-train --example own_method -- --method panel --epochs 8`.
//!
//! It is the built-in method `committee`, written from outside: small classifiers, each trained alone by its own cross-entropy, which answer
//! together. Whatever implements `Method` is trained, resumed, measured and reported like the others.

use std::process::ExitCode;

use nopropdt_blocks::{
    Answer, BlockStep, Facts, Features, Loss, LossTerms, Method, Network, NetworkConfig, Runner, StepInput,
    Tensors, Term, Trace, Value, Weights,
};
use nopropdt_tensor::Tensor;
use nopropdt_tensor::random::Stream;
use nopropdt_train::registry::{MethodEntry, Registry};
use serde::{Deserialize, Serialize};

/// Settings of the panel: the section `[method]` of files, and `--set method.members=4`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    members: usize,
}

/// Blocks that look at the image alone.
#[derive(Debug)]
struct Panel {
    members: usize,
    net: Network,
}

impl Panel {
    fn answer<'p>(&self, weights: &'p Weights, features: &[Value], on: &mut Runner<'_, 'p>) -> Answer {
        let pairs = weights.blocks.iter().zip(features);
        let logits = pairs.map(|(own, features)| self.net.blind_logits_on(on, own, features));
        let block_logits: Vec<Value> = logits.collect();
        let head_logits = block_logits.last().expect("there is a member").clone();
        Answer { block_logits, head_logits }
    }
}

impl Method for Panel {
    fn facts(&self) -> Facts<'_> {
        Facts { shown: Term::CrossEntropy, ..self.net.facts("panel", self.members) }
    }

    fn init(&self, seed: u64) -> Weights {
        self.net.init(self.members, seed)
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

    /// So that `export` can write it for other programs.
    fn answer_on<'p>(&self, weights: &'p Weights, on: &mut Runner<'_, 'p>, inputs: &Value) -> Option<Answer> {
        let features = self.net.features_on(on, weights, inputs);
        Some(self.answer(weights, &features, on))
    }
}

fn main() -> ExitCode {
    let about = "classifiers that learn alone and answer together";
    let build = |Settings { members }, network: NetworkConfig, _: &Registry| {
        Ok(Panel { members, net: Network::of_blocks(&network)? })
    };
    let panel = MethodEntry::new("panel", about, &Settings { members: 4 }, build);
    nopropdt_train::cli::run(Registry::builtin().method(panel))
}
