//! Running the program as a child: what it says goes to a log, and an interruption of this program ends it too.

use super::error::ExperimentError;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How often a child is looked at.
const TICK: Duration = Duration::from_millis(50);
/// Ctrl-C on a terminal reaches the child by itself; a signal to this program alone is passed on after this long.
const GRACE: Duration = Duration::from_secs(1);
/// The exit code of an interrupted child.
const INTERRUPTED: i32 = 130;

/// Runs `program`: what it printed as its result or, as the inner error, the line that says why it failed. Calls `tick` again and
/// again meanwhile.
///
/// # Errors
/// [`ExperimentError::Interrupted`] when `stop` was set or the child was interrupted; when the child can't be run or the log can't
/// be written.
pub(super) fn call(
    program: &Path,
    arguments: &[String],
    log: &Path,
    stop: &AtomicBool,
    tick: &dyn Fn(),
) -> Result<Result<String, String>, ExperimentError> {
    let in_log = ExperimentError::io(log);
    let failed = |reason| ExperimentError::Process { program: program.to_owned(), reason };
    let said = File::options().create(true).append(true).open(log).map_err(&in_log)?;
    let before = said.metadata().map_err(&in_log)?.len();
    let mut printed = tempfile::tempfile().map_err(failed)?;
    let child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::from(printed.try_clone().map_err(failed)?))
        .stderr(Stdio::from(said))
        .spawn()
        .map_err(failed)?;
    let status = wait(child, stop, tick).map_err(failed)?;
    if stop.load(Ordering::SeqCst) || status.code() == Some(INTERRUPTED) {
        return Err(ExperimentError::Interrupted);
    }
    if status.success() {
        let mut text = String::new();
        printed.seek(SeekFrom::Start(0)).map_err(failed)?;
        printed.read_to_string(&mut text).map_err(failed)?;
        return Ok(Ok(text));
    }
    let all = fs::read(log).map_err(&in_log)?;
    let why = reason(&String::from_utf8_lossy(all.get(before as usize..).unwrap_or_default()));
    Ok(Err(format!("{why} ({status}, all of it in {})", log.display())))
}

fn wait(mut child: Child, stop: &AtomicBool, tick: &dyn Fn()) -> io::Result<ExitStatus> {
    let mut asked: Option<Instant> = None;
    let mut passed_on = false;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if stop.load(Ordering::SeqCst) {
            let since = *asked.get_or_insert_with(Instant::now);
            if !passed_on && since.elapsed() >= GRACE {
                passed_on = true;
                end(&mut child)?;
            }
        }
        tick();
        std::thread::sleep(TICK);
    }
}

/// Asks a child to end, so that it can leave its files whole; where there is no asking, ends it.
fn end(child: &mut Child) -> io::Result<()> {
    let asked = cfg!(unix)
        && Command::new("kill").args(["-TERM", &child.id().to_string()]).status().is_ok_and(|s| s.success());
    if !asked {
        child.kill()?;
    }
    Ok(())
}

/// The last complaint or, without one, the last line that says anything.
fn reason(said: &str) -> String {
    let lines = || said.lines().rev().map(str::trim).filter(|line| !line.is_empty());
    let complaint = lines().find(|line| line.starts_with("error: "));
    complaint.or_else(|| lines().next()).unwrap_or("nothing was said").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_complaint_is_the_reason() {
        assert_eq!(reason("epoch 1\nerror: no space\n  go on with --resume x\n\n"), "error: no space");
        assert_eq!(reason("thread main panicked\n"), "thread main panicked");
        assert_eq!(reason(" \n"), "nothing was said");
    }

    #[cfg(unix)]
    fn shell(script: &str, log: &Path, stop: &AtomicBool) -> Result<Result<String, String>, ExperimentError> {
        call(Path::new("/bin/sh"), &["-c".into(), script.into()], log, stop, &|| ())
    }

    #[cfg(unix)]
    #[test]
    fn a_child_gives_its_result_or_what_it_said_this_time() {
        let folder = tempfile::tempdir().unwrap();
        let (log, stop) = (folder.path().join("log.txt"), AtomicBool::new(false));
        assert_eq!(shell("echo 1; echo 'error: old' >&2", &log, &stop).unwrap(), Ok("1\n".to_owned()));
        let why = shell("echo new >&2; exit 3", &log, &stop).unwrap().unwrap_err();
        assert!(why.starts_with("new (exit status: 3, all of it in ") && why.contains("log.txt"), "{why}");
        assert_eq!(fs::read_to_string(&log).unwrap(), "error: old\nnew\n");
        assert!(matches!(shell("exit 130", &log, &stop), Err(ExperimentError::Interrupted)));
    }

    /// The child is told to end only once it listens: `stop` is set when it has said so.
    #[cfg(unix)]
    #[test]
    fn an_interruption_reaches_the_child_and_waits_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let (log, stop) = (folder.path().join("log.txt"), AtomicBool::new(false));
        let tidy = "trap 'echo tidy >&2; exit 0' TERM; echo listens >&2; while :; do sleep 0.05; done";
        let said = || fs::read_to_string(&log).unwrap();
        let stop_when_it_listens = || stop.store(said().contains("listens"), Ordering::SeqCst);
        let arguments = ["-c".to_owned(), tidy.to_owned()];
        let ended = call(Path::new("/bin/sh"), &arguments, &log, &stop, &stop_when_it_listens);
        assert!(matches!(ended, Err(ExperimentError::Interrupted)));
        assert_eq!(said(), "listens\ntidy\n");
    }
}
