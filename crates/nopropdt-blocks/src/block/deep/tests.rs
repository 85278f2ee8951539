//! The deep block against PyTorch and finite differences; counts, its start, and what is refused.

use super::*;
use crate::block::trial::*;
use crate::golden::Golden;
use nopropdt_tensor::gradient_check::{parameter_error, relative_error, weighted_sum};
use nopropdt_tensor::{Mode, Precision};

/// The block of the golden file.
fn golden_block() -> DeepBlock {
    DeepBlock { width: 16, stages: 2, ..DeepBlock::standard() }
}

#[test]
fn small_blocks_in_every_place_are_pytorchs() {
    let mut golden = Golden::open("block_deep_small.safetensors");
    check_golden(&mut golden, "discrete", &golden_block(), false, false);
    check_golden(&mut golden, "residual", &DeepBlock { residual: true, ..golden_block() }, false, false);
    check_golden(&mut golden, "timed", &golden_block(), true, false);
    check_golden(&mut golden, "image_latent", &DeepBlock { stages: 1, ..golden_block() }, false, true);
}

/// Of what stands behind the last kink, with dropout. Convolutions, pools and norms are PyTorch's in the golden file.
#[test]
fn gradients_of_the_logits_are_finite_differences() {
    let design = DeepBlock { dropout: 0.3, ..golden_block() };
    let times = [0.1, 0.5, 0.9];
    for timed in [false, true] {
        let site = BlockSite { timed, ..site([7, 8, 2], 4) };
        let (block, parameters) = build(&design, &site);
        let (images, z, upstream) = (normal(&[3, 7, 8, 2], 1), normal(&[3, 4], 2), normal(&[3, 4], 3));
        let given = (timed.then_some(&times[..]), Some(Stream::new(5)));
        let loss = |parameters: &Parameters, z: &Tensor| {
            let (value, ..) = passes((&*block, parameters), [&images, z, &upstream], given);
            weighted_sum(&value, upstream.data())
        };
        let (_, mut gradient, [_, of_z]) = passes((&*block, &parameters), [&images, &z, &upstream], given);
        let first = parameters.range_of("head.image.weight").unwrap().start;
        gradient[..first].fill(0.0);
        let behind = |moved: &Parameters| {
            let mut all = parameters.clone();
            all.values_mut()[first..].copy_from_slice(&moved.values()[first..]);
            loss(&all, &z)
        };
        let error = parameter_error(&parameters, &gradient, 2e-3, behind);
        assert!(error < 1e-2, "parameters, timed {timed}: {error}");
        let moved = |point: &[f32]| Tensor::from_vec(&[3, 4], point.to_vec()).unwrap();
        let error = relative_error(z.data(), &of_z, 2e-3, |point| loss(&parameters, &moved(point)));
        assert!(error < 1e-2, "z, timed {timed}: {error}");
    }
}

/// The posterior of two classes at ±1 given a latent and what a picture says: the block can be it exactly.
#[test]
fn the_posterior_is_a_block() {
    let design = golden_block();
    let site = BlockSite { classes: 2, ..site([8, 8, 1], 1) };
    let (block, mut parameters) = build(&design, &site);
    let alpha_bar = 0.7f64;
    let evidence = (alpha_bar.sqrt() / (1.0 - alpha_bar)) as f32;
    assert!(parameters.import("head.latent.weight", &[evidence, -evidence]));
    assert!(parameters.import("head.latent.bias", &[0.0; 2]));
    let (images, z) = (normal(&[3, 8, 8, 1], 1), normal(&[3, 1], 2));
    let both = logits_of((&*block, &parameters), Precision::F32, [&images, &z], None);
    let mut tape = Tape::new(Mode::Eval);
    let slot = tape.attach(&parameters);
    let (x, latent) = (tape.constant(images.clone()), tape.constant(z.clone()));
    let features = block.encode(&mut tape, slot, x, None);
    let alone = block.blind_logits(&mut tape, slot, BlockInputs::new(features, latent));
    for ((both, alone), z) in both.data().chunks(2).zip(tape.value(alone).data().chunks(2)).zip(z.data()) {
        // ln p(z | up) − ln p(z | down) of two normal distributions about ±√ᾱ.
        let (centre, variance) = (alpha_bar.sqrt() as f32, (1.0 - alpha_bar) as f32);
        let ratio = ((z + centre).powi(2) - (z - centre).powi(2)) / (2.0 * variance);
        let found = (both[0] - both[1]) - (alone[0] - alone[1]);
        assert!((found - ratio).abs() < 1e-4 * ratio.abs().max(1.0), "{found} instead of {ratio}");
    }
}

#[test]
fn logits_depend_on_the_image_the_latent_and_the_time() {
    check_what_logits_depend_on(&golden_block(), 1e-3);
}

#[test]
fn bf16_is_near_f32() {
    check_bf16(&DeepBlock::standard(), 5e-2);
}

#[test]
fn dropout_is_of_its_stream_and_of_training() {
    check_dropout(&DeepBlock { dropout: 0.5, ..golden_block() });
}

