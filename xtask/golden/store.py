"""What every golden file needs: seeded float32 inputs, a margin watch, and a writer whose bytes never vary."""

import json
import os
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode


class Sampler:
    """Seeded inputs, float64 tensors whose values are exactly float32, so both sides start from the same numbers."""

    def __init__(self, seed: int):
        self.generator = torch.Generator().manual_seed(seed)

    def normal(self, *shape: int, scale: float = 1.0) -> Tensor:
        return exact(scale * torch.randn(shape, generator=self.generator, dtype=torch.float64))

    def uniform(self, *shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        return exact(low + (high - low) * torch.rand(shape, generator=self.generator, dtype=torch.float64))


def exact(values: Tensor) -> Tensor:
    """The nearest float32 values, held as float64."""
    return values.float().double()


class Margin(TorchFunctionMode):
    """Smallest distance, over all calls inside the `with`, to a kink of ReLU or to a tie between maxima of a pool."""

    def __init__(self):
        super().__init__()
        self.smallest = float("inf")

    def __torch_function__(self, function, types, args=(), kwargs=None):
        name = getattr(function, "__name__", "")
        if name == "relu":
            self._see(args[0].detach().abs())
        elif name == "max_pool2d":
            windows = args[0].detach().unfold(2, 2, 2).unfold(3, 2, 2).flatten(4)
            first, second = windows.topk(2, dim=4).values.unbind(4)
            # Two zeros tie after a ReLU, harmlessly: the ReLU passes no gradient to either.
            self._see((first - second)[(first != 0) | (second != 0)])
        return function(*args, **(kwargs or {}))

    def _see(self, distances: Tensor):
        if distances.numel():
            self.smallest = min(self.smallest, distances.min().item())


def choose_seed(first: int, margin: float, tolerance: float, run) -> int:
    """The first seed, counting from `first`, whose golden values single precision can be held to.

    A value within rounding of a kink would ask it for a coin toss, and a batch norm of an almost constant feature magnifies
    rounding without bound. So `run(seed)` must stay `margin` away from every kink and tie, and return at most `tolerance`:
    how far PyTorch's float32 is from its float64.
    """
    for seed in range(first, first + 1000):
        with Margin() as watch:
            error = run(seed)
        if watch.smallest == float("inf"):
            raise RuntimeError("choose_seed: the run must pass a ReLU or a max-pool; it passed none")
        if watch.smallest >= margin and error <= tolerance:
            return seed
    raise RuntimeError(f"choose_seed: a seed in {first}..{first + 999} must keep {margin} and {tolerance}; none does")


def scalar(value) -> Tensor:
    """One number as a float64 tensor of shape [1]."""
    return torch.as_tensor(value, dtype=torch.float64).reshape(1)


def encode(tensors: dict[str, Tensor], seed: int, keep_float64: tuple[str, ...] = (), **notes) -> bytes:
    """A safetensors file: float32 except integers and names ending in one of `keep_float64`; metadata torch, seed, notes."""
    stored = {}
    for name, tensor in tensors.items():
        if not bool(torch.isfinite(tensor).all()):
            raise RuntimeError(f"{name}: golden values must be finite; some are not")
        wide = not tensor.is_floating_point() or name.endswith(keep_float64)
        stored[name] = (tensor if wide else tensor.float()).detach().contiguous().clone()
    metadata = {"torch": torch.__version__.split("+")[0], "seed": str(seed)}
    metadata |= {key: note if isinstance(note, str) else json.dumps(note) for key, note in notes.items()}
    return _in_fixed_order(safetensors.torch.save(stored, metadata))


def _in_fixed_order(file: bytes) -> bytes:
    """The same file with its header sorted: the library writes metadata in an order that differs from run to run."""
    length = int.from_bytes(file[:8], "little")
    header = json.dumps(json.loads(file[8:8 + length]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + file[8 + length:]


def write(path: Path, content: bytes):
    """Puts `content` at `path`, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".partial")
    temporary.write_bytes(content)
    os.replace(temporary, path)
