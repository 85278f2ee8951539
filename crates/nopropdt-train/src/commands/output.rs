//! Standard output and standard error without the panics of `println!` and `eprintln!`.

use anyhow::{Context, Result};
use std::io::{self, ErrorKind, Write};

/// Writes `text` to standard output, with one line feed at its end.
///
/// A reader that has gone away (`| head -1`) has read all it wanted: no failure.
///
/// # Errors
/// When standard output can't take the text, as on a full disk.
pub fn print(text: &str) -> Result<()> {
    let mut output = io::stdout().lock();
    match writeln!(output, "{}", text.trim_end_matches('\n')).and_then(|()| output.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(error).context("standard output: can't be written")
        }
        _ => Ok(()),
    }
}

/// Writes a line to standard error; where even that fails there is nobody left to tell.
pub fn complain(text: &str) {
    writeln!(io::stderr(), "{text}").ok();
}
