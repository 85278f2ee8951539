//! Learns which of two spirals a point of the plane lies on, and draws the answer.
//!
//! `cargo run -p nopropdt-tensor --example spirals`

use nopropdt_tensor::layers::{BatchNorm, Linear};
use nopropdt_tensor::optim::{LearningRate, Optimizer, OptimizerConfig};
use nopropdt_tensor::random::Stream;
use nopropdt_tensor::{Mode, ParameterBuilder, Parameters, Slot, Tape, Tensor, Var};
use std::error::Error;
use std::io::{self, ErrorKind, Write};

const STEPS: u64 = 600;
const BATCH: usize = 256;
const WIDTH: usize = 64;

/// Two hidden layers with batch norm.
struct Network {
    hidden: [(Linear, BatchNorm); 2],
    out: Linear,
}

impl Network {
    fn new(builder: &mut ParameterBuilder) -> Self {
        let mut layer = |name: &str, inputs: usize| {
            builder.scope(name, |builder| {
                (Linear::new(builder, "fc", inputs, WIDTH), BatchNorm::new(builder, "bn", WIDTH))
            })
        };
        let hidden = [layer("first", 2), layer("second", WIDTH)];
        Self { hidden, out: Linear::new(builder, "out", WIDTH, 2) }
    }

    /// x [B, 2] -> logits [B, 2]
    fn forward(&self, tape: &mut Tape<'_>, slot: Slot, x: Var) -> Var {
        let features = self.hidden.iter().fold(x, |x, (linear, norm)| {
            let x = linear.forward(tape, slot, x);
            let x = norm.forward(tape, slot, x);
            tape.relu(x)
        });
        self.out.forward(tape, slot, features)
    }

    fn classes(&self, parameters: &Parameters, points: Tensor) -> Vec<usize> {
        let mut tape = Tape::new(Mode::Eval);
        let slot = tape.attach(parameters);
        let x = tape.constant(points);
        let logits = self.forward(&mut tape, slot, x);
        tape.value(logits).argmax_rows()
    }
}

/// Points of two spirals of one and a half turns, a little blurred, with the spiral each lies on.
fn sample(stream: Stream) -> (Tensor, Vec<usize>) {
    let mut along = [0.0; BATCH];
    stream.purpose("along").fill_uniform(&mut along);
    let classes: Vec<usize> = (0..BATCH).map(|i| i % 2).collect();
    let points = Tensor::filled_by(&[BATCH, 2], |points| {
        stream.purpose("blur").fill_normal(points);
        for (point, (&t, &class)) in points.chunks_exact_mut(2).zip(along.iter().zip(&classes)) {
            let (radius, turns) = (0.1 + 0.9 * t, 1.5 * t + 0.5 * class as f32);
            let (y, x) = (std::f32::consts::TAU * turns).sin_cos();
            point[0] = radius * x + 0.02 * point[0];
            point[1] = radius * y + 0.02 * point[1];
        }
    });
    (points, classes)
}

/// The class of a grid of points over the plane, one character a point.
fn draw(network: &Network, parameters: &Parameters) {
    let (rows, columns) = (24, 48);
    let at = |i: usize, of: usize| 2.2 * (i as f32 + 0.5) / of as f32 - 1.1;
    let points = Tensor::filled_by(&[rows * columns, 2], |points| {
        for (i, point) in points.chunks_exact_mut(2).enumerate() {
            point.copy_from_slice(&[at(i % columns, columns), -at(i / columns, rows)]);
        }
    });
    for row in network.classes(parameters, points).chunks_exact(columns) {
        say(&row.iter().map(|&class| ['.', '#'][class]).collect::<String>());
    }
}

/// Prints a line. When nobody reads it, as behind `| head -1`, the program has nothing left to do; `println!` would panic.
fn say(line: &str) {
    if let Err(error) = writeln!(io::stdout(), "{line}") {
        std::process::exit(i32::from(error.kind() != ErrorKind::BrokenPipe));
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let run = Stream::new(1);
    let mut builder = ParameterBuilder::new(run.purpose("weights"));
    let network = Network::new(&mut builder);
    let mut parameters = builder.build();
    let mut optimizer = Optimizer::new(&OptimizerConfig::adamw(1e-4), parameters.len())?;
    let (base, schedule) = (0.01, LearningRate::Cosine { warmup_steps: 20, final_fraction: 0.0 });
    schedule.validate(base)?;

    for step in 0..STEPS {
        let (points, classes) = sample(run.purpose("train").child(step));
        let mut tape = Tape::new(Mode::Train);
        let slot = tape.attach(&parameters);
        let x = tape.constant(points);
        let logits = network.forward(&mut tape, slot, x);
        let loss = tape.cross_entropy(logits, &classes);
        if step % 100 == 0 {
            say(&format!("step {step:3}  loss {:.3}", tape.value(loss).item()));
        }
        let mut gradients = tape.backward(loss);
        let (gradient, statistics) = (gradients.take_parameters(slot), gradients.take_statistics(slot));
        optimizer.step(parameters.values_mut(), &gradient, schedule.at(step, STEPS, base));
        parameters.update_statistics(&statistics);
    }

    let (points, classes) = sample(run.purpose("test"));
    let found = network.classes(&parameters, points);
    let right = found.iter().zip(&classes).filter(|(found, class)| found == class).count();
    say(&format!("{right} of {BATCH} new points on the right spiral\n"));
    draw(&network, &parameters);
    Ok(())
}
