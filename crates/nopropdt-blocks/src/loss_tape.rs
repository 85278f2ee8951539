//! What the losses of all methods are built on: one tape with a batch, its targets and the sets that learn.

use crate::batch::Batch;
use crate::block::{BlockInputs, estimate};
use crate::method::{BlockStep, GradientSink, LossTerms, StepInput};
use crate::named::Named;
use crate::network::Network;
use crate::weights::{EMBEDDING, HEAD};
use nopropdt_tensor::random::Stream;
use nopropdt_tensor::{Gradients, Mode, Slot, Tape, Tensor, Var};

/// A loss on its tape.
#[derive(Debug, Clone, Copy)]
pub struct Loss {
    /// What is minimised: one value.
    pub total: Var,
    /// What is told of it.
    pub terms: LossTerms,
}

/// A block's own set, the embedding and the head on one tape, with the targets of a batch.
///
/// It is in training mode. What a loss is made of is a method here, one of the [`Batch`], or one of [`tape`](Self::tape). Errors and
/// cross-entropies are those of the batch: the tape's own know nothing of how much each row counts.
pub struct LossTape<'p> {
    pub(crate) net: &'p Network,
    /// The tape.
    pub tape: Tape<'p>,
    pub(crate) own: Vec<Slot>,
    /// Of each shared set its place on the tape, and whether it gets a gradient.
    shared: Named<(Slot, bool)>,
    /// W_embed [m, d].
    pub embedding: Var,
    /// u_y [B, d], the rows of W_embed by label.
    pub target: Var,
    /// Where gradients of the own sets go, if not into the answer.
    sink: Option<GradientSink<'p>>,
}

impl Network {
    /// What the loss of a step is built on.
    pub fn loss_tape<'p>(&'p self, input: &StepInput<'p>) -> LossTape<'p> {
        LossTape::new(self, input)
    }
}

impl<'p> LossTape<'p> {
    pub(crate) fn new(net: &'p Network, input: &StepInput<'p>) -> Self {
        let mut tape = net.tape(Mode::Train);
        let own = input.own.iter().map(|set| tape.attach(set)).collect();
        let mut shared: Named<(Slot, bool)> =
            input.shared.iter().map(|(name, set)| (name, (tape.attach(set), false))).collect();
        shared[EMBEDDING].1 = net.embedding.is_learned();
        let embedding = net.embedding.on_tape(&mut tape, shared[EMBEDDING].0);
        let target = tape.rows(embedding, &input.batch.labels);
        Self { net, tape, own, shared, embedding, target, sink: input.sink }
    }

    /// d, the length of an embedding.
    pub fn dim(&self) -> usize {
        self.net.embedding.dim()
    }

    /// The place on the tape of an own block's set, from 0.
    ///
    /// # Panics
    /// When there is no such block.
    pub fn own(&self, block: usize) -> Slot {
        self.own[block]
    }

    /// The place on the tape of a shared set, which learns from now on.
    ///
    /// # Panics
    /// When there is no such set.
    pub fn shared(&mut self, name: &str) -> Slot {
        let (slot, learns) = &mut self.shared[name];
        *learns = true;
        *slot
    }

    /// Class logits [B, m] of the block for latents z [B, d], at the given times, one a row, if one network serves all.
    ///
    /// # Panics
    /// When times are missing where one network serves all, or given where it does not.
    pub fn logits(&mut self, batch: &Batch, z: Var, times: Option<&[f64]>, dropout: Stream) -> Var {
        let (block, tape) = (&self.net.block, &mut self.tape);
        let inputs = tape.constant(batch.inputs.clone());
        let features = block.encode(tape, self.own[0], inputs, Some(dropout));
        let dropout = Some(dropout.purpose("latent"));
        block.logits(tape, self.own[0], BlockInputs { features, z, times, dropout })
    }

