//! All variants on shapes as large as real ones: integers make every sum exact, so variants must agree to the bit.

use super::*;
use crate::bf16::{Bf16, rounded};
use crate::dispatch::{Kernels, active};

/// Everything a pass computes.
#[derive(Debug, PartialEq)]
pub(super) struct Results {
    output: Vec<f32>,
    arg_max: Vec<u8>,
    pub(super) weight: Vec<f32>,
    bias: Vec<f32>,
    pub(super) x: Vec<f32>,
}

/// Small integers, about one in three of them zero.
pub(super) fn integers(length: usize, tag: u64) -> Vec<f32> {
    let mut values = vec![0; length];
    Stream::new(5).child(tag).fill_u16_at(0, &mut values);
    values.into_iter().map(|v| f32::from(v % 5) - 2.0).map(|v| if v == -2.0 { 0.0 } else { v }).collect()
}

const BORDER: usize = 40;

/// `values` between borders of NaN, so that a read outside shows.
fn bordered(values: &[f32]) -> Vec<f32> {
    let border = [f32::NAN; BORDER];
    [&border, values, &border].concat()
}

fn inside<T>(values: &[T]) -> &[T] {
    &values[BORDER..values.len() - BORDER]
}

/// A buffer in either precision.
enum Stored {
    F32(Vec<f32>),
    Bf16(Vec<Bf16>),
}

impl Stored {
    /// `values` between borders of NaN.
    fn bordered(values: &[f32], precision: Precision) -> Self {
        let values = bordered(values);
        match precision {
            Precision::F32 => Self::F32(values),
            Precision::Bf16 => Self::Bf16(values.into_iter().map(Bf16::from_f32).collect()),
        }
    }

    fn inside(&self) -> Values<'_> {
        match self {
            Self::F32(values) => Values::F32(inside(values)),
            Self::Bf16(values) => Values::Bf16(inside(values)),
        }
    }

    fn inside_mut(&mut self) -> ValuesMut<'_> {
        let range = BORDER..self.inside().len() + BORDER;
        match self {
            Self::F32(values) => ValuesMut::F32(&mut values[range]),
            Self::Bf16(values) => ValuesMut::Bf16(&mut values[range]),
        }
    }

    fn widened(self) -> Vec<f32> {
        match self {
            Self::F32(values) => values,
            Self::Bf16(values) => values.into_iter().map(Bf16::to_f32).collect(),
        }
    }
}

/// What input and output are stored in: the combinations that occur.
pub(super) const STORED: [[Precision; 2]; 3] =
    [[Precision::F32, Precision::F32], [Precision::F32, Precision::Bf16], [Precision::Bf16, Precision::Bf16]];

/// Forward and backward on buffers inside larger ones: no read reaches a result from outside, no write leaves them.
fn run(kernels: &dyn Kernels, shape: ConvShape, epilogue: Epilogue, stored: [Precision; 2]) -> Results {
    // Scratch holds what its last user left: let that be NaN.
    let mut used = [10_000, 100_000, 1_000_000].map(Scratch::any);
    used.iter_mut().for_each(|scratch| scratch.fill(f32::NAN));
    drop(used);
    let length = shape.batch * shape.image_out(&epilogue);
    let pooled = if epilogue.pools() { length } else { 0 };
    let x = Stored::bordered(&integers(shape.batch * shape.image(), 1), stored[0]);
    let weight = bordered(&integers(shape.weights(), 2));
    let bias = bordered(&integers(shape.out_channels, 3));
    let grad_output = bordered(&integers(length, 4));
    let forward = Forward { shape, x: x.inside(), weight: inside(&weight), bias: inside(&bias), epilogue };
    let mut output = Stored::bordered(&vec![f32::NAN; length], stored[1]);
    let mut arg_max = vec![9; pooled + 2 * BORDER];
    forward.run(kernels, output.inside_mut(), &mut arg_max[BORDER..BORDER + pooled]);
    let [mut weight, mut bias, mut grad_x] =
        [shape.weights(), shape.out_channels, shape.batch * shape.image()].map(|n| bordered(&vec![1.0; n]));
    let backward = Backward {
        forward,
        output: output.inside(),
        arg_max: inside(&arg_max),
        grad_output: inside(&grad_output),
    };
    let inner = |values: &mut Vec<f32>| BORDER..values.len() - BORDER;
    let (range_w, range_b, range_x) = (inner(&mut weight), inner(&mut bias), inner(&mut grad_x));
    backward.run(
        kernels,
        &mut weight[range_w.clone()],
        &mut bias[range_b.clone()],
        Some(&mut grad_x[range_x]),
    );
    // Without the input's gradient another kernel may run, to the same sums.
    let [mut weight_alone, mut bias_alone] =
        [shape.weights(), shape.out_channels].map(|n| bordered(&vec![1.0; n]));
    backward.run(kernels, &mut weight_alone[range_w], &mut bias_alone[range_b], None);
    let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&weight_alone), bits(&weight), "{} {shape:?} {epilogue:?} {stored:?}", kernels.isa());
    assert_eq!(bits(&bias_alone), bits(&bias), "{} {shape:?} {epilogue:?} {stored:?}", kernels.isa());
    let output = output.widened();
    for buffer in [&output, &weight, &bias, &grad_x] {
        let (before, after) = (&buffer[..BORDER], &buffer[buffer.len() - BORDER..]);
        assert!(before.iter().chain(after).all(|v| v.is_nan()), "{}: a write outside", kernels.isa());
        assert!(!inside(buffer).iter().any(|v| v.is_nan()), "{}: a read outside", kernels.isa());
    }
    assert!(arg_max[..BORDER].iter().chain(&arg_max[BORDER + pooled..]).all(|&tap| tap == 9));
    let [output, weight, bias, x] = [output, weight, bias, grad_x].map(|buffer| inside(&buffer).to_vec());
    Results { output, arg_max: inside(&arg_max).to_vec(), weight, bias, x }
}

