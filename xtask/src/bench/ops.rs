//! Where a step's time goes: every operation of a block by itself, on one thread.

use super::cases::{BATCH, CLASSES, Case, Plan};
use super::ours::Setup;
use anyhow::Result;
use nopropdt_blocks::{ConvBlock, Method};
use nopropdt_kernels::conv3x3::{ConvShape, Epilogue};
use nopropdt_kernels::measure::{ConvolutionPasses, LinearProducts, Times};
use nopropdt_kernels::{DropoutMask, Kernels, active};
use nopropdt_tensor::layers::BatchNorm;
use nopropdt_tensor::optim::{Optimizer, OptimizerConfig, clip_gradient_norm};
use nopropdt_tensor::random::Stream;
use nopropdt_tensor::{Mode, ParameterBuilder, Parameters, Precision, Tape, Tensor};
use serde::Serialize;
use std::time::Duration;

/// An operation's speed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct OpRow {
    pub(super) op: String,
    /// How often it happens in a step.
    pub(super) times: usize,
    /// Of one time.
    pub(super) ms: f64,
    /// None where multiply-adds are not what the time is for.
    pub(super) gflops: Option<f64>,
    pub(super) peak_fraction: Option<f64>,
}

/// Times operations one after the other.
struct Bench {
    kernels: &'static dyn Kernels,
    precision: Precision,
    limit: Duration,
    peak: Option<f64>,
    rows: Vec<OpRow>,
}

impl Bench {
    fn push(&mut self, op: String, times: usize, seconds: f64, flop: Option<f64>) {
        let gflops = flop.map(|flop| flop / seconds / 1e9).filter(|rate| rate.is_finite());
        let peak_fraction = gflops.zip(self.peak).map(|(rate, peak)| rate / peak);
        self.rows.push(OpRow { op, times, ms: 1e3 * seconds, gflops, peak_fraction });
    }

    fn median(&self, call: impl FnMut()) -> f64 {
        Times::of(self.limit, call).median()
    }

    /// A fused convolution. The input's gradient is never computed alone: its time is what both gradients take beyond one.
    fn convolution(&mut self, name: &str, shape: ConvShape, pool: bool, dropout: f32) {
        let dropout = (dropout > 0.0).then(|| DropoutMask::new(dropout, Stream::new(2)));
        let epilogue = Epilogue::Relu { pool, dropout };
        // The image itself is f32.
        let input = if name == "conv1" { Precision::F32 } else { self.precision };
        let mut passes = ConvolutionPasses::stored_in(self.kernels, shape, epilogue, [input, self.precision]);
        let flop = Some(passes.flop());
        let ConvShape { height, width, in_channels, out_channels, .. } = shape;
        let pooled = if pool { ", pooled" } else { "" };
        let name = format!("{name} {height}x{width}x{in_channels}->{out_channels}{pooled}");
        let forward = self.median(|| passes.forward());
        let weight = self.median(|| passes.weight_gradient());
        self.push(format!("{name}: forward"), 1, forward, flop);
        self.push(format!("{name}: weight gradient"), 1, weight, flop);
        if name.starts_with("conv1") {
            return;
        }
        let both = self.median(|| passes.both_gradients());
        self.push(format!("{name}: input gradient"), 1, (both - weight).max(0.0), flop);
    }

    fn linear(&mut self, inputs: usize, outputs: usize, times: usize, input_gradient: bool) {
        let mut layer = LinearProducts::in_precision(self.kernels, BATCH, inputs, outputs, self.precision);
        let (name, flop) = (format!("linear {inputs}->{outputs}"), Some(layer.flop()));
        let forward = self.median(|| layer.forward());
        self.push(format!("{name}: forward"), times, forward, flop);
        let weight = self.median(|| layer.weight_gradient());
        self.push(format!("{name}: weight gradient"), times, weight, flop);
        if input_gradient {
            let input = self.median(|| layer.input_gradient());
            self.push(format!("{name}: input gradient"), times, input, flop);
        }
    }

    /// Batch norm in training over so many rows, with the mean square of its output as the loss.
    fn batch_norm(&mut self, rows: usize, features: usize, times: usize) {
        let mut builder = ParameterBuilder::new(Stream::new(3));
        let layer = BatchNorm::new(&mut builder, "bn", features);
        let parameters = builder.build();
        let x = Tensor::filled_by(&[rows, features], |data| Stream::new(4).fill_normal(data));
        let zeros = Tensor::zeros(&[rows, features]);
        let time = self.median(|| {
            let mut tape = Tape::new(Mode::Train);
            let slot = tape.attach(&parameters);
            let x = tape.variable(x.clone());
            let y = layer.forward(&mut tape, slot, x);
            let target = tape.constant(zeros.clone());
            let loss = tape.squared_error(y, target);
            std::hint::black_box(tape.backward(loss).take_parameters(slot));
        });
        let of_rows = if rows == BATCH { String::new() } else { format!(" of {rows} rows") };
        self.push(format!("batch norm {features}{of_rows}: forward and backward"), times, time, None);
    }

