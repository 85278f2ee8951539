"""Rebuilds every block of a model.safetensors in PyTorch and compares logits with those another program computed.

The second file holds `images` [N, C, H, W], `z` [N, d], `logits.{t}` [N, m] for t = 1..T, every block on that same z in
evaluation mode, and `head_logits` [N, m], the head on z. Prints the largest difference per block; exits 1 unless all are
within the tolerance.
"""

import argparse
import json
import math
import re
import sys
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor
from torch.nn import functional as F

from networks import Block, PaperBlock, ReferenceBlock

KINDS = ("paper", "residual", "reference")


class Unusable(Exception):
    """A file that does not hold what its format promises."""


@dataclass
class Model:
    """Tensors by name, and the two things their shapes leave open."""

    tensors: dict[str, Tensor]
    kind: str
    steps: int

    def block(self, t: int) -> dict[str, Tensor]:
        """State of block t, its prefix removed."""
        prefix = f"blocks.{t}."
        return {name.removeprefix(prefix): value for name, value in self.tensors.items() if name.startswith(prefix)}


def read(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors, the floating ones as float64, and metadata."""
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}
            metadata = file.metadata() or {}
    except Exception as error:  # The library has one exception type of its own, and lets the system's through.
        raise Unusable(f"{path}: must be a readable safetensors file; {error}") from error
    return {name: value.double() if value.is_floating_point() else value for name, value in tensors.items()}, metadata


def read_model(path: Path) -> Model:
    """The only reader of metadata: the kind of block from its configuration; every size comes from the tensors."""
    tensors, metadata = read(path)
    try:
        block = json.loads(metadata["nopropdt"])["config"]["block"]
        # Version 1 of the format has the name alone, version 2 a section.
        kind = block["name"] if isinstance(block, dict) else block
    except (KeyError, TypeError, ValueError) as error:
        raise Unusable(f'{path}: metadata must hold `nopropdt`, JSON with "config" and in it "block"; {error!r}') from error
    if kind not in KINDS:
        raise Unusable(f"{path}: block must be one of {', '.join(KINDS)}; found {kind}")
    numbers = {int(found[1]) for found in (re.match(r"blocks\.(\d+)\.", name) for name in tensors) if found}
    if not numbers or numbers != set(range(1, len(numbers) + 1)):
        raise Unusable(f"{path}: blocks must be numbered 1..T; found {sorted(numbers)}")
    return Model(tensors, kind, len(numbers))


def build(kind: str, state: dict[str, Tensor], height: int, width: int) -> Block:
    """A block in evaluation mode, as wide as its tensors, loaded strictly: none missing, none unknown, all shapes right."""
    channels = tuple(state[f"image.conv{i}.weight"].shape[0] for i in (1, 2, 3))
    join = tuple(state[f"join.fc{i}.weight"].shape[0] for i in (1, 2))
    hidden, embedding_dim = state["label.fc1.weight"].shape
    in_channels, classes = state["image.conv1.weight"].shape[1], state["join.out.weight"].shape[0]
    if kind == "reference":
        decoder = "decoder.fc.weight" in state
        block = ReferenceBlock(in_channels, embedding_dim, classes, channels, hidden, join, decoder)
    else:
        residual = kind == "residual"
        block = PaperBlock(in_channels, height, width, embedding_dim, classes, channels, hidden, join, residual=residual)
    block.double().eval()
    # PyTorch's own batch counters are in no file.
    counters = {name: value for name, value in block.state_dict().items() if name.endswith("num_batches_tracked")}
    block.load_state_dict(state | counters)
    return block


def difference(found: Tensor, expected: Tensor) -> float:
    """Largest absolute difference; NaN if either holds a NaN, infinite if the shapes differ."""
    return (found - expected).abs().max().item() if found.shape == expected.shape else math.inf


def compare(model: Model, expected: dict[str, Tensor]) -> dict[str, float]:
    """Difference by name of every expected tensor: `logits.{t}` for each block, and `head_logits` where there is a head."""
    images, z = expected["images"], expected["z"]
    if images.dim() != 4 or len(images) == 0 or len(images) != len(z):
        raise Unusable(f"images [N, C, H, W] and z [N, d] must share an N of at least 1; found {[*images.shape]}, {[*z.shape]}")
    height, width = images.shape[2:]
    results = {}
    with torch.no_grad():
        for t in range(1, model.steps + 1):
            block = build(model.kind, model.block(t), height, width)
            results[f"logits.{t}"] = difference(block.logits(images, z), expected[f"logits.{t}"])
        if "head.weight" in model.tensors:
            head = F.linear(z, model.tensors["head.weight"], model.tensors["head.bias"])
            results["head_logits"] = difference(head, expected["head_logits"])
    surplus = expected.keys() - results.keys() - {"images", "z"}
    if surplus:
        raise Unusable(f"expected values must belong to a block or the head; found {', '.join(sorted(surplus))}")
    return results


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="model.safetensors of a run")
    parser.add_argument("expected", type=Path, help="safetensors file with inputs and logits")
    parser.add_argument("--tolerance", type=float, default=1e-4, help="largest difference allowed (default: 1e-4)")
    arguments = parser.parse_args()
    try:
        results = compare(read_model(arguments.model), read(arguments.expected)[0])
    except Unusable as error:
        print(error, file=sys.stderr)
        return 1
    except (KeyError, IndexError, ValueError, RuntimeError) as error:  # A tensor is missing, or its shape fits no block.
        text = " ".join((f"{error} is missing" if isinstance(error, KeyError) else str(error)).split())
        print(f"{arguments.model}, {arguments.expected}: tensors must fit each other; {text}", file=sys.stderr)
        return 1
    for name, worst in results.items():
        # `<=` fails for NaN, as it must.
        print(f"{name}: {worst:.2e}{'' if worst <= arguments.tolerance else '  DIFFERS'}")
    return 0 if all(worst <= arguments.tolerance for worst in results.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
