"""The deep convolutional block as a PyTorch module, and its golden values in every place it may stand in."""

import copy
import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

import blocks
from networks import TIME_WIDTH, embed_times
from store import Sampler

BATCH, CLASSES, DIM = 5, 4, 4
# Channels, rows and columns of the images; a pool leaves a row out.
IMAGE = (2, 7, 8)
WIDTH = 16
# Where a block may stand: each is a prefix of the file's tensors.
PLACES = {
    "discrete": {},
    "residual": {"residual": True},
    "timed": {"timed": True},
    "image_latent": {"image_latent": True, "stages": 1},
}


def add_layer(owner: nn.Module, number: int, inputs: int, outputs: int):
    """Gives `owner` a convolution and a batch norm, conv{number} and bn{number}."""
    owner.add_module(f"conv{number}", nn.Conv2d(inputs, outputs, 3, padding=1))
    owner.add_module(f"bn{number}", nn.BatchNorm2d(outputs))


def layer(owner: nn.Module, number: int, x: Tensor, pool: bool) -> Tensor:
    """What the layer of this number in `owner` makes of x: convolution, ReLU, a 2x2 max-pool if any, batch norm."""
    x = F.relu(owner.get_submodule(f"conv{number}")(x))
    return owner.get_submodule(f"bn{number}")(F.max_pool2d(x, 2) if pool else x)


class Stage(nn.Module):
    """A layer that halves rows and columns, and one that does not."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        add_layer(self, 1, inputs, outputs)
        add_layer(self, 2, outputs, outputs)

    def forward(self, x: Tensor, residual: bool) -> Tensor:
        x = layer(self, 1, x, True)
        more = layer(self, 2, x, False)
        return x + more if residual else more


class Image(nn.Module):
    """Features [B, C'] of an image [B, C, H, W]; `widths` are the channels behind the stem and behind each stage, C' the last of them."""

    def __init__(self, channels: int, widths: list[int], residual: bool):
        super().__init__()
        self.stem, self.residual = nn.Module(), residual
        add_layer(self.stem, 1, channels, widths[0])
        self.stages = nn.ModuleList(Stage(inputs, outputs) for inputs, outputs in pairwise(widths))

    def forward(self, x: Tensor) -> Tensor:
        x = layer(self.stem, 1, x, False)
        for stage in self.stages:
            x = stage(x, self.residual)
        return x.mean(dim=(2, 3))


class Head(nn.Module):
    """Logits of the features and of the latent."""

    def __init__(self, width: int, dim: int, classes: int):
        super().__init__()
        self.image, self.latent = nn.Linear(width, classes), nn.Linear(dim, classes)


class Time(nn.Module):
    """What of the latent counts at a time, and what classes do."""

    def __init__(self, dim: int, classes: int):
        super().__init__()
        self.scale, self.shift = nn.Linear(TIME_WIDTH, dim), nn.Linear(TIME_WIDTH, classes)


def vectors(channels: int) -> int:
    """The next multiple of 16."""
    return -(-channels // 16) * 16


class DeepBlock(nn.Module):
    """The block; a latent that is an image is flattened with its channels last: [B, H W C]."""

    def __init__(self, image, dim, classes, widths, residual=False, timed=False, image_latent=False):
        super().__init__()
        self.picture = image if image_latent else None
        self.dim = math.prod(image) if image_latent else dim
        self.image, self.head = Image(image[0], widths, residual), Head(widths[-1], self.dim, classes)
        self.time = Time(self.dim, classes) if timed else None

    @classmethod
    def standard(cls, image: tuple[int, int, int], dim: int, classes: int, width: int = 256) -> "DeepBlock":
        """The block as it comes: as many stages as leave three rows and columns, of `width` channels in the last two and fewer before."""
        stages = max(math.floor(math.log2(min(image[1:]) / 3)), 1)
        shares = [0 if before < 2 else before for before in reversed(range(stages))]
        widths = [vectors(max(width >> share, 1)) for share in shares]
        return cls(image, dim, classes, [vectors(widths[0] // 2), *widths])

    def state(self) -> dict[str, Tensor]:
        """Its tensors by their names in a model file."""
        return {name: value for name, value in self.state_dict().items() if not name.endswith("num_batches_tracked")}

    def forward(self, x: Tensor, z: Tensor, embedding: Tensor, t: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Logits [B, m] and the estimate [B, d] of the clean embedding; `embedding` is W, [m, d]."""
        if self.picture is not None:
            channels, *sides = self.picture
            z = z.unflatten(1, (*sides, channels)).permute(0, 3, 1, 2).flatten(1)
        if self.time is not None:
            z = z * self.time.scale(embed_times(t))
        logits = self.logits(x, z)
        if self.time is not None:
            logits = logits + self.time.shift(embed_times(t))
        return logits, F.softmax(logits, dim=1) @ embedding

    def label(self, z: Tensor) -> Tensor:
        """What a latent says of the classes."""
        return self.head.latent(z)

    def join(self, image: Tensor, label: Tensor) -> Tensor:
        """Logits of the features of an image and of what a latent says."""
        return self.head.image(image) + label

    def logits(self, x: Tensor, z: Tensor) -> Tensor:
        return self.join(self.image(x), self.label(z))


def fill(block: DeepBlock, sampler: Sampler) -> DeepBlock:
    """Parameters in the ranges of the other blocks'."""
    for name, value in block.state().items():
        centre, half = blocks.scale_of(name, value.shape)
        value.copy_(sampler.uniform(*value.shape, low=centre - half, high=centre + half))
    return block


def inputs_for(block: DeepBlock, sampler: Sampler) -> dict[str, Tensor]:
    inputs = {
        "x": blocks.images(sampler, BATCH, *IMAGE),
        "z": sampler.normal(BATCH, block.dim),
        "W_embed": sampler.normal(CLASSES, block.dim),
        "labels": torch.arange(BATCH) * 3 % CLASSES,
    }
    # Of a time of few binary digits, single precision computes the same sines.
    times = {"t": (torch.arange(BATCH, dtype=torch.float64) + 0.25) / 8} if block.time is not None else {}
    return inputs | times


def values_of(block: DeepBlock, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    """All that the block answers, every gradient, and the running statistics behind a training pass."""
    found = blocks.evaluate(block, inputs) | blocks.train(block, inputs)
    found |= {f"grad.{name}": value for name, value in blocks.true_gradients(block).items()}
    return found | {f"after.{name}": value for name, value in block.state().items() if ".running_" in name}


def single_precision_error(block: DeepBlock, inputs: dict[str, Tensor]) -> float:
    """How far PyTorch's own float32 is from these goldens, infinite where a gradient vanishes."""
    wide = values_of(copy.deepcopy(block), inputs)
    narrow = values_of(copy.deepcopy(block).float(), blocks.in_single(inputs))
    vanishes = any(name.startswith("grad.") and not value.any() for name, value in wide.items())
    return math.inf if vanishes else blocks.distance(wide, narrow, [])


def deep() -> bytes:
    """The file block_deep_small.safetensors."""

    def build(sampler: Sampler, stages=2, **kind) -> DeepBlock:
        return fill(DeepBlock(IMAGE, DIM, CLASSES, [WIDTH] * (stages + 1), **kind).double(), sampler)

    # Where the search ended; see generate.py.
    return blocks.in_places(PLACES, build, inputs_for, single_precision_error, values_of, 7022, 1e-5)
