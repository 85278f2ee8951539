"""Golden values of the losses of NoProp-CT, NoProp-FM, back-propagation and the neural ODE, with all their gradients.

Each file has one small network, its batch, and the noise that the loss is a function of. The adjoint method is written out here as
its equations stand, on PyTorch's vector-Jacobian products; so what is compared is the method, solver and all.
"""

import copy

import torch
from torch import Tensor
from torch.nn import functional as F

import blocks
from networks import Block
from store import Sampler, choose_seed, encode, scalar

DIM, CLASSES, BATCH = 5, 4, 5
CT_ETA, FM_SIGMA, BACKPROP_BLOCKS = 0.7, 0.3, 3
UNITS = 16
# (name, rule, steps) of the solvers.
SOLVERS = (("euler", False, 4), ("heun", True, 3))

Values = dict[str, Tensor]


def batch(sampler: Sampler) -> Values:
    """Images, labels, embedding and head."""
    return {
        "x": blocks.images(sampler, BATCH, 2, 9, 10),
        "labels": torch.tensor([2, 0, 3, 2, 1]),
        "embedding.weight": sampler.normal(CLASSES, DIM),
        "head.weight": sampler.normal(CLASSES, DIM, scale=0.5),
        "head.bias": sampler.normal(CLASSES, scale=0.2),
    }


def times() -> Values:
    """Times of few binary digits, of which single precision computes the same sines."""
    return {"t": (torch.arange(BATCH, dtype=torch.float64) + 0.25) / 8}


def leaves_of(inputs: Values) -> Values:
    """What is learned beside the blocks: what has a dot in its name."""
    return {name: value.clone().requires_grad_() for name, value in inputs.items() if "." in name}


def head(leaves: Values, z: Tensor) -> Tensor:
    return F.linear(z, leaves["head.weight"], leaves["head.bias"])


def results(terms: Values, values: Values, networks: dict[str, Block], leaves: Values) -> Values:
    """Terms, values on the way, and all gradients that a backward pass has left."""
    found = {f"loss.{name}": scalar(value.detach()) for name, value in terms.items()} | values
    found |= {f"grad.{name}": leaf.grad for name, leaf in leaves.items() if leaf.grad is not None}
    for prefix, network in networks.items():
        found |= {f"grad.{prefix}{name}": value for name, value in blocks.true_gradients(network).items()}
    return found


def gamma(leaves: Values, t: Tensor) -> Tensor:
    """gamma(t) = gamma0 + span (1 - share(t)), share the normalised rise of a two-layer network with positive weights."""
    inner = F.softplus(leaves["schedule.fc1.weight"][:, 0])
    outer = F.softplus(leaves["schedule.fc2.weight"][0])

    def network(t: Tensor) -> Tensor:
        return (torch.sigmoid(t[:, None] * inner + leaves["schedule.fc1.bias"]) * outer).sum(1)

    first, last = network(torch.zeros_like(t[:1])), network(torch.ones_like(t[:1]))
    share = (network(t) - first) / (last - first)
    return leaves["schedule.gamma0"] + F.softplus(leaves["schedule.span"]) * (1 - share)


def ct_inputs(sampler: Sampler) -> Values:
    return batch(sampler) | times() | {
        "eps": sampler.normal(BATCH, DIM),
        "eps_last": sampler.normal(BATCH, DIM),
        "schedule.gamma0": sampler.normal(1, scale=0.5) - 3.0,
        "schedule.span": sampler.normal(1, scale=0.5) + 6.0,
        "schedule.fc1.weight": sampler.normal(UNITS, 1),
        "schedule.fc1.bias": sampler.normal(UNITS),
        "schedule.fc2.weight": sampler.normal(1, UNITS),
    }


