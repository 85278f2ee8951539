//! The processor's own limit, measured.

use crate::isa::Isa;
use std::time::Duration;

/// A kind of multiply-add a kernel can be built on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Arithmetic {
    /// Fused multiply-adds of f32 vectors.
    F32,
    /// Products of bf16 pairs added to f32 vectors.
    Bf16,
}

/// GFLOP/s of multiply-adds that touch no memory, on the calling thread, with the vectors of `isa`: the fastest loop within `limit`,
/// a multiply-add counted as two operations. The portable kernels leave the choice of vectors to matrixmultiply, which takes the
/// widest, and so does this. None where there are no such instructions.
pub fn peak(arithmetic: Arithmetic, isa: Isa, limit: Duration) -> Option<f64> {
    vectors::peak(arithmetic, isa, limit)
}

#[cfg(target_arch = "x86_64")]
mod vectors {
    use super::Arithmetic;
    use crate::bf16::Pair;
    use crate::isa::Isa;
    use crate::measure::times::Times;
    use crate::simd::{Avx2, Avx512, Avx512Bf16, Operation, Simd};
    use std::hint::black_box;
    use std::time::Duration;

    /// Enough independent chains for two ports and four cycles of latency, few enough for 16 registers.
    const CHAINS: usize = 12;
    /// Multiply-adds in a chain of one timed call: under a millisecond.
    const ROUNDS: usize = 100_000;

    struct Chains;

    impl Operation for Chains {
        type Output = ();

        #[inline(always)]
        fn run<S: Simd>(self, simd: S) {
            let (factor, term) = (simd.splat(black_box(0.5)), simd.splat(black_box(0.25)));
            let mut chains = [simd.zero(); CHAINS];
            for _ in 0..ROUNDS {
                for chain in &mut chains {
                    *chain = simd.mul_add(*chain, factor, term);
                }
            }
            black_box(&chains);
        }
    }

    struct PairChains;

    impl Operation for PairChains {
        type Output = ();

        #[inline(always)]
        fn run<S: Simd>(self, simd: S) {
            let pair = simd.splat_pair(black_box(Pair::round(0.5, 0.25)));
            let mut chains = [simd.zero(); CHAINS];
            for _ in 0..ROUNDS {
                for chain in &mut chains {
                    *chain = simd.dot(pair, pair, *chain);
                }
            }
            black_box(&chains);
        }
    }

    pub(super) fn peak(arithmetic: Arithmetic, isa: Isa, limit: Duration) -> Option<f64> {
        fn of<S: Simd>(simd: S, arithmetic: Arithmetic, limit: Duration) -> f64 {
            let (time, terms) = match arithmetic {
                Arithmetic::F32 => (Times::of(limit, || simd.vectorize(Chains)), 1),
                Arithmetic::Bf16 => (Times::of(limit, || simd.vectorize(PairChains)), 2),
            };
            (ROUNDS * CHAINS * 2 * terms * S::LANES) as f64 / time.fastest() / 1e9
        }
        let narrow = || Avx2::detect().map(|simd| of(simd, arithmetic, limit));
        let wide = || Avx512::detect().map(|simd| of(simd, arithmetic, limit));
        match isa {
            Isa::Avx2 => narrow(),
            Isa::Avx512Bf16 | Isa::Amx => Avx512Bf16::detect().map(|simd| of(simd, arithmetic, limit)),
            Isa::Avx512 => wide(),
            Isa::Portable => wide().or_else(narrow),
        }
    }
}

#[cfg(not(target_arch = "x86_64"))]
mod vectors {
    use crate::isa::Isa;
    use std::time::Duration;

    pub(super) fn peak(_: super::Arithmetic, _: Isa, _: Duration) -> Option<f64> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dispatch::available;

    /// A loop the compiler could shorten would run at rates no processor has; one with spilled registers at a tenth of this.
    #[test]
    fn a_peak_is_one_a_processor_can_have() {
        for isa in available().map(crate::dispatch::Kernels::isa).filter(|isa| *isa != Isa::Portable) {
            for arithmetic in [Arithmetic::F32, Arithmetic::Bf16] {
                let rate = peak(arithmetic, isa, Duration::from_millis(20)).unwrap();
                assert!((2.0..1000.0).contains(&rate), "{isa} {arithmetic:?}: {rate} GFLOP/s");
            }
        }
    }
}
