//! Starting a network from the weights of another.

use super::{Model, prefixed};
use nopropdt_blocks::{Method, Weights};
use nopropdt_tensor::{Entry, Parameters};
use std::collections::HashMap;

/// Which tensors of a network started from those of another, by the names that they have in model files: what all blocks share first, then
/// block by block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Started {
    /// Those that were taken, trained values and statistics alike.
    pub taken: Vec<String>,
    /// Those that are as they were: the other network has none of the name and shape.
    pub fresh: Vec<String>,
}

/// Two networks have no tensor of a block in common.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "must share tensors of blocks, in name and shape, with the network that is to start from it; it is of method {method} with block \
     {block}, and shares none"
)]
pub struct NothingInCommon {
    /// Method of the network that was to be started from.
    pub method: String,
    /// Its block.
    pub block: String,
}

/// Overwrites each tensor of `weights`, which are of `network`, by that of `model` with the same name and shape. The others stay.
///
/// # Errors
/// When no tensor of a block is taken; `weights` are then as they were.
pub fn start_from(
    model: &Model,
    network: &dyn Method,
    weights: &mut Weights,
) -> Result<Started, NothingInCommon> {
    let sets = prefixed(model.network.as_ref(), &model.weights);
    let own = sets.flat_map(|(prefix, set)| {
        set.entries().map(move |entry| (format!("{prefix}{}", entry.name), (set, entry)))
    });
    let own: HashMap<String, (&Parameters, &Entry)> = own.collect();
    let fits = |name: &str, wanted: &Entry| own.get(name).is_some_and(|(_, own)| own.shape == wanted.shape);

    // Set by set, each tensor's name in the set and in files, and whether it is taken.
    let plan: Vec<Vec<(String, String, bool)>> = prefixed(network, weights)
        .map(|(prefix, set)| {
            let each = set.entries().map(|entry| {
                let full = format!("{prefix}{}", entry.name);
                let taken = fits(&full, entry);
                (entry.name.clone(), full, taken)
            });
            each.collect()
        })
        .collect();
    let (of_blocks, shared) = plan.split_at(weights.blocks.len());
    if !of_blocks.iter().flatten().any(|(_, _, taken)| *taken) {
        let config = &model.metadata.config;
        return Err(NothingInCommon { method: config.method.name.clone(), block: config.block.name.clone() });
    }
    for (set, tensors) in weights.sets_mut().zip(&plan) {
        for (name, full, _) in tensors.iter().filter(|(_, _, taken)| *taken) {
            let (from, entry) = own[full];
            let values = from.export(&entry.name).expect("the name was just listed");
            assert!(set.import(name, &values), "the name and the shape were just compared");
        }
    }
    let (taken, fresh): (Vec<_>, Vec<_>) =
        shared.iter().chain(of_blocks).flatten().partition(|(_, _, taken)| *taken);
    let names = |of: Vec<&(String, String, bool)>| of.into_iter().map(|(_, full, _)| full.clone()).collect();
    Ok(Started { taken: names(taken), fresh: names(fresh) })
}
