//! Philox4x32-10: ten rounds of multiply and mix turn a 128-bit counter and a 64-bit key into 128 random bits.
//!
//! # Source
//! Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.

/// How often a counter is multiplied and mixed.
pub(crate) const ROUNDS: usize = 10;
/// Factors of the first and the third word.
pub(crate) const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
/// Added to the key after each round: the golden ratio and sqrt(3) - 1, as in the paper.
pub(crate) const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];

/// Several counters side by side: `words[w][lane]` is word `w` of the counter in `lane`.
pub(crate) type Lanes<const L: usize> = [[u32; L]; 4];

/// Whoever runs the rounds: `()`, or the token of an instruction set that has a way of its own to the same words.
pub trait Rounds: Copy {
    /// The random words of `L` counters under one key.
    ///
    /// Lanes are an inner loop over plain arrays, so the compiler turns each step into vector instructions;
    /// always inlined, so that they are those of the caller's target features.
    #[expect(clippy::needless_range_loop, reason = "the lanes run through four arrays at once")]
    #[inline(always)]
    fn philox<const L: usize>(self, key: [u32; 2], counters: Lanes<L>) -> Lanes<L> {
        let mut key = key;
        let mut state = counters;
        for _ in 0..ROUNDS {
            for lane in 0..L {
                let first = u64::from(MULTIPLIERS[0]) * u64::from(state[0][lane]);
                let second = u64::from(MULTIPLIERS[1]) * u64::from(state[2][lane]);
                state[0][lane] = (second >> 32) as u32 ^ state[1][lane] ^ key[0];
                state[1][lane] = second as u32;
                state[2][lane] = (first >> 32) as u32 ^ state[3][lane] ^ key[1];
                state[3][lane] = first as u32;
            }
            key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
        }
        state
    }
}

impl Rounds for () {}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(key: [u32; 2], counter: [u32; 4]) -> [u32; 4] {
        ().philox(key, counter.map(|word| [word])).map(|[word]| word)
    }

    /// The known answers published with the paper's Random123 library.
    #[test]
    fn known_answers() {
        assert_eq!(one([0; 2], [0; 4]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        assert_eq!(one([u32::MAX; 2], [u32::MAX; 4]), [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]);
        assert_eq!(
            one([0xa409_3822, 0x299f_31d0], [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344]),
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
        );
    }

    #[test]
    fn lanes_do_not_mix() {
        let key = [0x1234_5678, 0x9abc_def0];
        let counters: Lanes<16> =
            std::array::from_fn(|word| std::array::from_fn(|lane| (word * 1000 + lane) as u32));
        let together = ().philox(key, counters);
        for lane in 0..16 {
            assert_eq!(
                together.map(|word| word[lane]),
                one(key, counters.map(|word| word[lane])),
                "lane {lane}"
            );
        }
    }
}