pub(super) fn agree(shape: ConvShape, epilogue: Epilogue) {
    let mut variants = available();
    let portable = variants.next().expect("portable kernels run everywhere");
    let expected = STORED.map(|stored| run(portable, shape, epilogue, stored));
    for kernels in variants {
        for (stored, expected) in STORED.into_iter().zip(&expected) {
            let found = run(kernels, shape, epilogue, stored);
            assert_eq!(&found, expected, "{} {shape:?} {epilogue:?} {stored:?}", kernels.isa());
        }
    }
}

/// Half of the values dropped: the others are doubled, which is exact.
pub(super) fn relu(pool: bool, dropped: bool) -> Epilogue {
    Epilogue::Relu { pool, dropout: dropped.then(|| DropoutMask::new(0.5, Stream::new(8))) }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn variants_agree_on_integers(
        batch in 1usize..10, height in 1usize..34, width in 1usize..34,
        in_channels in 1usize..71, out_channels in 1usize..71,
        linear in any::<bool>(), pool in any::<bool>(), dropped in any::<bool>(),
    ) {
        let shape = ConvShape { batch, height, width, in_channels, out_channels };
        agree(shape, if linear { Epilogue::Linear } else { relu(pool, dropped) });
    }

    #[test]
    fn variants_agree_on_few_channels(
        batch in 1usize..10, height in 1usize..34, width in 1usize..34,
        in_channels in 1usize..6, out_channels in 1usize..71, pool in any::<bool>(),
    ) {
        agree(ConvShape { batch, height, width, in_channels, out_channels }, relu(pool, true));
    }
}

/// The convolutions of the paper's block, on digits, grey and colour images, and an odd one.
#[test]
fn variants_agree_on_the_shapes_of_the_blocks() {
    for (side, in_channels, out_channels, pool) in [
        (28, 1, 32, true),
        (32, 3, 32, true),
        (14, 32, 64, false),
        (14, 64, 128, true),
        (8, 1, 32, true),
        (4, 64, 128, true),
        (7, 64, 128, true),
        // More channels than are listed together, and no whole vectors of them.
        (5, 32, 83, true),
        (5, 32, 83, false),
    ] {
        let shape = ConvShape { batch: 5, height: side, width: side, in_channels, out_channels };
        agree(shape, relu(pool, true));
    }
}

/// Channels that fill vectors take the backward pass over entries, one less or more the dense one.
#[test]
fn variants_agree_around_whole_vectors() {
    for in_channels in [7, 8, 9, 15, 16, 17, 24, 32, 48] {
        for (height, width) in [(1, 1), (2, 3), (5, 4), (9, 8)] {
            for epilogue in [Epilogue::Linear, relu(false, false), relu(false, true), relu(true, true)] {
                let shape = ConvShape { batch: 5, height, width, in_channels, out_channels: 19 };
                agree(shape, epilogue);
            }
        }
    }
}

/// Few channels and a pool: window by window, on whole vectors of outputs and beside them.
#[test]
fn variants_agree_on_windows() {
    for in_channels in [1, 3, 4] {
        for out_channels in [7, 8, 9, 15, 16, 17, 31, 32, 33] {
            for (height, width) in [(2, 2), (3, 5), (9, 8)] {
                let shape = ConvShape { batch: 3, height, width, in_channels, out_channels };
                agree(shape, relu(true, false));
                agree(shape, relu(true, true));
            }
        }
    }
}

