"""Golden values of whole blocks: small ones stored parameter by parameter, full ones whose parameters are a formula."""

import copy
import math

import numpy
import torch
from torch import Tensor
from torch.nn import functional as F

from networks import Block, PaperBlock, ReferenceBlock
from store import Sampler, choose_seed, encode, exact, scalar

CLASSES = 4
LEARNING_RATE, WEIGHT_DECAY = 1e-3, 1e-3
# A float64 gradient this much below the block's largest is rounding noise.
NOISE = 1e-11


def small_paper(embedding_dim: int = CLASSES, **kind: bool) -> Block:
    widths = {"channels": (3, 4, 5), "hidden": 6, "join": (7, 5)}
    return PaperBlock(2, 9, 10, embedding_dim, CLASSES, dropout=0.0, **widths, **kind).double()


def small_reference(decoder: bool) -> Block:
    return ReferenceBlock(2, 6, CLASSES, channels=(3, 4, 5), hidden=6, join=(7, 5), decoder=decoder, dropout=0.0).double()


def full_paper() -> Block:
    return PaperBlock(1, 8, 8, 10, 10, dropout=0.0).double()


def full_reference() -> Block:
    return ReferenceBlock(3, 20, 10, dropout=0.0).double()


def zero_gradients(block: Block) -> list[str]:
    """Parameters whose true gradient is zero: what they add is the same for the whole batch, and the next batch norm
    subtracts it."""
    norms = {name.rsplit(".", 1)[0] for name in block.state() if name.endswith("running_mean")}
    added = {norm.replace("bn", "fc") for norm in norms}
    # The image path and the label path end in a norm, and the join's first norm sees what they add.
    added |= norms & {"image.bn", "label.bn", "label.bn3"}
    return [name for name, _ in block.named_parameters() if name.endswith(".bias") and name.removesuffix(".bias") in added]


def is_norm(name: str) -> bool:
    """Whether a state name belongs to a batch norm: `image.bn.weight`, `join.bn2.bias`."""
    return name.split(".")[-2].startswith("bn")


def scale_of(name: str, shape: torch.Size) -> tuple[float, float]:
    """Centre and half-width of the values a parameter is filled with."""
    kind = name.rsplit(".", 1)[1]
    if kind == "running_var":
        return 1.0, 0.5
    if kind == "weight" and is_norm(name):
        return 1.0, 0.1
    if kind == "weight":
        return 0.0, math.sqrt(3.0 / math.prod(shape[1:]))
    return 0.0, 0.1


def fractions_of(name: str, count: int) -> numpy.ndarray:
    """`count` numbers in [0, 1): splitmix64's mix of fnv1a64(name) + i * 0x9E3779B97F4A7C15, its top 24 bits."""
    start = 0xCBF29CE484222325
    for byte in name.encode():
        start = (start ^ byte) * 0x100000001B3 % 2**64
    # Arrays of unsigned integers wrap silently, as intended.
    h = numpy.uint64(start) + numpy.arange(count, dtype=numpy.uint64) * numpy.uint64(0x9E3779B97F4A7C15)
    h = (h ^ (h >> numpy.uint64(30))) * numpy.uint64(0xBF58476D1CE4E5B9)
    h = (h ^ (h >> numpy.uint64(27))) * numpy.uint64(0x94D049BB133111EB)
    h ^= h >> numpy.uint64(31)
    return (h >> numpy.uint64(40)).astype(numpy.float64) / 2**24


def fill_by_formula(block: Block) -> Block:
    """Every parameter and running statistic from its own name: no seed, nothing to store."""
    for name, value in block.state().items():
        centre, half = scale_of(name, value.shape)
        fractions = torch.from_numpy(fractions_of(name, value.numel())).reshape(value.shape)
        value.copy_(exact(centre + half * (2 * fractions - 1)))
    return block


def fill_at_random(block: Block, sampler: Sampler) -> Block:
    """The same ranges, drawn from the sampler."""
    for name, value in block.state().items():
        centre, half = scale_of(name, value.shape)
        value.copy_(sampler.uniform(*value.shape, low=centre - half, high=centre + half))
    return block


