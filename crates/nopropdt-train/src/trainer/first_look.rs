//! What blocks may see of the training inputs before they learn.

use super::gather;
use nopropdt_blocks::{Method, Weights};
use nopropdt_data::{Examples, epoch_order};

/// Lets fresh weights start from training inputs, where blocks want to see any: the first of the first epoch's order, unchanged by
/// augmentation. A pure function of the data and the seed.
pub fn first_look(method: &dyn Method, weights: &mut Weights, data: &dyn Examples, seed: u64) {
    let wanted = method.facts().block.looks_at().min(data.len());
    if wanted == 0 {
        return;
    }
    let order = epoch_order(data.len(), seed, 0);
    method.start(weights, &gather(data, &order[..wanted]).inputs);
}
