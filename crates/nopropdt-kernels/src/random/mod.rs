//! Random numbers without state: number `i` of a stream is a pure function of the stream's key and `i`.
//!
//! A [`Stream`] is derived from a seed by naming what its numbers are for, so a run has no generator state to
//! save, threads need not agree on an order, and any part of a stream can be drawn again on its own.
//! The numbers use only integer arithmetic and the basic operations of IEEE 754, so they are the same on every
//! machine, whatever its vector instructions.
//!
//! ```
//! # use nopropdt_kernels::random::Stream;
//! let (block, epoch, step) = (3, 0, 41);
//! let noise = Stream::new(7).purpose("noise").child(block).child(epoch).child(step);
//! let mut all = [0.0; 100];
//! noise.fill_normal(&mut all);
//! let mut part = [0.0; 10];
//! noise.fill_normal_at(25, &mut part);
//! assert_eq!(part, all[25..35]);
//! ```

mod group;
mod normal;
mod philox;
#[cfg(test)]
mod tests;

pub(crate) use self::philox::{Lanes, Rounds};
#[cfg(target_arch = "x86_64")]
pub(crate) use self::philox::{MULTIPLIERS, ROUNDS, WEYL};
use group::{GROUP, Grouped, LANES};

/// What a key is hashed for: mixed into the key itself, so that a name hashed from a stream is never one of
/// that stream's numbers (which use the key unmixed) nor a name of another kind.
#[derive(Clone, Copy)]
enum Domain {
    Child = 0x6368_696c,
    Text = 0x7465_7874,
    TextLength = 0x6c65_6e67,
}

/// An endless sequence of random 32-bit words, named by a 128-bit key.
///
/// It is a value: copying it copies the name, and every method draws from the start (or a given offset).
/// All `fill_*` methods read the *same* words, so give each use its own
/// [`purpose`](Stream::purpose) or [`child`](Stream::child).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stream {
    key: [u32; 2],
    /// The upper half of every counter, which makes the name 128 bits: with the 64 of Philox's key alone, a run
    /// of a billion streams would have two alike with probability 3%.
    nonce: [u32; 2],
}

impl Stream {
    /// The root of all streams of a run.
    pub fn new(seed: u64) -> Self {
        Self { key: split(seed), nonce: [0; 2] }
    }

    /// The stream numbered `tag` below this one. Different tags give independent streams.
    pub fn child(self, tag: u64) -> Self {
        self.derive(Domain::Child, tag)
    }

    /// The stream named `name` below this one. Different names give independent streams, and no name gives
    /// that of a [`child`](Stream::child).
    pub fn purpose(self, name: &str) -> Self {
        let text = name.as_bytes().chunks(8).fold(self, |stream, chunk| {
            let mut bytes = [0; 8];
            bytes[..chunk.len()].copy_from_slice(chunk);
            stream.derive(Domain::Text, u64::from_le_bytes(bytes))
        });
        text.derive(Domain::TextLength, name.len() as u64)
    }

    /// Fills `out` with numbers 0, 1, … of the uniform distribution over [0, 1), in steps of 2^-24.
    pub fn fill_uniform(&self, out: &mut [f32]) {
        self.fill_uniform_at(0, out);
    }

    /// Fills `out` with numbers `offset`, `offset + 1`, … of [`fill_uniform`](Stream::fill_uniform).
    pub fn fill_uniform_at(&self, offset: u64, out: &mut [f32]) {
        Uniform(self).fill(offset, out);
    }

    /// Fills `out` with numbers 0, 1, … of the normal distribution with mean 0 and variance 1.
    ///
    /// # Accuracy
    /// Box–Muller on 32-bit uniforms: no number is beyond ±6.77, which a true normal passes once in 8e10 draws.
    /// Each number is within 1e-6 of the exact transform of its uniforms as f32.
    pub fn fill_normal(&self, out: &mut [f32]) {
        self.fill_normal_at(0, out);
    }

    /// Fills `out` with numbers `offset`, `offset + 1`, … of [`fill_normal`](Stream::fill_normal).
    pub fn fill_normal_at(&self, offset: u64, out: &mut [f32]) {
        Normal(self).fill(offset, out);
    }

