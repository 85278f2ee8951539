//! Images of every size from 8×8 to 64×64, grey and colour.

use super::{
    batch, network, small, small_block, small_reference, small_reference_block, with_block, with_network,
    without_dropout,
};
use nopropdt_blocks::{ConvBlock, DtConfig, Method, NoPropDt, StepInput};
use nopropdt_tensor::random::Stream;

fn sizes() -> impl Iterator<Item = [usize; 3]> {
    (8..=64).flat_map(|side| {
        // Off the square too, where rows and columns could be mistaken for each other.
        let width = 8 + (side * 7 + 5) % 57;
        [[side, side, 1], [side, side, 3], [side, width, 3]]
    })
}

#[test]
fn every_size_is_learned_from_and_answered() {
    for (config, block) in [(small(), small_block()), (small_reference(), small_reference_block())] {
        let config = with_block(DtConfig { steps: 2, ..config }, without_dropout(block));
        for image in sizes() {
            let config = with_network(config.clone(), |network| network.input = image.to_vec());
            let (net, weights) = network(&config);
            let batch = batch(&config, 2);
            let step =
                net.step(&StepInput::new(1, &weights.blocks[1..2], &weights.shared, &batch, Stream::new(5)));
            assert!(step.loss.total.is_finite(), "{image:?}");
            assert_eq!(step.own[0].len(), weights.blocks[1].len(), "{image:?}");
            assert!(step.own[0].iter().all(|value| value.is_finite()), "{image:?}");
            let features = net.features(&weights, &batch.inputs);
            let trace = net.sample(&weights, &features, &|row| Stream::new(6).child(row as u64));
            assert!(trace.probabilities().data().iter().all(|p| p.is_finite()), "{image:?}");
        }
    }
}

#[test]
fn the_published_blocks_take_every_size() {
    for block in [ConvBlock::paper(), ConvBlock::reference()] {
        for image in sizes() {
            let [height, width, channels] = image;
            let inputs = block.layer_inputs(image).unwrap();
            let left = match block.global_average {
                true => 1,
                false => (height / 2 / 2) * (width / 2 / 2),
            };
            assert_eq!((inputs.channels, inputs.features), (channels, 128 * left));
        }
    }
}

#[test]
fn sizes_of_which_pooling_leaves_nothing_are_refused() {
    for (block, least) in [(ConvBlock::paper(), 4), (ConvBlock::reference(), 8)] {
        for (height, width) in [(least - 1, 64), (64, least - 1), (1, 1), (0, 8)] {
            let image = [height, width, 1];
            let message = block.layer_inputs(image).unwrap_err().to_string();
            assert!(
                message.contains(&format!("at least {least}×{least} pixels; found {height}×{width}")),
                "{message}"
            );
            let config = with_network(small(), |network| network.input = image.to_vec());
            let whole = NoPropDt::new(&with_block(config, block.clone()));
            assert_eq!(whole.unwrap_err().to_string(), message);
        }
        let image = [least, least, 3];
        assert!(block.layer_inputs(image).is_ok());
    }
}