/// The first convolution alone, and of it the channels for which windows have components: the others keep their fresh values.
#[test]
fn a_block_starts_from_the_pictures() {
    let design = golden_block();
    let (block, parameters) = build(&design, &site([8, 8, 2], 4));
    assert_eq!(block.looks_at(), 1000);
    let images = normal(&[6, 8, 8, 2], 1);
    let mut started = parameters.clone();
    block.start(&mut started, &images);
    let changed = |name: &str| parameters.export(name) != started.export(name);
    assert!(changed("image.stem.conv1.weight") && changed("image.stem.conv1.bias"));
    let others = parameters.entries().filter(|entry| !entry.name.starts_with("image.stem.conv1"));
    assert!(others.into_iter().all(|entry| !changed(&entry.name)));
    // Windows of one grey channel have 9 components: 18 of the 32 channels of the standard block.
    let (block, mut parameters) = build(&DeepBlock::standard(), &site([28, 28, 1], 4));
    let fresh = parameters.export("image.stem.conv1.weight").unwrap();
    block.start(&mut parameters, &normal(&[6, 28, 28, 1], 1));
    let started = parameters.export("image.stem.conv1.weight").unwrap();
    assert_eq!(fresh.len(), 32 * 9);
    assert!(fresh[..18 * 9].iter().zip(&started).all(|(fresh, started)| fresh != started));
    assert_eq!(fresh[18 * 9..], started[18 * 9..]);
    let (plain, _) = build(&DeepBlock { whiten: false, ..design }, &site([8, 8, 2], 4));
    assert_eq!(plain.looks_at(), 0);
}

#[test]
fn multiply_adds_are_counted_by_hand() {
    let mnist = BlockSite { classes: 10, ..site([28, 28, 1], 10) };
    let (block, _) = build(&DeepBlock::standard(), &mnist);
    let stages = [(28, 32, 64), (14, 64, 256), (7, 256, 256)];
    let of_stage = |(side, inputs, outputs): (u64, u64, u64)| {
        9 * (side * side * inputs * outputs + (side / 2) * (side / 2) * outputs * outputs)
    };
    let of_image = 9 * 28 * 28 * 32 + stages.into_iter().map(of_stage).sum::<u64>();
    assert_eq!(block.multiply_adds(), (of_image, 256 * 10 + 10 * 10));
    let (timed, _) = build(&DeepBlock::standard(), &BlockSite { timed: true, ..mnist });
    assert_eq!(timed.multiply_adds(), (of_image, 256 * 10 + 10 * 10 + 64 * (10 + 10)));
}

/// The picture's size has next to no part in the number of parameters.
#[test]
fn parameters_do_not_grow_with_the_picture() {
    let parameters = |side| build(&DeepBlock::standard(), &site([side, side, 3], 10)).1.len();
    let (small, large) = (parameters(32), parameters(224));
    assert!((1_900_000..2_000_000).contains(&small), "{small}");
    assert!(large < small + 30_000, "{large}");
}

#[test]
fn settings_out_of_range_are_refused() {
    let standard = DeepBlock::standard;
    let message = |design: DeepBlock| {
        let mut builder = ParameterBuilder::without_values();
        design.build(&site([28, 28, 1], 10), &mut builder).unwrap_err().to_string()
    };
    for (design, expected) in [
        (DeepBlock { width: 0, ..standard() }, "width: must be from 1 to 16384; found 0"),
        (DeepBlock { width: usize::MAX, ..standard() }, "width: must be from 1 to 16384; found"),
        (DeepBlock { stages: 11, ..standard() }, "stages: must be from 0 to 10; found 11"),
        (
            DeepBlock { stages: 5, ..standard() },
            "block: its 5 poolings want images of at least 32×32 pixels; found 28×28",
        ),
        (DeepBlock { depth: 65, ..standard() }, "depth: must be from 0 to 64; found 65"),
        (DeepBlock { dropout: 1.0, ..standard() }, "dropout: must be in 0..1; found 1"),
        (DeepBlock { dropout: f32::NAN, ..standard() }, "dropout: must be in 0..1; found NaN"),
    ] {
        let found = message(design);
        assert!(found.starts_with(expected), "{found}");
    }
}

#[test]
fn a_place_without_images_is_refused() {
    check_refused_places(&DeepBlock::standard());
    let mut builder = ParameterBuilder::without_values();
    let thin = DeepBlock::standard().build(&site([1, 40, 1], 10), &mut builder).unwrap_err();
    let long = DeepBlock::standard().build(&site([1025, 8, 1], 10), &mut builder).unwrap_err();
    assert_eq!(long.to_string(), "image: rows and columns: must be from 2 to 1024; found 1025");
    assert!(thin.to_string().contains("images of at least 2×2 pixels; found 1×40"), "{thin}");
}

/// The largest settings of all at once: names, shapes and counts, beyond any memory.
#[test]
fn no_product_of_settings_overflows() {
    let design = DeepBlock {
        width: MOST_WIDTH,
        stages: 8,
        depth: MOST_DEPTH,
        residual: true,
        ..DeepBlock::standard()
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
    assert!(builder.trainable() > 1 << 38 && block.multiply_adds().0 > 1 << 40);
}

#[test]
fn settings_are_written_in_kebab_case_and_unknown_ones_refused() {
    let read = |text: &str| toml::from_str::<DeepBlock>(text);
    assert_eq!(read(&toml::to_string(&DeepBlock::standard()).unwrap()).unwrap(), DeepBlock::standard());
    assert_eq!(read("depth = 3").unwrap(), DeepBlock { depth: 3, ..DeepBlock::standard() });
    assert!(read("channels = 3").is_err());
}

#[test]
#[should_panic(expected = "block: times are for blocks that serve all times")]
fn times_where_none_are_wanted_panic() {
    let (block, parameters) = build(&golden_block(), &site([8, 8, 1], 10));
    let (images, z) = (normal(&[1, 8, 8, 1], 1), normal(&[1, 10], 2));
    logits_of((&*block, &parameters), Precision::F32, [&images, &z], Some(&[0.5]));
}