/// Where every output is zero no gradient passes, whatever comes from above.
#[test]
fn a_dead_layer_passes_nothing() {
    let shape = ConvShape { batch: 3, height: 6, width: 4, in_channels: 16, out_channels: 5 };
    let (x, weight, bias) = (vec![1.0; 3 * shape.image()], vec![-1.0; shape.weights()], vec![0.0; 5]);
    let epilogue = relu(true, false);
    let length = 3 * shape.image_out(&epilogue);
    for kernels in available() {
        let forward = Forward { shape, x: (&x).into(), weight: &weight, bias: &bias, epilogue };
        let (mut output, mut arg_max) = (vec![9.0; length], vec![9; length]);
        forward.run(kernels, ValuesMut::F32(&mut output), &mut arg_max);
        assert!(output.iter().all(|&v| v == 0.0), "{}", kernels.isa());
        let (mut gw, mut gb, mut gx) = (vec![1.0; weight.len()], vec![1.0; 5], vec![1.0; x.len()]);
        let grad_output = vec![7.0; length];
        let backward =
            Backward { forward, output: (&output).into(), arg_max: &arg_max, grad_output: &grad_output };
        backward.run(kernels, &mut gw, &mut gb, Some(&mut gx));
        assert!(gw.iter().chain(&gb).chain(&gx).all(|&g| g == 1.0), "{}", kernels.isa());
    }
}

/// The arg-max comes from outside: one that names no pixel of its window may not write outside the image.
#[test]
fn a_wrong_arg_max_is_refused() {
    let shape = ConvShape { batch: 1, height: 2, width: 2, in_channels: 16, out_channels: 3 };
    let (x, weight, bias) = (vec![1.0; shape.image()], vec![1.0; shape.weights()], vec![0.0; 3]);
    let forward =
        Forward { shape, x: (&x).into(), weight: &weight, bias: &bias, epilogue: relu(true, false) };
    for kernels in available() {
        let refused = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let (mut gw, mut gb, mut gx) = (vec![0.0; weight.len()], vec![0.0; 3], vec![0.0; x.len()]);
            let backward =
                Backward { forward, output: (&[1.0; 3]).into(), arg_max: &[255; 3], grad_output: &[1.0; 3] };
            backward.run(kernels, &mut gw, &mut gb, Some(&mut gx));
        }));
        assert!(refused.is_err(), "{}", kernels.isa());
    }
}

/// Entry by entry behind a pool and dropout, by Winograd without a pool.
#[test]
fn threads_do_not_change_a_bit_on_any_variant() {
    let shape = ConvShape { batch: 37, height: 9, width: 7, in_channels: 16, out_channels: 33 };
    let dropout = Some(DropoutMask::new(0.2, Stream::new(1)));
    for (shape, epilogue) in [
        (shape, Epilogue::Relu { pool: true, dropout }),
        (ConvShape { out_channels: 48, ..shape }, Epilogue::Relu { pool: false, dropout: None }),
    ] {
        for (kernels, stored) in available().flat_map(|k| [Precision::F32, Precision::Bf16].map(|p| (k, p))) {
            let on = |threads: usize| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                pool.install(|| real_numbers(kernels, shape, epilogue, stored))
            };
            let alone = on(1);
            for threads in [2, 3, 4] {
                assert_eq!(alone, on(threads), "{} {stored:?}, {threads} threads", kernels.isa());
            }
        }
    }
}

/// Every pass on uniform numbers, of which the input is stored as given.
pub(super) fn real_numbers(
    kernels: &dyn Kernels,
    shape: ConvShape,
    epilogue: Epilogue,
    stored: Precision,
) -> Results {
    let x = Stored::bordered(&uniform(shape.batch * shape.image(), 1), stored);
    let weight = uniform(shape.weights(), 2);
    let (bias, length) = (uniform(shape.out_channels, 3), shape.batch * shape.image_out(&epilogue));
    let forward = Forward { shape, x: x.inside(), weight: &weight, bias: &bias, epilogue };
    let (mut output, mut arg_max) = (vec![0.0; length], vec![0; if epilogue.pools() { length } else { 0 }]);
    forward.run(kernels, ValuesMut::F32(&mut output), &mut arg_max);
    let (mut gw, mut gb) = (vec![0.0; weight.len()], vec![0.0; bias.len()]);
    let mut gx = vec![0.0; shape.batch * shape.image()];
    let grad_output = uniform(length, 5);
    let backward =
        Backward { forward, output: (&output).into(), arg_max: &arg_max, grad_output: &grad_output };
    backward.run(kernels, &mut gw, &mut gb, Some(&mut gx));
    Results { output, arg_max, weight: gw, bias: gb, x: gx }
}

