//! Convolutions with windows of any size, stride and padding, as products of unrolled images.

use super::window::{Window, image_shape};
use super::{Backward, Operation, Tape, Var};
use crate::graph::{self, GraphBuilder, Op};
use crate::tensor::Tensor;
use nopropdt_kernels::gemm::{Gemm, Operand};
use nopropdt_kernels::{Precision, active};

struct Convolution {
    window: Window,
    precision: Precision,
}

/// Sizes of a convolution.
struct Sizes {
    batch: usize,
    image: [usize; 2],
    places: [usize; 2],
    inputs: usize,
    outputs: usize,
    /// Values of a window: its pixels times the channels.
    window: usize,
}

impl Sizes {
    /// Values of an image, and of its output.
    fn image_len(&self) -> usize {
        self.image[0] * self.image[1] * self.inputs
    }

    fn places_len(&self) -> usize {
        self.places[0] * self.places[1]
    }
}

impl Convolution {
    fn sizes(&self, x: &Tensor, weight: &Tensor) -> Sizes {
        let [batch, height, width, channels] = image_shape("conv2d", x.shape());
        let [rows, columns, inputs, outputs] = image_shape("conv2d: kernel", weight.shape());
        assert_eq!([rows, columns], self.window.size, "conv2d: the kernel is not of the window's size");
        assert_eq!(channels, inputs, "conv2d: kernel wants {inputs} input channels; x has {channels}");
        let places = self.window.places("conv2d", [height, width]);
        let window = rows * columns * inputs;
        Sizes { batch, image: [height, width], places, inputs, outputs, window }
    }

    /// Calls `each(of_unrolled, of_image)` with the first value of every pixel that a window sees: in the unrolled image [places,
    /// window], and in the image.
    fn walk(&self, sizes: &Sizes, mut each: impl FnMut(usize, usize)) {
        for place in 0..sizes.places_len() {
            let at = [place / sizes.places[1], place % sizes.places[1]];
            for (pixel, source) in self.window.pixels(at, sizes.image) {
                each(place * sizes.window + pixel * sizes.inputs, source * sizes.inputs);
            }
        }
    }

    /// Writes an image unrolled, zeros where a window sees padding.
    fn unroll(&self, sizes: &Sizes, image: &[f32], unrolled: &mut [f32]) {
        unrolled.fill(0.0);
        let channels = sizes.inputs;
        self.walk(sizes, |to, from| {
            unrolled[to..to + channels].copy_from_slice(&image[from..from + channels])
        });
    }
}

impl Operation for Convolution {
    fn name(&self) -> &'static str {
        "conv2d"
    }

    fn forward(&mut self, inputs: &[&Tensor]) -> Tensor {
        let [x, weight, bias] = *inputs else { panic!("conv2d: wants images, a kernel and a bias") };
        let sizes = self.sizes(x, weight);
        let (m, n, k) = (sizes.places_len(), sizes.outputs, sizes.window);
        assert_eq!(bias.len(), n, "conv2d: bias does not fit {n} output channels");
        let mut unrolled = vec![0.0; m * k];
        Tensor::filled_by(&[sizes.batch, sizes.places[0], sizes.places[1], n], |output| {
            let images = x.data().chunks_exact(sizes.image_len().max(1));
            for (output, image) in output.chunks_exact_mut((m * n).max(1)).zip(images) {
                self.unroll(&sizes, image, &mut unrolled);
                output.chunks_exact_mut(n.max(1)).for_each(|pixel| pixel.copy_from_slice(bias.data()));
                let (a, b) = (Operand::plain(&unrolled[..]), Operand::plain(weight.data()));
                Gemm { m, n, k, a, b, accumulate: true, precision: self.precision }.run(active(), output);
            }
        })
    }

    fn graph(&self, graph: &mut GraphBuilder, inputs: &[graph::Value]) -> Option<graph::Value> {
        let &[x, weight, bias] = inputs else { return None };
        let Window { stride, padding, .. } = self.window;
        let x = graph.channels_first(x);
        let weight = graph.op(Op::Transpose(vec![3, 2, 0, 1]), &[weight]);
        let y = graph.op(Op::Conv { stride, padding }, &[x, weight, bias]);
        Some(graph.channels_last(y))
    }

    /// With U an image unrolled: dW = Uᵀ·dy, dU = dy·Wᵀ, which is added up where windows overlap, and db sums dy over all places.
    fn backward(&self, back: &mut Backward<'_, '_>) {
        let (x, weight, gradient) = (back.input(0), back.input(1), back.gradient());
        let (sizes, precision, accumulate) = (self.sizes(&x, &weight), self.precision, true);
        let (places, outputs, window) = (sizes.places_len(), sizes.outputs, sizes.window);
        let of_images = || gradient.chunks_exact((places * outputs).max(1));
        let mut unrolled = vec![0.0; places * window];
        back.add(1, |sum| {
            for (image, dy) in x.data().chunks_exact(sizes.image_len().max(1)).zip(of_images()) {
                self.unroll(&sizes, image, &mut unrolled);
                let (a, b) = (Operand::transposed(&unrolled[..]), Operand::plain(dy));
                Gemm { m: window, n: outputs, k: places, a, b, accumulate, precision }.run(active(), sum);
            }
        });
        back.add(0, |sum| {
            for (image, dy) in sum.chunks_exact_mut(sizes.image_len().max(1)).zip(of_images()) {
                let (a, b) = (Operand::plain(dy), Operand::transposed(weight.data()));
                let product = Gemm { m: places, n: window, k: outputs, a, b, accumulate: false, precision };
                product.run(active(), &mut unrolled);
                let channels = sizes.inputs;
                self.walk(&sizes, |from, to| {
                    super::add(&mut image[to..to + channels], &unrolled[from..from + channels]);
                });
            }
        });
        back.add(2, |sum| gradient.chunks_exact(outputs.max(1)).for_each(|dy| super::add(sum, dy)));
    }
}

impl Tape<'_> {
    /// Convolution with a window of any size, stride and padding (zeros), with bias. On a bf16 tape factors are rounded before they are
    /// multiplied. Convolutions of 3×3, stride 1 and padding 1 have a faster way: [`Tape::conv3x3`].
    ///
    /// # Shapes
    /// x [B, H, W, C_in], weight [kh, kw, C_in, C_out], bias `[C_out]` -> [B, H', W', C_out], H' = (H + 2·padding − kh)/stride + 1
    ///
    /// # Panics
    /// When the shapes do not fit.
    pub fn conv2d(&mut self, x: Var, weight: Var, bias: Var, stride: [usize; 2], padding: [usize; 2]) -> Var {
        let shape = image_shape("conv2d: kernel", self.shape(weight));
        let window = Window { size: [shape[0], shape[1]], stride, padding };
        self.apply(Convolution { window, precision: self.precision() }, &[x, weight, bias])
    }
}
