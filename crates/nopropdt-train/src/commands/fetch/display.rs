//! What a fetch shows: a bar a file on a terminal, lines elsewhere; both on standard error.

use std::collections::HashMap;
use std::io::{IsTerminal, stderr};

use crate::commands::output::complain;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use nopropdt_fetch::{FetchEvent, ManifestDataset};

const MEASURED: &str = "{msg} {bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta}";
const UNMEASURED: &str = "{msg} {spinner} {bytes}";

/// The display of one dataset's fetch.
pub(super) struct Display {
    prefix: String,
    terminal: bool,
    all: MultiProgress,
    bars: HashMap<String, ProgressBar>,
}

impl Display {
    /// A display that shows nothing yet.
    pub(super) fn new(dataset: &ManifestDataset) -> Self {
        let terminal = stderr().is_terminal();
        Self { prefix: dataset.name.clone(), terminal, all: MultiProgress::new(), bars: HashMap::new() }
    }

    /// Shows an event.
    pub(super) fn show(&mut self, event: &FetchEvent<'_>) {
        match event {
            FetchEvent::Started { file, total, done, .. } if self.terminal => self.begin(file, *done, *total),
            FetchEvent::Received { file, done } => {
                if let Some(bar) = self.bars.get(*file) {
                    bar.set_position(*done);
                }
            }
            _ => {
                if let Some(bar) = file_of(event).and_then(|file| self.bars.remove(file)) {
                    bar.finish_and_clear();
                }
                if let Some(line) = describe(event) {
                    // Between the bars of other files, where there are any.
                    self.all.suspend(|| complain(&format!("{}: {line}", self.prefix)));
                }
            }
        }
    }

    fn begin(&mut self, file: &str, done: u64, total: Option<u64>) {
        let (bar, template) = match total {
            Some(total) => (ProgressBar::new(total), MEASURED),
            None => (ProgressBar::no_length(), UNMEASURED),
        };
        // A test proves the templates right; a plain bar serves as well.
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = self.all.add(bar.with_style(style).with_message(file.to_owned()).with_position(done));
        self.bars.insert(file.to_owned(), bar);
    }
}

/// The file whose transfer an event ends.
fn file_of<'a>(event: &FetchEvent<'a>) -> Option<&'a str> {
    match event {
        FetchEvent::Retrying { file, .. }
        | FetchEvent::MirrorFailed { file, .. }
        | FetchEvent::Unpacking { file }
        | FetchEvent::LocalFailed { file, .. }
        | FetchEvent::Finished { file } => Some(file),
        _ => None,
    }
}

/// A line for an event; none for bytes.
fn describe(event: &FetchEvent<'_>) -> Option<String> {
    Some(match event {
        FetchEvent::Started { file, origin, done: 0, .. } => format!("{file} from {origin}"),
        FetchEvent::Started { file, origin, done, .. } => {
            format!("{file} from {origin}, on from byte {done}")
        }
        FetchEvent::Retrying { error, pause, .. } => {
            format!("{error}; again in {:.1} s", pause.as_secs_f64())
        }
        FetchEvent::MirrorFailed { error, .. } => format!("{error}; mirror given up"),
        FetchEvent::Waiting { folder } => {
            format!("another fetch is at work in {}; waiting for its end", folder.display())
        }
        FetchEvent::Unknown { file } => {
            format!("{file} is there but not in fetched.toml, so it can't be checked; fetching it again")
        }
        FetchEvent::SetAside { file, to } => {
            format!("{file} had the wrong content; it is now {}", to.display())
        }
        FetchEvent::Unpacking { file } => format!("{file} is right; unpacking it"),
        FetchEvent::LocalFailed { error, .. } => format!("{error}; asking the mirrors"),
        FetchEvent::Finished { file } => format!("{file} is done"),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_templates_are_valid() {
        for template in [MEASURED, UNMEASURED] {
            ProgressStyle::with_template(template).unwrap();
        }
    }

    #[test]
    fn an_interrupted_transfer_is_told() {
        let event = FetchEvent::Started { file: "a", origin: "http://host/a.gz", done: 5, total: Some(9) };
        assert_eq!(describe(&event).unwrap(), "a from http://host/a.gz, on from byte 5");
        assert!(describe(&FetchEvent::Received { file: "a", done: 6 }).is_none());
    }
}
