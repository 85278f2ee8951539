//! The block of patches against PyTorch and finite differences; counts, dropout and what is refused.

use super::*;
use crate::block::trial::*;
use crate::golden::Golden;
use nopropdt_tensor::gradient_check::{parameter_error, relative_error, weighted_sum};
use nopropdt_tensor::{Mode, Parameters, Precision, Tensor};

/// The block of the golden file, of few values, without dropout.
fn golden_block() -> PatchBlock {
    PatchBlock {
        patch: 4,
        width: 8,
        heads: 2,
        depth: 2,
        overlap: false,
        stem: false,
        summary: 5,
        readers: 2,
        latent_tokens: 3,
        hidden: 6,
        dropout: 0.0,
        ..PatchBlock::small()
    }
}

/// The same with a layer of each kind.
fn one_layer() -> PatchBlock {
    PatchBlock { depth: 1, readers: 1, ..golden_block() }
}

#[test]
fn small_blocks_in_every_place_are_pytorchs() {
    let mut golden = Golden::open("block_patches_small.safetensors");
    check_golden(&mut golden, "discrete", &golden_block(), false, false);
    check_golden(&mut golden, "overlap", &PatchBlock { overlap: true, ..one_layer() }, false, false);
    check_golden(&mut golden, "timed", &one_layer(), true, false);
    check_golden(&mut golden, "image_latent", &one_layer(), false, true);
    check_golden(&mut golden, "stem", &PatchBlock { stem: true, ..one_layer() }, false, false);
}

/// With dropout, whose masks are the same at every point.
#[test]
fn gradients_are_finite_differences() {
    let plain = PatchBlock { dropout: 0.3, ..one_layer() };
    check_gradients(&plain, [5, 6, 1]);
    // Behind a stem, whose pools have kinks, PyTorch's gradients are the oracle.
    check_gradients(&PatchBlock { summary: 0, ..plain }, [5, 6, 1]);
}

fn check_gradients(design: &PatchBlock, image: [usize; 3]) {
    let times = [0.1, 0.5, 0.9];
    let of_images = [&[3], &image[..]].concat();
    for timed in [false, true] {
        let site = BlockSite { timed, ..site(image, 4) };
        let (block, parameters) = build(design, &site);
        let (images, z, upstream) = (normal(&of_images, 1), normal(&[3, 4], 2), normal(&[3, 4], 3));
        let given = (timed.then_some(&times[..]), Some(Stream::new(5)));
        let loss = |parameters: &Parameters, images: &Tensor, z: &Tensor| {
            let (value, ..) = passes((&*block, parameters), [images, z, &upstream], given);
            weighted_sum(&value, upstream.data())
        };
        let (_, gradient, [grad_images, of_z]) =
            passes((&*block, &parameters), [&images, &z, &upstream], given);
        let error = parameter_error(&parameters, &gradient, 2e-3, |moved| loss(moved, &images, &z));
        assert!(error < 1e-2, "parameters, timed {timed}: {error}");
        let moved = |shape: &[usize], point: &[f32]| Tensor::from_vec(shape, point.to_vec()).unwrap();
        let error =
            relative_error(z.data(), &of_z, 2e-3, |point| loss(&parameters, &images, &moved(&[3, 4], point)));
        assert!(error < 1e-2, "z, timed {timed}: {error}");
        let error = relative_error(images.data(), &grad_images, 2e-3, |point| {
            loss(&parameters, &moved(&of_images, point), &z)
        });
        assert!(error < 1e-2, "images, timed {timed}: {error}");
    }
}

#[test]
fn logits_depend_on_the_image_the_latent_and_the_time() {
    check_what_logits_depend_on(&PatchBlock::small(), 1e-2);
}

/// No layer sees two inputs, so that a batch may be cut.
#[test]
fn a_row_does_not_depend_on_its_batch() {
    let (block, parameters) = build(&PatchBlock::small(), &site([28, 28, 1], 10));
    let (images, z) = (normal(&[3, 28, 28, 1], 1), normal(&[3, 10], 2));
    let all = logits_of((&*block, &parameters), Precision::F32, [&images, &z], None);
    let one = |tensor: &Tensor, shape: &[usize]| {
        let length = shape.iter().product();
        Tensor::from_vec(shape, tensor.data()[length..2 * length].to_vec()).unwrap()
    };
    let (images, z) = (one(&images, &[1, 28, 28, 1]), one(&z, &[1, 10]));
    let alone = logits_of((&*block, &parameters), Precision::F32, [&images, &z], None);
    for (alone, of_all) in alone.data().iter().zip(&all.data()[4..8]) {
        assert!((alone - of_all).abs() < 1e-5, "{alone} and {of_all}");
    }
}

