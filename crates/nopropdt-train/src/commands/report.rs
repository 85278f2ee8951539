//! `report`: runs side by side.

use super::{ReportArguments, UsageError, complain, output};
use crate::files::replace_file;
use crate::registry::Registry;
use crate::report::render_comparison;
use crate::run_folder::is_begun;
use crate::runs::{Collection, RunRecord};
use anyhow::{Context, Result, bail};
use std::path::Path;

pub(super) fn run(arguments: &ReportArguments, registry: &Registry) -> Result<()> {
    let mut runs: Vec<RunRecord> = Vec::new();
    for path in &arguments.runs {
        for run in read(path, registry)? {
            // A run that is named, and in a folder that is named too, is one.
            let place = |run: &RunRecord| std::fs::canonicalize(&run.folder).ok();
            if runs.iter().all(|known| place(known) != place(&run)) {
                runs.push(run);
            }
        }
    }
    if let [only] = &runs[..] {
        let page = only.folder.join("report.html");
        let rule = format!("must be two runs or more; the page of one is {}", page.display());
        return Err(UsageError(format!("report: {rule}")).into());
    }
    let page = render_comparison(&runs)?;
    replace_file(&arguments.out, page.as_bytes())?;
    output::print(&format!("{} runs compared: {}", runs.len(), arguments.out.display()))
}

/// The run at `path`, or those below it.
fn read(path: &Path, registry: &Registry) -> Result<Vec<RunRecord>> {
    let told = |rule: &str| UsageError(format!("{}: {rule}", path.display()));
    if !path.is_dir() {
        let rule = if path.exists() {
            "must be the folder of a run; it is a file"
        } else {
            "there is no such folder"
        };
        return Err(told(rule).into());
    }
    if is_begun(path) {
        // Called as typed: runs of several folders may have one name.
        return Ok(vec![RunRecord::read(path, &path.display().to_string(), registry)?]);
    }
    let found =
        Collection::read(path, registry).with_context(|| format!("{}: can't be read", path.display()))?;
    found.broken.iter().for_each(|error| complain(&format!("warning: {error}")));
    match (found.runs.is_empty(), found.broken.len()) {
        (false, _) => Ok(found.runs),
        (true, 0) => Err(told("must hold a run; found none").into()),
        (true, broken) => bail!("{}: must hold a run that can be read; none of {broken} can", path.display()),
    }
}