    fn update(&mut self, parameters: usize) -> Result<()> {
        let mut values = vec![0.0; parameters];
        let mut gradient = vec![0.0; parameters];
        Stream::new(5).fill_normal(&mut values);
        Stream::new(6).fill_normal(&mut gradient);
        let mut optimizer = Optimizer::new(&OptimizerConfig::adamw(0.001), parameters)?;
        // A norm that falls a little each time, so that there is always something to scale.
        let mut norm = 1.0;
        let clip = self.median(|| {
            norm *= 0.999;
            clip_gradient_norm(&mut gradient, norm);
        });
        self.push(format!("clip to norm 1, {parameters} values"), 1, clip, None);
        let step = self.median(|| optimizer.step(&mut values, &gradient, 0.001));
        self.push(format!("AdamW, {parameters} values"), 1, step, None);
        Ok(())
    }
}

/// The operations of a step of the case's block, in the network's precision, on the calling thread. `peak` is in GFLOP/s.
pub(super) fn of_block(case: &Case, setup: &Setup, plan: &Plan, peak: Option<f64>) -> Result<Vec<OpRow>> {
    let (precision, limit) = (setup.network.facts().precision, plan.op_limit());
    let mut bench = Bench { kernels: active(), precision, limit, peak, rows: Vec::new() };
    match setup.config.block.name.as_str() {
        "deep" => of_deep(&mut bench, case, &setup.network.init(0).blocks[0]),
        _ => of_conv(&mut bench, case, setup)?,
    }
    bench.update(setup.network.init(0).blocks[0].len())?;
    Ok(bench.rows)
}

/// Those of a deep block, whose convolutions are told by its tensors: a stage's first halves rows and columns.
fn of_deep(bench: &mut Bench, case: &Case, own: &Parameters) {
    let (mut height, mut width) = (case.image.height, case.image.width);
    let mut features = 0;
    let is_kernel = |name: &str| name.contains(".conv") && name.ends_with(".weight");
    for (index, entry) in own.entries().filter(|entry| is_kernel(&entry.name)).enumerate() {
        let [out_channels, in_channels, ..] = entry.shape[..] else { unreachable!("a kernel has four axes") };
        let pool = entry.name.contains("stages.") && entry.name.contains(".conv1.");
        let shape = ConvShape { batch: BATCH, height, width, in_channels, out_channels };
        bench.convolution(&format!("conv{}", index + 1), shape, pool, 0.0);
        if pool {
            (height, width) = (height / 2, width / 2);
        }
        bench.batch_norm(BATCH * height * width, out_channels, 1);
        features = out_channels;
    }
    bench.linear(features, CLASSES, 1, true);
    bench.linear(CLASSES, CLASSES, 1, false);
}

/// Those of the paper's block and its kin.
fn of_conv(bench: &mut Bench, case: &Case, setup: &Setup) -> Result<()> {
    let block = &setup.config.block;
    let ConvBlock { channels, pool, global_average, dropout, hidden, join, .. } =
        block.read(&block.settings)?;
    let (mut height, mut width, mut in_channels) = (case.image.height, case.image.width, case.image.channels);
    for (index, (out_channels, pool)) in channels.into_iter().zip(pool).enumerate() {
        let shape = ConvShape { batch: BATCH, height, width, in_channels, out_channels };
        bench.convolution(&format!("conv{}", index + 1), shape, pool, dropout);
        in_channels = out_channels;
        if pool {
            (height, width) = (height / 2, width / 2);
        }
    }
    let features = in_channels * if global_average { 1 } else { height * width };
    // The latent and the image want no gradient of their own.
    let layers = [
        (features, hidden, true),
        (CLASSES, hidden, false),
        (hidden, hidden, true),
        (hidden, hidden, true),
        (2 * hidden, join[0], true),
        (join[0], join[1], true),
        (join[1], CLASSES, true),
    ];
    for (layer, times) in counted(&layers) {
        bench.linear(layer.0, layer.1, times, layer.2);
    }
    for (features, times) in counted(&[hidden, hidden, hidden, hidden, join[0], join[1]]) {
        bench.batch_norm(BATCH, features, times);
    }
    Ok(())
}

/// Each different item, in the order of first appearance, with how often it appears.
fn counted<T: PartialEq + Copy>(items: &[T]) -> Vec<(T, usize)> {
    let mut found: Vec<(T, usize)> = Vec::new();
    for item in items {
        match found.iter_mut().find(|(known, _)| known == item) {
            Some((_, times)) => *times += 1,
            None => found.push((*item, 1)),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::cases::{CASES, FORMATS};
    use super::*;

    /// The operations listed are the block's: their multiply-adds are those that the network says it has.
    #[test]
    fn no_multiply_add_is_forgotten() {
        let plan = Plan { blocks: 1, rounds: 1, seconds: 0.0, op_seconds: 0.0, images: 0 };
        for (case, format) in CASES.into_iter().flat_map(|case| FORMATS.map(|format| (case, format))) {
            let setup = Setup::new(&case, format, &plan).unwrap();
            let rows = of_block(&case, &setup, &plan, Some(100.0)).unwrap();
            let forward = rows.iter().filter(|row| row.op.ends_with(": forward"));
            let flop: f64 = forward.map(|row| row.times as f64 * row.gflops.unwrap() * row.ms * 1e6).sum();
            let (image, denoising) = setup.network.facts().block.multiply_adds();
            let wanted = (2 * BATCH as u64 * (image + denoising)) as f64;
            assert!((flop / wanted - 1.0).abs() < 1e-9, "{}: {flop} and {wanted}", case.block);
            assert!(rows.iter().any(|row| row.op.starts_with("AdamW") && row.gflops.is_none()));
        }
    }

    #[test]
    fn equal_layers_are_measured_once() {
        assert_eq!(counted(&[3, 5, 3, 3]), [(3, 3), (5, 1)]);
    }
}