#[test]
fn bf16_is_near_f32() {
    check_bf16(&PatchBlock::small(), 2e-2);
}

#[test]
fn dropout_is_of_its_stream_and_of_training() {
    let design = PatchBlock { dropout: 0.5, ..one_layer() };
    check_dropout(&design);
    // There is none in evaluation, nor in training where no stream is given: and no layer here has another answer in evaluation.
    let (block, parameters) = build(&design, &site([8, 8, 1], 10));
    let (images, z, upstream) = (normal(&[2, 8, 8, 1], 1), normal(&[2, 10], 2), normal(&[2, 4], 3));
    let without = passes((&*block, &parameters), [&images, &z, &upstream], (None, None)).0;
    let mut tape = Tape::new(Mode::Eval);
    let slot = tape.attach(&parameters);
    let (x, z) = (tape.constant(images.clone()), tape.constant(z.clone()));
    let features = block.encode(&mut tape, slot, x, Some(Stream::new(1)));
    let inputs = BlockInputs { dropout: Some(Stream::new(1)), ..BlockInputs::new(features, z) };
    let logits = block.logits(&mut tape, slot, inputs);
    assert_eq!(*tape.value(logits), without);
}

#[test]
fn multiply_adds_are_counted_by_hand() {
    let count = |design: &PatchBlock, site: &BlockSite| build(design, site).0.multiply_adds();
    let plain = PatchBlock { overlap: false, stem: false, summary: 0, ..PatchBlock::small() };
    // 49 patches of 4×4 pixels, 64 wide; a layer, two readers of four tokens, 128 hidden values, 10 classes.
    let mnist = BlockSite { classes: 10, ..site([28, 28, 1], 10) };
    let layer = 49 * (4 * 64 * 64 + 2 * 64 * 128) + 2 * 49 * 49 * 64;
    let of_image = 49 * 16 * 64 + layer + 2 * 49 * 2 * 64 * 64;
    let reader = 4 * (2 * 64 * 64 + 2 * 64 * 128) + 2 * 4 * 49 * 64;
    let of_latent = 10 * 4 * 64 + 2 * reader + 4 * 64 * 128 + 128 * 10;
    assert_eq!(count(&plain, &mnist), (of_image, of_latent));
    let timed = BlockSite { timed: true, ..mnist };
    assert_eq!(count(&plain, &timed), (of_image, of_latent + 64 * 4 * 64));
    // Windows of 8×8 where patches of 4×4 overlap.
    let overlapping = PatchBlock { overlap: true, ..plain.clone() };
    assert_eq!(count(&overlapping, &timed).0, of_image + 49 * 48 * 64);
    // A summary of 49 tokens, which the head sees too.
    let summary = PatchBlock { summary: 32, ..plain.clone() };
    assert_eq!(count(&summary, &timed), (of_image + 49 * 64 * 32, of_latent + 64 * 4 * 64 + 32 * 128));
    // Two convolutions leave places of 64 channels instead of 16 pixels.
    let stem = 28 * 28 * 9 * 32 + 14 * 14 * 9 * 32 * 64;
    let behind = PatchBlock { stem: true, ..plain };
    assert_eq!(count(&behind, &timed).0, of_image + stem + 49 * 48 * 64);
}

/// Patches grow with the picture, not tokens: more are of the summary, which sees at most 64 tokens, and of further convolutions.
#[test]
fn parameters_stay_moderate_when_pictures_grow() {
    let parameters = |input| build(&PatchBlock::small(), &site(input, 10)).1.len();
    let (digits, tiny_imagenet) = (parameters([8, 8, 1]), parameters([64, 64, 3]));
    assert!((200_000..250_000).contains(&digits), "{digits}");
    let (summary, convolution) = ((64 - 16) * 64 * 64, 9 * 64 * 64);
    assert!(tiny_imagenet < digits + summary + 2 * convolution + 10_000, "{tiny_imagenet}");
    let largest = parameters([256, 256, 3]);
    assert!(largest < digits + summary + 4 * convolution + 10_000, "{largest}");
}

