//! Which update rule to use, and its constants.

use serde::{Deserialize, Serialize};

use super::error::{OptimizerError, require};

/// An update rule and its constants; whatever a configuration file leaves out is as in PyTorch.
///
/// Constants are f64 because the rules combine them (1 - beta, the bias corrections) before rounding to f32.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum OptimizerConfig {
    /// Adam; weight decay is a penalty added to the gradient, so that it is averaged and scaled with it.
    ///
    /// # Source
    /// Kingma and Ba, "Adam: a method for stochastic optimization", 2015.
    Adam {
        /// Decay of the averages of the gradient and of its square: each at least 0 and below 1.
        #[serde(default = "default_betas")]
        betas: [f64; 2],
        /// Added to the root of the averaged square: above 0.
        #[serde(default = "default_eps")]
        eps: f64,
        /// At least 0.
        #[serde(default)]
        weight_decay: f64,
    },
    /// Adam with decoupled weight decay: parameters shrink by `learning_rate * weight_decay` before each step.
    ///
    /// # Source
    /// Loshchilov and Hutter, "Decoupled weight decay regularization", 2019.
    #[serde(rename = "adamw")]
    AdamW {
        /// As for `Adam`.
        #[serde(default = "default_betas")]
        betas: [f64; 2],
        /// As for `Adam`.
        #[serde(default = "default_eps")]
        eps: f64,
        /// At least 0.
        #[serde(default = "default_decoupled_weight_decay")]
        weight_decay: f64,
    },
    /// Stochastic gradient descent; weight decay is a penalty added to the gradient.
    Sgd {
        /// Decay of the sum of gradients: at least 0 and below 1; with 0 there is no sum.
        #[serde(default)]
        momentum: f64,
        /// At least 0.
        #[serde(default)]
        weight_decay: f64,
        /// Whether a step looks ahead: g' + momentum·b in place of b.
        #[serde(default)]
        nesterov: bool,
    },
    /// Momentum whose steps are orthogonal matrices, for tensors of two axes or more; the others take AdamW's steps. Steps of both are about
    /// of one size, so one learning rate serves them. Weight decay is decoupled.
    ///
    /// Only [`Optimizer::of`](super::Optimizer::of) knows what is a matrix; without, all are AdamW's.
    ///
    /// # Source
    /// Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024; Liu et al., "Muon is scalable for LLM training", 2025.
    Muon {
        /// Decay of the sum of a matrix's gradients: at least 0 and below 1.
        #[serde(default = "default_muon_momentum")]
        momentum: f64,
        /// Of the others, as for `Adam`.
        #[serde(default = "default_betas")]
        betas: [f64; 2],
        /// Of the others, as for `Adam`.
        #[serde(default = "default_eps")]
        eps: f64,
        /// At least 0.
        #[serde(default)]
        weight_decay: f64,
    },
}

impl OptimizerConfig {
    /// Adam with PyTorch's betas and eps.
    pub fn adam(weight_decay: f64) -> Self {
        Self::Adam { betas: default_betas(), eps: default_eps(), weight_decay }
    }

    /// AdamW with PyTorch's betas and eps.
    pub fn adamw(weight_decay: f64) -> Self {
        Self::AdamW { betas: default_betas(), eps: default_eps(), weight_decay }
    }

    /// Muon with its authors' momentum, and PyTorch's constants of AdamW for what is no matrix.
    pub fn muon(weight_decay: f64) -> Self {
        Self::Muon {
            momentum: default_muon_momentum(),
            betas: default_betas(),
            eps: default_eps(),
            weight_decay,
        }
    }

    /// Checks every constant against its range.
    ///
    /// # Errors
    /// The first constant out of range, NaN included.
    pub fn validate(&self) -> Result<(), OptimizerError> {
        if let Self::Muon { momentum, .. } = *self {
            check_fraction("momentum", momentum)?;
        }
        match *self {
            Self::Adam { betas, eps, weight_decay }
            | Self::AdamW { betas, eps, weight_decay }
            | Self::Muon { betas, eps, weight_decay, .. } => {
                check_fraction("beta1", betas[0])?;
                check_fraction("beta2", betas[1])?;
                // As f32, because an eps that rounds to 0 makes 0 / 0 of a parameter without gradient.
                let as_used = eps as f32;
                require(as_used > 0.0 && as_used.is_finite(), "eps", "above 0 and finite in f32", eps)?;
                check_weight_decay(weight_decay)
            }
            Self::Sgd { momentum, weight_decay, .. } => {
                check_fraction("momentum", momentum)?;
                check_weight_decay(weight_decay)
            }
        }
    }

    /// Whether the rule takes matrices by themselves.
    pub(super) fn takes_matrices(&self) -> bool {
        matches!(self, Self::Muon { .. })
    }

