//! Signals that ask a run to end.

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// What shells have for a program that was interrupted.
const INTERRUPTED: i32 = 130;

/// A flag that Ctrl-C, a polite kill or a closed terminal sets; a second one ends the program at once.
///
/// A signal that is ignored at the start stays ignored: whoever began the program wanted it to outlive that one (`nohup`, a
/// shell's `trap ""`, a background job of a script).
///
/// # Errors
/// When the system refuses to listen for a signal.
pub fn interruption_flag() -> io::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let ignored = ignored();
    for signal in polite_signals(ignored) {
        // In this order: the first signal finds the flag unset.
        flag::register_conditional_shutdown(signal, INTERRUPTED, Arc::clone(&stop))?;
        flag::register(signal, Arc::clone(&stop))?;
    }
    Ok(stop)
}

/// Makes a file beyond `ulimit -f` an error of the write that meets it. By default it ends the program without a word (exit code 153).
///
/// # Errors
/// When the system refuses to listen for the signal.
pub fn outlive_file_size_limits() -> io::Result<()> {
    #[cfg(unix)]
    flag::register(signal_hook::consts::SIGXFSZ, Arc::default())?;
    Ok(())
}

/// The signals to listen for when those of the mask are ignored; none where the system does not tell.
fn polite_signals(ignored: Option<u64>) -> Vec<i32> {
    let mut signals = vec![SIGINT, SIGTERM];
    #[cfg(unix)]
    {
        signals.push(signal_hook::consts::SIGXCPU);
        // Where nobody can tell whether nohup is at work, a closed terminal does what it always does.
        if ignored.is_some() {
            signals.push(signal_hook::consts::SIGHUP);
        }
    }
    signals.retain(|signal| ignored.unwrap_or(0) >> (signal - 1) & 1 == 0);
    signals
}

/// The mask of the signals that this process ignores, where the system tells it (Linux): signal n is bit n − 1.
fn ignored() -> Option<u64> {
    ignored_in(&std::fs::read_to_string("/proc/self/status").ok()?)
}

fn ignored_in(status: &str) -> Option<u64> {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
    u64::from_str_radix(mask.trim(), 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mask_of_a_status_is_read() {
        assert_eq!(ignored_in("Name:\tx\nSigIgn:\t0000000000001003\n"), Some(0x1003));
        assert_eq!(ignored_in("Name:\tx\n"), None);
        assert_eq!(ignored_in("SigIgn:\tmany\n"), None);
    }

    #[cfg(unix)]
    #[test]
    fn ignored_signals_are_not_listened_for() {
        use signal_hook::consts::{SIGHUP, SIGXCPU};
        assert_eq!(polite_signals(Some(0)), [SIGINT, SIGTERM, SIGXCPU, SIGHUP]);
        // nohup, and a background job of a script.
        assert_eq!(polite_signals(Some(1 << (SIGHUP - 1))), [SIGINT, SIGTERM, SIGXCPU]);
        assert_eq!(polite_signals(Some(1 << (SIGINT - 1))), [SIGTERM, SIGXCPU, SIGHUP]);
        assert_eq!(polite_signals(None), [SIGINT, SIGTERM, SIGXCPU]);
    }
}
