//! 3×3 convolution with what follows it fused.

use super::{Laying, Mode, Pass, Precision, Recorded, Slot, Tape, Value, Var, Window};
use crate::graph::{self, Op};
use crate::parameters::ParameterId;
use crate::random::Stream;
use crate::tensor::Tensor;
use nopropdt_kernels::DropoutMask;
use nopropdt_kernels::active;
use nopropdt_kernels::conv3x3::{Backward, ConvShape, Epilogue, Forward};
use nopropdt_kernels::{Bf16, ValuesMut};
use std::sync::Arc;

/// Dropout of a fraction of values, drawn from a stream of its own.
#[derive(Debug, Clone, Copy)]
pub struct Dropout {
    /// Probability of a value to be dropped, in 0..1.
    pub probability: f32,
    /// Where the mask comes from.
    pub stream: Stream,
}

impl Dropout {
    pub(super) fn mask(&self) -> DropoutMask {
        DropoutMask::new(self.probability, self.stream)
    }
}

/// What is fused behind a convolution.
#[derive(Debug, Clone, Copy)]
pub enum ConvEpilogue {
    /// Nothing.
    Linear,
    /// ReLU; then 2×2 max-pool if `pool`; then, in training, dropout if any.
    Relu {
        /// Whether to pool.
        pool: bool,
        /// Dropout, in training only.
        dropout: Option<Dropout>,
    },
}

impl ConvEpilogue {
    fn in_mode(self, mode: Mode) -> Epilogue {
        match self {
            Self::Linear => Epilogue::Linear,
            Self::Relu { pool, dropout } => {
                let dropout = dropout.filter(|dropout| mode == Mode::Train && dropout.probability > 0.0);
                Epilogue::Relu { pool, dropout: dropout.map(|dropout| dropout.mask()) }
            }
        }
    }
}

/// What a convolution reads of a parameter set, and its channels.
#[derive(Debug, Clone, Copy)]
pub struct ConvParts {
    /// The kernel [3, 3, C_in, C_out].
    pub weight: ParameterId,
    /// The bias `[C_out]`.
    pub bias: ParameterId,
    /// C_in
    pub in_channels: usize,
    /// C_out
    pub out_channels: usize,
}

/// Saved state: the output (recorded anyway) and, when pooling, a byte of arg-max an output value. The
/// full-resolution activation and the dropout mask are not kept: zeros of the output tell both.
struct Conv {
    x: Var,
    slot: Slot,
    parts: ConvParts,
    shape: ConvShape,
    epilogue: Epilogue,
    arg_max: Vec<u8>,
}

impl Recorded for Conv {
    fn name(&self) -> &'static str {
        "conv3x3"
    }

    fn graph(&self, laying: &mut Laying<'_>) -> Option<graph::Value> {
        let (x, ConvParts { weight, bias, .. }) = (laying.value(self.x), self.parts);
        let [weight, bias] = [weight, bias].map(|id| laying.saved_parameter(self.slot, id));
        let x = laying.graph.channels_first(x);
        let mut y = laying.op(Op::Conv { stride: [1; 2], padding: [1; 2] }, &[x, weight, bias])?;
        if let Epilogue::Relu { pool, .. } = self.epilogue {
            y = laying.op(Op::Relu, &[y])?;
            if pool {
                y = laying.op(Op::MaxPool(Window::square(2, 2, 0)), &[y])?;
            }
        }
        Some(laying.graph.channels_last(y))
    }

    fn backward(&self, pass: &mut Pass<'_>, output: &Value, grad_output: &[f32]) {
        let weight = pass.parameter(self.slot, self.parts.weight);
        let bias = pass.parameter(self.slot, self.parts.bias);
        let (shape, epilogue) = (self.shape, self.epilogue);
        let forward = Forward { shape, x: pass.value(self.x).values(), weight, bias, epilogue };
        let backward = Backward { forward, output: output.values(), arg_max: &self.arg_max, grad_output };
        let (mut grad_weight, mut grad_bias) = (vec![0.0; weight.len()], vec![0.0; bias.len()]);
        let mut grad_x = pass.take_gradient(self.x);
        backward.run(active(), &mut grad_weight, &mut grad_bias, grad_x.as_deref_mut());
        if let Some(grad_x) = grad_x {
            pass.give_back(self.x, grad_x);
        }
        super::add(pass.parameter_gradient(self.slot, self.parts.weight), &grad_weight);
        super::add(pass.parameter_gradient(self.slot, self.parts.bias), &grad_bias);
    }

    fn parameters(&self) -> Vec<(Slot, ParameterId)> {
        vec![(self.slot, self.parts.weight), (self.slot, self.parts.bias)]
    }
}

impl Tape<'_> {
    /// 3×3 convolution, stride 1, padding 1, with bias, then the epilogue.
    ///
    /// # Shapes
    /// x [B, H, W, C_in] -> [B, H, W, C_out], or [B, H/2, W/2, C_out] when pooling
    ///
    /// # Panics
    /// When the shapes do not fit.
    pub fn conv3x3(&mut self, x: Var, slot: Slot, parts: &ConvParts, epilogue: ConvEpilogue) -> Var {
        let parameters = self.parameters(slot);
        let input = self.recorded(x);
        let &[batch, height, width, in_channels] = input.shape() else {
            panic!("conv3x3: wants images [B, H, W, C]; shape is {:?}", input.shape())
        };
        let (wanted, out_channels) = (parts.in_channels, parts.out_channels);
        assert_eq!(in_channels, wanted, "conv3x3: kernel wants {wanted} input channels; x has {in_channels}");
        let shape = ConvShape { batch, height, width, in_channels, out_channels };
        let epilogue = epilogue.in_mode(self.mode());
        let (rows, columns) = epilogue.output_size(&shape);
        let (weight, bias) = (parameters.get(parts.weight), parameters.get(parts.bias));
        let forward = Forward { shape, x: input.values(), weight, bias, epilogue };
        let out_shape = [batch, rows, columns, shape.out_channels];
        let length = out_shape.iter().product();
        let mut arg_max = vec![0; if epilogue.pools() { length } else { 0 }];
        let mut run = |output: ValuesMut<'_>| forward.run(active(), output, &mut arg_max);
        let value = match self.precision() {
            Precision::F32 => Value::F32(Tensor::filled_by(&out_shape, |data| run(ValuesMut::F32(data)))),
            Precision::Bf16 => {
                let mut data = vec![Bf16::default(); length];
                run(ValuesMut::Bf16(&mut data));
                Value::Bf16 { shape: out_shape.to_vec(), data: Arc::new(data) }
            }
        };
        self.record_with_parameters(value, Conv { x, slot, parts: *parts, shape, epilogue, arg_max })
    }
}
