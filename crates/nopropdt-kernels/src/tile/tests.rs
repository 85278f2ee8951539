//! The tile alone, against its formula: integers, so that every order of additions gives the same bits, and NaN around the
//! result and behind the operands.

use super::*;
use proptest::prelude::*;

fn integers(length: usize, seed: usize) -> Vec<f32> {
    (0..length).map(|i| ((i * 7 + seed) % 11) as f32 - 5.0).collect()
}

/// A step seen as the numbers in it, for the formula.
trait Numbers: Step {
    fn of_integer(value: f32) -> Self;
    fn times(self, other: Self) -> f32;
}

impl Numbers for f32 {
    fn of_integer(value: f32) -> Self {
        value
    }

    fn times(self, other: Self) -> f32 {
        self * other
    }
}

impl Numbers for Pair {
    fn of_integer(value: f32) -> Self {
        Self::round(value, 1.0 - value)
    }

    fn times(self, other: Self) -> f32 {
        self.first() * other.first() + self.second() * other.second()
    }
}

fn naive<E: Numbers>(p: &Product<'_, E>, columns: usize, out: &mut [f32], out_row: usize) {
    for r in 0..p.rows {
        for c in 0..columns {
            let terms = (0..p.runs).flat_map(|run| (0..p.run_length).map(move |step| (run, step)));
            let sum: f32 = terms
                .map(|(run, step)| {
                    let a = p.a.data[r * p.a.row + run * p.a.run + step * p.a.step];
                    a.times(p.b.data[run * p.b.run + step * p.b.step + c])
                })
                .sum();
            let to = &mut out[r * out_row + c];
            *to = if p.accumulate { *to + sum } else { sum };
        }
    }
}

#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
fn check<S: Simd, E: Numbers>(
    simd: S,
    rows: usize,
    runs: usize,
    run_length: usize,
    gap: usize,
    steps_touch: bool,
) {
    let width = panel::<S>();
    let (row, step) = if steps_touch { (run_length * runs + gap, 1) } else { (1, rows + gap) };
    let (run, b_step) = (run_length * step, width + gap);
    let b_run = run_length * b_step;
    let a_length = extent([(rows, row), (runs, run), (run_length, step)], 1);
    let b_length = extent([(rows, 0), (runs, b_run), (run_length, b_step)], width);
    let out_row = width + 3 + gap;
    let out_length = extent([(rows, out_row), (1, 0), (1, 0)], width);
    // A read behind an operand would bring a NaN into the sum.
    let steps = |length, seed| -> Vec<E> {
        integers(length, seed).into_iter().chain([f32::NAN; 64]).map(E::of_integer).collect()
    };
    let (a, b) = (steps(a_length, rows), steps(b_length, runs));
    for accumulate in [false, true] {
        let a = Left { data: &a[..a_length], row, step, run };
        let b = Right { data: &b[..b_length], step: b_step, run: b_run };
        let product = Product { rows, runs, run_length, a, b, accumulate };
        let mut found = vec![f32::NAN; out_length + 64];
        for r in 0..rows {
            found[r * out_row..][..width].fill(3.0);
        }
        let mut expected = found.clone();
        naive(&product, width, &mut expected, out_row);
        product.run(simd, &mut found[..out_length], out_row);
        let same = |(a, b): (&f32, &f32)| a == b || (a.is_nan() && b.is_nan());
        let all = found.iter().zip(&expected).all(same);
        assert!(all, "{}: {product:?}", S::ISA);
    }
}

fn check_all(rows: usize, runs: usize, run_length: usize, gap: usize, steps_touch: bool) {
    #[cfg(target_arch = "x86_64")]
    {
        use crate::simd::{Amx, Avx2, Avx512, Avx512Bf16};
        fn both<S: Simd>(simd: S, [rows, runs, run_length, gap]: [usize; 4], steps_touch: bool) {
            check::<S, f32>(simd, rows, runs, run_length, gap, steps_touch);
            check::<S, Pair>(simd, rows, runs, run_length, gap, steps_touch);
        }
        let sizes = [rows, runs, run_length, gap];
        Avx2::detect().into_iter().for_each(|s| both(s, sizes, steps_touch));
        Avx512::detect().into_iter().for_each(|s| both(s, sizes, steps_touch));
        Avx512Bf16::detect().into_iter().for_each(|s| both(s, sizes, steps_touch));
        Amx::detect().into_iter().for_each(|s| both(s, sizes, steps_touch));
    }
}

