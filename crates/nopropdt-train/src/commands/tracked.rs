//! Training with an event file, if that is wanted.

use super::progress::Display;
use crate::files::WriteError;
use crate::metrics::Summary;
use crate::run::{Both, Run};
use crate::tensorboard::TensorBoard;
use anyhow::{Result, anyhow};

/// Trains the run: its result, and whether its event file is written. One that can't be written any more is no reason to stop a long run.
///
/// # Errors
/// When the run ends early, or its event file can't be begun.
pub(super) fn train_tracked(run: Run, display: &Display, tensorboard: bool) -> Result<(Summary, Result<()>)> {
    if !tensorboard {
        return Ok((run.train(display)?, Ok(())));
    }
    let folder = run.folder().path().display().to_string();
    let warn = |error: &WriteError| {
        display.warn(&format!("warning: {error}; the run goes on without its event file"));
    };
    let events = TensorBoard::open(&run, &warn).map_err(|error| {
        anyhow!("{error}; then go on with --resume {folder} --tensorboard, or without an event file")
    })?;
    let summary = run.train(&Both(display, &events))?;
    let rest = format!("the run is finished; --resume {folder} --tensorboard writes the rest");
    Ok((summary, events.close().map_err(|error| anyhow!("{error}; {rest}"))))
}
