//! A stream seen as a generator of the `rand` crates.

use super::Stream;
use ndarray_rand::rand::RngCore;

/// Words drawn at once: a group of the stream.
const TOGETHER: usize = 64;

/// Yields the words of a [`Stream`] one after the other, for distributions that draw as many as they need.
#[derive(Clone, Debug)]
pub struct StreamRng {
    stream: Stream,
    /// Position in the stream of the word after the last in `words`.
    next: u64,
    words: [u32; TOGETHER],
    used: usize,
}

impl StreamRng {
    /// A generator that starts at the stream's first word.
    pub fn new(stream: Stream) -> Self {
        Self { stream, next: 0, words: [0; TOGETHER], used: TOGETHER }
    }
}

impl RngCore for StreamRng {
    fn next_u32(&mut self) -> u32 {
        if self.used == TOGETHER {
            self.stream.fill_words_at(self.next, &mut self.words);
            self.next += TOGETHER as u64;
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

#[cfg(test)]
mod tests {
    use super::*;

    fn rng() -> StreamRng {
        StreamRng::new(Stream::new(20_240).purpose("test"))
    }

    #[test]
    fn the_generator_yields_the_words_in_order() {
        let mut words = [0; 3 * TOGETHER + 5];
        Stream::new(20_240).purpose("test").fill_words_at(0, &mut words);
        let mut rng = rng();
        assert_eq!(words.map(|_| rng.next_u32()), words);
    }

    #[test]
    fn wide_and_byte_draws_are_made_of_words() {
        let (mut words, mut wide, mut bytes) = (rng(), rng(), rng());
        let [a, b] = [words.next_u32(), words.next_u32()];
        assert_eq!(wide.next_u64(), u64::from(a) | u64::from(b) << 32);
        let mut out = [0; 7];
        bytes.fill_bytes(&mut out);
        assert_eq!(out[..4], a.to_le_bytes());
        assert_eq!(out[4..], b.to_le_bytes()[..3]);
    }
}