def squared_error(estimate: Tensor, target: Tensor) -> Tensor:
    """Squared distance summed over d, mean over the batch."""
    return (estimate - target).square().sum(dim=1).mean()


def images(sampler: Sampler, batch: int, channels: int, height: int, width: int) -> Tensor:
    """Images in [0, 1): patches of a 4x4 grid, of differing contrast, under noise, so that images differ on average too."""
    grid = sampler.uniform(batch, channels, 4, 4).square() * sampler.uniform(batch, channels, 1, 1)
    patches = F.interpolate(grid, size=(height, width), mode="nearest")
    return exact(0.7 * patches + 0.3 * sampler.uniform(batch, channels, height, width))


def inputs_for(sampler: Sampler, block: Block, batch: int, height: int, width: int, classes: int) -> dict[str, Tensor]:
    """Images, latents, class embeddings and labels."""
    is_image = hasattr(block.label, "shape")
    dim = math.prod(block.label.shape) if is_image else block.label.fc1.in_features
    inputs = {
        "x": images(sampler, batch, block.image.conv1.in_channels, height, width),
        "z": sampler.normal(batch, dim),
        "W_embed": sampler.normal(classes, dim),
        "labels": torch.arange(batch) * 3 % classes,
    }
    # Of a time of few binary digits, single precision computes the same sines.
    times = {"t": (torch.arange(batch, dtype=torch.float64) + 0.25) / 8} if block.time is not None else {}
    return inputs | times


