//! A model's network with the steps and the sampler that were asked for.

use super::UsageError;
use crate::model_file::{Model, ModelMetadata};
use anyhow::Result;
use nopropdt_blocks::{Method, Sampler};

/// The model's network, with so many steps and this sampler if they were asked for. `instead` is what to do where blocks decide the steps.
pub(super) fn sampled_as_asked(
    model: &Model,
    steps: Option<usize>,
    sampler: Option<Sampler>,
    instead: &str,
) -> Result<Box<dyn Method>> {
    let ModelMetadata { config, input, class_names, .. } = &model.metadata;
    let facts = model.network.facts();
    let (has_blocks, own_steps) = (!facts.one_network, facts.steps);
    if let Some(steps) = steps.filter(|&steps| has_blocks && steps != own_steps) {
        let rule = format!("must be left out for a network of {own_steps} blocks");
        return Err(UsageError(format!("--steps: {rule}{instead}; found {steps}")).into());
    }
    let mut config = config.clone();
    if let Some(steps) = steps {
        config = config.with_method_setting("steps", steps)?;
    }
    if let Some(sampler) = sampler {
        config = config.with_method_setting("sampler", sampler)?;
    }
    Ok(config.network(input.sizes(), class_names.len())?)
}
