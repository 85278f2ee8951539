"""A whole training of NoProp-DT with deep blocks in PyTorch, by the settings of a run of ours: what `cargo xtask bench --to` times beside it.

Given is a folder with `work.json` (settings, shapes, alpha_bar) and the images as bytes. Same network, recipe and answers; other random numbers. Each
epoch, and each answer to the test images, prints a JSON object: seconds since the program began, and accuracies where they were measured.
"""

import argparse
import copy
import json
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
from deep import DeepBlock  # noqa: E402

EVALUATION_BATCH = 200
# Images that the first convolution starts from, and what is added to each variance as a share of their mean.
LOOKED_AT, WHITENING_SHARE = 1000, 1e-3
# Settings that this program has one form of.
WANTED = {
    ("method", "name"): ["dt"],
    ("method", "objective"): ["labels"],
    ("method", "sampler"): ["stochastic"],
    ("embedding", "kind"): ["one-hot"],
    ("head", "kind"): ["softmax"],
    ("block", "name"): ["deep"],
    ("block", "stages"): [0],
    ("block", "depth"): [1],
    ("block", "residual"): [False],
    ("block", "dropout"): [0.0],
    ("data", "normalize"): ["standard"],
    ("data", "crop-edges"): ["mirror"],
    ("data", "crop-scale"): [0.0, None],
    ("data", "cutout"): [0, None],
    ("training", "optimizer"): ["muon"],
    ("training", "lr-schedule"): ["one-cycle"],
    ("training", "decayed"): ["matrices"],
    ("training", "clip-norm"): [0.0],
    ("training", "warmup-epochs"): [0],
    ("training", "class-weights"): ["none", None],
}


class Muon(torch.optim.Optimizer):
    """Momentum made orthogonal by five steps of Newton and Schulz, in bf16 as PyTorch's own, which takes no kernels of convolutions."""

    def __init__(self, parameters, lr: float, weight_decay: float, momentum: float = 0.95):
        super().__init__(parameters, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})

    @torch.no_grad()
    def step(self) -> None:
        for group in self.param_groups:
            for parameter in group["params"]:
                state = self.state[parameter]
                total = state.setdefault("total", torch.zeros_like(parameter))
                total.mul_(group["momentum"]).add_(parameter.grad)
                matrix = parameter.grad.add(total, alpha=group["momentum"]).flatten(1)
                step = orthogonal(matrix).view_as(parameter).type_as(parameter)
                rate = 0.2 * group["lr"] * math.sqrt(max(matrix.shape))
                parameter.mul_(1 - group["lr"] * group["weight_decay"]).sub_(step, alpha=rate)


def orthogonal(matrix: Tensor) -> Tensor:
    """The orthogonal matrix that is about nearest."""
    is_tall = matrix.shape[0] > matrix.shape[1]
    x = (matrix.T if is_tall else matrix).bfloat16()
    x = x / (x.norm() + 1e-7)
    for _ in range(5):
        gram = x @ x.T
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    return x.T if is_tall else x


class Images:
    """Images [N, C, H, W] as bytes, their labels, and how they are seen."""

    def __init__(self, folder: Path, name: str, shape: tuple[int, int, int]):
        height, width, channels = shape
        pixels = torch.frombuffer(bytearray((folder / f"{name}.pixels").read_bytes()), dtype=torch.uint8)
        self.pixels = pixels.view(-1, height, width, channels).permute(0, 3, 1, 2).contiguous()
        self.labels = torch.frombuffer(bytearray((folder / f"{name}.labels").read_bytes()), dtype=torch.int16).long()

    def moments(self) -> tuple[Tensor, Tensor]:
        """Mean and deviation of each channel."""
        floats = self.pixels.double() / 255
        mean, deviation = floats.mean(dim=(0, 2, 3)), floats.std(dim=(0, 2, 3), correction=0)
        return mean.float().view(1, -1, 1, 1), deviation.float().view(1, -1, 1, 1)


