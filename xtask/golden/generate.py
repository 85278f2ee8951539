"""Writes every golden file, or with --check compares what is there with what it would write."""

import argparse
import sys
from pathlib import Path

import torch

import blocks
from deep import deep
from dt_loss import dt_loss
from method_losses import adjoint_loss, backprop_loss, ct_loss, fm_loss
from ops import more_ops, ops
from optimizers import optimizers
from patches import patches
from reference_model import reference_model
from schedules import schedules
from store import write

CRATES = Path(__file__).resolve().parents[2] / "crates"
# The seeds of blocks are where a search with stricter tolerances than those of blocks.py ended (half of them, or 0.7 of
# them where the latent is an image), so that another processor's rounding does not end it elsewhere.
FILES = {
    "nopropdt-tensor/tests/golden/ops.safetensors": ops,
    "nopropdt-tensor/tests/golden/more_ops.safetensors": more_ops,
    "nopropdt-tensor/tests/golden/optimizers.safetensors": optimizers,
    "nopropdt-blocks/tests/golden/schedules.safetensors": schedules,
    "nopropdt-blocks/tests/golden/dt_loss.safetensors": dt_loss,
    "nopropdt-blocks/tests/golden/ct_loss.safetensors": ct_loss,
    "nopropdt-blocks/tests/golden/fm_loss.safetensors": fm_loss,
    "nopropdt-blocks/tests/golden/backprop_loss.safetensors": backprop_loss,
    "nopropdt-blocks/tests/golden/adjoint_loss.safetensors": adjoint_loss,
    "nopropdt-blocks/tests/golden/block_paper_small.safetensors":
        lambda: blocks.small(blocks.small_paper, 310, 9, 10),
    "nopropdt-blocks/tests/golden/block_residual_small.safetensors":
        lambda: blocks.small(lambda: blocks.small_paper(residual=True), 2337, 9, 10),
    "nopropdt-blocks/tests/golden/block_continuous_small.safetensors":
        lambda: blocks.small(lambda: blocks.small_paper(continuous=True), 3079, 9, 10),
    "nopropdt-blocks/tests/golden/block_image_latent_small.safetensors":
        lambda: blocks.small(lambda: blocks.small_paper(image_latent=True), 4855, 9, 10),
    "nopropdt-blocks/tests/golden/block_continuous_image_latent_small.safetensors":
        lambda: blocks.small(lambda: blocks.small_paper(continuous=True, image_latent=True), 5009, 9, 10),
    "nopropdt-blocks/tests/golden/block_reference_small.safetensors":
        lambda: blocks.small(lambda: blocks.small_reference(decoder=False), 445, 11, 9),
    "nopropdt-blocks/tests/golden/block_reference_decoder_small.safetensors":
        lambda: blocks.small(lambda: blocks.small_reference(decoder=True), 1634, 11, 9),
    "nopropdt-blocks/tests/golden/block_patches_small.safetensors": patches,
    "nopropdt-blocks/tests/golden/block_deep_small.safetensors": deep,
    "nopropdt-blocks/tests/golden/block_paper_full.safetensors":
        lambda: blocks.full(blocks.full_paper, 401, 8, 8),
    "nopropdt-blocks/tests/golden/block_reference_full.safetensors":
        lambda: blocks.full(blocks.full_reference, 421, 16, 16),
    "nopropdt-train/tests/golden/reference_model.safetensors": reference_model,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--crates", type=Path, default=CRATES, help="the folder to write below (default: the workspace's)")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file is missing or differs")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    different = 0
    for name, make in FILES.items():
        path, content = arguments.crates / name, make()
        if not arguments.check:
            write(path, content)
            print(f"{name}: {len(content)} bytes")
        elif not path.is_file() or path.read_bytes() != content:
            different += 1
            found = "different" if path.is_file() else "missing"
            print(f"{name}: must be what generate.py writes; it is {found}", file=sys.stderr)
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
