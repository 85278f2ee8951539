//! Who is told how far the reading of pictures is.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Told of pictures that were read: (read so far, pictures in all), from any thread. What is read does not depend on it, so all
/// watchers are equal.
#[derive(Clone, Default)]
pub struct Watcher(Option<Tell>);

/// What a watcher is told by.
type Tell = Arc<dyn Fn(usize, usize) + Send + Sync>;

impl Watcher {
    /// A watcher that calls `tell` after every picture; it should return soon.
    pub fn new(tell: impl Fn(usize, usize) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(tell)))
    }

    /// A count of `all` pictures.
    #[cfg_attr(not(feature = "pictures"), expect(dead_code, reason = "only pictures take long to read"))]
    pub(crate) fn count(&self, all: usize) -> Count<'_> {
        Count { watcher: self, done: AtomicUsize::new(0), all }
    }
}

impl fmt::Debug for Watcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Watcher").field(&self.0.is_some()).finish()
    }
}

impl PartialEq for Watcher {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// How many pictures were read.
pub(crate) struct Count<'a> {
    watcher: &'a Watcher,
    done: AtomicUsize,
    all: usize,
}

impl Count<'_> {
    /// One more was read.
    #[cfg_attr(not(feature = "pictures"), expect(dead_code, reason = "only pictures take long to read"))]
    pub(crate) fn one_more(&self) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        if let Some(tell) = &self.watcher.0 {
            tell(done, self.all);
        }
    }
}
