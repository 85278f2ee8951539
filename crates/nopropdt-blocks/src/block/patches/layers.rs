//! The layers of a block of patches: attention, then two linear layers, each of a norm of its input and added to that input.

use super::PatchBlock;
use nopropdt_tensor::init::Initializer;
use nopropdt_tensor::layers::{LayerNorm, Linear};
use nopropdt_tensor::random::Stream;
use nopropdt_tensor::{Dropout, Layout, ParameterBuilder, ParameterId, Slot, Tape, Var};

/// A linear layer with a start of its own.
#[derive(Debug, Clone, Copy)]
pub(super) struct Projection {
    weight: ParameterId,
    bias: ParameterId,
}

impl Projection {
    /// Registers `name.weight` `[outputs, inputs]` and `name.bias` `[outputs]`, with the weight's layout, its start and that of the bias.
    pub(super) fn new(
        builder: &mut ParameterBuilder,
        name: &str,
        [inputs, outputs]: [usize; 2],
        (layout, weight, bias): (Layout, Initializer, Initializer),
    ) -> Self {
        builder.scope(name, |b| Self {
            weight: b.parameter("weight", &[outputs, inputs], layout, weight, inputs),
            bias: b.parameter("bias", &[outputs], Layout::Same, bias, inputs),
        })
    }

    /// Queries or keys, from U(±sqrt(3/width)) and zeros (Glorot and Bengio 2010).
    ///
    /// Of normalised tokens, that makes scores of deviation 1. From PyTorch's start of linear layers it would be 1/3, and attention
    /// little more than a mean of all tokens for many steps.
    fn of_scores(builder: &mut ParameterBuilder, name: &str, width: usize) -> Self {
        let uniform = Initializer::Uniform { bound: (3.0 / width as f32).sqrt() };
        Self::new(builder, name, [width; 2], (Layout::Same, uniform, Initializer::Zeros))
    }

    pub(super) fn forward(self, tape: &mut Tape<'_>, slot: Slot, x: Var) -> Var {
        tape.linear(x, slot, self.weight, self.bias)
    }
}

/// The tokens of each of so many `rows` side by side: [B·n, width] -> [B, n·width]
pub(super) fn join(tape: &mut Tape<'_>, x: Var, rows: usize) -> Var {
    let values: usize = tape.shape(x).iter().product();
    tape.reshape(x, &[rows, values / rows.max(1)])
}

/// x + out(attention), and the projections that attention is made of.
#[derive(Debug, Clone)]
struct Attention {
    norm: LayerNorm,
    query: Projection,
    key: Projection,
    value: Linear,
    out: Linear,
    heads: usize,
    dropout: f32,
}

impl Attention {
    fn new(config: &PatchBlock, builder: &mut ParameterBuilder) -> Self {
        let width = config.width;
        builder.scope("attention", |b| Self {
            norm: LayerNorm::new(b, "norm", width),
            query: Projection::of_scores(b, "query", width),
            key: Projection::of_scores(b, "key", width),
            value: Linear::new(b, "value", width, width),
            out: Linear::new(b, "out", width, width),
            heads: config.heads,
            dropout: config.dropout,
        })
    }

    /// Of tokens [B·k, width] their keys and values, each [B, k·width].
    fn keys_and_values(&self, tape: &mut Tape<'_>, slot: Slot, tokens: Var, rows: usize) -> [Var; 2] {
        let (keys, values) = (self.key.forward(tape, slot, tokens), self.value.forward(tape, slot, tokens));
        [keys, values].map(|x| join(tape, x, rows))
    }

    /// Adds to x [B·n, width] what its queries, which are made of `normed`, find among keys and values [B, k·width].
    fn forward(
        &self,
        tape: &mut Tape<'_>,
        slot: Slot,
        [x, normed]: [Var; 2],
        of_tokens: [Var; 2],
        dropout: Option<Stream>,
    ) -> Var {
        let [all, width] = *tape.shape(x) else { unreachable!("tokens are rows") };
        let [rows, values] = *tape.shape(of_tokens[0]) else { unreachable!("an image's tokens are a row") };
        let queries = self.query.forward(tape, slot, normed);
        let queries = tape.reshape(queries, &[rows, all / rows.max(1), width]);
        let [keys, values] = of_tokens.map(|part| tape.reshape(part, &[rows, values / width, width]));
        let found = tape.attention_of_heads(queries, keys, values, self.heads);
        let found = tape.reshape(found, &[all, width]);
        let found = self.out.forward(tape, slot, found);
        add(tape, x, found, self.dropout, dropout.map(|stream| stream.purpose("attention")))
    }
}