    /// Class logits [B, m] of the block without a latent ([`Block::blind_logits`](crate::Block::blind_logits)).
    pub fn blind_logits(&mut self, batch: &Batch, dropout: Stream) -> Var {
        let (block, dim) = (&self.net.block, self.dim());
        let tape = &mut self.tape;
        let inputs = tape.constant(batch.inputs.clone());
        let features = block.encode(tape, self.own[0], inputs, Some(dropout));
        let nothing = tape.constant(Tensor::zeros(&[batch.labels.len(), dim]));
        let dropout = Some(dropout.purpose("latent"));
        block.blind_logits(tape, self.own[0], BlockInputs { dropout, ..BlockInputs::new(features, nothing) })
    }

    /// û = softmax(logits)·W_embed [B, d], through the block's decoder if it has one.
    pub fn estimate(&mut self, logits: Var) -> Var {
        estimate(&*self.net.block, &mut self.tape, self.own[0], logits, self.embedding)
    }

    /// tanh(x·Dᵀ + b) of x [B, d] by the block's decoder; None when it has none.
    pub fn decode(&mut self, x: Var) -> Option<Var> {
        self.net.block.decode(&mut self.tape, self.own[0], x)
    }

    /// Class logits [B, m] of the output head on z [B, d]. The head learns from the loss.
    pub fn head(&mut self, z: Var) -> Var {
        let head = self.shared(HEAD);
        self.net.head.forward(&mut self.tape, head, z, self.embedding)
    }

    /// Standard normal values [B, d].
    pub fn noise(&self, stream: Stream) -> Tensor {
        Tensor::filled_by(self.tape.value(self.target).shape(), |data| stream.fill_normal(data))
    }

    /// z = signal·u_y + noise·ε for a level (signal, noise), such as [`NoiseSchedule::noising`](crate::NoiseSchedule::noising), so that
    /// gradient reaches u_y; with ε from [`noise`](Self::noise), z ~ N(signal·u_y, noise²·I).
    pub fn noised(&mut self, (signal, noise): (f64, f64), epsilon: Tensor) -> Var {
        let epsilon = self.tape.constant(epsilon);
        self.tape.linear_combination(&[(self.target, signal as f32), (epsilon, noise as f32)], 0.0)
    }

    /// Mean over the batch of ‖u_y‖², one value.
    pub fn target_square(&mut self, batch: &Batch) -> Var {
        let zeros = Tensor::zeros(self.tape.value(self.target).shape());
        let zeros = self.tape.constant(zeros);
        batch.squared_error(&mut self.tape, self.target, zeros)
    }

    /// A recorded number.
    ///
    /// # Panics
    /// When `var` is not one value.
    pub fn scalar(&self, var: Var) -> f64 {
        f64::from(self.tape.value(var).item())
    }

    /// Runs the tape backwards from the loss.
    pub fn finish(self, Loss { total, terms }: Loss) -> BlockStep {
        self.finish_with(total, terms).0
    }

    /// As [`LossTape::finish`], with what is left of the gradients: those of variables.
    pub(crate) fn finish_with(self, total: Var, loss: LossTerms) -> (BlockStep, Gradients) {
        let (own, shared, sink) = (self.own, self.shared, self.sink);
        let mut gradients = match sink {
            None => self.tape.backward(total),
            Some(sink) => self.tape.backward_into(total, &own, &mut |slot, range, gradient| {
                let set = own.iter().position(|&own| own == slot).expect("only own sets are streamed");
                sink(set, range, gradient);
            }),
        };
        let statistics = own.iter().map(|&slot| gradients.take_statistics(slot)).collect();
        let own = own.iter().filter(|_| sink.is_none());
        let step = BlockStep {
            loss,
            shared: shared
                .iter()
                .filter(|(_, (_, learns))| *learns)
                .map(|(name, &(slot, _))| (name, gradients.take_parameters(slot)))
                .collect(),
            statistics,
            own: own.map(|&slot| gradients.take_parameters(slot)).collect(),
        };
        (step, gradients)
    }
}
