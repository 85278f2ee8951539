//! What tests of blocks share: a block where it may stand, its answers, and all that a golden file has of it.

use super::{Block, BlockDesign, BlockInputs, BlockSite, estimate};
use crate::golden::{FORWARD, GRADIENT, Golden};
use nopropdt_tensor::random::Stream;
use nopropdt_tensor::{Mode, ParameterBuilder, Parameters, Precision, Tape, Tensor};

/// Inputs of these sizes, four classes, one block for a step, a latent that is no input.
pub(super) fn site(input: [usize; 3], dim: usize) -> BlockSite {
    BlockSite { input: input.to_vec(), classes: 4, dim, timed: false, latent_is_input: false }
}

pub(super) fn build(design: &dyn BlockDesign, site: &BlockSite) -> (Box<dyn Block>, Parameters) {
    let mut builder = ParameterBuilder::new(Stream::new(7));
    let block = design.build(site, &mut builder).unwrap();
    (block, builder.build())
}

pub(super) fn normal(shape: &[usize], tag: u64) -> Tensor {
    Tensor::filled_by(shape, |data| Stream::new(3).child(tag).fill_normal(data))
}

/// Everything the golden file has of a block under `place.`; running statistics behind a training pass, if the block has any.
pub(super) fn check_golden(
    golden: &mut Golden,
    place: &str,
    design: &dyn BlockDesign,
    timed: bool,
    latent_is_input: bool,
) {
    let named = |name: &str| format!("{place}.{name}");
    let (images, z) = (golden.take(&named("x")).images(), golden.take(&named("z")).tensor());
    let (embedding, labels) =
        (golden.take(&named("W_embed")).tensor(), golden.take(&named("labels")).labels());
    let times = timed.then(|| golden.take(&named("t")).values);
    let [_, height, columns, channels] = *images.shape() else { unreachable!("images have four sizes") };
    let site = BlockSite { timed, latent_is_input, ..site([height, columns, channels], z.shape()[1]) };
    let (block, mut parameters) = build(design, &site);
    golden.load(&named("before."), &mut parameters);
    for (mode, prefix) in [(Mode::Eval, "eval"), (Mode::Train, "train")] {
        let mut tape = Tape::new(mode);
        let slot = tape.attach(&parameters);
        let inputs = tape.constant(images.clone());
        let (z, embedding) = (tape.variable(z.clone()), tape.variable(embedding.clone()));
        let features = block.encode(&mut tape, slot, inputs, Some(Stream::new(0)));
        let inputs = BlockInputs { times: times.as_deref(), ..BlockInputs::new(features, z) };
        let logits = block.logits(&mut tape, slot, BlockInputs { dropout: Some(Stream::new(1)), ..inputs });
        let estimate = estimate(&*block, &mut tape, slot, logits, embedding);
        golden.check(&named(&format!("{prefix}.logits")), tape.value(logits).data(), FORWARD);
        golden.check(&named(&format!("{prefix}.estimate")), tape.value(estimate).data(), FORWARD);
        if mode == Mode::Eval {
            continue;
        }
        let target = tape.rows(embedding, &labels);
        let loss = tape.squared_error(estimate, target);
        golden.check(&named("u"), tape.value(target).data(), FORWARD);
        golden.check(&named("train.loss"), tape.value(loss).data(), FORWARD);
        let mut gradients = tape.backward(loss);
        golden.check(&named("grad.z"), gradients.variable(z).unwrap(), GRADIENT);
        golden.check(&named("grad.W"), gradients.variable(embedding).unwrap(), GRADIENT);
        golden.check_gradients(&named("grad."), &parameters, gradients.parameters(slot));
        let mut after = parameters.clone();
        after.update_statistics(&gradients.take_statistics(slot));
        for entry in after.entries().filter(|entry| entry.name.contains(".running_")) {
            let found = after.export(&entry.name).unwrap();
            golden.check(&named(&format!("after.{}", entry.name)), &found, FORWARD);
        }
    }
}

