//! Answers to an image and to its mirror image, averaged.

use super::sampling::{largest_difference, network_in_use, noise};
use super::*;
use nopropdt_blocks::{Features, Mirrored, StepInput, Trace};
use nopropdt_tensor::{Mode, Tape};

fn mirror(images: &Tensor) -> Tensor {
    let [rows, height, width, channels] = *images.shape() else { panic!("images have four axes") };
    Tensor::filled_by(images.shape(), |out| {
        for (index, value) in out.iter_mut().enumerate() {
            let (channel, column) = (index % channels, index / channels % width);
            let line = index / (channels * width);
            assert!(line < rows * height);
            *value = images.data()[(line * width + width - 1 - column) * channels + channel];
        }
    })
}

fn logits(trace: &Trace) -> Vec<Tensor> {
    trace.block_logits.iter().chain([&trace.head_logits]).cloned().collect()
}

#[test]
fn logits_are_the_means_of_both_chains() {
    let config = small();
    let (net, weights) = network_in_use(&config);
    let images = batch(&config, 3).inputs;
    let answer = |images: &Tensor| logits(&net.sample(&weights, &net.features(&weights, images), &noise));
    let (one, other) = (answer(&images), answer(&mirror(&images)));
    let mirrored = Mirrored::new(Box::new(NoPropDt::new(&config).unwrap()));
    let features: Features = mirrored.features(&weights, &images);
    assert_eq!(features.rows(), 3);
    let found = logits(&mirrored.sample(&weights, &features, &noise));
    assert_eq!(found.len(), config.steps + 1);
    for ((found, one), other) in found.iter().zip(&one).zip(&other) {
        let wanted: Vec<f32> = one.data().iter().zip(other.data()).map(|(a, b)| (a + b) / 2.0).collect();
        assert!(largest_difference(found.data(), &wanted) < 1e-6);
        assert!(largest_difference(found.data(), one.data()) > 1e-5, "the mirror image answers the same");
    }
    // A flipped tape is what this test's mirror is.
    let mut tape = Tape::new(Mode::Eval);
    let constant = tape.constant(images.clone());
    let flipped = tape.flip(constant, 2);
    assert_eq!(tape.value(flipped), &mirror(&images));
}

#[test]
fn it_learns_as_the_method_does_alone() {
    let config = small();
    let (net, weights) = network_in_use(&config);
    let batch = batch(&config, 4);
    let mirrored = Mirrored::new(Box::new(NoPropDt::new(&config).unwrap()));
    let input = StepInput::new(1, &weights.blocks[1..2], &weights.shared, &batch, Stream::new(3));
    let (one, other) = (net.step(&input), mirrored.step(&input));
    assert_eq!((one.own, one.loss), (other.own, other.loss));
    assert_eq!(mirrored.init(4).blocks[2].values(), net.init(4).blocks[2].values());
    assert_eq!(mirrored.readout(), net.readout());
    assert!(mirrored.inspect().is_some());
    assert_eq!(mirrored.alpha_bar(&weights), net.alpha_bar(&weights));
}
