//! Parameter sets as they are saved.

use super::numbers::Numbers;
use super::{CheckpointError, failed};
use bincode::{Decode, Encode};
use nopropdt_blocks::Weights;
use nopropdt_tensor::Parameters;
use std::path::Path;

/// One parameter set: trainable values, then kept statistics, flat, in stored order.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
pub(super) struct SavedSet<'a> {
    pub(super) values: Numbers<'a>,
    pub(super) statistics: Numbers<'a>,
}

/// The values of parameter sets, as they are saved.
pub(super) fn saved(weights: &Weights) -> Vec<SavedSet<'_>> {
    let saved = |set| {
        let (values, statistics) = (Parameters::values(set), Parameters::statistics(set));
        SavedSet { values: Numbers(values.into()), statistics: Numbers(statistics.into()) }
    };
    weights.sets().map(saved).collect()
}

/// Writes saved values into the sets of a network, which must be as many and as long.
pub(super) fn fill(
    path: &Path,
    saved: &[SavedSet<'_>],
    weights: &mut Weights,
) -> Result<(), CheckpointError> {
    let sets: Vec<&mut Parameters> = weights.sets_mut().collect();
    if sets.len() != saved.len() {
        return Err(failed(path, format!("wants {} parameter sets; found {}", sets.len(), saved.len())));
    }
    for (number, (set, saved)) in (1..).zip(sets.into_iter().zip(saved)) {
        let (wanted, found) = (set.values().len(), saved.values.0.len());
        if wanted != found || set.statistics().len() != saved.statistics.0.len() {
            return Err(failed(
                path,
                format!("parameter set {number}: wants {wanted} values; found {found}"),
            ));
        }
        set.values_mut().copy_from_slice(&saved.values.0);
        set.statistics_mut().copy_from_slice(&saved.statistics.0);
    }
    Ok(())
}

/// A copy of `weights` with saved values written over it; none where none are saved.
pub(super) fn copy(
    path: &Path,
    saved: Option<&[SavedSet<'_>]>,
    weights: &Weights,
) -> Result<Option<Weights>, CheckpointError> {
    let Some(saved) = saved else { return Ok(None) };
    let mut weights = weights.clone();
    fill(path, saved, &mut weights)?;
    Ok(Some(weights))
}
