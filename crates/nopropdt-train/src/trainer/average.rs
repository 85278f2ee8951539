//! Running averages of the weights, which answers may be read with.

use nopropdt_blocks::Weights;
use nopropdt_tensor::{Parameters, flat};
use rayon::prelude::*;
use std::ops::Range;

/// The exponential moving average of all that a network learns and keeps, statistics of batch norm among it.
pub(super) struct Average {
    decay: f64,
    pub(super) weights: Weights,
}

impl Average {
    /// That of weights that have taken no step.
    pub(super) fn new(decay: f64, weights: &Weights) -> Self {
        Self { decay, weights: weights.clone() }
    }

    /// Follows the blocks in `range`, side by side, and the shared sets. The functions say how many steps a block and a shared set have taken.
    pub(super) fn follow(
        &mut self,
        weights: &Weights,
        range: Range<usize>,
        [own, shared]: [&(dyn Fn(usize) -> u64 + Sync); 2],
    ) {
        let decay = self.decay;
        let blocks = self.weights.blocks[range.clone()].par_iter_mut().zip(&weights.blocks[range.clone()]);
        blocks.zip(range).for_each(|((average, set), block)| follow(average, set, share(decay, own(block))));
        let sets = self.weights.shared.values_mut().zip(weights.shared.values());
        for (index, (average, set)) in sets.enumerate() {
            follow(average, set, share(self.decay, shared(index)));
        }
    }
}

/// What the weights after this many steps, at least 1, get of the average: all of it after the first, so that it does not matter what it
/// was before; then it grows into its window, of which it never takes in more than about a tenth of the steps there were.
fn share(decay: f64, steps: u64) -> f32 {
    let least = 10.0 / (steps as f64 + 9.0);
    least.max(1.0 - decay).min(1.0) as f32
}

fn follow(average: &mut Parameters, set: &Parameters, share: f32) {
    flat::towards(average.values_mut(), set.values(), share);
    flat::towards(average.statistics_mut(), set.statistics(), share);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Overrides;

    #[test]
    fn it_begins_with_the_first_step_and_grows_into_its_window() {
        let shares = |steps: &[u64]| steps.iter().map(|&steps| share(0.99, steps)).collect::<Vec<_>>();
        assert_eq!(shares(&[0, 1, 91]), [1.0, 1.0, 0.1]);
        assert_eq!(shares(&[991, 992, 100_000]), [0.01; 3]);
    }

    /// Against the recursion in f64; a block that took no step stays.
    #[test]
    fn it_is_the_weighted_mean_of_what_it_followed() {
        let method =
            Overrides::default().with("steps", 2).resolve(None).unwrap().network(&[8, 8, 1], 10).unwrap();
        let seen: Vec<Weights> = (0..4).map(|seed| method.init(seed)).collect();
        let mut average = Average::new(0.9, &method.init(9));
        for (steps, weights) in (1..).zip(&seen) {
            average.follow(weights, 1..2, [&|_| steps, &|_| steps]);
        }
        let mut wanted = 0.0;
        for (steps, weights) in (1..).zip(&seen) {
            let share = 10.0 / (f64::from(steps) + 9.0);
            wanted += share * (f64::from(weights.blocks[1].values()[7]) - wanted);
        }
        let found = f64::from(average.weights.blocks[1].values()[7]);
        assert!((found - wanted).abs() < 1e-6, "{found} {wanted}");
        assert_eq!(average.weights.blocks[0].values(), method.init(9).blocks[0].values());
    }
}
