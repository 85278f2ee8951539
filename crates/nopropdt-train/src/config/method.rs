//! The network that settings describe, and which of them mean anything to their method.

use super::error::ConfigError;
use super::kinds::{EmbeddingKind, HeadKind, MethodKind, Order, PrecisionKind};
use super::run_config::RunConfig;
use super::size::MOST_PARAMETERS;
use nopropdt_blocks::{
    Adjoint, AdjointConfig, Backprop, BackpropConfig, BlocksError, CtConfig, DtConfig, EmbeddingConfig,
    FmConfig, HeadConfig, Method, NetworkConfig, NoPropCt, NoPropDt, NoPropFm, ObjectiveKind, Sampler,
    ScheduleKind,
};
use nopropdt_data::ImageShape;

impl RunConfig {
    /// How an answer is reached.
    pub fn sampler(&self) -> Sampler {
        self.sampler.unwrap_or(self.method.sampler())
    }

    /// Refuses settings that mean nothing to the method, so that nobody believes they did something.
    pub(super) fn check_applies(&self) -> Result<(), ConfigError> {
        let method = self.method;
        let is = |one: MethodKind| method == one;
        let must = |setting, holds: bool, rule: &str| match holds {
            true => Ok(()),
            false => {
                let found = format!("another value, with method {}", method.name());
                Err(ConfigError::Range { setting, rule: rule.into(), found })
            }
        };
        let scheduled = is(MethodKind::Dt) || is(MethodKind::Ct);
        let fixed = self.schedule != ScheduleKind::Learned;
        must(
            "schedule",
            scheduled || self.schedule == ScheduleKind::Cosine,
            "left out: there are no noise levels",
        )?;
        must("schedule", fixed != is(MethodKind::Ct), "learned for method ct, and another for all others")?;
        let dt = is(MethodKind::Dt);
        must("objective", dt || self.objective == ObjectiveKind::Paper, "paper unless the method is dt")?;
        must("decoder", dt || !self.decoder, "left out unless the method is dt")?;
        must("order", dt || self.order == Order::Interleaved, "interleaved unless the method is dt")?;
        let sigma = self.flow_sigma.is_none();
        must("flow-sigma", sigma || is(MethodKind::Fm), "left out unless the method is fm")?;
        let once = is(MethodKind::Backprop);
        must(
            "sampler",
            !once || self.sampler.is_none(),
            "left out: the blocks run once, one after the other",
        )?;
        let radial = self.head == Some(HeadKind::Radial);
        let head = if radial { "with a radial head" } else { "left out unless the head is radial" };
        must("head-sigma", radial || self.head_sigma.is_none(), head)
    }

    /// The network for images and classes of the dataset. Precision `auto` is decided for this processor.
    ///
    /// # Errors
    /// When a setting of the network breaks a rule.
    pub fn network(&self, image: ImageShape, classes: usize) -> Result<Box<dyn Method>, ConfigError> {
        let network = self.boxed(image, classes)?;
        let found = network.facts().parameters;
        if found > MOST_PARAMETERS {
            let (most, ways) = (MOST_PARAMETERS, self.smaller(image, classes));
            return Err(ConfigError::TooLarge { found, most, ways });
        }
        Ok(network)
    }

    pub(super) fn boxed(&self, image: ImageShape, classes: usize) -> Result<Box<dyn Method>, BlocksError> {
        let precision = self.kernel_precision();
        let (steps, eta, sampler) = (self.steps, self.eta, self.sampler());
        let network = self.network_config(image, classes);
        Ok(match self.method {
            MethodKind::Dt => Box::new(self.dt_network(image, classes)?),
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
        NetworkConfig { image: image.sizes(), classes, embedding, head, block }
    }

    fn kernel_precision(&self) -> nopropdt_tensor::Precision {
        match self.precision {
            PrecisionKind::Auto => nopropdt_tensor::Isa::active().fastest_precision(),
            PrecisionKind::F32 => nopropdt_tensor::Precision::F32,
            PrecisionKind::Bf16 => nopropdt_tensor::Precision::Bf16,
        }
    }

    /// The network of NoProp-DT, whatever the method, for what only that one can do.
    ///
    /// # Errors
    /// When a setting of the network breaks a rule.
    pub fn dt_network(&self, image: ImageShape, classes: usize) -> Result<NoPropDt, BlocksError> {
        Ok(NoPropDt::new(&self.dt_config(image, classes))?.in_precision(self.kernel_precision()))
    }

    pub(super) fn dt_config(&self, image: ImageShape, classes: usize) -> DtConfig {
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
        match self.head {
            None | Some(HeadKind::Softmax) => HeadConfig::Softmax,
            Some(HeadKind::Radial) => HeadConfig::Radial { sigma: self.head_sigma.unwrap_or(1.0) },
        }
    }
}
