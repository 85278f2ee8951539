"""The work of `cargo xtask bench` in PyTorch: one JSON object a line in, one out.

`do` says what: `hello`; `warm` (make a block ready), `train` (block steps for so many seconds), `infer` (evaluation by all
blocks), `memory` (peak memory of a training run). The other keys are in `Work`. An answer with `error` is a failure. The blocks
are those of the golden files.
"""

import argparse
import json
import sys
import time
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

try:
    import torch
    from torch import Tensor, nn
    from torch.nn import functional as F
except ImportError as error:
    print(json.dumps({"error": f"wants a Python that has PyTorch; {sys.executable} says: {error}"}), flush=True)
    sys.exit(0)

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "golden"))
from deep import DeepBlock  # noqa: E402
from networks import Block, PaperBlock, ReferenceBlock  # noqa: E402

SEED = 0
WARM_UP = 3
# Batches of an epoch of a memory run, and images evaluated after it: as in ours.
MEMORY_BATCHES = 2
EVALUATED = 400
EVALUATION_BATCH = 200


@dataclass
class Work:
    """A block, its images, and how PyTorch is to handle them."""

    block: str
    height: int
    width: int
    channels: int
    classes: int
    batch: int
    precision: str
    layout: str

    @classmethod
    def of(cls, request: dict) -> "Work":
        return cls(**{name: request[name] for name in cls.__dataclass_fields__})

    def network(self) -> Block:
        if self.block == "paper":
            block = PaperBlock(self.channels, self.height, self.width, self.classes, self.classes)
        elif self.block == "reference":
            block = ReferenceBlock(self.channels, self.classes, self.classes)
        elif self.block == "deep":
            block = DeepBlock.standard((self.channels, self.height, self.width), self.classes, self.classes)
        else:
            raise ValueError(f"block must be paper, reference or deep; found {self.block}")
        return block.to(memory_format=self.memory_format())

    def memory_format(self) -> torch.memory_format:
        return {"nchw": torch.contiguous_format, "channels_last": torch.channels_last}[self.layout]

    def autocast(self):
        """What surrounds a forward pass."""
        if self.precision == "f32":
            return nullcontext()
        return torch.autocast("cpu", {"bf16": torch.bfloat16}[self.precision])

    def images(self, count: int) -> Tensor:
        """[count, C, H, W] in 0..1."""
        images = torch.rand(count, self.channels, self.height, self.width)
        return images.contiguous(memory_format=self.memory_format())

    def labels(self, count: int) -> Tensor:
        return torch.arange(count) % self.classes


class Training:
    """One block, its optimiser and a batch."""

    def __init__(self, work: Work):
        self.work = work
        self.block = work.network()
        # The fused update is PyTorch's fastest: 2 to 4 % of a step on one thread.
        self.optimizer = torch.optim.AdamW(self.block.parameters(), lr=1e-3, weight_decay=1e-3, fused=True)
        self.embedding = torch.eye(work.classes)

    def step(self, images: Tensor, labels: Tensor) -> None:
        """Noise, forward, loss, backward, clip, update."""
        target = self.embedding[labels]
        z = 0.7 * target + 0.7 * torch.randn_like(target)
        with self.work.autocast():
            logits = self.block.logits(images, z)
        estimate = F.softmax(logits.float(), dim=1) @ self.embedding
        loss = (estimate - target).square().sum(dim=1).mean()
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.block.parameters(), 1.0)
        self.optimizer.step()


@torch.inference_mode()
def evaluate(work: Work, blocks: list[Block], images: Tensor) -> Tensor:
    """Classes of the images [N]: image features once a block, then the chain from noise to answer."""
    embedding = torch.eye(work.classes)
    z = torch.randn(len(images), work.classes)
    for block in blocks:
        with work.autocast():
            logits = block.join(block.image(images), block.label(z))
        z = 0.5 * (F.softmax(logits.float(), dim=1) @ embedding) + 0.5 * z + 0.1 * torch.randn_like(z)
    return z.argmax(dim=1)


