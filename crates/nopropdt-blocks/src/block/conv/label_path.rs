//! What a block makes of the latent.

use super::ConvBlock;
use super::dense::Dense;
use super::image_path::ImagePath;
use nopropdt_tensor::random::Stream;
use nopropdt_tensor::{ParameterBuilder, Slot, Tape, Var};

#[derive(Debug, Clone)]
pub(super) enum LabelPath {
    /// FC BN ReLU (= h1) · FC BN ReLU · FC BN, + h1: discrete time.
    Deep([Dense; 3]),
    /// FC ReLU: continuous time.
    Shallow(Dense),
    /// As the image path: a latent that is an image.
    Image { path: Box<ImagePath>, image: [usize; 3] },
}

impl LabelPath {
    /// The path of a latent of `dim` values.
    pub(super) fn vector(
        config: &ConvBlock,
        timed: bool,
        dim: usize,
        builder: &mut ParameterBuilder,
    ) -> Self {
        let hidden = config.hidden;
        if timed {
            return Self::Shallow(Dense::new(builder, 1, (dim, hidden), false));
        }
        let mut inputs = dim;
        Self::Deep(std::array::from_fn(|index| {
            let layer = Dense::new(builder, index + 1, (inputs, hidden), true);
            inputs = hidden;
            layer
        }))
    }

    /// The path of a latent that is an image.
    pub(super) fn image(
        config: &ConvBlock,
        timed: bool,
        image: [usize; 3],
        builder: &mut ParameterBuilder,
    ) -> Self {
        Self::Image { path: Box::new(ImagePath::new(config, timed, image, builder)), image }
    }

    /// z [B, d] -> [B, hidden]
    pub(super) fn forward(&self, tape: &mut Tape<'_>, slot: Slot, z: Var, dropout: Option<Stream>) -> Var {
        match self {
            Self::Deep([first, second, third]) => {
                let h1 = first.forward_relu(tape, slot, z);
                let h2 = second.forward_relu(tape, slot, h1);
                let h3 = third.forward(tape, slot, h2);
                tape.add(h3, h1)
            }
            Self::Shallow(layer) => layer.forward_relu(tape, slot, z),
            &Self::Image { ref path, image: [height, width, channels] } => {
                let rows = tape.shape(z)[0];
                let images = tape.reshape(z, &[rows, height, width, channels]);
                path.forward(tape, slot, images, dropout)
            }
        }
    }

    pub(super) fn multiply_adds(&self) -> u64 {
        match self {
            Self::Deep(layers) => layers.iter().map(Dense::multiply_adds).sum(),
            Self::Shallow(layer) => layer.multiply_adds(),
            Self::Image { path, .. } => path.multiply_adds(),
        }
    }
}