def ct(networks: dict[str, Block], inputs: Values) -> Values:
    """Equation 9: CE(f(z_1), y) + KL + eta/2 SNR'(t) |estimate - u|^2, t one a row."""
    leaves = leaves_of(inputs)
    embedding = leaves["embedding.weight"]
    target = embedding[inputs["labels"]]

    def noised(level: Tensor, noise: Tensor) -> Tensor:
        return torch.sigmoid(-level).sqrt()[:, None] * target + torch.sigmoid(level).sqrt()[:, None] * noise

    t = inputs["t"].clone().requires_grad_()
    level = gamma(leaves, t)
    slope = torch.autograd.grad(level.sum(), t, create_graph=True)[0]
    z = noised(level, inputs["eps"])
    _, estimate = networks[""](inputs["x"], z, embedding, inputs["t"])
    errors = (estimate - target).square().sum(1)
    weighted = (0.5 * CT_ETA * -slope * torch.exp(-level) * errors).mean()
    last = gamma(leaves, torch.ones_like(t[:1]))
    cross_entropy = F.cross_entropy(head(leaves, noised(last.expand(BATCH), inputs["eps_last"])), inputs["labels"])
    first = gamma(leaves, torch.zeros_like(t[:1]))
    bar = torch.sigmoid(-first)
    kl = 0.5 * (bar * target.square() - bar - F.logsigmoid(first)).sum(1).mean()
    total = cross_entropy + kl + weighted
    total.backward()
    terms = {"total": total, "squared_error": errors.mean(), "ce": cross_entropy, "kl": kl}
    return results(terms, {"gamma": level, "slope": slope}, networks, leaves)


def fm_inputs(sampler: Sampler) -> Values:
    return batch(sampler) | times() | {"start": sampler.normal(BATCH, DIM), "path": sampler.normal(BATCH, DIM)}


def fm(networks: dict[str, Block], inputs: Values) -> Values:
    """|velocity - (u - z_0)|^2 on the straight path, and CE(f(z_t + (1 - t) velocity), y) as the embedding is learned."""
    leaves = leaves_of(inputs)
    embedding = leaves["embedding.weight"]
    target, t = embedding[inputs["labels"]], inputs["t"][:, None]
    z = t * target + (1 - t) * inputs["start"] + FM_SIGMA * inputs["path"]
    velocity = networks[""].logits(inputs["x"], z, inputs["t"]) @ embedding
    error = blocks.squared_error(velocity, target - inputs["start"])
    cross_entropy = F.cross_entropy(head(leaves, z + (1 - t) * velocity), inputs["labels"])
    total = error + cross_entropy
    total.backward()
    return results({"total": total, "squared_error": error, "ce": cross_entropy}, {}, networks, leaves)


def backprop_inputs(sampler: Sampler) -> Values:
    return batch(sampler) | {"start": sampler.normal(BATCH, DIM), "gates.weight": sampler.normal(BACKPROP_BLOCKS, scale=0.5)}


def backprop(networks: dict[str, Block], inputs: Values) -> Values:
    """CE(f(z_T), y), z moved by each block: z + tanh(gate) (estimate - z)."""
    leaves = leaves_of(inputs)
    z = inputs["start"]
    for block, gate in zip(networks.values(), leaves["gates.weight"].tanh()):
        _, estimate = block(inputs["x"], z, leaves["embedding.weight"])
        z = z + gate * (estimate - z)
    total = F.cross_entropy(head(leaves, z), inputs["labels"])
    total.backward()
    return results({"total": total}, {}, networks, leaves)


def adjoint_inputs(sampler: Sampler) -> Values:
    return batch(sampler) | {"start": sampler.normal(BATCH, DIM)}


