use super::*;
use crate::bf16::{self, Bf16};
use crate::dispatch::{active, available};
use proptest::prelude::*;

fn at(operand: Operand<'_>, index: usize) -> f32 {
    match operand.data {
        Values::F32(data) => data[index],
        Values::Bf16(data) => data[index].to_f32(),
    }
}

fn naive(g: Gemm<'_>, c: &mut [f32]) {
    for i in 0..g.m {
        for j in 0..g.n {
            let a = |p: usize| at(g.a, if g.a.transposed { p * g.m + i } else { i * g.k + p });
            let b = |p: usize| at(g.b, if g.b.transposed { j * g.k + p } else { p * g.n + j });
            let dot: f32 = (0..g.k).map(|p| a(p) * b(p)).sum();
            c[i * g.n + j] = dot + if g.accumulate { c[i * g.n + j] } else { 0.0 };
        }
    }
}

proptest! {
    /// Small integers make every sum exact, so any order of additions must agree to the bit.
    #[test]
    fn agrees_with_the_definition(
        m in 0usize..33, n in 0usize..70, k in 0usize..40,
        at in any::<bool>(), bt in any::<bool>(), accumulate in any::<bool>(), seed in 0i64..1000,
        stored in any::<[bool; 2]>(), half in any::<bool>(),
    ) {
        let value = |i: usize| ((i as i64 * 7 + seed) % 11 - 5) as f32;
        let (a, b): (Vec<f32>, Vec<f32>) = ((0..m * k).map(value).collect(), (3..3 + k * n).map(value).collect());
        let small = [&a, &b].map(|values| values.iter().map(|&v| Bf16::from_f32(v)).collect::<Vec<_>>());
        let data = |index: usize, wide| if stored[index] { Values::Bf16(&small[index]) } else { Values::F32(wide) };
        let (a, b) = (Operand { data: data(0, &a), transposed: at }, Operand { data: data(1, &b), transposed: bt });
        let precision = if half { Precision::Bf16 } else { Precision::F32 };
        let gemm = Gemm { m, n, k, a, b, accumulate, precision };
        let start = if accumulate { 2.0 } else { f32::NAN };
        let (mut expected, mut found) = (vec![start; m * n], vec![start; m * n]);
        naive(gemm, &mut expected);
        for kernels in available() {
            found.fill(start);
            gemm.run(kernels, &mut found);
            prop_assert_eq!(&expected, &found, "{}", kernels.isa());
        }
    }
}

#[test]
#[should_panic(expected = "gemm: B wants k·n = 3·4 values")]
fn a_short_operand_is_refused() {
    let (a, b) = (Operand::plain(&[0.0; 6]), Operand::plain(&[0.0; 11]));
    Gemm { m: 2, n: 4, k: 3, a, b, accumulate: false, precision: Precision::F32 }
        .run(active(), &mut [0.0; 8]);
}

/// The inner sum is cut at 256 steps, or 256 pairs of them.
#[test]
fn long_sums_are_added_up() {
    let (m, n) = (3, 40);
    for k in [255, 256, 257, 511, 512, 513, 1201] {
        let a: Vec<f32> = (0..m * k).map(|i| (i % 7) as f32 - 3.0).collect();
        let b: Vec<f32> = (0..k * n).map(|i| (i % 5) as f32 - 2.0).collect();
        for (transposed, accumulate) in [(false, false), (true, false), (false, true), (true, true)] {
            let (a, b) = (Operand::plain(&a), Operand::plain(&b));
            let (a, b) = (Operand { transposed, ..a }, Operand { transposed, ..b });
            let start = if accumulate { 2.0 } else { f32::NAN };
            let mut expected = vec![start; m * n];
            naive(Gemm { m, n, k, a, b, accumulate, precision: Precision::F32 }, &mut expected);
            for (kernels, precision) in
                available().flat_map(|isa| [(isa, Precision::F32), (isa, Precision::Bf16)])
            {
                let mut found = vec![start; m * n];
                Gemm { m, n, k, a, b, accumulate, precision }.run(kernels, &mut found);
                assert_eq!(expected, found, "{} {precision:?} {k} steps", kernels.isa());
            }
        }
    }
}

/// Operands are rounded once, and the sum is not.
#[test]
fn bf16_rounds_the_operands_alone() {
    let (a, b) = ([1.0 + 1.0 / 512.0, 3.0], [256.0, 1.0 / 3.0]);
    let exact = 256.0 + 3.0 * f64::from(bf16::rounded(1.0 / 3.0));
    for kernels in available() {
        let mut found = [0.0];
        let (a, b) = (Operand::plain(&a), Operand::plain(&b));
        Gemm { m: 1, n: 1, k: 2, a, b, accumulate: false, precision: Precision::Bf16 }
            .run(kernels, &mut found);
        assert!((f64::from(found[0]) - exact).abs() < 1e-4, "{}: {found:?}", kernels.isa());
    }
}

/// 2³² · 2³² wraps to 0, the length of an empty slice.
#[test]
#[should_panic(expected = "gemm: sizes overflow; found [4294967296, 4294967296]")]
fn sizes_whose_product_wraps_are_refused() {
    let (a, b) = (Operand::plain(&[]), Operand::plain(&[]));
    Gemm { m: 1 << 32, n: 1 << 32, k: 0, a, b, accumulate: false, precision: Precision::F32 }
        .run(active(), &mut []);
}
