"""The block of image patches and self-attention as a PyTorch module, and its golden values in every place it may stand in."""

import copy
import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

import blocks
from networks import TIME_WIDTH, embed_times
from store import Sampler

BATCH, CLASSES, DIM = 5, 4, 4
# Channels, rows and columns of the images; no side is a multiple of the patch.
IMAGE = (2, 9, 10)
ONE_LAYER = {"depth": 1, "readers": 1}
# Where a block may stand, and how it is cut there: each is a prefix of the file's tensors.
PLACES = {
    "discrete": {},
    "overlap": {"overlap": True} | ONE_LAYER,
    "timed": {"timed": True} | ONE_LAYER,
    "image_latent": {"image_latent": True} | ONE_LAYER,
    "stem": {"stem": True, "image": (2, 8, 12)} | ONE_LAYER,
}


class Attention(nn.Module):
    """What queries made of some tokens [B, n, width] find in other tokens [B, k, width]; both have passed a norm."""

    def __init__(self, width, heads):
        super().__init__()
        self.norm, self.heads = nn.LayerNorm(width), heads
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))

    def forward(self, tokens: Tensor, others: Tensor) -> Tensor:
        parts = ((self.query, tokens), (self.key, others), (self.value, others))
        q, k, v = (layer(x).unflatten(2, (self.heads, -1)).transpose(1, 2) for layer, x in parts)
        return self.out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


class Mlp(nn.Module):
    """fc2(ReLU(fc1(norm(x))))."""

    def __init__(self, width, hidden):
        super().__init__()
        self.norm, self.fc1, self.fc2 = nn.LayerNorm(width), nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.relu(self.fc1(self.norm(x))))


class Layer(nn.Module):
    """Attention and two linear layers, each added to its input. The tokens attend to one another or, as a reader, to others."""

    def __init__(self, width, heads, mlp):
        super().__init__()
        self.attention, self.mlp = Attention(width, heads), Mlp(width, mlp * width)

    def forward(self, x: Tensor, others: Tensor | None = None) -> Tensor:
        normed = self.attention.norm(x)
        x = x + self.attention(normed, normed if others is None else others)
        return x + self.mlp(x)


