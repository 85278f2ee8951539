"""Runs a network that `export --to pytorch` wrote on the inputs of `--example`, and prints how far its answers are from ours.

    python xtask/golden/exported.py NETWORK.py EXAMPLE.safetensors [--tolerance 1e-4]

Exits 1 if an answer is off by more than the tolerance, or is not a number, or of another class, alone or together with others.
"""

import argparse
import importlib.util
import inspect
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network", type=Path)
    parser.add_argument("example", type=Path)
    parser.add_argument("--tolerance", type=float, default=1e-4)
    arguments = parser.parse_args()
    spec = importlib.util.spec_from_file_location("exported", arguments.network)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    network, example = module.Network().eval(), load_file(arguments.example)
    given = {name: example[name] for name in inspect.signature(network.forward).parameters}
    count = next(iter(given.values())).shape[0]
    worst, same = 0.0, True
    with torch.no_grad():
        for rows in [slice(0, count)] + [slice(row, row + 1) for row in range(count)]:
            found = network(**{name: tensor[rows] for name, tensor in given.items()})
            for name, found in zip(["probabilities", "consensus"], found, strict=True):
                wanted = example[name][rows]
                same = same and found.shape == wanted.shape and bool((found.argmax(1) == wanted.argmax(1)).all())
                difference = (found - wanted).abs().max().item()
                worst = max(worst, difference) if difference == difference else float("inf")
        drawn = network(next(iter(given.values())))
        same = same and all(torch.isfinite(output).all() for output in drawn)
    print(f"{arguments.network.name}: off by {worst:.1e}, {'the same classes' if same else 'OTHER CLASSES'}")
    return 0 if same and worst <= arguments.tolerance else 1


if __name__ == "__main__":
    sys.exit(main())
