//! Stages of convolutions, from a picture to its features.

use super::DeepBlock;
use super::plan::Plan;
use super::whiten::whitening;
use nopropdt_tensor::layers::{BatchNorm, Conv3x3};
use nopropdt_tensor::{ConvEpilogue, ParameterBuilder, Parameters, Slot, Tape, Tensor, Var};

/// A convolution, then stages, then the mean over places.
#[derive(Debug, Clone)]
pub(super) struct Trunk {
    stem: Layer,
    stages: Vec<Stage>,
}

/// Half as many rows and columns, then further convolutions.
#[derive(Debug, Clone)]
struct Stage {
    halving: Layer,
    further: Vec<Layer>,
    residual: bool,
}

/// Convolution and ReLU, which are one fused operation, with a 2×2 max-pool if any; then batch norm. A norm in front of ReLU would want the
/// convolution's output kept, and would leave fewer gradients zero for the way back to skip.
#[derive(Debug, Clone)]
struct Layer {
    convolution: Conv3x3,
    norm: BatchNorm,
}

impl Layer {
    fn new(builder: &mut ParameterBuilder, number: usize, inputs: usize, outputs: usize) -> Self {
        Self {
            convolution: Conv3x3::new(builder, &format!("conv{number}"), inputs, outputs),
            norm: BatchNorm::new(builder, &format!("bn{number}"), outputs),
        }
    }

    fn forward(&self, tape: &mut Tape<'_>, slot: Slot, x: Var, pool: bool) -> Var {
        let x = self.convolution.forward(tape, slot, x, ConvEpilogue::Relu { pool, dropout: None });
        self.norm.forward(tape, slot, x)
    }
}

impl Trunk {
    /// Registers `stem.…` and `stages.{i}.…`.
    pub(super) fn new(
        block: &DeepBlock,
        plan: &Plan,
        channels: usize,
        builder: &mut ParameterBuilder,
    ) -> Self {
        let stem = builder.scope("stem", |b| Layer::new(b, 1, channels, plan.stem));
        let mut inputs = plan.stem;
        let stage = |(index, &outputs): (usize, &usize)| {
            let stage = builder.scope(&format!("stages.{index}"), |b| Stage {
                halving: Layer::new(b, 1, inputs, outputs),
                further: (0..block.depth).map(|i| Layer::new(b, i + 2, outputs, outputs)).collect(),
                residual: block.residual,
            });
            inputs = outputs;
            stage
        };
        Self { stem, stages: plan.stages.iter().enumerate().map(stage).collect() }
    }

    /// Lets the first convolution start from these images' principal components. Channels for which there is none keep their values: with
    /// zeros, ReLU would never pass them a gradient.
    pub(super) fn whiten(&self, own: &mut Parameters, images: &Tensor) {
        let parts = self.stem.convolution.parts();
        for (channel, filter) in whitening(images, parts.out_channels).iter().enumerate() {
            let kernel = own.get_mut(parts.weight).iter_mut().skip(channel).step_by(parts.out_channels);
            kernel.zip(&filter.kernel).for_each(|(to, &from)| *to = from);
            own.get_mut(parts.bias)[channel] = filter.bias;
        }
    }

    /// images [B, H, W, C] -> [B, width]
    pub(super) fn forward(&self, tape: &mut Tape<'_>, slot: Slot, images: Var) -> Var {
        let mut x = self.stem.forward(tape, slot, images, false);
        for stage in &self.stages {
            x = stage.halving.forward(tape, slot, x, true);
            for layer in &stage.further {
                let more = layer.forward(tape, slot, x, false);
                x = if stage.residual { tape.add(x, more) } else { more };
            }
        }
        tape.global_average_pool(x)
    }
}