class Image(nn.Module):
    """Tokens [B, N, width] of an image [B, C, H, W], and their summary [B, s]: patches of it, or of what a stem of
    convolutions makes of it, with zeros around sides that these do not divide."""

    def __init__(self, channels, height, width, patch, overlap, stem, token, heads, depth, summary, mlp):
        super().__init__()
        self.stem = nn.ModuleList()
        while stem and not any(size % 2 for size in (patch, height, width)):
            outputs = token if self.stem else -(-token // 2)
            self.stem.append(nn.Conv2d(channels, outputs, 3, padding=1))
            channels, height, width, patch = outputs, height // 2, width // 2, patch // 2
        margin = -(-patch // 2) if overlap else 0
        counts = [-(-side // patch) for side in (height, width)]
        padding = [-((side - count * patch) // 2) + margin for side, count in zip((height, width), counts)]
        self.patches = nn.Conv2d(channels, token, patch + 2 * margin, stride=patch, padding=padding)
        self.positions = nn.Parameter(torch.empty(math.prod(counts), token))
        self.layers = nn.ModuleList(Layer(token, heads, mlp) for _ in range(depth))
        self.norm = nn.LayerNorm(token)
        self.summary = nn.Linear(math.prod(counts) * token, summary)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        for convolution in self.stem:
            x = F.max_pool2d(F.relu(convolution(x)), 2)
        x = self.patches(x).flatten(2).transpose(1, 2) + self.positions
        for layer in self.layers:
            x = layer(x)
        x = self.norm(x)
        return x, F.relu(self.summary(x.flatten(1)))


class Head(nn.Module):
    """Logits of the latent's tokens [B, n, width] and the image's summary [B, s]."""

    def __init__(self, width, tokens, summary, hidden, classes):
        super().__init__()
        self.norm, self.fc = nn.LayerNorm(width), nn.Linear(tokens * width + summary, hidden)
        self.out = nn.Linear(hidden, classes)

    def forward(self, x: Tensor, summary: Tensor) -> Tensor:
        return self.out(F.relu(self.fc(torch.cat([self.norm(x).flatten(1), summary], dim=1))))


class Fc(nn.Module):
    """A linear layer that is called `fc`."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.fc = nn.Linear(inputs, outputs)


class PatchBlock(nn.Module):
    """The block; a latent that is an image is flattened with its channels last: [B, H W C]."""

    def __init__(self, overlap=False, timed=False, image_latent=False, stem=False, image=IMAGE, patch=4, width=8, heads=2, depth=2, readers=2,
                 summary=5, latent_tokens=3, hidden=6, mlp=2):
        super().__init__()
        self.shape = image
        channels, *sides = image
        self.is_image, self.tokens = image_latent, latent_tokens
        self.dim = math.prod(image) if image_latent else DIM
        self.image = Image(channels, *sides, patch, overlap, stem, width, heads, depth, summary, mlp)
        self.latent = Fc(self.dim, latent_tokens * width)
        self.time = Fc(TIME_WIDTH, latent_tokens * width) if timed else None
        self.readers = nn.ModuleList(Layer(width, heads, mlp) for _ in range(readers))
        self.head = Head(width, latent_tokens, summary, hidden, CLASSES)

    def state(self) -> dict[str, Tensor]:
        """Its tensors by their names in a model file."""
        return self.state_dict()

    def logits(self, x: Tensor, z: Tensor, t: Tensor | None = None) -> Tensor:
        """Class scores [B, m] of images [B, C, H, W] and latents [B, d], where the block is timed at times [B]."""
        if self.is_image:
            z = z.unflatten(1, (*self.shape[1:], self.shape[0])).permute(0, 3, 1, 2).flatten(1)
        tokens = self.latent.fc(z)
        if self.time is not None:
            tokens = tokens + self.time.fc(embed_times(t))
        tokens, (image, summary) = tokens.unflatten(1, (self.tokens, -1)), self.image(x)
        for reader in self.readers:
            tokens = reader(tokens, image)
        return self.head(tokens, summary)

    def forward(self, x: Tensor, z: Tensor, embedding: Tensor, t: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Logits [B, m] and the estimate [B, d] of the clean embedding; `embedding` is W, [m, d]."""
        logits = self.logits(x, z, t)
        return logits, F.softmax(logits, dim=1) @ embedding


def zero_gradients(block: PatchBlock) -> list[str]:
    """Parameters whose true gradient is zero: a key's bias adds the same to all scores of a query, and the softmax subtracts it."""
    return [name for name, _ in block.named_parameters() if name.endswith("key.bias")]


def fill(block: PatchBlock, sampler: Sampler) -> PatchBlock:
    """Parameters in the ranges of the other blocks', norms around one, positions as large as patches."""
    for name, value in block.state_dict().items():
        owner, kind = name.split(".")[-2:]
        if kind == "weight" and owner == "norm":
            centre, half = 1.0, 0.1
        elif kind == "weight":
            centre, half = 0.0, math.sqrt(3.0 / math.prod(value.shape[1:]))
        else:
            centre, half = 0.0, 0.5 if kind == "positions" else 0.1
        value.copy_(sampler.uniform(*value.shape, low=centre - half, high=centre + half))
    return block


def inputs_for(block: PatchBlock, sampler: Sampler) -> dict[str, Tensor]:
    inputs = {
        "x": blocks.images(sampler, BATCH, *block.shape),
        "z": sampler.normal(BATCH, block.dim),
        "W_embed": sampler.normal(CLASSES, block.dim),
        "labels": torch.arange(BATCH) * 3 % CLASSES,
    }
    # Of a time of few binary digits, single precision computes the same sines.
    times = {"t": (torch.arange(BATCH, dtype=torch.float64) + 0.25) / 8} if block.time is not None else {}
    return inputs | times


def values_of(block: PatchBlock, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    """All that the block answers, and every gradient."""
    found = blocks.evaluate(block, inputs) | blocks.train(block, inputs)
    return found | {f"grad.{name}": value for name, value in blocks.true_gradients(block).items()}


def single_precision_error(block: PatchBlock, inputs: dict[str, Tensor]) -> float:
    """How far PyTorch's own float32 is from these goldens, infinite where a gradient vanishes that should not."""
    vanishing = zero_gradients(block)
    wide = values_of(copy.deepcopy(block), inputs)
    narrow = values_of(copy.deepcopy(block).float(), blocks.in_single(inputs))
    zeros = [name.removeprefix("grad.") for name, value in wide.items() if name.startswith("grad.") and not value.any()]
    return blocks.distance(wide, narrow, vanishing) if zeros == vanishing else math.inf


def patches() -> bytes:
    """The file block_patches_small.safetensors."""

    def build(sampler: Sampler, **kind) -> PatchBlock:
        return fill(PatchBlock(**kind).double(), sampler)

    # Where a search with half the tolerance ended; see generate.py.
    return blocks.in_places(PLACES, build, inputs_for, single_precision_error, values_of, 6130, 1e-4,
                            zero_gradients=zero_gradients(PatchBlock()))
