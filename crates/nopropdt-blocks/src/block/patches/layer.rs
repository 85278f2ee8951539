//! The layers of a block of patches: attention and two linear layers, each added to its own input.

use super::PatchBlock;
use nopropdt_tensor::layers::{LayerNorm, Linear};
use nopropdt_tensor::random::Stream;
use nopropdt_tensor::{Dropout, ParameterBuilder, Slot, Tape, Var};

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
        let h = self.norm.forward(tape, slot, x);
        let h = self.fc1.forward(tape, slot, h);
        let h = tape.relu(h);
        let h = self.fc2.forward(tape, slot, h);
        add(tape, x, h, self.dropout, dropout)
    }
}

/// x + h, some of h dropped.
fn add(tape: &mut Tape<'_>, x: Var, h: Var, probability: f32, dropout: Option<Stream>) -> Var {
    let h = dropout.map_or(h, |stream| tape.dropout(h, Dropout { probability, stream }));
    tape.add(x, h)
}

/// [B·n, width] -> [B, heads, n, width of a head]
fn split(tape: &mut Tape<'_>, x: Var, rows: usize, heads: usize) -> Var {
    let [all, width] = *tape.shape(x) else { unreachable!("tokens are rows") };
    let x = tape.reshape(x, &[rows, all / rows, heads, width / heads]);
    tape.permute(x, &[0, 2, 1, 3])
}

/// Attention of the tokens of an image to one another, then two linear layers.
#[derive(Debug, Clone)]
pub(super) struct Layer {
    norm: LayerNorm,
    query: Linear,
    key: Linear,
    value: Linear,
    out: Linear,
    mlp: Mlp,
    heads: usize,
    dropout: f32,
}

impl Layer {
    pub(super) fn new(config: &PatchBlock, builder: &mut ParameterBuilder) -> Self {
        let width = config.width;
        let (norm, [query, key, value, out]) = builder.scope("attention", |b| {
            let norm = LayerNorm::new(b, "norm", width);
            (norm, ["query", "key", "value", "out"].map(|name| Linear::new(b, name, width, width)))
        });
        let (heads, dropout) = (config.heads, config.dropout);
        Self { norm, query, key, value, out, mlp: Mlp::new(config, builder), heads, dropout }
    }

    /// x [B·N, width] -> the same
    pub(super) fn forward(
        &self,
        tape: &mut Tape<'_>,
        slot: Slot,
        x: Var,
        rows: usize,
        dropout: Option<Stream>,
    ) -> Var {
        let shape = tape.shape(x).to_vec();
        let h = self.norm.forward(tape, slot, x);
        let [q, k, v] = [self.query, self.key, self.value].map(|layer| {
            let h = layer.forward(tape, slot, h);
            split(tape, h, rows, self.heads)
        });
        let h = tape.attention(q, k, v);
        let h = tape.permute(h, &[0, 2, 1, 3]);
        let h = tape.reshape(h, &shape);
        let h = self.out.forward(tape, slot, h);
        let x = add(tape, x, h, self.dropout, dropout.map(|stream| stream.purpose("attention")));
        self.mlp.forward(tape, slot, x, dropout.map(|stream| stream.purpose("mlp")))
    }
}

/// Attention of the token of the latent to those of the image, then two linear layers.
#[derive(Debug, Clone)]
pub(super) struct Reader {
    norm: LayerNorm,
    query: Linear,
    key: Linear,
    value: Linear,
    out: Linear,
    mlp: Mlp,
    heads: usize,
    dropout: f32,
}

impl Reader {
    pub(super) fn new(config: &PatchBlock, builder: &mut ParameterBuilder) -> Self {
        let Layer { norm, query, key, value, out, mlp, heads, dropout } = Layer::new(config, builder);
        Self { norm, query, key, value, out, mlp, heads, dropout }
    }

    /// Keys and values of the image's tokens [B·N, width]: each [B, N·width].
    pub(super) fn prepare(&self, tape: &mut Tape<'_>, slot: Slot, x: Var, rows: usize) -> [Var; 2] {
        [self.key, self.value].map(|layer| {
            let h = layer.forward(tape, slot, x);
            let h = split(tape, h, rows, self.heads);
            tape.flatten(h)
        })
    }

    /// x [B, width], keys and values as of [`Reader::prepare`] -> [B, width]
    pub(super) fn forward(
        &self,
        tape: &mut Tape<'_>,
        slot: Slot,
        x: Var,
        image: [Var; 2],
        dropout: Option<Stream>,
    ) -> Var {
        let [rows, width] = *tape.shape(x) else { unreachable!("a token a row") };
        let h = self.norm.forward(tape, slot, x);
        let q = self.query.forward(tape, slot, h);
        let q = split(tape, q, rows, self.heads);
        let tokens = tape.shape(image[0])[1] / width;
        let [k, v] = image.map(|part| tape.reshape(part, &[rows, self.heads, tokens, width / self.heads]));
        let h = tape.attention(q, k, v);
        let h = tape.reshape(h, &[rows, width]);
        let h = self.out.forward(tape, slot, h);
        let x = add(tape, x, h, self.dropout, dropout.map(|stream| stream.purpose("attention")));
        self.mlp.forward(tape, slot, x, dropout.map(|stream| stream.purpose("mlp")))
    }
}
