//! What the losses of all methods are built on: one tape with a batch, its targets and the sets that learn.

use crate::block::BlockInputs;
use crate::method::{Batch, BlockStep, GradientSink, LossTerms, Weights};
use crate::network::Network;
use nopropdt_tensor::random::Stream;
use nopropdt_tensor::{Gradients, Mode, Parameters, Slot, Tape, Tensor, Var};

/// The network, its own sets, the embedding and the head on one tape, with u_y of a batch.
pub(crate) struct LossTape<'p> {
    pub(crate) net: &'p Network,
    pub(crate) tape: Tape<'p>,
    pub(crate) own: Vec<Slot>,
    shared: Vec<Slot>,
    pub(crate) embedding: Var,
    /// u_y [B, d].
    pub(crate) target: Var,
    /// Where gradients of the own sets go, if not into the answer.
    sink: Option<GradientSink<'p>>,
}

impl<'p> LossTape<'p> {
    pub(crate) fn new(
        net: &'p Network,
        own: &'p [Parameters],
        shared: &'p [Parameters],
        labels: &[usize],
    ) -> Self {
        let mut tape = net.tape(Mode::Train);
        let own = own.iter().map(|set| tape.attach(set)).collect();
        let shared: Vec<Slot> = shared.iter().map(|set| tape.attach(set)).collect();
        let embedding = net.embedding.on_tape(&mut tape, shared[Weights::EMBEDDING]);
        let target = tape.rows(embedding, labels);
        Self { net, tape, own, shared, embedding, target, sink: None }
    }

    /// The same, with gradients of the own sets to go to `sink`, if there is one.
    pub(crate) fn into_sink(self, sink: Option<GradientSink<'p>>) -> Self {
        Self { sink, ..self }
    }

    /// Slot of a shared set.
    pub(crate) fn shared(&self, index: usize) -> Slot {
        self.shared[index]
    }

    /// Class logits of the first own block for latent z, at the given times in continuous time.
    pub(crate) fn logits(&mut self, batch: &Batch, z: Var, times: Option<&[f64]>, dropout: Stream) -> Var {
        let (block, tape) = (&self.net.block, &mut self.tape);
        let images = tape.constant(batch.images.clone());
        let features = block.features(tape, self.own[0], images, Some(dropout));
        let times = times.map(|times| tape.constant(block.embed_times(times)));
        let dropout = Some(dropout.purpose("latent"));
        block.logits(tape, self.own[0], BlockInputs { features, z, times, dropout })
    }

    /// û = softmax(logits)·W_embed of the first own block.
    pub(crate) fn estimate(&mut self, logits: Var) -> Var {
        self.net.block.estimate(&mut self.tape, self.own[0], logits, self.embedding)
    }

    /// Class logits of the output head on z.
    pub(crate) fn head(&mut self, z: Var) -> Var {
        self.net.head.forward(&mut self.tape, self.shared[Weights::HEAD], z, self.embedding)
    }

    /// Standard normal values [B, d].
    pub(crate) fn noise(&self, stream: Stream) -> Tensor {
        Tensor::filled_by(self.tape.value(self.target).shape(), |data| stream.fill_normal(data))
    }

    /// z = signal·u_y + noise·ε, so that gradient reaches u_y; with ε standard normal, z ~ N(signal·u_y, noise²·I).
    pub(crate) fn noised(&mut self, (signal, noise): (f64, f64), epsilon: Tensor) -> Var {
        let epsilon = self.tape.constant(epsilon);
        self.tape.linear_combination(&[(self.target, signal as f32), (epsilon, noise as f32)], 0.0)
    }

    /// Mean over the batch of ‖u_y‖².
    pub(crate) fn target_square(&mut self) -> Var {
        let zeros = Tensor::zeros(self.tape.value(self.target).shape());
        let zeros = self.tape.constant(zeros);
        self.tape.squared_error(self.target, zeros)
    }

    pub(crate) fn scalar(&self, var: Var) -> f64 {
        f64::from(self.tape.value(var).item())
    }

    /// Runs the tape backwards from the loss; `learns` says which shared sets get a gradient.
    pub(crate) fn finish(self, total: Var, loss: LossTerms, learns: &[bool]) -> BlockStep {
        self.finish_with(total, loss, learns).0
    }

    /// As [`LossTape::finish`], with what is left of the gradients: those of variables.
    pub(crate) fn finish_with(self, total: Var, loss: LossTerms, learns: &[bool]) -> (BlockStep, Gradients) {
        let (own, shared, sink) = (self.own, self.shared, self.sink);
        let mut gradients = match sink {
            None => self.tape.backward(total),
            Some(sink) => self.tape.backward_into(total, &own, &mut |slot, range, gradient| {
                let set = own.iter().position(|&own| own == slot).expect("only own sets are streamed");
                sink(set, range, gradient);
            }),
        };
        let shared = shared.into_iter().zip(learns);
        let statistics = own.iter().map(|&slot| gradients.take_statistics(slot)).collect();
        let own = own.iter().filter(|_| sink.is_none());
        let step = BlockStep {
            loss,
            shared: shared.map(|(slot, learns)| learns.then(|| gradients.take_parameters(slot))).collect(),
            statistics,
            own: own.map(|&slot| gradients.take_parameters(slot)).collect(),
        };
        (step, gradients)
    }
}
