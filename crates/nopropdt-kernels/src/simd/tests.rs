//! What an instruction set does with a vector, against the same lane by lane.

use super::*;
use crate::dropout::DropoutMask;
use crate::random::{Rounds, Stream};
use proptest::prelude::*;

/// Runs `work` on every instruction set of this machine.
fn everywhere<O: Operation<Output = ()> + Clone>(work: O) {
    let found = [
        Avx2::detect().map(|token| token.vectorize(work.clone())),
        Avx512::detect().map(|token| token.vectorize(work.clone())),
        Avx512Bf16::detect().map(|token| token.vectorize(work.clone())),
        Amx::detect().map(|token| token.vectorize(work)),
    ];
    if found.iter().all(Option::is_none) {
        eprintln!("NOTE: this processor has none of the vectors; they were not tested");
    }
}

#[allow(unsafe_code)]
fn lanes<S: Simd>(simd: S, value: S::F32) -> Vec<f32> {
    let mut lanes = [0.0; WIDEST];
    // SAFETY: no vector is wider than the room.
    unsafe { simd.store(value, lanes.as_mut_ptr()) };
    lanes[..S::LANES].to_vec()
}

#[derive(Clone)]
struct Picks;

#[allow(unsafe_code)]
impl Operation for Picks {
    type Output = ();

    fn run<S: Simd>(self, simd: S) {
        // Rows of the square lie seven numbers apart: number (row, column) of it is 10·row + column.
        let from: Vec<f32> = (0..28).map(|index| (index / 7 * 10 + index % 7) as f32).collect();
        let pixels: Vec<u8> = (0..WIDEST as u8).map(|lane| lane % 4).collect();
        // SAFETY: four rows of four numbers, seven apart, are inside 28; there are at least as many pixels as lanes.
        let (square, places) =
            unsafe { (simd.load_square(from.as_ptr(), 7), simd.load_places(pixels.as_ptr())) };
        for (down, right) in (0..9).map(|tap| (tap / 3, tap % 3)) {
            let expected: Vec<f32> = pixels[..S::LANES]
                .iter()
                .map(|&pixel| (10 * (down + usize::from(pixel / 2)) + right + usize::from(pixel % 2)) as f32)
                .collect();
            assert_eq!(lanes(simd, simd.pick(square, places, down, right)), expected, "{}", S::ISA);
        }
    }
}

#[test]
fn picks_are_the_neighbours_of_a_windows_pixels() {
    everywhere(Picks);
}

#[derive(Clone)]
struct Keeps;

#[allow(unsafe_code)]
impl Operation for Keeps {
    type Output = ();

    fn run<S: Simd>(self, simd: S) {
        for threshold in [0u16, 1, 2, 0x7fff, 0x8000, 0x8001, 0xfffe, 0xffff] {
            let random: Vec<u16> =
                (0..WIDEST as u16).map(|lane| threshold.wrapping_add(lane % 3).wrapping_sub(1)).collect();
            let mut values: Vec<f32> = (0..WIDEST).map(|lane| lane as f32 - 3.5).collect();
            let factor = |lane: usize| if random[lane] >= threshold { 2.0 } else { 0.0 };
            let expected: Vec<f32> =
                values.iter().enumerate().map(|(lane, value)| value * factor(lane)).collect();
            // SAFETY: both are as long as the widest vector.
            unsafe { simd.keep(random.as_ptr(), threshold, 2.0, values.as_mut_ptr()) };
            assert_eq!(values[..S::LANES], expected[..S::LANES], "{}, {threshold}", S::ISA);
        }
    }
}

#[test]
fn numbers_at_the_threshold_are_kept_and_those_below_are_not() {
    everywhere(Keeps);
}

#[derive(Clone)]
struct Pools;

#[allow(unsafe_code)]
impl Operation for Pools {
    type Output = ();