/// Logits, and the gradients that Σ logits · `upstream` has: of the parameters, of z and of the images.
pub(super) fn passes(
    (block, parameters): (&dyn Block, &Parameters),
    [images, z, upstream]: [&Tensor; 3],
    (times, dropout): (Option<&[f64]>, Option<Stream>),
) -> (Tensor, Vec<f32>, [Vec<f32>; 2]) {
    let mut tape = Tape::new(Mode::Train);
    let slot = tape.attach(parameters);
    let (images, z) = (tape.variable(images.clone()), tape.variable(z.clone()));
    let features = block.encode(&mut tape, slot, images, dropout);
    let dropout = dropout.map(|stream| stream.purpose("latent"));
    let logits = block.logits(&mut tape, slot, BlockInputs { features, z, times, dropout });
    let value = tape.value(logits).clone();
    let mut gradients = tape.backward_from(logits, upstream.data().to_vec(), Vec::new());
    let of_parameters = gradients.take_parameters(slot);
    (value, of_parameters, [images, z].map(|var| gradients.variable(var).unwrap().to_vec()))
}

/// In evaluation mode.
pub(super) fn logits_of(
    (block, parameters): (&dyn Block, &Parameters),
    precision: Precision,
    [images, z]: [&Tensor; 2],
    times: Option<&[f64]>,
) -> Tensor {
    let mut tape = Tape::with_precision(Mode::Eval, precision);
    let slot = tape.attach(parameters);
    let (images, z) = (tape.constant(images.clone()), tape.constant(z.clone()));
    let features = block.encode(&mut tape, slot, images, None);
    let logits = block.logits(&mut tape, slot, BlockInputs { times, ..BlockInputs::new(features, z) });
    tape.widened(logits)
}

/// Of a block for all times on 8×8 images: another image, another latent and another time each move every row of the logits by `least`.
pub(super) fn check_what_logits_depend_on(design: &dyn BlockDesign, least: f32) {
    let site = BlockSite { timed: true, ..site([8, 8, 1], 10) };
    let (block, parameters) = build(design, &site);
    let of = |image, z, t: f64| {
        let (image, z) = (normal(&[2, 8, 8, 1], image), normal(&[2, 10], z));
        logits_of((&*block, &parameters), Precision::F32, [&image, &z], Some(&[t, t]))
    };
    let first = of(1, 2, 0.5);
    for other in [of(3, 2, 0.5), of(1, 4, 0.5), of(1, 2, 0.6)] {
        for (row, other) in first.data().chunks(4).zip(other.data().chunks(4)) {
            let distance: f32 = row.iter().zip(other).map(|(a, b)| (a - b).abs()).sum();
            assert!(distance > least, "{row:?} and {other:?}");
        }
    }
    assert_eq!(first, of(1, 2, 0.5));
}

/// On 28×28 images in evaluation mode: bf16 is another answer, and near.
pub(super) fn check_bf16(design: &dyn BlockDesign, bound: f32) {
    let (block, parameters) = build(design, &site([28, 28, 1], 10));
    let (images, z) = (normal(&[3, 28, 28, 1], 1), normal(&[3, 10], 2));
    let [wide, narrow] = [Precision::F32, Precision::Bf16]
        .map(|precision| logits_of((&*block, &parameters), precision, [&images, &z], None));
    for (wide, narrow) in wide.data().iter().zip(narrow.data()) {
        assert!((wide - narrow).abs() < bound, "{wide} and {narrow}");
    }
    assert_ne!(wide, narrow);
}

/// On 8×8 images: masks are a function of the stream, and another stream or none is another answer.
pub(super) fn check_dropout(design: &dyn BlockDesign) {
    let (block, parameters) = build(design, &site([8, 8, 1], 10));
    let (images, z, upstream) = (normal(&[2, 8, 8, 1], 1), normal(&[2, 10], 2), normal(&[2, 4], 3));
    let of = |dropout| passes((&*block, &parameters), [&images, &z, &upstream], (None, dropout)).0;
    let first = of(Some(Stream::new(1)));
    assert_eq!(first, of(Some(Stream::new(1))));
    assert_ne!(first, of(Some(Stream::new(2))));
    assert_ne!(first, of(None));
}

/// Inputs that are no images, and an embedding that is no image where it should be one.
pub(super) fn check_refused_places(design: &dyn BlockDesign) {
    let mut builder = ParameterBuilder::without_values();
    let vector = BlockSite { input: vec![30], ..site([8, 8, 1], 10) };
    let error = design.build(&vector, &mut builder).unwrap_err();
    assert!(error.to_string().starts_with("block: wants images"), "{error}");
    let short = BlockSite { latent_is_input: true, ..site([8, 8, 1], 10) };
    let error = design.build(&short, &mut builder).unwrap_err();
    assert_eq!(error.to_string(), "embedding of the size of an image: must be from 64 to 64; found 10");
}