def adjoint(network: Block, inputs: Values, is_heun: bool, steps: int) -> Values:
    """dz/dt = logits(x, z, t) W from 0 to 1, then z and the adjoint a = dL/dz back in the same steps of the same rule."""
    leaves = leaves_of(inputs)
    embedding, width = leaves["embedding.weight"], 1.0 / steps
    features = network.image(inputs["x"])
    seen = features.detach().requires_grad_()
    learned = [*network.label.parameters(), *network.time.parameters(), *network.join.parameters(), embedding]
    sums = [torch.zeros_like(value) for value in (*learned, seen)]

    def field(z: Tensor, t: float) -> Tensor:
        rows = torch.full((BATCH,), t, dtype=z.dtype)
        return network.join(seen, network.label(z), network.time(rows)) @ embedding

    def back(z: Tensor, t: float, a: Tensor, factor: float) -> tuple[Tensor, Tensor]:
        """The field, and factor * a^T df/dz; the same for what is learned is added to the sums."""
        z = z.detach().requires_grad_()
        value = field(z, t)
        of_z, *of_rest = torch.autograd.grad(value, [z, *learned, seen], factor * a)
        for total, part in zip(sums, of_rest):
            total += part
        return value.detach(), of_z

    z = inputs["start"]
    with torch.no_grad():
        for step in range(steps):
            t = step * width
            velocity = field(z, t)
            if is_heun:
                velocity = 0.5 * (velocity + field(z + width * velocity, t + width))
            z = z + width * velocity
    end = z.clone().requires_grad_()
    total = F.cross_entropy(head(leaves, end), inputs["labels"])
    total.backward()

    a = end.grad
    for step in reversed(range(steps)):
        t = (step + 1) * width
        if is_heun:
            velocity, first = back(z, t, a, 0.5 * width)
            again, second = back(z - width * velocity, t - width, a + 2 * first, 0.5 * width)
            z, a = z - 0.5 * width * (velocity + again), a + first + second
        else:
            velocity, of_z = back(z, t, a, width)
            z, a = z - width * velocity, a + of_z
    features.backward(sums[-1])
    for value, found in zip(learned, sums):
        value.grad = found
    return results({"total": total}, {}, {"": network}, leaves)


def file(first_seed: int, build, make_inputs, cases, **notes) -> bytes:
    """A file of one network, `build()` its blocks by prefix, with the results of each of `cases` under the case's name."""

    def prepare(seed: int) -> tuple[dict[str, Block], Values]:
        sampler = Sampler(seed)
        networks = {name: blocks.fill_at_random(block, sampler) for name, block in build().items()}
        return networks, make_inputs(sampler)

    def run(networks: dict[str, Block], inputs: Values) -> Values:
        found = {}
        for name, case in cases.items():
            fresh = {prefix: copy.deepcopy(block).train() for prefix, block in networks.items()}
            found |= {f"{name}{key}": value for key, value in case(fresh, inputs).items()}
        return found

    def error(seed: int) -> float:
        networks, inputs = prepare(seed)
        narrow = {prefix: copy.deepcopy(block).float() for prefix, block in networks.items()}
        wide, single = run(networks, inputs), run(narrow, blocks.in_single(inputs))
        vanishing = [name for name, value in wide.items() if not bool(value.any())]
        kept = {name: value for name, value in wide.items() if name not in vanishing}
        return blocks.distance(kept, single, [])

    seed = choose_seed(first_seed, 1e-4, 1e-4, error)
    networks, inputs = prepare(seed)
    tensors = dict(inputs)
    for prefix, block in networks.items():
        tensors |= {f"before.{prefix}{name}": value.clone() for name, value in block.state().items()}
    return encode(tensors | run(networks, inputs), seed, **notes)


def continuous() -> dict[str, Block]:
    return {"": blocks.small_paper(DIM, continuous=True)}


def ct_loss() -> bytes:
    return file(4001, continuous, ct_inputs, {"": ct}, eta=CT_ETA)


def fm_loss() -> bytes:
    return file(5001, continuous, fm_inputs, {"": fm}, sigma=FM_SIGMA)


def backprop_loss() -> bytes:
    def build() -> dict[str, Block]:
        return {f"{index}.": blocks.small_paper(DIM) for index in range(BACKPROP_BLOCKS)}

    return file(6001, build, backprop_inputs, {"": backprop}, blocks=BACKPROP_BLOCKS)


def adjoint_loss() -> bytes:
    def case(is_heun: bool, steps: int):
        return lambda networks, inputs: adjoint(networks[""], inputs, is_heun, steps)

    return file(7001, continuous, adjoint_inputs, {f"{name}.": case(is_heun, steps) for name, is_heun, steps in SOLVERS},
                **{name: steps for name, _, steps in SOLVERS})
