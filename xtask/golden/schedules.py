"""Noise schedules in double precision, and the coefficients of the sampler. alpha_bar rises from noise (0) to clean (1)."""

import math

import torch
from torch import Tensor

from store import encode

HORIZONS = (1, 4, 10, 20)
LEAST, MOST = 1e-5, 0.999


def cosine(t: int, horizon: int) -> float:
    def g(s):
        return math.cos((s + 0.008) / 1.008 * math.pi / 2) ** 2

    return g(1 - t / horizon) / g(0)


def linear(t: int, horizon: int) -> float:
    return t / horizon


def sigmoid(t: int, horizon: int) -> float:
    def logistic(s):
        return 1 / (1 + math.exp(-s))

    return (logistic(-3 + 6 * t / horizon) - logistic(-3)) / (logistic(3) - logistic(-3))


SCHEDULES = {"cosine": cosine, "linear": linear, "sigmoid": sigmoid}


def alpha_bar(schedule, horizon: int) -> Tensor:
    """alpha_bar at t = 0..T, clipped to [1e-5, 0.999]."""
    values = [min(max(schedule(t, horizon), LEAST), MOST) for t in range(horizon + 1)]
    return torch.tensor(values, dtype=torch.float64)


def reference_alpha_bar(horizon: int) -> Tensor:
    """The reference repository's falling product of cos^2, at t = 1..T."""
    values, product = [], 1.0
    for s in range(1, horizon + 1):
        product *= math.cos(s / horizon * math.pi / 2) ** 2
        values.append(product)
    return torch.tensor(values, dtype=torch.float64)


def snr(bar: Tensor) -> Tensor:
    return bar / (1 - bar)


def coefficients(bar: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """a, b, c of z_t = a_t estimate + b_t z_{t-1} + sqrt(c_t) noise, for t = 1..T (paper, equation 3)."""
    now, before = bar[1:], bar[:-1]
    alpha = before / now
    a = now.sqrt() * (1 - alpha) / (1 - before)
    b = alpha.sqrt() * (1 - now) / (1 - before)
    c = (1 - now) * (1 - alpha) / (1 - before)
    return a, b, c


def check(bar: Tensor):
    """With a perfect estimate the chain's marginal at every t is N(sqrt(alpha_bar_t) u, 1 - alpha_bar_t)."""
    a, b, c = coefficients(bar)
    mean = a + b * bar[:-1].sqrt() - bar[1:].sqrt()
    variance = b.square() * (1 - bar[:-1]) + c - (1 - bar[1:])
    worst = torch.stack([mean, variance]).abs().max().item()
    if not worst <= 1e-12:
        raise RuntimeError(f"schedules: the sampler must keep the marginals; it misses them by {worst}")


def schedules() -> bytes:
    """The file schedules.safetensors, all float64."""
    tensors = {}
    for horizon in HORIZONS:
        for name, schedule in SCHEDULES.items():
            bar = alpha_bar(schedule, horizon)
            check(bar)
            a, b, c = coefficients(bar)
            values = {"alpha_bar": bar, "snr": snr(bar)[1:], "snr_difference": snr(bar).diff(), "a": a, "b": b, "c": c}
            tensors |= {f"{name}.{horizon}.{key}": value for key, value in values.items()}
        tensors[f"reference.{horizon}.alpha_bar"] = reference_alpha_bar(horizon)
    return encode(tensors, 0, keep_float64=("",))
