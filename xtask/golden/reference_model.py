"""Golden answers of networks as the reference repository's state dicts hold them, written from its published description."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from blocks import fractions_of
from store import Sampler, encode, exact

CLASSES, DIM, WIDTH = 10, 256, 256
MEAN, DEVIATION = [0.4914, 0.4822, 0.4465], [0.2470, 0.2435, 0.2616]


class StateDict:
    """Tensors that follow from their names, made when they are asked for."""

    def layer(self, name: str, *shape: int) -> tuple[Tensor, Tensor]:
        return self.filled(f"{name}.weight", shape, 0.0, math.sqrt(3.0 / math.prod(shape[1:]))), self.around(f"{name}.bias", shape[0])

    def norm(self, name: str, x: Tensor) -> Tensor:
        weight = self.filled(f"{name}.weight", (WIDTH,), 1.0, 0.1)
        variance = self.filled(f"{name}.running_var", (WIDTH,), 1.0, 0.5)
        mean, bias = self.around(f"{name}.running_mean", WIDTH), self.around(f"{name}.bias", WIDTH)
        return F.batch_norm(x, mean, variance, weight, bias, eps=1e-5)

    def around(self, name: str, length: int) -> Tensor:
        return self.filled(name, (length,), 0.0, 0.1)

    def filled(self, name: str, shape: tuple[int, ...], centre: float, half: float) -> Tensor:
        fractions = torch.from_numpy(fractions_of(name, math.prod(shape))).reshape(shape)
        return exact(centre + half * (2 * fractions - 1))


def denoised(state: StateDict, block: str, x: Tensor, z: Tensor, embedding: Tensor, has_decoder: bool) -> tuple[Tensor, Tensor]:
    """Logits and next latent of a block."""
    for index, (inputs, outputs) in {0: (x.shape[1], 32), 4: (32, 64), 8: (64, 128)}.items():
        weight, bias = state.layer(f"{block}.conv_path.{index}", outputs, inputs, 3, 3)
        x = F.max_pool2d(F.relu(F.conv2d(x, weight, bias, padding=1)), 2)
    features = state.norm(f"{block}.conv_path.15", F.linear(x.mean((2, 3)), *state.layer(f"{block}.conv_path.14", WIDTH, 128)))

    def dense(path: str, number: int, x: Tensor) -> Tensor:
        x = F.linear(x, *state.layer(f"{block}.fc_{path}{number}", WIDTH, x.shape[1]))
        return state.norm(f"{block}.bn_{path}{number}", x)

    first = F.relu(dense("z", 1, z))
    label = dense("z", 3, F.relu(dense("z", 2, first))) + first
    joined = F.relu(dense("f", 2, F.relu(dense("f", 1, torch.cat([features, label], 1)))))
    logits = F.linear(joined, *state.layer(f"{block}.fc_out", CLASSES, WIDTH))
    estimate = F.softmax(logits, 1) @ embedding
    if has_decoder:
        estimate = torch.tanh(F.linear(estimate, *state.layer(f"{block}.decoder.0", DIM, DIM)))
    return logits, estimate


def reference_model() -> bytes:
    """`grey.`, three blocks with decoders, and `colour.`, two without, whose images the program's loader normalises."""
    seed, tensors = 7001, {}
    sampler, state = Sampler(seed), StateDict()
    embedding = state.filled("W_embed", (CLASSES, DIM), 0.0, 1.0)
    classifier = state.layer("classifier", CLASSES, DIM)
    for case, steps, channels, side, has_decoder in [("grey", 3, 1, 28, True), ("colour", 2, 3, 32, False)]:
        images, z = sampler.uniform(2, channels, side, side), sampler.normal(2, DIM)
        tensors |= {f"{case}.image": images, f"{case}.z_0": z}
        x = images
        if channels == 3:
            mean, deviation = (exact(torch.tensor(values)).view(1, 3, 1, 1) for values in (MEAN, DEVIATION))
            x = (images - mean) / deviation
        for t in range(steps):
            tensors[f"{case}.logits.{t + 1}"], z = denoised(state, f"blocks.{t}", x, z, embedding, has_decoder)
        tensors[f"{case}.head_logits"] = F.linear(z, *classifier)
    return encode(tensors, seed)