/// With bf16 inputs: input and kernel are rounded, the sum is not, and the output is the rounded sum. (20 channels fill no vectors, so
/// nobody transforms.)
#[test]
fn bf16_rounds_what_it_multiplies_and_what_it_stores() {
    let shape = ConvShape { batch: 3, height: 5, width: 6, in_channels: 20, out_channels: 9 };
    let (x, weight) = (uniform(shape.batch * shape.image(), 1), uniform(shape.weights(), 2));
    let bias = uniform(shape.out_channels, 3);
    let [wide_x, wide_weight] = [&x, &weight].map(|v| v.iter().map(|&v| rounded(v)).collect::<Vec<_>>());
    let epilogue = Epilogue::Linear;
    let exact =
        naive_forward(&Forward { shape, x: (&wide_x).into(), weight: &wide_weight, bias: &bias, epilogue });
    let small: Vec<Bf16> = x.iter().map(|&v| Bf16::from_f32(v)).collect();
    let forward = Forward { shape, x: Values::Bf16(&small), weight: &weight, bias: &bias, epilogue };
    for kernels in available() {
        let mut output = vec![f32::NAN; exact.len()];
        forward.run(kernels, ValuesMut::F32(&mut output), &mut []);
        assert!(close(&output, &exact), "{}", kernels.isa());
        let mut stored = vec![Bf16::default(); exact.len()];
        forward.run(kernels, ValuesMut::Bf16(&mut stored), &mut []);
        assert!(stored.iter().zip(&output).all(|(s, &o)| *s == Bf16::from_f32(o)), "{}", kernels.isa());
    }
}

/// Transformed inputs and kernels lose a little more when they are rounded: under 1 % of the outputs' size, and nothing in f32.
#[test]
fn transforms_cost_little_accuracy() {
    let shape = ConvShape { batch: 3, height: 7, width: 6, in_channels: 64, out_channels: 33 };
    let (x, weight) = (uniform(shape.batch * shape.image(), 1), uniform(shape.weights(), 2));
    let bias = uniform(shape.out_channels, 3);
    let epilogue = Epilogue::Linear;
    let forward = Forward { shape, x: (&x).into(), weight: &weight, bias: &bias, epilogue };
    let exact = naive_forward(&forward);
    let small: Vec<Bf16> = x.iter().map(|&v| Bf16::from_f32(v)).collect();
    let size =
        |values: &mut dyn Iterator<Item = f32>| values.map(|v| f64::from(v).powi(2)).sum::<f64>().sqrt();
    for kernels in available() {
        for (x, most) in [(Values::F32(&x), 1e-6), (Values::Bf16(&small), 0.01)] {
            let mut output = vec![f32::NAN; exact.len()];
            Forward { x, ..forward }.run(kernels, ValuesMut::F32(&mut output), &mut []);
            let error =
                size(&mut output.iter().zip(&exact).map(|(o, e)| o - e)) / size(&mut exact.iter().copied());
            assert!(error < most, "{} {:?}: {error}", kernels.isa(), x.precision());
        }
    }
}

/// A diverged network says so: NaN passes convolution, pool and ReLU.
#[test]
fn nan_passes_through() {
    let shape = ConvShape { batch: 1, height: 4, width: 4, in_channels: 5, out_channels: 6 };
    let mut x = vec![1.0; shape.image()];
    x[0] = f32::NAN;
    let (weight, bias) = (vec![1.0; shape.weights()], vec![0.0; 6]);
    for kernels in available() {
        let forward =
            Forward { shape, x: (&x).into(), weight: &weight, bias: &bias, epilogue: relu(true, false) };
        let (mut output, mut arg_max) = ([0.0; 24], [0; 24]);
        forward.run(kernels, ValuesMut::F32(&mut output), &mut arg_max);
        assert!(output[..6].iter().all(|v| v.is_nan()), "{}: {output:?}", kernels.isa());
        assert!(output[18..].iter().all(|v| v.is_finite()), "{}: {output:?}", kernels.isa());
    }
}

#[test]
#[should_panic(expected = "conv3x3: input does not fit")]
fn a_short_input_is_refused() {
    let shape = ConvShape { batch: 1, height: 2, width: 2, in_channels: 1, out_channels: 1 };
    let forward =
        Forward { shape, x: (&[0.0; 3]).into(), weight: &[0.0; 9], bias: &[0.0], epilogue: Epilogue::Linear };
    forward.run(active(), ValuesMut::F32(&mut [0.0; 4]), &mut []);
}
