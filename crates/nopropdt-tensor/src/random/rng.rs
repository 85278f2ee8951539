//! A stream seen as a generator of the `rand` crates.

use ndarray_rand::rand::RngCore;

use super::{GROUP, Stream};

/// Yields the words of a [`Stream`] one after the other, for distributions that draw as many as they need.
#[derive(Clone, Debug)]
pub struct StreamRng {
    stream: Stream,
    /// The group after the one in `words`.
    next_group: u64,
    words: [u32; GROUP],
    used: usize,
}

impl StreamRng {
    pub(super) fn new(stream: Stream) -> Self {
        Self { stream, next_group: 0, words: [0; GROUP], used: GROUP }
    }
}

impl RngCore for StreamRng {
    fn next_u32(&mut self) -> u32 {
        if self.used == GROUP {
            self.words = self.stream.words((), self.next_group);
            self.next_group += 1;
            self.used = 0;
        }
        let word = self.words[self.used];
        self.used += 1;
        word
    }

    fn next_u64(&mut self) -> u64 {
        let low = u64::from(self.next_u32());
        low | u64::from(self.next_u32()) << 32
    }

    fn fill_bytes(&mut self, out: &mut [u8]) {
        for chunk in out.chunks_mut(4) {
            let bytes = self.next_u32().to_le_bytes();
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        }
    }
}