/// Sums of nothing are zero or leave the result as it is, and the operands, empty, are not looked at.
#[test]
fn products_without_runs_steps_or_rows() {
    fn on<S: Simd, E: Numbers>(simd: S) {
        let (width, far) = (panel::<S>(), usize::MAX / 3);
        for (rows, runs, run_length) in [(40, 0, 16), (40, 0, 0), (40, 3, 0), (1, 0, 5), (0, 3, 16)] {
            for accumulate in [false, true] {
                let (a, b) = (
                    Left { data: &[], row: far, step: 1, run: far },
                    Right { data: &[], step: far, run: far },
                );
                let product = Product::<E> { rows, runs, run_length, a, b, accumulate };
                let out_row = width + 1;
                let mut out = vec![3.0; (rows * out_row).saturating_sub(1)];
                product.run(simd, &mut out, out_row);
                for (index, value) in out.into_iter().enumerate() {
                    let beside = index % out_row == width;
                    assert_eq!(
                        value,
                        if accumulate || beside { 3.0 } else { 0.0 },
                        "{}: {product:?}",
                        S::ISA
                    );
                }
            }
        }
    }
    #[cfg(target_arch = "x86_64")]
    {
        use crate::simd::{Amx, Avx2, Avx512, Avx512Bf16};
        fn both<S: Simd>(simd: S) {
            on::<S, f32>(simd);
            on::<S, Pair>(simd);
        }
        Avx2::detect().into_iter().for_each(both);
        Avx512::detect().into_iter().for_each(both);
        Avx512Bf16::detect().into_iter().for_each(both);
        Amx::detect().into_iter().for_each(both);
    }
}

#[test]
fn every_height_of_a_tile() {
    for rows in 0..31 {
        check_all(rows, 3, 5, 0, true);
        check_all(rows, 3, 5, 2, false);
    }
}

/// The program for tiles, on the tiles of plain Rust: whatever the machine, and with the same checks as above.
fn check_tiles(rows: usize, runs: usize, chunks: usize, gap: usize) {
    let (run_length, width) = (16 * chunks, 32);
    let (row, run, b_step) = (run_length * runs + gap, run_length, width + gap);
    let (b_run, out_row) = (run_length * b_step, width + 3 + gap);
    let a_length = extent([(rows, row), (runs, run), (run_length, 1)], 1);
    let b_length = extent([(rows, 0), (runs, b_run), (run_length, b_step)], width);
    let out_length = extent([(rows, out_row), (1, 0), (1, 0)], width);
    let pairs = |length, seed| integers(length, seed).into_iter().map(Pair::of_integer).collect::<Vec<_>>();
    let (a, b) = (pairs(a_length, rows), pairs(b_length, runs));
    for accumulate in [false, true] {
        let a = Left { data: &a, row, step: 1, run };
        let b = Right { data: &b, step: b_step, run: b_run };
        let product = Product { rows, runs, run_length, a, b, accumulate };
        assert!(amx::fits(&product));
        let mut found = vec![f32::NAN; out_length];
        for r in 0..rows {
            found[r * out_row..][..width].fill(3.0);
        }
        let mut expected = found.clone();
        naive(&product, width, &mut expected, out_row);
        // SAFETY: the slices were made for the sizes just above.
        #[allow(unsafe_code)]
        unsafe {
            amx::run(&mut amx::Emulated::new(), &product, found.as_mut_ptr(), out_row);
        }
        let same = |(a, b): (&f32, &f32)| a == b || (a.is_nan() && b.is_nan());
        assert!(found.iter().zip(&expected).all(same), "{rows} {runs} {chunks} {gap}");
    }
}

#[test]
fn tiles_take_whole_chunks_of_steps_that_touch() {
    let data = [Pair::default(); 64];
    let fits = |step, runs, run_length| {
        let (a, b) =
            (Left { data: &data[..], row: 1, step, run: 0 }, Right { data: &data[..], step: 1, run: 0 });
        amx::fits(&Product { rows: 1, runs, run_length, a, b, accumulate: false })
    };
    assert!(fits(1, 1, 16) && fits(1, 2, 48));
    assert!(!fits(1, 1, 0) && !fits(1, 1, 8) && !fits(1, 1, 17) && !fits(2, 1, 16));
    assert!(!fits(1, 0, 16), "without runs A may be empty, and its rows are nowhere");
}

proptest! {
    #[test]
    fn tiles_agree_with_the_formula(rows in 0usize..70, runs in 1usize..4, chunks in 1usize..4, gap in 0usize..5) {
        check_tiles(rows, runs, chunks, gap);
    }

    #[test]
    fn agrees_with_its_formula(
        rows in 0usize..40, runs in 0usize..5, run_length in 0usize..20, gap in 0usize..5, steps_touch in any::<bool>(),
    ) {
        check_all(rows, runs, run_length, gap, steps_touch);
    }
}

#[cfg(target_arch = "x86_64")]
#[test]
#[should_panic(expected = "tile: a wants 6 values; found 5")]
fn a_short_operand_is_refused() {
    let Some(simd) = crate::simd::Avx2::detect() else { panic!("tile: a wants 6 values; found 5") };
    let a = Left { data: &[0.0; 5], row: 3, step: 1, run: 0 };
    let b = Right { data: &[0.0; 96], step: 32, run: 0 };
    Product { rows: 2, runs: 1, run_length: 3, a, b, accumulate: false }.run(simd, &mut [0.0; 64], 32);
}

#[test]
#[should_panic(expected = "tile: sizes overflow")]
fn sizes_beyond_memory_are_refused() {
    extent([(usize::MAX, usize::MAX), (1, 1), (1, 1)], 1);
}
