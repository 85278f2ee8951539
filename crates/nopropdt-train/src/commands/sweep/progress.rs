//! What a person sees meanwhile: a line that moves on a terminal, plain lines elsewhere.

use crate::commands::output::complain;
use crate::commands::percent;
use crate::experiments::{Cell, Fate, Outcome, Watch};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::cell::{Cell as Slot, RefCell};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How often the moving line is made anew.
const EVERY: Duration = Duration::from_millis(500);

/// Where the cells are, how long they took, and how long the rest will take.
#[derive(Debug)]
pub struct SweepProgress {
    bar: ProgressBar,
    count: usize,
    /// Expected work still to do.
    left: Slot<f64>,
    /// Seconds spent and expected work done by cells that finished.
    done: Slot<(f64, f64)>,
    now: RefCell<Option<Now>>,
}

/// The cell that runs.
#[derive(Debug)]
struct Now {
    place: String,
    began: Instant,
    shown: Option<Instant>,
    metrics: PathBuf,
}

impl SweepProgress {
    /// Of `count` cells that have `left` work to do in all.
    pub fn new(count: usize, left: f64) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        if std::io::stderr().is_terminal() {
            bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(4));
        }
        bar.set_style(
            ProgressStyle::with_template("{spinner} {wide_msg}").expect("a constant template is valid"),
        );
        Self { bar, count, left: Slot::new(left), done: Slot::new((0.0, 0.0)), now: RefCell::new(None) }
    }

    /// The cell ended. `finished` says whether its time tells anything of that of others.
    fn ended(&self, cell: &Cell, finished: bool, what: &str) {
        let Some(now) = self.now.borrow_mut().take() else { return };
        let seconds = now.began.elapsed().as_secs_f64();
        self.left.set((self.left.get() - cell.work).max(0.0));
        if finished {
            let (spent, work) = self.done.get();
            self.done.set((spent + seconds, work + cell.work));
        }
        let line = format!("{}: {what} in {}{}", now.place, duration(seconds), self.remaining());
        self.bar.suspend(|| complain(&line));
    }

    /// A cell that takes no time, and why.
    fn passed(&self, index: usize, cell: &Cell, what: &str) {
        let line = format!("[{}/{}] {}: {what}", index + 1, self.count, cell.name);
        self.bar.suspend(|| complain(&line));
    }

    /// "; about 5 min left", once a cell has told how fast this machine is.
    fn remaining(&self) -> String {
        let ((spent, work), left) = (self.done.get(), self.left.get());
        let seconds = left * spent / work;
        if seconds.is_finite() && left > 0.0 {
            format!("; about {} left", duration(seconds))
        } else {
            String::new()
        }
    }
}

impl Watch for SweepProgress {
    fn begin(&self, index: usize, cell: &Cell, run: &Path) {
        let place = format!("[{}/{}] {}", index + 1, self.count, cell.name);
        if self.bar.is_hidden() {
            complain(&place);
        }
        let metrics = run.join("metrics.jsonl");
        *self.now.borrow_mut() = Some(Now { place, began: Instant::now(), shown: None, metrics });
    }

    /// Moves the line, if it is time.
    fn tick(&self) {
        let mut now = self.now.borrow_mut();
        let Some(now) = now.as_mut().filter(|_| !self.bar.is_hidden()) else { return };
        if now.shown.is_some_and(|shown| shown.elapsed() < EVERY) {
            return;
        }
        now.shown = Some(Instant::now());
        let epochs = std::fs::read_to_string(&now.metrics).map_or(0, |text| text.lines().count());
        let seconds = now.began.elapsed().as_secs_f64();
        let message =
            format!("{}: {epochs} epochs done, {}{}", now.place, duration(seconds), self.remaining());
        self.bar.set_message(message);
        self.bar.tick();
    }

    fn end(&self, index: usize, cell: &Cell, fate: &Fate) {
        match fate {
            Fate::AlreadyDone => self.passed(index, cell, "done before"),
            Fate::Absent(why) => self.passed(index, cell, &format!("left out, {why}")),
            Fate::Failed(line) => self.ended(cell, false, &format!("failed: {line}")),
            Fate::Done(outcome) => self.ended(cell, true, &reached(outcome)),
        }
    }
}

impl Drop for SweepProgress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// What came of a cell, in a few words.
fn reached(outcome: &Outcome) -> String {
    let validation = outcome.validation.map(|of| format!("{} on validation images", percent(of.chain)));
    outcome.chain().map(percent).or(validation).unwrap_or_else(|| "done".to_owned())
}

/// A time in the unit that suits it.
pub fn duration(seconds: f64) -> String {
    match seconds {
        0.0..100.0 => format!("{seconds:.0} s"),
        100.0..6000.0 => format!("{:.0} min", seconds / 60.0),
        _ => format!("{:.1} h", seconds / 3600.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Overrides;
    use crate::experiments::Measure;

    #[test]
    fn what_is_left_follows_from_what_was_done() {
        let measure = Measure { runs: 1, averaged: None, steps: None };
        let config = Overrides::default().resolve(None).unwrap();
        let cell = Cell { name: "a".into(), config, measure, work: 100.0 };
        let progress = SweepProgress::new(3, 300.0);
        assert_eq!(progress.remaining(), "");
        progress.begin(0, &cell, Path::new(""));
        progress.end(0, &cell, &Fate::Failed("no".into()));
        assert_eq!((progress.remaining().as_str(), progress.left.get()), ("", 200.0));
        progress.done.set((50.0, 100.0));
        assert_eq!(progress.remaining(), "; about 2 min left");
        progress.left.set(0.0);
        assert_eq!(progress.remaining(), "");
    }

    #[test]
    fn times_have_units() {
        assert_eq!([99.0, 5999.0, 7200.0].map(duration), ["99 s", "100 min", "2.0 h"]);
    }
}
