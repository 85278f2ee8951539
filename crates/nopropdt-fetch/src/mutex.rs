//! What the threads of one fetch share.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// What a mutex guards; a panic elsewhere has left it whole.
pub(crate) fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