def shifted(images: Tensor, reach: int, mirrored: bool) -> Tensor:
    """Each image of a batch shifted by up to `reach`, its own mirror image at the edges, and mirrored or not."""
    count, _, height, width = images.shape
    padded = F.pad(images, [reach] * 4, mode="reflect") if reach else images
    rows = torch.randint(0, 2 * reach + 1, (count, 1)) + torch.arange(height)
    columns = torch.randint(0, 2 * reach + 1, (count, 1)) + torch.arange(width)
    if mirrored:
        columns = torch.where(torch.rand(count, 1) < 0.5, columns.flip(1), columns)
    index = torch.arange(count)[:, None, None]
    return padded.permute(0, 2, 3, 1)[index, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


@torch.no_grad()
def whiten(block: DeepBlock, images: Tensor) -> None:
    """Lets the first convolution start from the principal components of 3x3 windows, each with either sign."""
    convolution = block.image.stem.conv1
    windows = F.unfold(images, 3).transpose(1, 2).flatten(0, 1).double()
    values, vectors = torch.linalg.eigh(torch.cov(windows.T, correction=0))
    values, vectors, mean = values.flip(0).clamp(min=0), vectors.T.flip(0), windows.mean(0)
    floor = WHITENING_SHARE * values.mean()
    for index in range(min(convolution.out_channels // 2, len(values))):
        scale = 1 / (values[index] + floor).sqrt()
        for place, sign in ((2 * index, scale), (2 * index + 1, -scale)):
            convolution.weight[place] = (sign * vectors[index]).view_as(convolution.weight[place])
            convolution.bias[place] = -sign * vectors[index] @ mean


class Network:
    """T blocks and the head, each with optimisers of its own, and running averages of all their values."""

    def __init__(self, work: dict, images: Tensor):
        self.work, self.alpha_bar, self.classes = work, work["alpha_bar"], work["classes"]
        self.training = work["settings"]["training"]
        height, width, channels = work["shape"]
        sizes = ((channels, height, width), self.classes, self.classes, work["settings"]["block"]["width"])
        self.blocks = [DeepBlock.standard(*sizes).to(memory_format=torch.channels_last) for _ in self.alpha_bar[1:]]
        if work["settings"]["block"]["whiten"]:
            for block in self.blocks:
                whiten(block, images)
        self.parts = [*self.blocks, nn.Linear(self.classes, self.classes)]
        self.optimizers = [self.optimizers_of(part) for part in self.parts]
        self.averages = copy.deepcopy(self.parts)
        self.steps = 0

    def optimizers_of(self, part: nn.Module) -> list[torch.optim.Optimizer]:
        matrices = [value for value in part.parameters() if value.ndim > 1]
        others = [value for value in part.parameters() if value.ndim <= 1]
        rate = self.training["lr"]
        return [
            Muon(matrices, rate, self.training["weight-decay"]),
            torch.optim.AdamW(others, lr=rate, weight_decay=0.0, fused=True),
        ]

    def autocast(self):
        return nullcontext() if self.work["precision"] == "f32" else torch.autocast("cpu", torch.bfloat16)

    def noised(self, target: Tensor, t: int) -> Tensor:
        """z_t ~ N(sqrt(alpha_bar_t) u_y, 1 - alpha_bar_t)."""
        a = self.alpha_bar[t]
        return math.sqrt(a) * target + math.sqrt(1 - a) * torch.randn_like(target)

    def rate(self, total: int) -> float:
        """One cycle: up over a quarter of the steps, then evenly down."""
        warm_up = total // 4
        if self.steps < warm_up:
            return self.training["lr"] * (self.steps + 1) / (warm_up + 1)
        return self.training["lr"] * (1 - (self.steps - warm_up) / max(total - warm_up, 1))

    def step(self, images: Tensor, labels: Tensor, total: int) -> None:
        """One batch through every block, then the head."""
        target, rate = F.one_hot(labels, self.classes).float(), self.rate(total)
        smoothing = self.training.get("label-smoothing") or 0.0
        for t, part in enumerate(self.parts, start=1):
            with self.autocast() if t <= len(self.blocks) else nullcontext():
                z = self.noised(target, t - 1)
                logits = part.logits(images, z) if t <= len(self.blocks) else part(z)
            loss = F.cross_entropy(logits.float(), labels, label_smoothing=smoothing)
            part.zero_grad()
            loss.backward()
            for optimizer in self.optimizers[t - 1]:
                for group in optimizer.param_groups:
                    group["lr"] = rate
                optimizer.step()
        self.steps += 1
        self.follow()

    @torch.no_grad()
    def follow(self) -> None:
        decay = self.training.get("ema") or 0.0
        share = min(max(10 / (self.steps + 9), 1 - decay), 1.0)
        for average, part in zip(self.averages, self.parts):
            for old, new in zip(average.state_dict().values(), part.state_dict().values()):
                if old.dtype.is_floating_point:
                    old.lerp_(new, share)

    @torch.inference_mode()
    def answer(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of the head, and the logits of every block [T, B, m]."""
        z, of_blocks = torch.randn(len(images), self.classes), []
        for t, block in enumerate(self.averages[:-1], start=1):
            with self.autocast():
                of_blocks.append(block.logits(images, z).float())
            estimate = F.softmax(of_blocks[-1], dim=1)
            before, after = self.alpha_bar[t - 1], self.alpha_bar[t]
            alpha = before / after
            z = (math.sqrt(after) * (1 - alpha) * estimate + math.sqrt(alpha) * (1 - after) * z) / (1 - before) + math.sqrt(
                (1 - after) * (1 - alpha) / (1 - before)
            ) * torch.randn_like(z)
        return self.averages[-1](z), torch.stack(of_blocks)

    def accuracy(self, images: Tensor, labels: Tensor, mirrored: bool) -> list[float]:
        """Shares of right answers at the end of the chain and by the blocks' consensus."""
        for average in self.averages:
            average.eval()
        right = torch.zeros(2)
        for rows, classes in zip(images.split(EVALUATION_BATCH), labels.split(EVALUATION_BATCH)):
            views = [rows, rows.flip(3)] if mirrored else [rows]
            heads, of_blocks = zip(*(self.answer(view) for view in views))
            consensus = F.softmax(torch.stack(of_blocks).mean(0), dim=2).mean(0)
            answers = torch.stack(heads).mean(0).argmax(1), consensus.argmax(1)
            right += torch.tensor([(answer == classes).sum() for answer in answers])
        return (right / len(images)).tolist()


def refuse(settings: dict) -> None:
    """Ends the program where a setting is one that it has no form of."""
    for (section, key), wanted in WANTED.items():
        found = settings[section].get(key)
        if found not in wanted:
            sys.exit(f"{section}.{key}: must be {wanted[0]} for PyTorch's side; found {found}")


def tell(**said) -> None:
    print(json.dumps({"seconds": time.perf_counter() - START, **said}), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, required=True)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    work = json.loads((options.folder / "work.json").read_text())
    refuse(work["settings"])
    train, test = (Images(options.folder, name, work["shape"]) for name in ("train", "test"))
    mean, deviation = train.moments()
    seen = lambda pixels: ((pixels.float() / 255 - mean) / deviation).contiguous(memory_format=torch.channels_last)  # noqa: E731
    data, training = work["settings"]["data"], work["settings"]["training"]
    network = Network(work, seen(train.pixels[torch.randperm(len(train.pixels))[:LOOKED_AT]]))
    total = training["epochs"] * math.ceil(len(train.pixels) / training["batch-size"])
    for epoch in range(1, training["epochs"] + 1):
        for part in network.parts:
            part.train()
        for rows in torch.randperm(len(train.pixels)).split(training["batch-size"]):
            images = shifted(train.pixels[rows].float(), data.get("crop-padding") or 0, bool(data.get("flip")))
            network.step(seen(images), train.labels[rows], total)
        tell(epoch=epoch)
    chain, consensus = network.accuracy(seen(test.pixels), test.labels, bool(data.get("test-flip")))
    tell(chain=chain, consensus=consensus)


if __name__ == "__main__":
    main()
