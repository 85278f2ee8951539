//! Images of every size from 8×8 to 64×64, grey and colour.

use super::{batch, network, small, small_reference, without_dropout};
use nopropdt_blocks::{BlockConfig, DtConfig, Method, NoPropDt};
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
    for config in [small(), small_reference()] {
        for image in sizes() {
            let config = without_dropout(DtConfig { image, steps: 2, ..config.clone() });
            let (net, weights) = network(&config);
            let batch = batch(&config, 2);
            let step = net.block_step(1, &weights.blocks[1..2], &weights.shared, &batch, Stream::new(5));
            assert!(step.loss.total.is_finite(), "{image:?}");
            assert_eq!(step.own[0].len(), weights.blocks[1].len(), "{image:?}");
            assert!(step.own[0].iter().all(|value| value.is_finite()), "{image:?}");
            let features = net.features(&weights, &batch.images);
            let trace = net.sample(&weights, &features, &|row| Stream::new(6).child(row as u64));
            assert!(trace.probabilities().data().iter().all(|p| p.is_finite()), "{image:?}");
        }
    }
}

#[test]
fn the_published_blocks_take_every_size() {
    for block in [BlockConfig::paper(), BlockConfig::reference()] {
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
    for (block, least) in [(BlockConfig::paper(), 4), (BlockConfig::reference(), 8)] {
        for (height, width) in [(least - 1, 64), (64, least - 1), (1, 1), (0, 8)] {
            let image = [height, width, 1];
            let message = block.layer_inputs(image).unwrap_err().to_string();
            assert!(
                message.contains(&format!("at least {least}×{least} pixels; found {height}×{width}")),
                "{message}"
            );
            let whole = NoPropDt::new(&DtConfig { image, block: block.clone(), ..small() });
            assert_eq!(whole.unwrap_err().to_string(), message);
        }
        let image = [least, least, 3];
        assert!(block.layer_inputs(image).is_ok());
    }
}
