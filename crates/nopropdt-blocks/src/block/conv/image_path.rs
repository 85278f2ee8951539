//! Three convolutions and a linear layer: what a block sees of the image.

use super::ConvBlock;
use nopropdt_tensor::layers::{BatchNorm, Conv3x3, Linear};
use nopropdt_tensor::random::Stream;
use nopropdt_tensor::{ConvEpilogue, Dropout, ParameterBuilder, Slot, Tape, Var};

#[derive(Debug, Clone)]
pub(super) struct ImagePath {
    convolutions: [Stage; 3],
    global_average: bool,
    fc: Linear,
    /// None where the site is timed: ReLU takes its place.
    bn: Option<BatchNorm>,
    multiply_adds: u64,
}

/// Convolution, ReLU, optional pooling, dropout: one fused operation, and the same again where there is a residual.
#[derive(Debug, Clone)]
struct Stage {
    convolution: Conv3x3,
    /// x + ReLU(conv(x)) behind the first.
    residual: Option<Conv3x3>,
    pool: bool,
    dropout: f32,
}

impl ImagePath {
    pub(super) fn new(
        config: &ConvBlock,
        timed: bool,
        image: [usize; 3],
        builder: &mut ParameterBuilder,
    ) -> Self {
        let [mut height, mut width, mut channels] = image;
        let mut multiply_adds = 0;
        let convolutions = std::array::from_fn(|index| {
            let outputs = config.channels[index];
            let convolution = Conv3x3::new(builder, &format!("conv{}", index + 1), channels, outputs);
            multiply_adds += height * width * 9 * channels * outputs;
            channels = outputs;
            if config.pool[index] {
                (height, width) = (height / 2, width / 2);
            }
            let residual = (config.residual && index > 0).then(|| {
                multiply_adds += height * width * 9 * channels * channels;
                Conv3x3::new(builder, &format!("conv{}_residual", index + 1), channels, channels)
            });
            Stage { convolution, residual, pool: config.pool[index], dropout: config.dropout }
        });
        let pixels = if config.global_average { 1 } else { height * width };
        multiply_adds += pixels * channels * config.hidden;
        Self {
            convolutions,
            global_average: config.global_average,
            fc: Linear::after_flatten(builder, "fc", pixels, channels, config.hidden),
            bn: (!timed).then(|| BatchNorm::new(builder, "bn", config.hidden)),
            multiply_adds: multiply_adds as u64,
        }
    }

    pub(super) fn forward(
        &self,
        tape: &mut Tape<'_>,
        slot: Slot,
        images: Var,
        dropout: Option<Stream>,
    ) -> Var {
        let mut x = images;
        for (index, stage) in self.convolutions.iter().enumerate() {
            let stream = dropout.map(|stream| stream.child(index as u64));
            let dropout = stream.map(|stream| Dropout { probability: stage.dropout, stream });
            let epilogue = ConvEpilogue::Relu { pool: stage.pool, dropout };
            x = stage.convolution.forward(tape, slot, x, epilogue);
            if let Some(convolution) = &stage.residual {
                let dropout =
                    dropout.map(|dropout| Dropout { stream: dropout.stream.purpose("residual"), ..dropout });
                let more = convolution.forward(tape, slot, x, ConvEpilogue::Relu { pool: false, dropout });
                x = tape.add(x, more);
            }
        }
        let flat = if self.global_average { tape.global_average_pool(x) } else { tape.flatten(x) };
        let features = self.fc.forward(tape, slot, flat);
        match self.bn {
            Some(bn) => bn.forward(tape, slot, features),
            None => tape.relu(features),
        }
    }

    pub(super) fn multiply_adds(&self) -> u64 {
        self.multiply_adds
    }
}
