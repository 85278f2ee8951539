//! The work of `cargo xtask bench` in burn with its flex backend: one JSON object a line in, one out.
//!
//! Requests: `hello`, `warm` (make a block ready), `train` (block steps for so many seconds). RAYON_NUM_THREADS sets the threads.

mod block;

use block::{Block, BlockConfig};
use burn::grad_clipping::GradientClippingConfig;
use burn::optim::{AdamWConfig, GradientsParams, ModuleOptimizer};
use burn::prelude::*;
use burn::tensor::Distribution;
use burn::tensor::activation::softmax;
use serde::Deserialize;
use serde_json::{Value, json};
use std::io::{BufRead, Write};
use std::time::Instant;

const WARM_UP: usize = 3;

/// A request, but for `hello`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Work {
    block: String,
    height: usize,
    width: usize,
    channels: usize,
    classes: usize,
    batch: usize,
    precision: String,
    layout: String,
}

/// One block, its optimiser and a batch.
struct Training {
    work: Work,
    block: Option<Block>,
    optimizer: ModuleOptimizer,
    images: Tensor<4>,
    target: Tensor<2>,
    embedding: Tensor<2>,
}

impl Training {
    fn new(work: Work) -> Result<Self, String> {
        if (work.precision.as_str(), work.layout.as_str()) != ("f32", "nchw") {
            return Err(format!("wants f32 and nchw; found {} and {}", work.precision, work.layout));
        }
        let reference = match work.block.as_str() {
            "paper" => false,
            "reference" => true,
            found => return Err(format!("block must be paper or reference; found {found}")),
        };
        let device = Device::flex().autodiff();
        device.seed(0);
        let image = [work.height, work.width, work.channels];
        let block = Block::new(&BlockConfig { reference, image, classes: work.classes }, &device);
        let pixels = [work.batch, work.channels, work.height, work.width];
        let labels: Vec<i32> = (0..work.batch).map(|index| (index % work.classes) as i32).collect();
        let embedding = Tensor::eye(work.classes, &device);
        let labels = Tensor::<1, Int>::from_ints(labels.as_slice(), &device);
        let mut training = Self {
            block: Some(block),
            // burn clips the norm of each tensor; the work is that of clipping the whole gradient's.
            optimizer: AdamWConfig::new()
                .with_weight_decay(1e-3)
                .with_grad_clipping(Some(GradientClippingConfig::Norm(1.0)))
                .init(),
            images: Tensor::random(pixels, Distribution::Uniform(0.0, 1.0), &device),
            target: Tensor::select(embedding.clone(), 0, labels),
            embedding,
            work,
        };
        (0..WARM_UP).for_each(|_| training.step());
        Ok(training)
    }

    /// Noise, forward, loss, backward, clip, update.
    fn step(&mut self) {
        let block = self.block.take().expect("put back after every step");
        let noise = self.target.random_like(Distribution::Normal(0.0, 1.0));
        let z = self.target.clone() * 0.7 + noise * 0.7;
        let logits = block.forward(self.images.clone(), z);
        let estimate = softmax(logits, 1).matmul(self.embedding.clone());
        let difference = estimate - self.target.clone();
        let loss = (difference.clone() * difference).sum_dim(1).mean();
        let gradients = GradientsParams::from_grads(loss.backward(), &block);
        self.block = Some(self.optimizer.step(1e-3, block, gradients));
    }

    /// Seconds of each step, until so many have passed.
    fn run(&mut self, seconds: f64) -> Vec<f64> {
        let (start, mut times) = (Instant::now(), Vec::new());
        while times.is_empty() || start.elapsed().as_secs_f64() < seconds {
            let begin = Instant::now();
            self.step();
            times.push(begin.elapsed().as_secs_f64());
        }
        times
    }
}

/// What a request is answered with; the last block is kept.
fn answer(line: &str, kept: &mut Option<Training>) -> Result<Value, String> {
    let request: Value = serde_json::from_str(line).map_err(|error| error.to_string())?;
    let what = request["do"].as_str().unwrap_or_default();
    if what == "hello" {
        return Ok(json!({"framework": "burn", "version": "0.22.1"}));
    }
    if !["warm", "train"].contains(&what) {
        return Err(format!("do must be hello, warm or train; found {what}"));
    }
    let work: Work = serde_json::from_value(request.clone()).map_err(|error| error.to_string())?;
    if kept.as_ref().is_none_or(|training| training.work != work) {
        *kept = None;
        *kept = Some(Training::new(work)?);
    }
    match (kept, request["seconds"].as_f64()) {
        (Some(training), Some(seconds)) if what == "train" => Ok(json!({"seconds": training.run(seconds)})),
        _ if what == "warm" => Ok(json!({"seconds": []})),
        _ => Err("train wants seconds".to_owned()),
    }
}

fn main() -> std::io::Result<()> {
    let mut kept = None;
    for line in std::io::stdin().lock().lines() {
        let answer = answer(&line?, &mut kept).unwrap_or_else(|error| json!({"error": error}));
        let mut output = std::io::stdout().lock();
        writeln!(output, "{answer}")?;
        output.flush()?;
    }
    Ok(())
}
