//! Random numbers come in groups: what counters that are hashed at once give.

/// Counters hashed at once: with 16 the compiler vectorises the rounds for SSE2, AVX2 and AVX-512 alike, with 8
/// for none of them (0.8, 0.6 and 0.4 ns for a 16-bit number against 1.3; with AVX-512, dropout has its rounds by
/// hand). Part of the order of the numbers, so changing it changes every run.
pub(super) const LANES: usize = 16;
/// Words in a group: four from each counter. The counters' first words come first, then their second words, …
pub(super) const GROUP: usize = 4 * LANES;

/// Numbers that come in groups. A trait, since a closure may be kept apart from its caller and compiled for the baseline processor.
pub(super) trait Grouped<T: Copy, const N: usize> {
    /// Group `index`. To be marked `#[inline(always)]`.
    fn group(&self, index: u64) -> [T; N];

    /// Fills `out` with elements `offset ..` of the concatenation of groups 0, 1, …
    #[inline(always)]
    fn fill(&self, offset: u64, out: &mut [T]) {
        let (mut index, mut skip) = (offset / N as u64, (offset % N as u64) as usize);
        let mut rest = out;
        while !rest.is_empty() {
            let group = self.group(index);
            let (now, later) = rest.split_at_mut((N - skip).min(rest.len()));
            match <&mut [T; N]>::try_from(&mut *now) {
                Ok(whole) => *whole = group,
                Err(_) => now.copy_from_slice(&group[skip..skip + now.len()]),
            }
            (index, skip, rest) = (index + 1, 0, later);
        }
    }
}
