//! The two published denoising blocks, as burn's users would write them.

use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::pool::{MaxPool2d, MaxPool2dConfig};
use burn::nn::{BatchNorm, BatchNormConfig, Dropout, DropoutConfig, Linear, LinearConfig, PaddingConfig2d};
use burn::prelude::*;
use burn::tensor::activation::relu;

const CHANNELS: [usize; 3] = [32, 64, 128];
const HIDDEN: usize = 256;
const DROPOUT: f64 = 0.2;

/// A linear layer with batch norm.
#[derive(Module, Debug)]
struct Normalised {
    fc: Linear,
    bn: BatchNorm,
}

impl Normalised {
    fn new(inputs: usize, outputs: usize, device: &Device) -> Self {
        Self {
            fc: LinearConfig::new(inputs, outputs).init(device),
            bn: BatchNormConfig::new(outputs).init(device),
        }
    }

    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.bn.forward(self.fc.forward(x))
    }
}

/// An image path, a label path and a join that ends in class logits.
#[derive(Module, Debug)]
pub struct Block {
    convolutions: Vec<Conv2d>,
    /// Which convolutions a 2×2 max-pool follows.
    #[module(skip)]
    pooled: [bool; 3],
    /// Global average pooling instead of flattening.
    #[module(skip)]
    average: bool,
    pool: MaxPool2d,
    dropout: Dropout,
    image: Normalised,
    label: Vec<Normalised>,
    join: Vec<Normalised>,
    out: Linear,
}

/// Sizes of a block.
pub struct BlockConfig {
    /// The reference repository's block instead of the paper's.
    pub reference: bool,
    /// [height, width, channels]
    pub image: [usize; 3],
    /// Classes, and length of the embedding.
    pub classes: usize,
}

impl Block {
    pub fn new(config: &BlockConfig, device: &Device) -> Self {
        let [height, width, channels] = config.image;
        let pooled = [true, config.reference, true];
        let pools = pooled.iter().filter(|pooled| **pooled).count();
        let pixels = if config.reference { 1 } else { (height >> pools) * (width >> pools) };
        let join = if config.reference { [256, 256] } else { [256, 128] };
        let inputs = [channels, CHANNELS[0], CHANNELS[1]];
        let convolution = |(inputs, outputs)| {
            let config = Conv2dConfig::new([inputs, outputs], [3, 3]);
            config.with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1)).init(device)
        };
        Self {
            convolutions: inputs.into_iter().zip(CHANNELS).map(convolution).collect(),
            pooled,
            average: config.reference,
            pool: MaxPool2dConfig::new([2, 2]).with_strides([2, 2]).init(),
            dropout: DropoutConfig::new(DROPOUT).init(),
            image: Normalised::new(CHANNELS[2] * pixels, HIDDEN, device),
            label: [config.classes, HIDDEN, HIDDEN]
                .map(|inputs| Normalised::new(inputs, HIDDEN, device))
                .into(),
            join: vec![
                Normalised::new(2 * HIDDEN, join[0], device),
                Normalised::new(join[0], join[1], device),
            ],
            out: LinearConfig::new(join[1], config.classes).init(device),
        }
    }

    /// Class logits [B, m] of images [B, C, H, W] and latents [B, d].
    pub fn forward(&self, images: Tensor<4>, z: Tensor<2>) -> Tensor<2> {
        let mut x = images;
        for (convolution, pooled) in self.convolutions.iter().zip(self.pooled) {
            x = relu(convolution.forward(x));
            if pooled {
                x = self.pool.forward(x);
            }
            x = self.dropout.forward(x);
        }
        let flat: Tensor<2> =
            if self.average { x.mean_dim(3).mean_dim(2).flatten(1, 3) } else { x.flatten(1, 3) };
        let features = self.image.forward(flat);
        let h1 = relu(self.label[0].forward(z));
        let h2 = relu(self.label[1].forward(h1.clone()));
        let label = self.label[2].forward(h2) + h1;
        let mut joined = Tensor::cat(vec![features, label], 1);
        for layer in &self.join {
            joined = relu(layer.forward(joined));
        }
        self.out.forward(joined)
    }
}
