"""Golden values of the optimisers: one parameter vector, six fixed gradients, the parameters after every step."""

import math

import torch
from torch import Tensor

from store import Sampler, encode, exact, scalar

SEED = 200
STEPS, SIZE = 6, 17
CASES = {
    "adam": (torch.optim.Adam, {"lr": 0.01, "weight_decay": 0.0}),
    "adam_l2": (torch.optim.Adam, {"lr": 0.01, "weight_decay": 0.01}),
    "adamw": (torch.optim.AdamW, {"lr": 0.01, "weight_decay": 0.01}),
    "sgd": (torch.optim.SGD, {"lr": 0.01, "weight_decay": 0.0, "momentum": 0.0}),
    "sgd_weight_decay": (torch.optim.SGD, {"lr": 0.01, "weight_decay": 0.01, "momentum": 0.0}),
    "sgd_momentum": (torch.optim.SGD, {"lr": 0.01, "weight_decay": 0.01, "momentum": 0.9}),
    "sgd_nesterov": (torch.optim.SGD, {"lr": 0.01, "weight_decay": 0.01, "momentum": 0.9, "nesterov": True}),
}
# Rows and columns of the matrices that Muon moves.
MATRICES = {"muon": (3, 5), "muon_tall": (5, 3)}
MUON = {"lr": 0.02, "momentum": 0.95, "weight_decay": 0.1}
ADAM = {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8}


def trajectory(optimizer, settings: dict, start: Tensor, gradients: Tensor) -> Tensor:
    """Parameters after each step, [steps, size]."""
    parameter = start.clone().requires_grad_()
    if optimizer is not torch.optim.SGD:
        settings = settings | {"betas": (ADAM["beta1"], ADAM["beta2"]), "eps": ADAM["eps"]}
    steps = optimizer([parameter], foreach=False, **settings)
    rows = []
    for gradient in gradients:
        parameter.grad = gradient.clone()
        steps.step()
        rows.append(parameter.detach().clone())
    return torch.stack(rows)


def orthogonal(gradient: Tensor) -> Tensor:
    """Five steps of Newton and Schulz in double precision; PyTorch's own Muon rounds to bf16 between them."""
    x = gradient / gradient.norm()
    for _ in range(5):
        gram = x @ x.T
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    return x


def muon(sampler: Sampler, shape: tuple[int, int]) -> dict[str, Tensor]:
    """A matrix, its gradients, and the matrix after each step of Muon, the size of steps matched to AdamW's."""
    start, gradients = sampler.normal(*shape), sampler.normal(STEPS, *shape)
    parameter, total, rows = start.clone(), torch.zeros_like(start), []
    for gradient in gradients:
        total = MUON["momentum"] * total + gradient
        step = orthogonal(gradient + MUON["momentum"] * total)
        parameter = parameter * (1 - MUON["lr"] * MUON["weight_decay"]) - MUON["lr"] * 0.2 * math.sqrt(max(shape)) * step
        rows.append(parameter)
    constants = {name: scalar(value) for name, value in MUON.items()}
    return {"start": start, "gradients": gradients, "parameters": torch.stack(rows)} | constants


def clipping(sampler: Sampler) -> dict[str, Tensor]:
    """Two gradients clipped by their common norm: once above the limit, once below it."""
    tensors = {}
    before = [sampler.normal(5, 3), sampler.normal(7)]
    for case, limit in (("clip_grad_norm.above", 1.5), ("clip_grad_norm.below", 50.0)):
        parameters = [torch.zeros_like(gradient).requires_grad_() for gradient in before]
        for parameter, gradient in zip(parameters, before):
            parameter.grad = gradient.clone()
        total = torch.nn.utils.clip_grad_norm_(parameters, limit, foreach=False)
        tensors |= {f"{case}.max_norm": scalar(limit), f"{case}.total_norm": scalar(total)}
        for i, (parameter, gradient) in enumerate(zip(parameters, before)):
            tensors |= {f"{case}.before.{i}": gradient, f"{case}.after.{i}": parameter.grad}
    return tensors


def cosine_lr(base: float, least: float, period: int) -> Tensor:
    """lr_t = least + (base - least) (1 + cos(pi t / period)) / 2 for t = 0..period, checked against PyTorch's scheduler."""
    closed = [least + (base - least) * (1 + math.cos(math.pi * t / period)) / 2 for t in range(period + 1)]
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=base)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=period, eta_min=least)
    for t, expected in enumerate(closed):
        found = scheduler.get_last_lr()[0]
        if not abs(found - expected) <= 1e-12:
            raise RuntimeError(f"cosine_lr: closed form and scheduler must agree; at t = {t} {expected} and {found}")
        optimizer.step()
        scheduler.step()
    return torch.tensor(closed, dtype=torch.float64)


def optimizers() -> bytes:
    """The file optimizers.safetensors."""
    sampler = Sampler(SEED)
    start, gradients = sampler.normal(SIZE), sampler.normal(STEPS, SIZE)
    # Extremes: a gradient always 0, one near Adam's eps, one large.
    gradients[:, 0] = 0.0
    gradients[:, 1] = exact(gradients[:, 1] * 1e-7)
    gradients[:, 2] = exact(gradients[:, 2] * 1e3)
    tensors = {"parameters": start, "gradients": gradients} | clipping(sampler)
    for case, (optimizer, settings) in CASES.items():
        tensors[f"{case}.parameters"] = trajectory(optimizer, settings, start, gradients)
        extras = {} if optimizer is torch.optim.SGD else ADAM
        tensors |= {f"{case}.{name}": scalar(value) for name, value in (settings | extras).items()}
    for case, shape in MATRICES.items():
        tensors |= {f"{case}.{name}": value for name, value in muon(sampler, shape).items()}
    for case, least in (("cosine_lr", 0.0), ("cosine_lr_floor", 1e-5)):
        tensors |= {f"{case}.lr": cosine_lr(0.001, least, 10), f"{case}.base": scalar(0.001),
                    f"{case}.least": scalar(least), f"{case}.period": scalar(10)}
    return encode(tensors, SEED, (".lr", ".weight_decay", ".momentum", ".beta1", ".beta2", ".eps", ".max_norm",
                                  ".total_norm", ".base", ".least", ".period"))