/// x + fc2(ReLU(fc1(norm(x)))).
#[derive(Debug, Clone)]
struct Mlp {
    norm: LayerNorm,
    fc1: Linear,
    fc2: Linear,
    dropout: f32,
}

impl Mlp {
    fn new(config: &PatchBlock, builder: &mut ParameterBuilder) -> Self {
        let (width, hidden) = (config.width, config.width * config.mlp);
        builder.scope("mlp", |b| Self {
            norm: LayerNorm::new(b, "norm", width),
            fc1: Linear::new(b, "fc1", width, hidden),
            fc2: Linear::new(b, "fc2", hidden, width),
            dropout: config.dropout,
        })
    }

    fn forward(&self, tape: &mut Tape<'_>, slot: Slot, x: Var, dropout: Option<Stream>) -> Var {
        let hidden = self.norm.forward(tape, slot, x);
        let hidden = self.fc1.forward(tape, slot, hidden);
        let hidden = tape.relu(hidden);
        let more = self.fc2.forward(tape, slot, hidden);
        add(tape, x, more, self.dropout, dropout.map(|stream| stream.purpose("mlp")))
    }
}

/// x + more, where some of `more` is dropped.
fn add(tape: &mut Tape<'_>, x: Var, more: Var, probability: f32, dropout: Option<Stream>) -> Var {
    let more = dropout.map_or(more, |stream| tape.dropout(more, Dropout { probability, stream }));
    tape.add(x, more)
}

/// The tokens of an image attend to one another.
#[derive(Debug, Clone)]
pub(super) struct Layer {
    attention: Attention,
    mlp: Mlp,
}

impl Layer {
    /// Registers `attention.{norm,query,key,value,out}.…` and `mlp.{norm,fc1,fc2}.…`.
    pub(super) fn new(config: &PatchBlock, builder: &mut ParameterBuilder) -> Self {
        Self { attention: Attention::new(config, builder), mlp: Mlp::new(config, builder) }
    }

    /// x [B·N, width], the tokens of so many `rows` -> the same
    pub(super) fn forward(
        &self,
        tape: &mut Tape<'_>,
        slot: Slot,
        x: Var,
        rows: usize,
        dropout: Option<Stream>,
    ) -> Var {
        let normed = self.attention.norm.forward(tape, slot, x);
        let of_tokens = self.attention.keys_and_values(tape, slot, normed, rows);
        let x = self.attention.forward(tape, slot, [x, normed], of_tokens, dropout);
        self.mlp.forward(tape, slot, x, dropout)
    }
}

/// The tokens of the latent attend to those of an image.
#[derive(Debug, Clone)]
pub(super) struct Reader(Layer);

impl Reader {
    /// Registers what [`Layer::new`] does.
    pub(super) fn new(config: &PatchBlock, builder: &mut ParameterBuilder) -> Self {
        Self(Layer::new(config, builder))
    }

    /// What is read of an image's tokens [B·N, width]: their keys and values, each [B, N·width].
    pub(super) fn prepare(&self, tape: &mut Tape<'_>, slot: Slot, tokens: Var, rows: usize) -> [Var; 2] {
        self.0.attention.keys_and_values(tape, slot, tokens, rows)
    }

    /// x [B·n, width] and what [`Reader::prepare`] made of the image -> [B·n, width]
    pub(super) fn forward(
        &self,
        tape: &mut Tape<'_>,
        slot: Slot,
        x: Var,
        of_tokens: [Var; 2],
        dropout: Option<Stream>,
    ) -> Var {
        let normed = self.0.attention.norm.forward(tape, slot, x);
        let x = self.0.attention.forward(tape, slot, [x, normed], of_tokens, dropout);
        self.0.mlp.forward(tape, slot, x, dropout)
    }
}
