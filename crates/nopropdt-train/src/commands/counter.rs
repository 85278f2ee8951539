//! What a person sees of work that only sometimes takes long: a bar on a terminal, now and then a line elsewhere, nothing of what is
//! soon done. All of it goes to standard error.

use super::output::complain;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use nopropdt_data::Watcher;
use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Nothing is said of what takes less.
const SOON: Duration = Duration::from_secs(1);
/// Between two lines, where there is no terminal.
const PAUSE: Duration = Duration::from_secs(10);

/// Shows how far some work is.
pub(super) struct Counter {
    what: &'static str,
    bar: ProgressBar,
    /// When to speak next.
    due: Mutex<Instant>,
    has_bar: bool,
}

impl Counter {
    /// A counter of `what`, such as `reading pictures`; with `plain` lines even on a terminal.
    pub(super) fn new(what: &'static str, plain: bool) -> Self {
        let bar = ProgressBar::hidden();
        let template = "{prefix} {wide_bar:.cyan/dim} {percent:>3} %  {pos} of {len}  eta {eta}";
        bar.set_style(ProgressStyle::with_template(template).expect("a constant template is valid"));
        bar.set_prefix(what);
        let has_bar = !plain && std::io::stderr().is_terminal();
        Self { what, bar, due: Mutex::new(Instant::now() + SOON), has_bar }
    }

    /// Who counts pictures as they are read.
    pub(super) fn watcher(self: &Arc<Self>) -> Watcher {
        let counter = Arc::clone(self);
        Watcher::new(move |done, all| counter.told(done, all))
    }

    /// `done` of `all` are done.
    pub(super) fn told(&self, done: usize, all: usize) {
        if let Some(line) = self.line(Instant::now(), done, all) {
            complain(&line);
        }
    }

    /// The line to print now, if there is one; or moves the bar.
    fn line(&self, now: Instant, done: usize, all: usize) -> Option<String> {
        // Whoever finds another thread here need not wait for it: the next one will tell.
        let mut due = self.due.try_lock().ok()?;
        if now < *due || done == all {
            return None;
        }
        if !self.has_bar {
            *due = now + PAUSE;
            return Some(format!("{}: {done} of {all}", self.what));
        }
        if self.bar.is_hidden() {
            self.bar.set_length(all as u64);
            self.bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(8));
        }
        self.bar.set_position(done as u64);
        None
    }

    /// Removes the bar.
    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
        // What comes late says nothing any more.
        *self.due.lock().unwrap_or_else(PoisonError::into_inner) += Duration::from_secs(1 << 30);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_few_and_none_of_what_is_soon_done() {
        let (counter, start) = (Counter::new("reading pictures", true), Instant::now());
        let line = |milliseconds, done| counter.line(start + Duration::from_millis(milliseconds), done, 100);
        assert_eq!(line(500, 3), None);
        assert_eq!(line(1500, 7), Some("reading pictures: 7 of 100".into()));
        assert_eq!(line(2000, 8), None);
        assert_eq!(line(11_600, 50), Some("reading pictures: 50 of 100".into()));
        assert_eq!(line(60_000, 100), None);
        counter.finish();
        assert_eq!(line(60_000, 99), None);
    }
}