    /// Fills `out` with numbers `offset`, `offset + 1`, … of the uniform distribution over 0..=65535.
    ///
    /// Meant for dropout: an element is kept when its number is at least `p * 65536`.
    pub fn fill_u16_at(&self, offset: u64, out: &mut [u16]) {
        self.fill_u16_for((), offset, out);
    }

    /// [`fill_u16_at`](Stream::fill_u16_at), inlined so that the rounds run in the vectors of the caller's target features. Each
    /// type of caller, such as a token of an instruction set, has a copy of its own: of one that several call, the compiler would keep
    /// the rounds apart, compiled for the baseline processor.
    #[inline(always)]
    pub(crate) fn fill_u16_for<R: Rounds>(&self, caller: R, offset: u64, out: &mut [u16]) {
        Halves(self, caller).fill(offset, out);
    }

    /// Fills `out` with words `offset`, `offset + 1`, … of the stream itself.
    pub fn fill_words_at(&self, offset: u64, out: &mut [u32]) {
        Words(self).fill(offset, out);
    }

    /// Words `GROUP * group ..` of the stream, one counter a lane.
    #[inline(always)]
    fn lanes<R: Rounds>(&self, by: R, group: u64) -> Lanes<LANES> {
        // A group's first counter is a multiple of its length, so the low halves do not overflow.
        let [first, high] = split(group * LANES as u64);
        let low = std::array::from_fn(|lane| first | lane as u32);
        by.philox(self.key, [low, [high; LANES], [self.nonce[0]; LANES], [self.nonce[1]; LANES]])
    }

    /// Words `GROUP * group ..` of the stream, in order.
    #[inline(always)]
    fn words<R: Rounds>(&self, by: R, group: u64) -> [u32; GROUP] {
        let mut words = [0; GROUP];
        for (into, from) in words.as_chunks_mut::<LANES>().0.iter_mut().zip(self.lanes(by, group)) {
            *into = from;
        }
        words
    }

    /// Hashes `value` into the name. For one parent and domain this is a bijection, so siblings always differ.
    fn derive(self, domain: Domain, value: u64) -> Self {
        let key = [self.key[0], self.key[1] ^ domain as u32];
        let [low, high] = split(value);
        let [[a], [b], [c], [d]] = ().philox(key, [[low], [high], [self.nonce[0]], [self.nonce[1]]]);
        Self { key: [a, b], nonce: [c, d] }
    }
}

/// The low and the high half of a 64-bit number.
#[inline(always)]
fn split(value: u64) -> [u32; 2] {
    [value as u32, (value >> 32) as u32]
}

/// The upper 24 bits of a word as a number in [0, 1): as many as an f32 holds exactly.
#[inline(always)]
fn unit_interval(word: u32) -> f32 {
    const STEP: f32 = 1.0 / (1 << 24) as f32;
    (word >> 8) as f32 * STEP
}

/// See [`Stream::fill_words_at`].
struct Words<'s>(&'s Stream);

impl Grouped<u32, GROUP> for Words<'_> {
    #[inline(always)]
    fn group(&self, index: u64) -> [u32; GROUP] {
        self.0.words((), index)
    }
}

/// See [`Stream::fill_uniform_at`].
struct Uniform<'s>(&'s Stream);

impl Grouped<f32, GROUP> for Uniform<'_> {
    #[inline(always)]
    fn group(&self, index: u64) -> [f32; GROUP] {
        self.0.words((), index).map(unit_interval)
    }
}

/// See [`Stream::fill_normal_at`].
struct Normal<'s>(&'s Stream);

impl Grouped<f32, GROUP> for Normal<'_> {
    #[inline(always)]
    fn group(&self, index: u64) -> [f32; GROUP] {
        normal::from_words(&self.0.lanes((), index))
    }
}

/// See [`Stream::fill_u16_at`].
struct Halves<'s, R>(&'s Stream, R);

impl<R: Rounds> Grouped<u16, { 2 * GROUP }> for Halves<'_, R> {
    #[inline(always)]
    fn group(&self, index: u64) -> [u16; 2 * GROUP] {
        let mut halves = [0; 2 * GROUP];
        let words = self.0.words(self.1, index);
        for (pair, word) in halves.as_chunks_mut::<2>().0.iter_mut().zip(words) {
            *pair = [word as u16, (word >> 16) as u16];
        }
        halves
    }
}
