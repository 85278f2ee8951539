//! Code of others that may panic on bad input, run so that its panic is an error.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::thread;

thread_local! {
    /// Whether a decoder runs on this thread.
    static DECODING: Cell<bool> = const { Cell::new(false) };
}

/// Whether a panic on this thread would be that of a decoder. It is caught, and told as an error about the file: a program that wants
/// nothing printed for it asks this in its panic hook.
#[must_use]
pub fn is_decoding() -> bool {
    DECODING.get()
}

/// Runs a decoder; a panic in it is an error.
pub(crate) fn caught<T>(decode: impl FnOnce() -> T) -> thread::Result<T> {
    DECODING.set(true);
    let result = panic::catch_unwind(AssertUnwindSafe(decode));
    DECODING.set(false);
    result
}
