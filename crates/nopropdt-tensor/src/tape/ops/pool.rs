//! Pooling over images [B, H, W, C].

use super::{Laying, Pass, Recorded, Tape, Value, Var, Window};
use crate::graph::{self, Op};
use crate::tensor::Tensor;
use nopropdt_kernels::replaces_maximum;

struct MaxPool {
    x: Var,
    /// Position in x of each output's maximum.
    sources: Vec<u32>,
}

impl Recorded for MaxPool {
    fn name(&self) -> &'static str {
        "max_pool"
    }

    fn graph(&self, laying: &mut Laying<'_>) -> Option<graph::Value> {
        let x = laying.value(self.x);
        let x = laying.graph.channels_first(x);
        let y = laying.op(Op::MaxPool(Window::square(2, 2, 0)), &[x])?;
        Some(laying.graph.channels_last(y))
    }

    fn backward(&self, pass: &mut Pass<'_>, _output: &Value, grad_output: &[f32]) {
        pass.accumulate(self.x, |grad| {
            self.sources.iter().zip(grad_output).for_each(|(&source, g)| grad[source as usize] += g);
        });
    }
}

struct GlobalAveragePool {
    x: Var,
}

impl Recorded for GlobalAveragePool {
    fn name(&self) -> &'static str {
        "global_average_pool"
    }

    fn graph(&self, laying: &mut Laying<'_>) -> Option<graph::Value> {
        let (x, shape) = (laying.value(self.x), laying.shape(self.x));
        let x = laying.graph.channels_first(x);
        let x = laying.op(Op::reshape(vec![shape[3], shape[1] * shape[2]]), &[x])?;
        laying.op(Op::ReduceMean { axis: 2 }, &[x])
    }

    fn backward(&self, pass: &mut Pass<'_>, _output: &Value, grad_output: &[f32]) {
        let [_, height, width, channels] = image_shape(pass.value(self.x));
        let pixels = height * width;
        pass.accumulate(self.x, |grad| {
            let images = grad.chunks_exact_mut((pixels * channels).max(1));
            let images = images.zip(grad_output.chunks_exact(channels.max(1)));
            for (image, g) in images {
                for pixel in image.chunks_exact_mut(channels) {
                    pixel.iter_mut().zip(g).for_each(|(d, g)| *d += g / pixels as f32);
                }
            }
        });
    }
}

fn image_shape(x: &Value) -> [usize; 4] {
    let shape = x.shape();
    shape.try_into().unwrap_or_else(|_| panic!("pool: wants images [B, H, W, C]; shape is {shape:?}"))
}

impl Tape<'_> {
    /// Largest of each 2×2 window, stride 2; a last odd row or column is left out. The first of equals wins, and NaN does.
    ///
    /// # Shapes
    /// x [B, H, W, C] -> [B, H/2, W/2, C]
    ///
    /// # Panics
    /// When `x` is not a batch of images, or holds more than 2³² values.
    pub fn max_pool(&mut self, x: Var) -> Var {
        let input = self.recorded(x);
        let [batch, height, width, channels] = image_shape(input);
        let length = input.len();
        assert!(u32::try_from(length).is_ok(), "max_pool: wants at most 2^32 values; found {length}");
        let data = input.data();
        let mut sources = Vec::with_capacity(batch * (height / 2) * (width / 2) * channels);
        for image in 0..batch {
            for row in 0..height / 2 {
                for column in 0..width / 2 {
                    let top_left = ((image * height + 2 * row) * width + 2 * column) * channels;
                    for channel in top_left..top_left + channels {
                        let rest = [
                            channel + channels,
                            channel + width * channels,
                            channel + (width + 1) * channels,
                        ];
                        let larger =
                            |best, at| if replaces_maximum(data[at], data[best]) { at } else { best };
                        sources.push(rest.into_iter().fold(channel, larger) as u32);
                    }
                }
            }
        }
        let value = Tensor::filled_by(&[batch, height / 2, width / 2, channels], |out| {
            out.iter_mut().zip(&sources).for_each(|(out, &source)| *out = data[source as usize]);
        });
        let value = Value::stored(value, input.is_rounded());
        self.record(value, &[x], MaxPool { x, sources })
    }

    /// Mean over the pixels of each channel.
    ///
    /// # Shapes
    /// x [B, H, W, C] -> [B, C]
    ///
    /// # Panics
    /// When `x` is not a batch of images of at least one pixel.
    pub fn global_average_pool(&mut self, x: Var) -> Var {
        let [batch, height, width, channels] = image_shape(self.recorded(x));
        let pixels = height * width;
        assert!(pixels > 0, "global_average_pool: wants at least one pixel; image is {height}×{width}");
        let value = Tensor::filled_by(&[batch, channels], |out| {
            let images = self.widened(x);
            let images = images.data().chunks_exact((pixels * channels).max(1));
            for (out, image) in out.chunks_exact_mut(channels.max(1)).zip(images) {
                image.chunks_exact(channels).for_each(|pixel| super::add(out, pixel));
                out.iter_mut().for_each(|sum| *sum /= pixels as f32);
            }
        });
        self.record(value, &[x], GlobalAveragePool { x })
    }
}
