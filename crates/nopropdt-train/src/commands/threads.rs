//! How many threads work.

use super::numbers::{THREADS, within};
use anyhow::Result;
use std::ffi::OsStr;
use std::num::NonZero;
use std::thread::available_parallelism;

/// A pool of the threads asked for by `--threads`, else by the variable that rayon knows, else of as many as this process may use
/// at once: a container's limit of processor time and the cores it is bound to count.
pub(super) fn thread_pool(flag: Option<usize>) -> Result<rayon::ThreadPool> {
    let variable = std::env::var_os(VARIABLE);
    let threads = match (flag, variable.as_deref()) {
        (Some(threads), _) => {
            within(&THREADS, "--threads", threads as u64, &threads)?;
            Some(threads)
        }
        (None, Some(text)) if !text.is_empty() => by_variable(text)?,
        (None, _) => None,
    };
    let threads = threads.unwrap_or_else(|| available_parallelism().map_or(1, NonZero::get));
    Ok(rayon::ThreadPoolBuilder::new().num_threads(threads).build()?)
}

const VARIABLE: &str = "RAYON_NUM_THREADS";

/// The variable's number; 0 asks for the default, as it does elsewhere.
fn by_variable(text: &OsStr) -> Result<Option<usize>> {
    let threads: Option<usize> = text.to_str().and_then(|text| text.trim().parse().ok());
    if threads == Some(0) {
        return Ok(None);
    }
    within(&THREADS, VARIABLE, threads.unwrap_or(0) as u64, &text.display())?;
    Ok(threads)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_has_the_bounds_of_the_flag() {
        let read = |text: &str| by_variable(OsStr::new(text)).map_err(|error| error.to_string());
        assert_eq!(read("3"), Ok(Some(3)));
        assert_eq!(read("0"), Ok(None));
        for text in ["100000", "-1", "two", "99999999999999999999"] {
            let refused = format!("RAYON_NUM_THREADS: must be from 1 to 1024; found {text}");
            assert_eq!(read(text), Err(refused));
        }
    }
}
