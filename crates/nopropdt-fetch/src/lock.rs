//! One fetch a folder, and one thread at what threads share.

use std::fs::{self, File, TryLockError};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::{FetchError, FetchEvent};

/// Makes the folder and holds its lock until the result is dropped (or the process ends).
pub(crate) fn lock(folder: &Path, on_event: &mut dyn FnMut(FetchEvent<'_>)) -> Result<File, FetchError> {
    fs::create_dir_all(folder).map_err(FetchError::io("make folder", folder))?;
    let path = folder.join(".fetch-lock");
    let file = File::create(&path).map_err(FetchError::io("create", &path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            on_event(FetchEvent::Waiting { folder });
            file.lock().map_err(FetchError::io("lock", &path))?;
        }
        Err(TryLockError::Error(reason)) => return Err(FetchError::io("lock", &path)(reason)),
    }
    Ok(file)
}

/// What a mutex guards; a panic elsewhere has left it whole.
pub(crate) fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
