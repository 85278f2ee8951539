//! Which method a configuration names, and which settings mean anything to it.

use super::{ConfigError, EmbeddingKind, Order, Precision, RunConfig};
use nopropdt_blocks::{
    Adjoint, AdjointConfig, Backprop, BackpropConfig, BlocksError, CtConfig, DtConfig, EmbeddingConfig,
    FmConfig, HeadConfig, ImageShape, Method, NetworkConfig, NoPropCt, NoPropDt, NoPropFm, Objective,
    Sampler, ScheduleKind,
};
use nopropdt_tensor::kernels;
use serde::{Deserialize, Serialize};

/// How a network is trained and answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MethodKind {
    /// NoProp-DT: discrete time, independently trained blocks.
    Dt,
    /// NoProp-CT: continuous time, one network, a learned noise schedule.
    Ct,
    /// NoProp-FM: flow matching, one network.
    Fm,
    /// End-to-end back-propagation through the blocks of DT.
    Backprop,
    /// A neural ODE on the network of CT, trained by the adjoint method.
    Adjoint,
}

impl MethodKind {
    /// The name flags and files use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dt => "dt",
            Self::Ct => "ct",
            Self::Fm => "fm",
            Self::Backprop => "backprop",
            Self::Adjoint => "adjoint",
        }
    }

    /// Whether the method has T blocks, rather than one network for all times.
    pub fn has_blocks(self) -> bool {
        matches!(self, Self::Dt | Self::Backprop)
    }

    /// The rule by which it answers when nobody says anything.
    pub fn sampler(self) -> Sampler {
        match self {
            Self::Dt | Self::Ct => Sampler::Stochastic,
            Self::Fm | Self::Backprop | Self::Adjoint => Sampler::Euler,
        }
    }
}

impl RunConfig {
    /// How an answer is reached.
    pub fn sampler(&self) -> Sampler {
        self.sampler.unwrap_or(self.method.sampler())
    }

    /// Refuses settings that mean nothing to the method, so that nobody believes they did something.
    pub(super) fn check_applies(&self) -> Result<(), ConfigError> {
        let method = self.method;
        let learned = self.schedule == ScheduleKind::Learned;
        let rules = [
            (
                "schedule",
                learned == (method == MethodKind::Ct) || method.is_without_schedule(),
                "learned for method ct, and another for method dt",
            ),
            (
                "schedule",
                self.schedule == ScheduleKind::Cosine || !method.is_without_schedule(),
                "left out for a method without noise levels",
            ),
            (
                "objective",
                self.objective == Objective::Paper || method == MethodKind::Dt,
                "paper unless the method is dt",
            ),
            ("decoder", !self.decoder || method == MethodKind::Dt, "left out unless the method is dt"),
            (
                "order",
                self.order == Order::Interleaved || method == MethodKind::Dt,
                "interleaved unless the method is dt",
            ),
            (
                "flow-sigma",
                self.flow_sigma.is_none() || method == MethodKind::Fm,
                "left out unless the method is fm",
            ),
            (
                "sampler",
                self.sampler.is_none() || method != MethodKind::Backprop,
                "left out for method backprop, whose blocks run once",
            ),
        ];
        let broken = rules.iter().find(|(_, holds, _)| !holds);
        broken.map_or(Ok(()), |&(flag, _, rule)| {
            Err(ConfigError::Range {
                flag,
                rule: rule.into(),
                found: format!("another value with method {}", method.name()),
            })
        })
    }

    /// The network for images and classes of the dataset. Precision `auto` is decided for this processor.
    ///
    /// # Errors
    /// When a setting of the network breaks a rule.
    pub fn network(&self, image: ImageShape, classes: usize) -> Result<Box<dyn Method>, ConfigError> {
        let network = self.boxed(image, classes)?;
        let found = network.parameters();
        if found > super::MOST_PARAMETERS {
            return Err(ConfigError::TooLarge { found, most: super::MOST_PARAMETERS });
        }
        Ok(network)
    }

    fn boxed(&self, image: ImageShape, classes: usize) -> Result<Box<dyn Method>, BlocksError> {
        let precision = match self.precision {
            Precision::Auto => kernels::active().isa().fastest_precision(),
            Precision::F32 => nopropdt_tensor::Precision::F32,
            Precision::Bf16 => nopropdt_tensor::Precision::Bf16,
        };
        let (steps, eta, sampler) = (self.steps, self.eta, self.sampler());
        let network = self.network_config(image, classes);
        Ok(match self.method {
            MethodKind::Dt => {
                Box::new(NoPropDt::new(&self.dt_config(image, classes))?.in_precision(precision))
            }
            MethodKind::Ct => {
                Box::new(NoPropCt::new(&CtConfig { network, steps, eta, sampler })?.in_precision(precision))
            }
            MethodKind::Fm => {
                let sigma = self.flow_sigma.unwrap_or(0.0);
                Box::new(NoPropFm::new(&FmConfig { network, steps, sigma, sampler })?.in_precision(precision))
            }
            MethodKind::Backprop => {
                Box::new(Backprop::new(&BackpropConfig { network, steps })?.in_precision(precision))
            }
            MethodKind::Adjoint => {
                Box::new(Adjoint::new(&AdjointConfig { network, steps, sampler })?.in_precision(precision))
            }
        })
    }

    fn network_config(&self, image: ImageShape, classes: usize) -> NetworkConfig {
        let (embedding, head, block) = (self.embedding_config(), self.head_config(), self.block());
        NetworkConfig { image, classes, embedding, head, block }
    }

    /// The settings of NoProp-DT, for what only that method can do.
    pub fn dt_config(&self, image: ImageShape, classes: usize) -> DtConfig {
        let NetworkConfig { image, classes, embedding, head, block } = self.network_config(image, classes);
        let (steps, eta, sampler) = (self.steps, self.eta, self.sampler());
        let (schedule, objective) = (self.schedule, self.objective);
        DtConfig { image, classes, steps, eta, schedule, objective, embedding, head, block, sampler }
    }

    fn embedding_config(&self) -> EmbeddingConfig {
        match self.embedding {
            EmbeddingKind::OneHot => EmbeddingConfig::OneHot,
            EmbeddingKind::Learned => {
                EmbeddingConfig::Learned { dim: self.embedding_dim, start: self.embedding_start }
            }
            EmbeddingKind::Prototype => EmbeddingConfig::Prototype,
        }
    }

    fn head_config(&self) -> HeadConfig {
        HeadConfig::Softmax
    }
}

impl MethodKind {
    fn is_without_schedule(self) -> bool {
        matches!(self, Self::Fm | Self::Backprop | Self::Adjoint)
    }
}
