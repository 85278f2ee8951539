//! One network for all times, run over and over on a batch.

use crate::network::Network;
use crate::sampling::{Answer, Runner, Sampler, Value, flow};
use crate::steps::Steps;
use crate::weights::Weights;
use nopropdt_tensor::Parameters;

/// The one network on a batch whose image features are known.
pub(crate) struct AtTimes<'a, 'p> {
    net: &'a Network,
    own: &'p Parameters,
    features: &'a Value,
    embedding: Value,
}

impl<'a, 'p> AtTimes<'a, 'p> {
    pub(crate) fn new(
        net: &'a Network,
        weights: &'p Weights,
        features: &'a [Value],
        on: &mut Runner<'_, 'p>,
    ) -> Self {
        let embedding = net.embedding_on(on, weights);
        Self { net, own: &weights.blocks[0], features: &features[0], embedding }
    }

    /// Class logits [B, m] of z [B, d] at time `t`.
    pub(crate) fn logits(&self, on: &mut Runner<'_, 'p>, z: &Value, t: f64) -> Value {
        self.net.logits_on(on, self.own, self.features, z, Some(t))
    }

    /// û = softmax(logits)·W_embed [B, d].
    pub(crate) fn estimate(&self, on: &mut Runner<'_, 'p>, logits: &Value) -> Value {
        self.net.estimate_on(on, self.own, logits, &self.embedding)
    }

    /// v̂ = logits·W_embed [B, d], without softmax.
    fn velocity(&self, on: &mut Runner<'_, 'p>, logits: &Value) -> Value {
        on.run(self.net.precision(), &[], &[logits, &self.embedding], |tape, _, inputs| {
            tape.matmul(inputs[0], inputs[1])
        })
    }

    /// Follows dz/dt = v̂(z, x, t) from noise to t = 1, where `read` makes class logits of a latent and W_embed; on the way it is told where
    /// the path would end if it went on straight.
    pub(crate) fn follow<'r>(
        &self,
        sampler: Sampler,
        steps: Steps,
        on: &mut Runner<'r, 'p>,
        mut read: impl FnMut(&mut Runner<'r, 'p>, &Value, &Value) -> Value,
    ) -> Answer {
        let mut ends = Vec::with_capacity(steps.readouts());
        let start = on.start();
        let last = flow(sampler, steps.0, on, start, |on, step, t, z| {
            let logits = self.logits(on, z, t);
            let velocity = self.velocity(on, &logits);
            if step.is_some_and(|step| steps.is_read(step)) {
                ends.push((z.clone(), (1.0 - t) as f32, velocity.clone()));
            }
            velocity
        });
        // Read when the path is done, so that all its steps are alike.
        let of_end = |(z, left, velocity): (Value, f32, Value)| {
            let end = on.combine(&[(1.0, &z), (left, &velocity)]);
            read(on, &end, &self.embedding)
        };
        let block_logits = ends.into_iter().map(of_end).collect();
        Answer { block_logits, head_logits: read(on, &last, &self.embedding) }
    }
}
