//! Gradients handed on tensor by tensor are those that come whole.

use nopropdt_tensor::init::Initializer;
use nopropdt_tensor::layers::{BatchNorm, Conv3x3, Linear};
use nopropdt_tensor::random::Stream;
use nopropdt_tensor::{
    ConvEpilogue, Layout, Mode, ParameterBuilder, ParameterId, Parameters, Precision, Slot, Tape, Tensor, Var,
};
use std::ops::Range;

/// A bit of everything that has parameters. `twice` is used twice, `unused` never; `dead` leads nowhere.
struct Net {
    parameters: Parameters,
    conv: Conv3x3,
    norm: BatchNorm,
    twice: Linear,
    dead: Linear,
    scale: ParameterId,
}

impl Net {
    fn new() -> Self {
        let mut builder = ParameterBuilder::new(Stream::new(3));
        let conv = Conv3x3::new(&mut builder, "conv", 2, 3);
        let scale = builder.parameter("scale", &[6, 12], Layout::Same, Initializer::Ones, 1);
        let norm = BatchNorm::new(&mut builder, "norm", 12);
        let twice = Linear::new(&mut builder, "twice", 12, 12);
        let dead = Linear::new(&mut builder, "dead", 12, 1);
        Linear::new(&mut builder, "unused", 2, 2);
        Self { parameters: builder.build(), conv, norm, twice, dead, scale }
    }

    fn loss<'p>(&'p self, tape: &mut Tape<'p>) -> (Slot, Var) {
        let slot = tape.attach(&self.parameters);
        let x = tape.constant(Tensor::filled_by(&[6, 4, 4, 2], |data| Stream::new(4).fill_normal(data)));
        let x = self.conv.forward(tape, slot, x, ConvEpilogue::Relu { pool: true, dropout: None });
        let x = tape.reshape(x, &[6, 12]);
        let scale = tape.parameter(slot, self.scale, &[6, 12]);
        let x = tape.add(x, scale);
        let x = self.norm.forward(tape, slot, x);
        let x = self.twice.forward(tape, slot, x);
        self.dead.forward(tape, slot, x);
        let x = tape.tanh(x);
        let x = self.twice.forward(tape, slot, x);
        (slot, tape.cross_entropy(x, &[0, 1, 2, 3, 4, 5]))
    }

    fn range(&self, name: &str) -> Range<usize> {
        self.parameters.range_of(name).unwrap()
    }
}

#[test]
fn tensors_handed_on_are_those_of_the_whole_gradient() {
    let net = Net::new();
    let mut tape = Tape::new(Mode::Train);
    let (slot, loss) = net.loss(&mut tape);
    let whole = tape.backward(loss).take_parameters(slot);

    let mut tape = Tape::new(Mode::Train);
    let (slot, loss) = net.loss(&mut tape);
    let mut came = Vec::new();
    let mut streamed = vec![0.0; net.parameters.len()];
    let gradients = tape.backward_into(loss, &[slot], &mut |set, range, gradient| {
        assert_eq!(set, slot);
        streamed[range.clone()].copy_from_slice(gradient);
        came.push(range);
    });
    assert_eq!(streamed, whole);
    assert!(gradients.parameters(slot).is_empty());

    // Each once, as soon as nothing can add to it; those without gradient never.
    let names =
        ["twice.weight", "twice.bias", "norm.weight", "norm.bias", "scale", "conv.weight", "conv.bias"];
    assert_eq!(came, names.map(|name| net.range(name)));
    assert!(whole[net.range("dead.weight")].iter().all(|&value| value == 0.0));
}

#[test]
fn a_set_that_is_not_streamed_comes_whole_beside_one_that_is() {
    let (first, second) = (Net::new(), Net::new());
    let mut tape = Tape::new(Mode::Train);
    let ((slot, of_first), (other, of_second)) = (first.loss(&mut tape), second.loss(&mut tape));
    let total = tape.linear_combination(&[(of_first, 1.0), (of_second, 1.0)], 0.0);
    let mut tensors = 0;
    let gradients = tape.backward_into(total, &[other], &mut |set, _, _| {
        assert_eq!(set, other);
        tensors += 1;
    });
    assert_eq!((tensors, gradients.parameters(other).len()), (7, 0));

    let mut alone = Tape::new(Mode::Train);
    let (alone_slot, loss) = first.loss(&mut alone);
    assert_eq!(gradients.parameters(slot), alone.backward(loss).parameters(alone_slot));
}

#[test]
fn a_large_tensor_comes_in_pieces_of_the_same_bits() {
    large_tensor(2000, 203);
    // A row longer than a panel is meant to be.
    large_tensor((1 << 18) + 1, 30);
}

fn large_tensor(inputs: usize, outputs: usize) {
    let mut builder = ParameterBuilder::new(Stream::new(5));
    let layer = Linear::new(&mut builder, "fc", inputs, outputs);
    let parameters = builder.build();
    let weight = parameters.range_of("fc.weight").unwrap();
    for (precision, batch) in [(Precision::F32, 17), (Precision::Bf16, 17), (Precision::Bf16, 2)] {
        let x = Tensor::filled_by(&[batch, inputs], |data| Stream::new(6).fill_normal(data));
        let labels: Vec<usize> = (0..batch).collect();
        let tape = || {
            let mut tape = Tape::with_precision(Mode::Train, precision);
            let slot = tape.attach(&parameters);
            let x = tape.constant(x.clone());
            let logits = layer.forward(&mut tape, slot, x);
            let loss = tape.cross_entropy(logits, &labels);
            (tape, slot, loss)
        };
        let (whole, slot, loss) = tape();
        let whole = whole.backward(loss).take_parameters(slot);
        let (streamed, slot, loss) = tape();
        let (mut end, mut pieces) = (weight.start, 0);
        streamed.backward_into(loss, &[slot], &mut |_, range, gradient| {
            assert_eq!(gradient, &whole[range.clone()], "{precision:?}, {range:?}");
            if weight.contains(&range.start) {
                assert_eq!(range.start, end, "pieces come from the start to the end");
                (end, pieces) = (range.end, pieces + 1);
            }
        });
        assert_eq!(end, weight.end);
        assert!(pieces > 1, "one piece of {inputs}x{outputs} values");
    }
}
