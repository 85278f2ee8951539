//! Running other programs, with what they print left visible.

use anyhow::{Context, Result, bail};
use nopropdt_train::commands::complain;
use std::path::PathBuf;
use std::process::{Command, ExitStatus};

/// Whoever read the output has gone away (`| head -1`), and the program that wrote it ended for that, unfinished.
#[derive(Debug, thiserror::Error)]
#[error("{0}: nobody reads its output any more")]
pub(crate) struct ReaderGone(String);

/// Runs a program in the workspace's root and fails unless it succeeds.
///
/// # Errors
/// [`ReaderGone`] when the program was ended by a closed pipe; when it can't be started or fails otherwise.
pub fn run(program: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Result<()> {
    let line = format!("{program} {}", arguments.join(" "));
    // Beside what the program itself says, and out of what this one prints as its result.
    complain(&format!("$ {line}"));
    let status = Command::new(program)
        .args(arguments)
        .envs(environment.iter().copied())
        .current_dir(crate::root())
        .status()
        .with_context(|| format!("{line}: can't be started"))?;
    if ended_by_closed_pipe(status) {
        return Err(ReaderGone(line).into());
    }
    if !status.success() {
        bail!("{line}: {status}");
    }
    Ok(())
}

/// `nopropdt-train`, built beside this program.
///
/// # Errors
/// When it can't be built.
pub(crate) fn trainer() -> Result<PathBuf> {
    let own = std::env::current_exe().context("where is this program?")?;
    let folder = own.parent().context("this program is in a folder")?;
    let release = folder.file_name().is_some_and(|name| name == "release");
    let arguments: &[&str] = &["build", "--locked", "--package", "nopropdt-train"];
    let arguments = if release { [arguments, &["--release"]].concat() } else { arguments.to_vec() };
    run("cargo", &arguments, &[])?;
    Ok(folder.join(format!("nopropdt-train{}", std::env::consts::EXE_SUFFIX)))
}

#[cfg(unix)]
fn ended_by_closed_pipe(status: ExitStatus) -> bool {
    use std::os::unix::process::ExitStatusExt;
    /// SIGPIPE.
    const CLOSED_PIPE: i32 = 13;
    // A shell passes a signal on as a code.
    status.signal() == Some(CLOSED_PIPE) || status.code() == Some(128 + CLOSED_PIPE)
}

#[cfg(not(unix))]
fn ended_by_closed_pipe(_status: ExitStatus) -> bool {
    false
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_nobody_reads_is_no_failure_of_its_own() {
        let shell = |script: &str| run("sh", &["-c", script], &[]);
        shell("exit 0").unwrap();
        assert!(shell("kill -PIPE $$").unwrap_err().is::<ReaderGone>());
        let failure = shell("exit 3").unwrap_err();
        assert!(!failure.is::<ReaderGone>());
        assert_eq!(failure.to_string(), "sh -c exit 3: exit status: 3");
    }
}