#[test]
fn settings_out_of_range_are_refused() {
    let small = PatchBlock::small;
    let message = |design: PatchBlock| {
        let mut builder = ParameterBuilder::without_values();
        design.build(&site([28, 28, 1], 10), &mut builder).unwrap_err().to_string()
    };
    let most = usize::MAX;
    for (design, expected) in [
        (PatchBlock { width: 0, ..small() }, "width of a token: must be from 1 to 16384; found 0"),
        (PatchBlock { width: most, ..small() }, "width of a token: must be from 1 to 16384; found"),
        (PatchBlock { heads: 0, ..small() }, "heads: must be a divisor of the width of a token; found 0"),
        (PatchBlock { heads: 5, ..small() }, "heads: must be a divisor of the width of a token; found 5"),
        (PatchBlock { heads: most, ..small() }, "heads: must be a divisor of the width of a token; found"),
        (PatchBlock { depth: 65, ..small() }, "depth: must be from 0 to 64; found 65"),
        (PatchBlock { readers: 0, ..small() }, "readers: must be from 1 to 64; found 0"),
        (PatchBlock { readers: most, ..small() }, "readers: must be from 1 to 64; found"),
        (PatchBlock { latent_tokens: 0, ..small() }, "latent-tokens: must be from 1 to 64; found 0"),
        (PatchBlock { hidden: 0, ..small() }, "hidden: must be from 1 to 16384; found 0"),
        (PatchBlock { mlp: 0, ..small() }, "mlp: must be from 1 to 64; found 0"),
        (PatchBlock { mlp: most, ..small() }, "mlp: must be from 1 to 64; found"),
        (PatchBlock { dropout: 1.0, ..small() }, "dropout: must be in 0..1; found 1"),
        (PatchBlock { dropout: f32::NAN, ..small() }, "dropout: must be in 0..1; found NaN"),
        (PatchBlock { patch: 29, ..small() }, "patch: must be from 1 to 28; found 29"),
    ] {
        let found = message(design);
        assert!(found.starts_with(expected), "{found}");
    }
}

#[test]
fn a_place_without_images_is_refused() {
    check_refused_places(&PatchBlock::small());
}

/// The largest settings of all at once: names, shapes and counts, beyond any memory.
#[test]
fn no_product_of_settings_overflows() {
    let design = PatchBlock {
        patch: 4,
        overlap: true,
        stem: true,
        summary: MOST_WIDTH,
        width: MOST_WIDTH,
        heads: 1,
        depth: MOST_LAYERS,
        readers: MOST_LAYERS,
        latent_tokens: MOST_LAYERS,
        hidden: MOST_WIDTH,
        mlp: MOST_LAYERS,
        dropout: 0.0,
    };
    let input = [256, 256, MOST_WIDTH];
    let site = BlockSite {
        classes: 1 << 16,
        timed: true,
        latent_is_input: true,
        ..site(input, input.iter().product())
    };
    let mut builder = ParameterBuilder::without_values();
    let block = design.build(&site, &mut builder).unwrap();
    assert!(builder.trainable() > 1 << 40 && block.multiply_adds().0 > 1 << 50);
}

#[test]
fn settings_are_written_in_kebab_case_and_unknown_ones_refused() {
    let read = |text: &str| toml::from_str::<PatchBlock>(text);
    let written = toml::to_string(&PatchBlock::small()).unwrap();
    assert!(written.contains("latent-tokens = 4"), "{written}");
    assert_eq!(read(&written).unwrap(), PatchBlock::small());
    assert_eq!(read("depth = 3").unwrap(), PatchBlock { depth: 3, ..PatchBlock::small() });
    assert!(read("patches = 3").is_err());
}

#[test]
#[should_panic(expected = "block: times are for blocks that serve all times")]
fn times_where_none_are_wanted_panic() {
    let (block, parameters) = build(&one_layer(), &site([8, 8, 1], 10));
    let (images, z) = (normal(&[1, 8, 8, 1], 1), normal(&[1, 10], 2));
    logits_of((&*block, &parameters), Precision::F32, [&images, &z], Some(&[0.5]));
}
