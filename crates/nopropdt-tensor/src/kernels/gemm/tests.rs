use super::*;
use crate::kernels::{active, available};
use proptest::prelude::*;

fn naive(g: Gemm<'_>, c: &mut [f32]) {
    for i in 0..g.m {
        for j in 0..g.n {
            let a = |p: usize| if g.a.transposed { g.a.data[p * g.m + i] } else { g.a.data[i * g.k + p] };
            let b = |p: usize| if g.b.transposed { g.b.data[j * g.k + p] } else { g.b.data[p * g.n + j] };
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
    ) {
        let value = |i: usize| ((i as i64 * 7 + seed) % 11 - 5) as f32;
        let (a, b): (Vec<f32>, Vec<f32>) = ((0..m * k).map(value).collect(), (3..3 + k * n).map(value).collect());
        let (a, b) = (Operand { data: &a, transposed: at }, Operand { data: &b, transposed: bt });
        let gemm = Gemm { m, n, k, a, b, accumulate };
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
    Gemm { m: 2, n: 4, k: 3, a, b, accumulate: false }.run(active(), &mut [0.0; 8]);
}

/// The inner sum is cut at 256 steps.
#[test]
fn long_sums_are_added_up() {
    let (m, n) = (3, 40);
    for k in [255, 256, 257, 600] {
        let a: Vec<f32> = (0..m * k).map(|i| (i % 7) as f32 - 3.0).collect();
        let b: Vec<f32> = (0..k * n).map(|i| (i % 5) as f32 - 2.0).collect();
        for (transposed, accumulate) in [(false, false), (true, false), (false, true), (true, true)] {
            let (a, b) = (Operand { data: &a, transposed }, Operand { data: &b, transposed });
            let gemm = Gemm { m, n, k, a, b, accumulate };
            let start = if accumulate { 2.0 } else { f32::NAN };
            let mut expected = vec![start; m * n];
            naive(gemm, &mut expected);
            for kernels in available() {
                let mut found = vec![start; m * n];
                gemm.run(kernels, &mut found);
                assert_eq!(expected, found, "{} {k} steps", kernels.isa());
            }
        }
    }
}
