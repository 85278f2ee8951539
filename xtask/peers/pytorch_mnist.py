"""NoProp-DT on MNIST in PyTorch, from the files to the test accuracy: the whole of what `nopropdt-train` does, to be timed beside it.

Same blocks, loss, schedules, optimiser, batch and evaluation as `nopropdt-train --dataset mnist --normalize none`; its random numbers are others.
Prints a line an epoch: seconds since the program began, and test accuracy after the last block and by consensus.
"""

import argparse
import gzip
import math
import sys
import time

START = time.perf_counter()

import torch  # noqa: E402
from contextlib import nullcontext  # noqa: E402
from pathlib import Path  # noqa: E402
from torch import Tensor, nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "golden"))
from networks import PaperBlock  # noqa: E402

CLASSES, SIDE = 10, 28
ETA, LEARNING_RATE, WEIGHT_DECAY = 0.1, 1e-3, 1e-3
EVALUATION_BATCH = 200


def read(folder: Path, name: str, header: int) -> Tensor:
    """What follows the header of an IDX file, plain or as it is sent."""
    plain, packed = folder / name, folder / f"{name}.gz"
    content = plain.read_bytes() if plain.exists() else gzip.decompress(packed.read_bytes())
    return torch.frombuffer(bytearray(content[header:]), dtype=torch.uint8)


def load(folder: Path, split: str) -> tuple[Tensor, Tensor]:
    """Images [N, 1, 28, 28] as bytes, and classes [N]."""
    images = read(folder, f"{split}-images-idx3-ubyte", 16).view(-1, 1, SIDE, SIDE)
    return images, read(folder, f"{split}-labels-idx1-ubyte", 8).long()


def alpha_bar(steps: int) -> list[float]:
    """The cosine schedule, t = 0..T, rising from noise to label."""
    g = [math.cos((1 - t / steps + 0.008) / 1.008 * math.pi / 2) ** 2 for t in range(steps + 1)]
    return [min(max(value / g[-1], 1e-5), 0.999) for value in g]


class NoProp:
    """T blocks and the head, each with an optimiser of its own; embeddings are one-hot, so z and logits have a size."""

    def __init__(self, options: argparse.Namespace, batches: int):
        self.options, self.alpha_bar = options, alpha_bar(options.steps)
        block = lambda: PaperBlock(1, SIDE, SIDE, CLASSES, CLASSES, dropout=options.dropout)  # noqa: E731
        self.blocks = [block().to(memory_format=torch.channels_last) for _ in range(options.steps)]
        self.head = nn.Linear(CLASSES, CLASSES)
        self.optimizers = [
            torch.optim.AdamW(part.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY, fused=True)
            for part in [*self.blocks, self.head]
        ]
        total = options.epochs * batches
        self.schedules = [torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, total) for optimizer in self.optimizers]

    def autocast(self):
        return nullcontext() if self.options.precision == "f32" else torch.autocast("cpu", torch.bfloat16)

    def noised(self, target: Tensor, t: int) -> Tensor:
        """z_t ~ N(sqrt(alpha_bar_t) u_y, 1 - alpha_bar_t)."""
        a = self.alpha_bar[t]
        return math.sqrt(a) * target + math.sqrt(1 - a) * torch.randn_like(target)

    def snr(self, t: int) -> float:
        return self.alpha_bar[t] / (1 - self.alpha_bar[t])

    def step(self, images: Tensor, labels: Tensor) -> None:
        """One batch through every block, then the head."""
        target = F.one_hot(labels, CLASSES).float()
        for t, block in enumerate(self.blocks, start=1):
            with self.autocast():
                logits = block.logits(images, self.noised(target, t - 1))
            error = (F.softmax(logits.float(), dim=1) - target).square().sum(dim=1).mean()
            weight = self.options.steps / 2 * ETA * (self.snr(t) - self.snr(t - 1))
            self.update(t - 1, weight * error)
        logits = self.head(self.noised(target, self.options.steps))
        self.update(-1, F.cross_entropy(logits, labels))

    def update(self, part: int, loss: Tensor) -> None:
        self.optimizers[part].zero_grad()
        loss.backward()
        self.optimizers[part].step()
        self.schedules[part].step()

    def train(self, on: bool) -> None:
        for block in self.blocks:
            block.train(on)

    @torch.inference_mode()
    def answer(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Classes after the last block, and by the mean of all blocks' probabilities."""
        z, mean = torch.randn(len(images), CLASSES), torch.zeros(len(images), CLASSES)
        for t, block in enumerate(self.blocks, start=1):
            with self.autocast():
                logits = block.logits(images, z)
            estimate = F.softmax(logits.float(), dim=1)
            mean += estimate
            before, after = self.alpha_bar[t - 1], self.alpha_bar[t]
            alpha = before / after
            z = (math.sqrt(after) * (1 - alpha) * estimate + math.sqrt(alpha) * (1 - after) * z) / (1 - before) + math.sqrt(
                (1 - after) * (1 - alpha) / (1 - before)
            ) * torch.randn_like(z)
        return self.head(z).argmax(dim=1), mean.argmax(dim=1)


def floats(images: Tensor) -> Tensor:
    return (images.float() / 255).contiguous(memory_format=torch.channels_last)


def evaluate(network: NoProp, images: Tensor, labels: Tensor) -> list[float]:
    """Test accuracy of both answers, in percent."""
    network.train(False)
    right = torch.zeros(2)
    for rows, classes in zip(images.split(EVALUATION_BATCH), labels.split(EVALUATION_BATCH)):
        right += torch.tensor([(answer == classes).sum() for answer in network.answer(floats(rows))])
    return (100 * right / len(images)).tolist()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("data/mnist"), help="folder of the four files")
    parser.add_argument("--steps", type=int, default=10, help="blocks, T")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--dropout", type=float, default=0.2)
    parser.add_argument("--precision", choices=["f32", "bf16"], default="bf16")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    images, labels = load(options.data, "train")
    test = load(options.data, "t10k")
    network = NoProp(options, math.ceil(len(images) / options.batch_size))
    for epoch in range(1, options.epochs + 1):
        network.train(True)
        for rows in torch.randperm(len(images)).split(options.batch_size):
            network.step(floats(images[rows]), labels[rows])
        chain, consensus = evaluate(network, *test)
        seconds = time.perf_counter() - START
        print(f"epoch {epoch}: {seconds:.1f} s, test accuracy {chain:.2f} %, consensus {consensus:.2f} %", flush=True)


if __name__ == "__main__":
    main()