    /// How many running averages the rule keeps of each parameter.
    pub fn moment_count(&self) -> usize {
        match *self {
            Self::Adam { .. } | Self::AdamW { .. } | Self::Muon { .. } => 2,
            Self::Sgd { momentum, .. } => usize::from(momentum > 0.0),
        }
    }
}

fn default_betas() -> [f64; 2] {
    [0.9, 0.999]
}

fn default_muon_momentum() -> f64 {
    0.95
}

fn default_eps() -> f64 {
    1e-8
}

fn default_decoupled_weight_decay() -> f64 {
    0.01
}

fn check_fraction(name: &'static str, value: f64) -> Result<(), OptimizerError> {
    require((0.0..1.0).contains(&value), name, "at least 0 and below 1", value)
}

fn check_weight_decay(value: f64) -> Result<(), OptimizerError> {
    require(value >= 0.0 && (value as f32).is_finite(), "weight_decay", "at least 0 and finite in f32", value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rejected(config: OptimizerConfig) -> &'static str {
        match config.validate() {
            Err(OptimizerError::Parameter { name, .. }) => name,
            other => panic!("{config:?} gave {other:?}"),
        }
    }

    #[test]
    fn betas_outside_zero_to_one_are_rejected() {
        for bad in [-0.1, 1.0, f64::NAN] {
            for (betas, name) in [([bad, 0.999], "beta1"), ([0.9, bad], "beta2")] {
                assert_eq!(rejected(OptimizerConfig::Adam { betas, eps: 1e-8, weight_decay: 0.0 }), name);
                assert_eq!(rejected(OptimizerConfig::AdamW { betas, eps: 1e-8, weight_decay: 0.0 }), name);
            }
        }
    }

    #[test]
    fn eps_must_be_above_zero_as_used() {
        for eps in [0.0, -1e-8, 1e-60, 1e60, f64::NAN, f64::INFINITY] {
            assert_eq!(
                rejected(OptimizerConfig::Adam { betas: [0.9, 0.999], eps, weight_decay: 0.0 }),
                "eps"
            );
            assert_eq!(
                rejected(OptimizerConfig::AdamW { betas: [0.9, 0.999], eps, weight_decay: 0.0 }),
                "eps"
            );
        }
    }

    #[test]
    fn weight_decay_must_not_be_negative() {
        for weight_decay in [-0.1, 1e60, f64::NAN, f64::INFINITY] {
            assert_eq!(rejected(OptimizerConfig::adam(weight_decay)), "weight_decay");
            assert_eq!(rejected(OptimizerConfig::adamw(weight_decay)), "weight_decay");
            let sgd = OptimizerConfig::Sgd { momentum: 0.9, weight_decay, nesterov: true };
            assert_eq!(rejected(sgd), "weight_decay");
            assert_eq!(rejected(OptimizerConfig::muon(weight_decay)), "weight_decay");
        }
    }

    #[test]
    fn momentum_outside_zero_to_one_is_rejected() {
        for momentum in [-0.1, 1.0, f64::NAN] {
            let sgd = OptimizerConfig::Sgd { momentum, weight_decay: 0.0, nesterov: false };
            let muon = OptimizerConfig::Muon { momentum, betas: [0.9, 0.999], eps: 1e-8, weight_decay: 0.0 };
            assert_eq!([sgd, muon].map(rejected), ["momentum"; 2]);
        }
    }

    #[test]
    fn the_edges_of_the_ranges_are_accepted() {
        for config in [
            OptimizerConfig::adam(0.0),
            OptimizerConfig::AdamW { betas: [0.0, 0.0], eps: 1e-8, weight_decay: 0.0 },
            OptimizerConfig::Sgd { momentum: 0.0, weight_decay: 0.0, nesterov: false },
            OptimizerConfig::Muon { momentum: 0.0, betas: [0.0, 0.0], eps: 1e-8, weight_decay: 0.0 },
        ] {
            assert_eq!(config.validate(), Ok(()));
        }
    }

    #[test]
    fn configuration_files_may_leave_constants_out() {
        let read = |text: &str| toml::from_str::<OptimizerConfig>(text);
        assert_eq!(read("kind = 'adam'").unwrap(), OptimizerConfig::adam(0.0));
        assert_eq!(read("kind = 'adamw'").unwrap(), OptimizerConfig::adamw(0.01));
        assert_eq!(
            read("kind = 'sgd'\nmomentum = 0.9").unwrap(),
            OptimizerConfig::Sgd { momentum: 0.9, weight_decay: 0.0, nesterov: false }
        );
        assert_eq!(read("kind = 'muon'").unwrap(), OptimizerConfig::muon(0.0));
        assert!(read("kind = 'sgd'\ndampening = 0.1").is_err());
        let own = OptimizerConfig::AdamW { betas: [0.8, 0.9], eps: 1e-6, weight_decay: 0.5 };
        assert_eq!(read(&toml::to_string(&own).unwrap()).unwrap(), own);
    }
}
