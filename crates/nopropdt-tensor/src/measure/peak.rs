//! The processor's own limit, measured.

use crate::kernels::Isa;
use std::time::Duration;

/// A kind of multiply-add a kernel can be built on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Arithmetic {
    /// Fused multiply-adds of f32 vectors.
    F32,
}

/// GFLOP/s of multiply-adds that touch no memory, on the calling thread, with the vectors of `isa`: the fastest loop within `limit`,
/// a multiply-add counted as two operations. The portable kernels leave the choice of vectors to matrixmultiply, which takes the
/// widest, and so does this. None where there are no such instructions.
pub fn peak(arithmetic: Arithmetic, isa: Isa, limit: Duration) -> Option<f64> {
    match arithmetic {
        Arithmetic::F32 => vectors::peak(isa, limit),
    }
}

#[cfg(target_arch = "x86_64")]
mod vectors {
    use crate::kernels::Isa;
    use crate::kernels::simd::{Avx2, Avx512, Operation, Simd};
    use crate::measure::Times;
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

    pub(super) fn peak(isa: Isa, limit: Duration) -> Option<f64> {
        fn of<S: Simd>(simd: S, limit: Duration) -> f64 {
            let time = Times::of(limit, || simd.vectorize(Chains)).fastest();
            (ROUNDS * CHAINS * 2 * S::LANES) as f64 / time / 1e9
        }
        let widest = Avx512::detect().filter(|_| isa != Isa::Avx2).map(|simd| of(simd, limit));
        widest.or_else(|| Avx2::detect().map(|simd| of(simd, limit)))
    }
}

#[cfg(not(target_arch = "x86_64"))]
mod vectors {
    use crate::kernels::Isa;
    use std::time::Duration;

    pub(super) fn peak(_: Isa, _: Duration) -> Option<f64> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::available;

    /// A loop the compiler could shorten would run at rates no processor has; one with spilled registers at a tenth of this.
    #[test]
    fn a_peak_is_one_a_processor_can_have() {
        for isa in available().map(crate::kernels::Kernels::isa).filter(|isa| *isa != Isa::Portable) {
            let rate = peak(Arithmetic::F32, isa, Duration::from_millis(20)).unwrap();
            assert!((2.0..1000.0).contains(&rate), "{isa}: {rate} GFLOP/s");
        }
    }
}
