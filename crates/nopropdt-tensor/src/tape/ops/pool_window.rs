//! Pools with windows of any size, stride and padding.

use super::window::{Window, image_shape};
use super::{Backward, Operation, Tape, Var};
use crate::graph::{self, GraphBuilder, Op};
use crate::tensor::Tensor;
use nopropdt_kernels::replaces_maximum;

/// Calls `each(output, inputs)` for every value of a pool's output: its place, and the places in the input of what its window sees.
fn walk(window: &Window, what: &str, shape: [usize; 4], mut each: impl FnMut(usize, &[usize])) -> [usize; 4] {
    let [batch, height, width, channels] = shape;
    let [rows, columns] = window.places(what, [height, width]);
    let (mut pixels, mut seen) = (Vec::new(), Vec::new());
    for (output, place) in (0..batch * rows * columns).enumerate() {
        let (image, at) = (place / (rows * columns), [place / columns % rows, place % columns]);
        pixels.clear();
        pixels.extend(window.pixels(at, [height, width]).map(|(_, pixel)| pixel));
        for channel in 0..channels {
            seen.clear();
            seen.extend(pixels.iter().map(|pixel| (image * height * width + pixel) * channels + channel));
            each(output * channels + channel, &seen);
        }
    }
    [batch, rows, columns, channels]
}

struct MaxPool {
    window: Window,
    /// Place in x of each output's maximum.
    sources: Vec<usize>,
}

impl Operation for MaxPool {
    fn name(&self) -> &'static str {
        "max_pool2d"
    }

    fn forward(&mut self, inputs: &[&Tensor]) -> Tensor {
        let (x, shape) = (inputs[0].data(), image_shape("max_pool2d", inputs[0].shape()));
        let mut sources = Vec::new();
        let shape = walk(&self.window, "max_pool2d", shape, |_, seen| {
            let larger = |best, &at: &usize| if replaces_maximum(x[at], x[best]) { at } else { best };
            sources.push(seen.iter().fold(seen[0], larger));
        });
        self.sources = sources;
        Tensor::filled_by(&shape, |out| {
            out.iter_mut().zip(&self.sources).for_each(|(out, &source)| *out = x[source]);
        })
    }

    fn graph(&self, graph: &mut GraphBuilder, inputs: &[graph::Value]) -> Option<graph::Value> {
        let x = graph.channels_first(inputs[0]);
        let y = graph.op(Op::MaxPool(self.window), &[x]);
        Some(graph.channels_last(y))
    }

    fn backward(&self, back: &mut Backward<'_, '_>) {
        let gradient = back.gradient();
        back.add(0, |sum| self.sources.iter().zip(gradient).for_each(|(&source, g)| sum[source] += g));
    }

    fn keeps_storage(&self) -> bool {
        true
    }
}

struct AveragePool(Window);

impl AveragePool {
    /// What each value counts: padding counts as zeros, as in PyTorch.
    fn share(&self) -> f32 {
        1.0 / (self.0.size[0] * self.0.size[1]) as f32
    }
}

impl Operation for AveragePool {
    fn name(&self) -> &'static str {
        "average_pool2d"
    }

    fn forward(&mut self, inputs: &[&Tensor]) -> Tensor {
        let (x, shape) = (inputs[0].data(), image_shape("average_pool2d", inputs[0].shape()));
        let mut means = Vec::new();
        let shape = walk(&self.0, "average_pool2d", shape, |_, seen| {
            means.push(seen.iter().map(|&at| x[at]).sum::<f32>() * self.share());
        });
        Tensor::filled_by(&shape, |out| out.copy_from_slice(&means))
    }

    fn graph(&self, graph: &mut GraphBuilder, inputs: &[graph::Value]) -> Option<graph::Value> {
        let x = graph.channels_first(inputs[0]);
        let y = graph.op(Op::AveragePool(self.0), &[x]);
        Some(graph.channels_last(y))
    }

    fn backward(&self, back: &mut Backward<'_, '_>) {
        let (shape, gradient) = (image_shape("average_pool2d", back.input(0).shape()), back.gradient());
        back.add(0, |sum| {
            walk(&self.0, "average_pool2d", shape, |output, seen| {
                seen.iter().for_each(|&at| sum[at] += self.share() * gradient[output]);
            });
        });
    }
}

impl Tape<'_> {
    /// The largest value a window sees in each channel; the first of equals, and NaN before all. Stored as `x` is.
    ///
    /// # Shapes
    /// x [B, H, W, C] -> [B, H', W', C], H' = (H + 2·padding − size)/stride + 1
    ///
    /// # Panics
    /// When `x` is no batch of images, or the window does not fit, or could see padding alone: more than half of its size.
    pub fn max_pool2d(&mut self, x: Var, window: Window) -> Var {
        let some = (0..2).all(|axis| 2 * window.padding[axis] <= window.size[axis]);
        assert!(some, "max_pool2d: padding must be at most half of the window; found {window:?}");
        self.apply(MaxPool { window, sources: Vec::new() }, &[x])
    }

    /// The mean of what a window sees in each channel, padding counted as zeros.
    ///
    /// # Shapes
    /// x [B, H, W, C] -> [B, H', W', C], H' = (H + 2·padding − size)/stride + 1
    ///
    /// # Panics
    /// When `x` is no batch of images, or the window does not fit.
    pub fn average_pool2d(&mut self, x: Var, window: Window) -> Var {
        self.apply(AveragePool(window), &[x])
    }
}