def repeat(seconds: float, call) -> list[float]:
    """Seconds of each call, until so many have passed."""
    times = []
    start = time.perf_counter()
    while not times or time.perf_counter() - start < seconds:
        begin = time.perf_counter()
        call()
        times.append(time.perf_counter() - begin)
    return times


def peak_rss_bytes() -> int | None:
    """Largest resident memory of this process so far, where the system tells (Linux)."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), None)


def memory(work: Work, blocks: int, count: int, epochs: int) -> list[int]:
    """Peak memory after each epoch of a run that holds `count` images as bytes and trains all blocks."""
    shape = (count, work.channels, work.height, work.width)
    pixels = torch.randint(0, 256, shape, dtype=torch.uint8)
    trainings = [Training(work) for _ in range(blocks)]
    peaks = []
    with TemporaryDirectory() as folder:
        for _ in range(epochs):
            for training in trainings:
                training.block.train()
            for batch in range(MEMORY_BATCHES):
                rows = pixels[batch * work.batch:(batch + 1) * work.batch]
                images = (rows.float() / 255).contiguous(memory_format=work.memory_format())
                for training in trainings:
                    training.step(images, work.labels(len(images)))
            networks = [training.block.eval() for training in trainings]
            for rows in pixels[:EVALUATED].split(EVALUATION_BATCH):
                evaluate(work, networks, (rows.float() / 255).contiguous(memory_format=work.memory_format()))
            state = [(training.block.state_dict(), training.optimizer.state_dict()) for training in trainings]
            torch.save(state, Path(folder) / "checkpoint.pt")
            peaks.append(peak_rss_bytes())
    return [peak for peak in peaks if peak is not None]


class Server:
    """Answers requests; what it made for the last block and input is kept."""

    def __init__(self):
        self.case = None
        self.trainings: dict[str, tuple[Training, Tensor]] = {}
        self.chains: dict[str, tuple[list[Block], Tensor]] = {}

    def answer(self, request: dict) -> dict:
        what = request["do"]
        if what == "hello":
            return {"framework": "pytorch", "version": torch.__version__, "threads": torch.get_num_threads()}
        work = Work.of(request)
        if what == "memory":
            return {"peak_rss_bytes": memory(work, request["blocks"], request["images"], request["epochs"])}
        case = (work.block, work.height, work.width, work.channels)
        if case != self.case:
            self.case, self.trainings, self.chains = case, {}, {}
        if what == "warm":
            self.training(work)
            return {"seconds": []}
        if what == "train":
            training, images = self.training(work)
            labels = work.labels(work.batch)
            return {"seconds": repeat(request["seconds"], lambda: training.step(images, labels))}
        if what == "infer":
            blocks, images = self.chain(work, request["blocks"], request["batch"])
            return {"seconds": repeat(request["seconds"], lambda: evaluate(work, blocks, images))}
        raise ValueError(f"do must be hello, warm, train, infer or memory; found {what}")

    def training(self, work: Work) -> tuple[Training, Tensor]:
        key = f"{work.precision} {work.layout}"
        if key not in self.trainings:
            made = (Training(work), work.images(work.batch))
            for _ in range(WARM_UP):
                made[0].step(made[1], work.labels(work.batch))
            self.trainings[key] = made
        return self.trainings[key]

    def chain(self, work: Work, blocks: int, batch: int) -> tuple[list[Block], Tensor]:
        key = f"{work.precision} {work.layout}"
        if key not in self.chains:
            made = ([work.network().eval() for _ in range(blocks)], work.images(batch))
            evaluate(work, *made)
            self.chains[key] = made
        return self.chains[key]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, required=True)
    torch.set_num_threads(parser.parse_args().threads)
    torch.manual_seed(SEED)
    server = Server()
    for line in sys.stdin:
        try:
            answer = server.answer(json.loads(line))
        except Exception as error:  # Whatever it is, whoever asked prints it as one line.
            answer = {"error": f"{type(error).__name__}: {' '.join(str(error).split())}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