    fn run<S: Simd>(self, simd: S) {
        // Ties, zeros of both signs, infinities and NaN in every place, over a few vectors.
        let kinds = [1.0, 1.0, -1.0, 0.0, -0.0, 2.5, f32::NAN, f32::INFINITY, f32::NEG_INFINITY];
        let kind = |place: usize, lane: usize| kinds[(lane * 7 + place * 5 + lane * place) % kinds.len()];
        for (first, bias) in [(0, 0.0), (16, -1.5), (32, 0.5), (48, -0.0)] {
            let values: [Vec<f32>; 4] =
                std::array::from_fn(|place| (0..WIDEST).map(|lane| kind(place, first + lane)).collect());
            let (mut out, mut which) = ([9.0; WIDEST], [9; WIDEST]);
            // SAFETY: all are as long as the widest vector.
            unsafe {
                let vectors = [
                    simd.load(values[0].as_ptr()),
                    simd.load(values[1].as_ptr()),
                    simd.load(values[2].as_ptr()),
                    simd.load(values[3].as_ptr()),
                ];
                simd.store_pooled(vectors, simd.splat(bias), out.as_mut_ptr(), which.as_mut_ptr());
            }
            for lane in 0..S::LANES {
                let mut largest = 0;
                for place in 1..4 {
                    if values[place][lane] > values[largest][lane] || values[place][lane].is_nan() {
                        largest = place;
                    }
                }
                let expected = crate::activation::relu(values[largest][lane] + bias);
                assert_eq!(usize::from(which[lane]), largest, "{}, lane {lane}", S::ISA);
                assert!(
                    out[lane].to_bits() == expected.to_bits() || (out[lane].is_nan() && expected.is_nan()),
                    "{}, lane {lane}: {} is not {expected}",
                    S::ISA,
                    out[lane],
                );
            }
        }
    }
}

#[test]
fn a_pool_takes_the_first_of_the_largest_and_the_last_nan() {
    everywhere(Pools);
}

#[derive(Clone)]
struct Passed;

#[allow(unsafe_code)]
impl Operation for Passed {
    type Output = ();

    fn run<S: Simd>(self, simd: S) {
        let outputs =
            [1.0, 0.0, -0.0, -1.0, f32::MIN_POSITIVE, f32::NAN, f32::INFINITY, f32::NEG_INFINITY].repeat(2);
        // SAFETY: there are as many as the widest vector has lanes.
        let output = unsafe { simd.load(outputs.as_ptr()) };
        let expected = [7.0, 0.0, 0.0, 0.0, 7.0, 7.0, 7.0, 0.0].repeat(2);
        assert_eq!(
            lanes(simd, simd.passed_by_relu(output, simd.splat(7.0))),
            expected[..S::LANES],
            "{}",
            S::ISA
        );
    }
}

#[test]
fn a_gradient_passes_above_zero_and_at_nan() {
    everywhere(Passed);
}

#[derive(Clone)]
struct Philox {
    key: [u32; 2],
    counters: [[u32; 32]; 4],
}

impl Operation for Philox {
    type Output = ();

    fn run<S: Simd>(self, simd: S) {
        assert_eq!(simd.philox(self.key, self.counters), ().philox(self.key, self.counters), "{}", S::ISA);
    }
}

#[derive(Clone)]
struct Dropped {
    offset: u64,
    length: usize,
}

impl Operation for Dropped {
    type Output = ();

    fn run<S: Simd>(self, simd: S) {
        let mask = DropoutMask::new(0.3, Stream::new(4));
        let values: Vec<f32> = (0..self.length).map(|index| index as f32 - 10.0).collect();
        let (mut expected, mut found) = (values.clone(), values);
        mask.apply(self.offset, &mut expected);
        mask.apply_on(simd, self.offset, &mut found);
        assert_eq!(found, expected, "{}", S::ISA);
    }
}

proptest! {
    #[test]
    fn random_words_are_the_same_everywhere(key in any::<[u32; 2]>(), seed in any::<u64>()) {
        let mut counters = [[0; 32]; 4];
        Stream::new(seed).fill_words_at(0, counters.as_flattened_mut());
        everywhere(Philox { key, counters });
    }

    #[test]
    fn dropout_is_the_same_everywhere(
        // The low half of a counter overflows at 2³⁵.
        offset in prop_oneof![0u64..300, (1u64 << 35) - 2000..(1 << 35) + 100], length in 0usize..2100,
    ) {
        everywhere(Dropped { offset, length });
    }
}
