//! Trains NoProp-DT to tell lying stripes from standing ones, on images made here, and prints each block's loss.

use nopropdt_blocks::{
    Batch, ConvBlock, DtConfig, Method, NetworkConfig, NoPropDt, ObjectiveKind, Sampler, ScheduleKind,
    StepInput, Weights,
};
use nopropdt_tensor::Tensor;
use nopropdt_tensor::optim::{Optimizer, OptimizerConfig};
use nopropdt_tensor::random::Stream;
use std::error::Error;
use std::io::{self, ErrorKind, Write};

const SIDE: usize = 8;
const BATCH: usize = 64;
const ROUNDS: u64 = 120;
const LEARNING_RATE: f32 = 2e-3;

fn config() -> DtConfig {
    let block = ConvBlock { channels: [8, 8, 16], hidden: 32, join: [32, 16], ..ConvBlock::paper() };
    DtConfig {
        network: NetworkConfig::new(&[SIDE, SIDE, 1], 2, block),
        steps: 5,
        eta: 0.1,
        schedule: ScheduleKind::Cosine,
        objective: ObjectiveKind::Paper,
        sampler: Sampler::Stochastic,
    }
}

/// Stripes two pixels wide, shifted at random, under noise: class 0 lies, class 1 stands.
fn stripes(stream: Stream) -> Batch {
    let mut draws = [0; BATCH];
    stream.purpose("shift").fill_u16_at(0, &mut draws);
    let inputs = Tensor::filled_by(&[BATCH, SIDE, SIDE, 1], |data| {
        stream.purpose("noise").fill_uniform(data);
        for (index, pixel) in data.iter_mut().enumerate() {
            let (image, row, column) = (index / (SIDE * SIDE), index / SIDE % SIDE, index % SIDE);
            let across = if image % 2 == 0 { row } else { column };
            let lit = (across + usize::from(draws[image] % 4)) / 2 % 2 == 0;
            *pixel = 0.6 * *pixel + if lit { 0.4 } else { 0.0 };
        }
    });
    Batch::new(inputs, (0..BATCH).map(|image| image % 2).collect())
}

/// The fraction of a batch that the blocks' consensus names rightly.
fn accuracy(net: &NoPropDt, weights: &Weights, batch: &Batch) -> f64 {
    let features = net.features(weights, &batch.inputs);
    let trace = net.sample(weights, &features, &|row| Stream::new(3).child(row as u64));
    let answers = trace.consensus().argmax_rows();
    let right = answers.iter().zip(&batch.labels).filter(|(answer, label)| answer == label).count();
    right as f64 / batch.labels.len() as f64
}

/// Prints a line. When nobody reads it, as behind `| head -1`, the program has nothing left to do; `println!` would panic.
fn say(line: &str) {
    if let Err(error) = writeln!(io::stdout(), "{line}") {
        std::process::exit(i32::from(error.kind() != ErrorKind::BrokenPipe));
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let net = NoPropDt::new(&config())?;
    let mut weights = net.init(0);
    let adamw = OptimizerConfig::adamw(1e-3);
    let mut of_head = Optimizer::new(&adamw, weights.shared["head"].len())?;
    let of_blocks = weights.blocks.iter().map(|block| Optimizer::new(&adamw, block.len()));
    let mut of_blocks = of_blocks.collect::<Result<Vec<_>, _>>()?;

    say(&format!("squared error of each of {} blocks", net.facts().blocks));
    for round in 0..ROUNDS {
        let batch = stripes(Stream::new(1).child(round));
        let mut errors = Vec::new();
        for (block, optimizer) in of_blocks.iter_mut().enumerate() {
            let stream = Stream::new(2).child(round).child(block as u64);
            let own = &mut weights.blocks[block];
            let input = StepInput::new(block, std::slice::from_ref(own), &weights.shared, &batch, stream);
            let step = net.step(&input);
            optimizer.step(own.values_mut(), &step.own[0], LEARNING_RATE);
            own.update_statistics(&step.statistics[0]);
            if let Some(gradient) = step.shared.get("head") {
                of_head.step(weights.shared["head"].values_mut(), gradient, LEARNING_RATE);
            }
            errors.push(format!("{:.4}", step.loss.squared_error));
        }
        if round % 15 == 0 || round + 1 == ROUNDS {
            say(&format!("round {round:3}: {}", errors.join("  ")));
        }
    }
    say(&format!("accuracy on unseen images: {:.4}", accuracy(&net, &weights, &stripes(Stream::new(4)))));
    Ok(())
}
