//! One network for all times, run over and over on a batch.

use crate::method::{EMBEDDING, Features, Trace, Weights};
use crate::network::Network;
use crate::sampling::{Latent, Sampler, Steps, flow};
use nopropdt_tensor::random::Stream;
use nopropdt_tensor::{Mode, Parameters, Tensor};

/// The one network on a batch whose image features are known.
pub(crate) struct AtTimes<'a> {
    net: &'a Network,
    own: &'a Parameters,
    features: &'a Tensor,
    embedding: Tensor,
}

impl<'a> AtTimes<'a> {
    pub(crate) fn new(net: &'a Network, weights: &'a Weights, features: &'a Features) -> Self {
        let embedding = net.embedding.matrix(weights.shared.get(EMBEDDING));
        Self { net, own: &weights.blocks[0], features: &features.of_blocks[0], embedding }
    }

    /// Class logits [B, m] of z [B, d] at time `t`.
    pub(crate) fn logits(&self, z: &Tensor, t: f64) -> Tensor {
        self.net.logits(self.own, self.features, z, Some(t))
    }

    /// û = softmax(logits)·W_embed [B, d].
    pub(crate) fn estimate(&self, logits: &Tensor) -> Tensor {
        self.net.estimate(self.own, logits, &self.embedding)
    }

    /// v̂ = logits·W_embed [B, d], without softmax.
    pub(crate) fn velocity(&self, logits: &Tensor) -> Tensor {
        let mut tape = self.net.tape(Mode::Eval);
        let (logits, embedding) = (tape.constant(logits.clone()), tape.constant(self.embedding.clone()));
        let velocity = tape.matmul(logits, embedding);
        tape.value(velocity).clone()
    }

    /// Follows dz/dt = v̂(z, x, t) from noise to t = 1, where `read` tells class logits; on the way it is told where the path would end if
    /// it went on straight.
    pub(crate) fn follow(
        &self,
        sampler: Sampler,
        steps: Steps,
        noise: &dyn Fn(usize) -> Stream,
        read: impl Fn(&Tensor, &Tensor) -> Tensor,
    ) -> Trace {
        let mut latent = Latent::new(self.features.shape()[0], self.embedding.shape()[1], noise);
        let mut block_logits = Vec::with_capacity(steps.readouts());
        flow(sampler, steps.0, &mut latent.z, |step, t, z| {
            let velocity = self.velocity(&self.logits(z, t));
            if step.is_some_and(|step| steps.is_read(step)) {
                let mut end = z.clone();
                let left = (1.0 - t) as f32;
                end.data_mut().iter_mut().zip(velocity.data()).for_each(|(z, v)| *z += left * v);
                block_logits.push(read(&end, &self.embedding));
            }
            velocity
        });
        Trace { block_logits, head_logits: read(&latent.z, &self.embedding) }
    }
}
