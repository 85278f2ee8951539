//! What a person sees while training: a bar on a terminal, a line an epoch elsewhere.

use super::counter::Counter;
use super::output::{complain, print};
use super::percent;
use crate::metrics::EpochMetrics;
use crate::run::{Observer, Run, Step};
use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Shows the progress of a run.
pub struct Display {
    bar: ProgressBar,
    epochs: usize,
    /// Training images an epoch.
    images: usize,
    /// Test accuracy of the last finished epoch, as shown; empty before the first.
    accuracy: Mutex<String>,
    /// Whether lines go to standard error, because standard output belongs to machines.
    quiet_output: bool,
    /// Lines about what comes before the first epoch, where there is no bar.
    beginning: Counter,
    /// Set when the user wants to stop.
    stop: Arc<AtomicBool>,
}

impl Display {
    /// A display for what is left of a run; no bar when not wanted or not on a terminal.
    pub fn new(run: &Run, no_progress: bool, quiet_output: bool, stop: Arc<AtomicBool>) -> Self {
        let (epochs, images) = (run.config().training.epochs, run.dataset().train.len());
        let bar = if no_progress || !std::io::stderr().is_terminal() {
            ProgressBar::hidden()
        } else {
            ProgressBar::with_draw_target(
                Some((epochs * images) as u64),
                ProgressDrawTarget::stderr_with_hz(8),
            )
        };
        // Its own estimate would take what was done before for done in no time.
        let template = "{prefix} {wide_bar:.cyan/dim} {percent:>3} %  {msg}";
        bar.set_style(ProgressStyle::with_template(template).expect("a constant template is valid"));
        bar.set_position(((run.finished() as f64 + run.begun()) * images as f64) as u64);
        let beginning = Counter::new("comparing images for prototypes", true);
        Self { bar, epochs, images, accuracy: Mutex::default(), quiet_output, beginning, stop }
    }

    /// Prints a line above the bar.
    pub fn line(&self, text: &str) {
        self.bar.suspend(|| {
            if self.quiet_output {
                complain(text);
            } else {
                // A lost line is no reason to stop a long run: metrics.jsonl holds the same numbers.
                print(text).ok();
            }
        });
    }

    /// Prints a line above the bar on standard error.
    pub fn warn(&self, text: &str) {
        self.bar.suspend(|| complain(text));
    }

    /// Removes the bar.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

impl Observer for Display {
    /// The bar says it, or a line now and then.
    fn prototypes(&self, done: usize, of: usize) {
        if self.bar.is_hidden() {
            self.beginning.told(done, of);
        } else {
            self.bar.set_message(format!("prototypes: {done} of {of} images compared"));
        }
    }

    /// Moves the bar.
    fn step(&self, Step { epoch, share, seconds, loss, left }: Step) {
        let here = share * self.images as f64;
        self.bar.set_position((epoch * self.images) as u64 + here as u64);
        self.bar.set_prefix(format!("epoch {}/{}", epoch + 1, self.epochs));
        let accuracy = self.accuracy.lock().unwrap_or_else(PoisonError::into_inner);
        let left = left.map_or(String::new(), |left| format!("  eta {:#}", HumanDuration(left)));
        let rate = here / seconds.max(1e-9);
        self.bar.set_message(format!("loss {loss:.4}{accuracy}  {rate:.0} images/s{left}"));
    }

    /// A line about a finished epoch.
    fn epoch(&self, metrics: &EpochMetrics, left: Duration) {
        if let Some(test) = metrics.test_accuracy {
            let accuracy = format!("  test {}", percent(test));
            *self.accuracy.lock().unwrap_or_else(PoisonError::into_inner) = accuracy;
        }
        let loss = metrics.train_loss.iter().sum::<f64>() / metrics.train_loss.len() as f64;
        let width = self.epochs.to_string().len();
        self.line(&format!(
            "epoch {:>width$}/{}  loss {loss:.4}{}  {:.0} images/s  {:.0} s left",
            metrics.epoch,
            self.epochs,
            accuracies(metrics),
            metrics.images_per_second,
            left.as_secs_f64(),
        ));
    }

    fn stop(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }
}

/// What is said of the accuracies of an epoch; nothing where they were not measured.
fn accuracies(metrics: &EpochMetrics) -> String {
    let (Some(chain), Some(consensus)) = (metrics.test_accuracy, metrics.test_accuracy_consensus) else {
        return String::new();
    };
    let blocks = &metrics.test_accuracy_per_block;
    let lowest = blocks.iter().copied().fold(f64::INFINITY, f64::min);
    let highest = blocks.iter().copied().fold(0.0, f64::max);
    let validation = metrics.validation_accuracy.map(|share| format!("  validation {}", percent(share)));
    format!(
        "{}  test {}  consensus {}  blocks {:.2}–{:.2} %",
        validation.unwrap_or_default(),
        percent(chain),
        percent(consensus),
        100.0 * lowest,
        100.0 * highest,
    )
}
