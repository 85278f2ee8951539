//! An operation of one's own: x·σ(β·x) with a β that is learned, held against finite differences. It says what it is to other programs too,
//! so that a network with it can be exported.
//!
//! `cargo run --example own_operation`

use nopropdt_tensor::gradient_check::relative_error;
use nopropdt_tensor::graph::{GraphBuilder, Op, Value};
use nopropdt_tensor::{Backward, Mode, Operation, Tape, Tensor};

struct Swish;

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

impl Operation for Swish {
    fn name(&self) -> &'static str {
        "swish"
    }

    fn forward(&mut self, inputs: &[&Tensor]) -> Tensor {
        let (mut y, beta) = (inputs[0].clone(), inputs[1].item());
        y.data_mut().iter_mut().for_each(|x| *x *= sigmoid(beta * *x));
        y
    }

    fn graph(&self, graph: &mut GraphBuilder, inputs: &[Value]) -> Option<Value> {
        let scaled = graph.op(Op::Mul, inputs);
        let share = graph.op(Op::Sigmoid, &[scaled]);
        Some(graph.op(Op::Mul, &[inputs[0], share]))
    }

    fn backward(&self, back: &mut Backward<'_, '_>) {
        let (x, beta, gradient) = (back.input(0), back.input(1).item(), back.gradient());
        let pairs = || x.data().iter().zip(gradient);
        let slope = |x: f32| sigmoid(beta * x) * sigmoid(-beta * x);
        back.add(0, |sum| {
            let terms = pairs().map(|(&x, g)| g * (sigmoid(beta * x) + beta * x * slope(x)));
            sum.iter_mut().zip(terms).for_each(|(sum, term)| *sum += term);
        });
        back.add(1, |sum| sum[0] += pairs().map(|(&x, g)| g * x * x * slope(x)).sum::<f32>());
    }
}

/// The mean of swish over three values, the fourth being β, and its gradient.
fn mean(point: &[f32]) -> (f64, Vec<f32>) {
    let mut tape = Tape::new(Mode::Train);
    let x = tape.variable(Tensor::filled_by(&[3], |data| data.copy_from_slice(&point[..3])));
    let beta = tape.variable(Tensor::scalar(point[3]));
    let y = tape.apply(Swish, &[x, beta]);
    let mean = tape.mean(y);
    let value = f64::from(tape.value(mean).item());
    let gradients = tape.backward(mean);
    (value, [x, beta].iter().filter_map(|&var| gradients.variable(var)).flatten().copied().collect())
}

fn main() {
    let point = [0.7, -1.2, 2.0, 1.5];
    let error = relative_error(&point, &mean(&point).1, 1e-2, |point| mean(point).0);
    println!("gradient {:?}, relative error {error:.1e}", mean(&point).1);
    assert!(error < 1e-3);
}