def evaluate(block: Block, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    """Logits and estimate in evaluation mode."""
    with torch.no_grad():
        logits, estimate = block.eval()(inputs["x"], inputs["z"], inputs["W_embed"], inputs.get("t"))
    return {"eval.logits": logits, "eval.estimate": estimate}


def train(block: Block, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    """One training-mode forward and backward; leaves the gradients on the block and new running statistics in it."""
    z, embedding = inputs["z"].clone().requires_grad_(), inputs["W_embed"].clone().requires_grad_()
    block.train().zero_grad()
    logits, estimate = block(inputs["x"], z, embedding, inputs.get("t"))
    loss = squared_error(estimate, embedding[inputs["labels"]])
    loss.backward()
    results = {"train.logits": logits, "train.estimate": estimate, "train.loss": scalar(loss.detach())}
    return results | {"grad.z": z.grad, "grad.W": embedding.grad}


def gradients(block: Block) -> dict[str, Tensor]:
    """Gradients left on the block."""
    return {name: parameter.grad for name, parameter in block.named_parameters()}


def true_gradients(block: Block) -> dict[str, Tensor]:
    """The same with rounding noise, where the true gradient is zero, replaced by zero."""
    found = gradients(block)
    noise = NOISE * max(gradient.abs().max() for gradient in found.values())
    return {name: gradient.where(gradient.abs() > noise, 0.0) for name, gradient in found.items()}


def is_sound(block: Block, least: float) -> bool:
    """Whether, of the float64 gradients left on the block, those that must vanish do and no others, which would mean a dead
    layer; and whether every other entry is either 0 or at least `least` of its tensor's largest, so that float32 agrees on
    its sign."""
    sizes = {name: gradient.abs() for name, gradient in gradients(block).items()}
    noise = NOISE * max(size.max() for size in sizes.values())
    vanishing = zero_gradients(block)
    if [name for name, size in sizes.items() if size.max() < noise] != vanishing:
        return False
    others = [size for name, size in sizes.items() if name not in vanishing]
    return all(bool(((size == 0) | (size >= least * size.max())).all()) for size in others)


def distance(wide: dict[str, Tensor], narrow: dict[str, Tensor], vanishing: list[str]) -> float:
    """Largest difference of any entry over its tensor's largest entry; gradients that vanish are rounding and left out."""
    def one(a: Tensor, b: Tensor) -> float:
        return ((a - b.double()).abs().max() / a.abs().max()).item()

    names = [name for name in wide if name.removeprefix("grad.") not in vanishing]
    return max(one(wide[name].detach(), narrow[name].detach()) for name in names)


def in_single(inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.float() if value.is_floating_point() else value for name, value in inputs.items()}


def single_precision_error(block: Block, inputs: dict[str, Tensor], least: float = 0.0) -> float:
    """How far PyTorch's own float32 is from these goldens, infinite for an unsound block; leaves the block as it was."""
    wide, narrow = copy.deepcopy(block), copy.deepcopy(block).float()
    vanishing = zero_gradients(block)
    outside = max(distance(run(wide, inputs), run(narrow, in_single(inputs)), vanishing) for run in (evaluate, train))
    inside = distance(gradients(wide), gradients(narrow), vanishing)
    return max(outside, inside) if is_sound(wide, least) else math.inf


def small(build, first_seed: int, height: int, width: int) -> bytes:
    """Everything about one small block on a batch of 5, before and after one AdamW step."""

    def prepare(seed: int):
        sampler = Sampler(seed)
        block = fill_at_random(build(), sampler)
        return block, inputs_for(sampler, block, 5, height, width, CLASSES)

    def run(seed: int) -> float:
        # AdamW's first step is the sign of the gradient: it must be beyond doubt.
        return single_precision_error(*prepare(seed), least=2e-5)

    seed = choose_seed(first_seed, 1e-4, 1e-5, run)
    block, inputs = prepare(seed)
    tensors = inputs | {"u": inputs["W_embed"][inputs["labels"]]}
    tensors |= {f"before.{name}": value.clone() for name, value in block.state().items()}
    tensors |= evaluate(block, inputs) | train(block, inputs)
    for name, value in true_gradients(block).items():
        tensors[f"grad.{name}"] = value
        block.get_parameter(name).grad = value
    torch.optim.AdamW(block.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY, foreach=False).step()
    tensors |= {f"after.{name}": value for name, value in block.state().items()}
    return encode(tensors, seed, lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY,
                  zero_gradients=zero_gradients(block))


def samples(value: Tensor) -> Tensor:
    """64 entries at floor(k n / 64), k = 0..63, of a tensor of n elements in row-major order."""
    return value.flatten()[torch.arange(64) * value.numel() // 64]


def full(build, first_seed: int, height: int, width: int) -> bytes:
    """A block of the published widths on a batch of 4; the largest tensors appear as norms and samples."""
    block = fill_by_formula(build())

    def prepare(seed: int) -> dict[str, Tensor]:
        return inputs_for(Sampler(seed), block, 4, height, width, 10)

    def run(seed: int) -> float:
        return single_precision_error(block, prepare(seed))

    seed = choose_seed(first_seed, 1e-5, 5e-5, run)
    inputs = prepare(seed)
    tensors = inputs | {"u": inputs["W_embed"][inputs["labels"]]}
    tensors |= {f"parameter_sample.{name}": samples(value) for name, value in block.state().items()}
    tensors |= evaluate(block, inputs) | train(block, inputs)
    for name, value in true_gradients(block).items():
        tensors |= {f"grad_norm.{name}": scalar(value.norm()), f"grad_sample.{name}": samples(value)}
    return encode(tensors, seed, zero_gradients=zero_gradients(block))


def in_places(places: dict[str, dict], build, inputs_for, error, values_of, first_seed: int, margin: float, **notes) -> bytes:
    """One file with a block in several places: each is a prefix of its tensors, and says what `build` is given.

    `build(sampler, **kind)` makes a filled block, `inputs_for(block, sampler)` its inputs, `error(block, inputs)` says how far single precision is
    off, `values_of(block, inputs)` what the file has of it; `state` of a block are its tensors.
    """

    def prepare(seed: int):
        sampler = Sampler(seed)
        for place, kind in places.items():
            block = build(sampler, **kind)
            yield place, block, inputs_for(block, sampler)

    def run(seed: int) -> float:
        return max(error(block, inputs) for _, block, inputs in prepare(seed))

    seed = choose_seed(first_seed, margin, 1e-5, run)
    tensors = {}
    for place, block, inputs in prepare(seed):
        own = inputs | {"u": inputs["W_embed"][inputs["labels"]]}
        own |= {f"before.{name}": value.clone() for name, value in block.state().items()}
        tensors |= {f"{place}.{name}": value for name, value in (own | values_of(block, inputs)).items()}
    return encode(tensors, seed, **notes)
