//! Controls: the paper's loss and chain, for blocks that learn nothing from z. What a network loses by it is what denoising gives.

use super::objective::Objective;
use super::paper::{Noise, Paper};
use crate::batch::Batch;
use crate::loss_tape::{Loss, LossTape};
use crate::sampling::{Runner, Value};
use crate::schedule::NoiseSchedule;
use nopropdt_tensor::Var;
use nopropdt_tensor::random::Stream;

/// What stands in for z in a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blindfold {
    /// Nothing, in training and in the chain: zeros stand for what a block makes of its latent
    /// ([`Block::blind_logits`](crate::Block::blind_logits)).
    Zeroed,
    /// In training, the z of another input of the batch, so that a block sees latents as they are and learns that they say nothing of its
    /// input. The chain is the paper's: an input's answer depends on no other input.
    Shuffled,
}

/// The paper's objective (Eq. 8) with something else in place of each block's z. The target and all weights of the loss stay.
#[derive(Debug, Clone, Copy)]
pub struct Blind {
    /// η, weight of the squared error.
    pub eta: f64,
    /// What stands in for z.
    pub by: Blindfold,
}

impl Objective for Blind {
    fn loss(
        &self,
        t: usize,
        schedule: &NoiseSchedule,
        on: &mut LossTape<'_>,
        batch: &Batch,
        stream: Stream,
    ) -> Loss {
        let noise = Noise::draw(on, stream);
        let rows = batch.labels.len();
        let instead = |on: &mut LossTape<'_>, z: Var| match self.by {
            Blindfold::Zeroed => None,
            Blindfold::Shuffled => Some(on.tape.rows(z, &turned(rows, stream.purpose("shuffle")))),
        };
        Paper { eta: self.eta }.loss_with(t, schedule, on, batch, noise, instead)
    }

    fn sees_latents(&self) -> bool {
        self.by != Blindfold::Zeroed
    }

    fn given<'p>(&self, _: usize, on: &mut Runner<'_, 'p>, z: &Value) -> Option<Value> {
        (self.by == Blindfold::Zeroed).then(|| on.combine(&[(0.0, z)]))
    }
}

/// Row b becomes row b + k, with k from 1 to the last row, so that none stays where it was.
fn turned(rows: usize, stream: Stream) -> Vec<usize> {
    let mut value = [0.0];
    stream.fill_uniform(&mut value);
    let others = rows.saturating_sub(1).max(1);
    let by = 1 + ((f64::from(value[0]) * others as f64) as usize).min(others - 1);
    (0..rows).map(|row| (row + by) % rows).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_gets_that_of_another_and_all_are_used() {
        let mut seen = std::collections::HashSet::new();
        for index in 0..100 {
            let rows = turned(4, Stream::new(1).child(index));
            assert!(rows.iter().enumerate().all(|(row, &other)| row != other), "{rows:?}");
            let mut sorted = rows.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, [0, 1, 2, 3]);
            seen.insert(rows);
        }
        assert_eq!(seen.len(), 3);
        assert_eq!(turned(2, Stream::new(5)), [1, 0]);
    }
}
