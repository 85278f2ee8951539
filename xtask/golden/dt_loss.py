"""Golden values of one block's whole discrete-time loss: cross-entropy, KL, weighted squared error, and all gradients."""

import copy
import math

import torch
from torch import Tensor
from torch.nn import functional as F

import blocks
from networks import Block
from schedules import alpha_bar, cosine, snr
from store import Sampler, choose_seed, encode, scalar

FIRST_SEED = 519
HORIZON, ETA, DIM, CLASSES, BATCH = 10, 0.1, 5, 4, 5
CASES = (3, 10)


def prepare(seed: int) -> tuple[Block, dict[str, Tensor]]:
    """A small paper block and its batch; head, embedding and both noises have names of their own."""
    sampler = Sampler(seed)
    block = blocks.fill_at_random(blocks.small_paper(DIM), sampler)
    inputs = {
        "x": blocks.images(sampler, BATCH, 2, 9, 10),
        "labels": torch.tensor([2, 0, 3, 2, 1]),
        "embedding.weight": sampler.normal(CLASSES, DIM),
        "head.weight": sampler.normal(CLASSES, DIM, scale=0.5),
        "head.bias": sampler.normal(CLASSES, scale=0.2),
        "eps_prev": sampler.normal(BATCH, DIM),
        "eps_last": sampler.normal(BATCH, DIM),
    }
    return block, inputs


def noised(target: Tensor, noise: Tensor, bar: Tensor) -> Tensor:
    """A draw from N(sqrt(alpha_bar) u, 1 - alpha_bar), reparameterised so that gradients reach u."""
    return bar.sqrt() * target + (1 - bar).sqrt() * noise


def loss_of(block: Block, inputs: dict[str, Tensor], t: int) -> dict[str, Tensor]:
    """Equation 8 for block t, mean over the batch: every term, the sum, and all gradients, with no detaching anywhere.

    The block appears in the squared error alone and the head in the cross-entropy alone, so one backward pass gives each
    its own; the embedding collects from all three terms.
    """
    leaves = {name: inputs[name].clone().requires_grad_() for name in ("embedding.weight", "head.weight", "head.bias")}
    embedding = leaves["embedding.weight"]
    bar = alpha_bar(cosine, HORIZON)
    target = embedding[inputs["labels"]]
    previous, last = noised(target, inputs["eps_prev"], bar[t - 1]), noised(target, inputs["eps_last"], bar[HORIZON])
    block.train().zero_grad()
    logits, estimate = block(inputs["x"], previous, embedding)
    head_logits = F.linear(last, leaves["head.weight"], leaves["head.bias"])

    cross_entropy = F.cross_entropy(head_logits, inputs["labels"])
    kl = 0.5 * (bar[0] * target.square() - bar[0] - torch.log1p(-bar[0])).sum(dim=1).mean()
    error = blocks.squared_error(estimate, target)
    weight = HORIZON / 2 * ETA * snr(bar).diff()[t - 1]
    total = cross_entropy + kl + weight * error
    total.backward()

    terms = {"ce": cross_entropy, "kl": kl, "squared_error": error, "weight": weight, "l2": weight * error, "total": total}
    results = {f"loss.{name}": scalar(value.detach()) for name, value in terms.items()}
    results |= {"z_prev": previous, "z_last": last, "logits": logits, "estimate": estimate, "head_logits": head_logits}
    found = blocks.true_gradients(block) | {name: leaf.grad for name, leaf in leaves.items()}
    return results | {f"grad.{name}": value for name, value in found.items()}


def single_precision_error(block: Block, inputs: dict[str, Tensor], t: int) -> float:
    """How far PyTorch's own float32 is from these goldens."""
    wide, narrow = copy.deepcopy(block), copy.deepcopy(block).float()
    vanishing = blocks.zero_gradients(block)
    error = blocks.distance(loss_of(wide, inputs, t), loss_of(narrow, blocks.in_single(inputs), t), vanishing)
    return error if blocks.is_sound(wide, 0.0) else math.inf


def dt_loss() -> bytes:
    """The file dt_loss.safetensors."""

    def run(seed: int) -> float:
        block, inputs = prepare(seed)
        return max(single_precision_error(block, inputs, t) for t in CASES)

    seed = choose_seed(FIRST_SEED, 1e-4, 1e-5, run)
    block, inputs = prepare(seed)
    tensors = inputs | {"alpha_bar": alpha_bar(cosine, HORIZON)}
    tensors |= {f"before.{name}": value.clone() for name, value in block.state().items()}
    for t in CASES:
        results = loss_of(copy.deepcopy(block), inputs, t)
        tensors |= {f"t{t}.{name}": value for name, value in results.items()}
    return encode(tensors, seed, keep_float64=("alpha_bar",), steps=HORIZON, eta=ETA, schedule="cosine",
                  zero_gradients=blocks.zero_gradients(block))
