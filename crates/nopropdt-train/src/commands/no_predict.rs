//! What stands in for `predict` in a build that reads no pictures: one clear error.

use super::PredictArguments;
use crate::registry::Registry;
use anyhow::{Result, bail};

pub(super) fn run(_: &PredictArguments, _: &Registry) -> Result<()> {
    bail!(
        "predict: reading pictures wants the feature `pictures` of nopropdt-train; this program was built without it"
    )
}
