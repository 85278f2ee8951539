"""The denoising blocks as PyTorch modules, every width adjustable.

Parameter names are those of `model.safetensors` below `blocks.{t}.`, so a state dictionary of one of these modules is
one block of that file. Letters: B batch, C, H, W image channels, height, width, m classes, d embedding size.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def pooled(size: int, times: int) -> int:
    """Side of an image after `times` 2x2 max-pools, each rounding down."""
    return size >> times


class PaperImage(nn.Module):
    """Features [B, hidden] of an image [B, C, H, W]: pools after the first and third convolution, then flattens.

    With `residual`, a second convolution follows the second and the third: x + ReLU(conv(x)). In continuous time ReLU takes
    the place of the batch norm.
    """

    def __init__(self, in_channels, height, width, channels, hidden, dropout, residual=False, continuous=False):
        super().__init__()
        first, second, third = channels
        self.conv1 = nn.Conv2d(in_channels, first, 3, padding=1)
        self.conv2 = nn.Conv2d(first, second, 3, padding=1)
        self.conv3 = nn.Conv2d(second, third, 3, padding=1)
        self.conv2_residual = nn.Conv2d(second, second, 3, padding=1) if residual else None
        self.conv3_residual = nn.Conv2d(third, third, 3, padding=1) if residual else None
        self.fc = nn.Linear(third * pooled(height, 2) * pooled(width, 2), hidden)
        self.bn = None if continuous else nn.BatchNorm1d(hidden)
        self.dropout = nn.Dropout(dropout)

    def add(self, convolution, h: Tensor) -> Tensor:
        return h if convolution is None else h + self.dropout(F.relu(convolution(h)))

    def forward(self, x: Tensor) -> Tensor:
        h = self.dropout(F.max_pool2d(F.relu(self.conv1(x)), 2))
        h = self.add(self.conv2_residual, self.dropout(F.relu(self.conv2(h))))
        h = self.add(self.conv3_residual, self.dropout(F.max_pool2d(F.relu(self.conv3(h)), 2)))
        h = self.fc(h.flatten(1))
        return F.relu(h) if self.bn is None else self.bn(h)


class ReferenceImage(nn.Module):
    """Features [B, hidden] of an image [B, C, H, W]: pools after every convolution, then averages over all positions."""

    def __init__(self, in_channels, channels, hidden, dropout):
        super().__init__()
        first, second, third = channels
        self.conv1 = nn.Conv2d(in_channels, first, 3, padding=1)
        self.conv2 = nn.Conv2d(first, second, 3, padding=1)
        self.conv3 = nn.Conv2d(second, third, 3, padding=1)
        self.fc = nn.Linear(third, hidden)
        self.bn = nn.BatchNorm1d(hidden)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        for convolution in (self.conv1, self.conv2, self.conv3):
            x = self.dropout(F.max_pool2d(F.relu(convolution(x)), 2))
        return self.bn(self.fc(x.mean(dim=(2, 3))))


class Label(nn.Module):
    """Features [B, hidden] of a latent [B, d]: the third layer has no ReLU and is added to the first."""

    def __init__(self, embedding_dim, hidden):
        super().__init__()
        self.fc1, self.bn1 = nn.Linear(embedding_dim, hidden), nn.BatchNorm1d(hidden)
        self.fc2, self.bn2 = nn.Linear(hidden, hidden), nn.BatchNorm1d(hidden)
        self.fc3, self.bn3 = nn.Linear(hidden, hidden), nn.BatchNorm1d(hidden)

    def forward(self, z: Tensor) -> Tensor:
        h1 = F.relu(self.bn1(self.fc1(z)))
        h2 = F.relu(self.bn2(self.fc2(h1)))
        return self.bn3(self.fc3(h2)) + h1


class ShallowLabel(nn.Module):
    """Features [B, hidden] of a latent [B, d] in continuous time."""

    def __init__(self, embedding_dim, hidden):
        super().__init__()
        self.fc1 = nn.Linear(embedding_dim, hidden)

    def forward(self, z: Tensor) -> Tensor:
        return F.relu(self.fc1(z))


class ImageLabel(PaperImage):
    """Features [B, hidden] of a latent that is an image, flattened with its channels last: [B, H W C]."""

    def __init__(self, in_channels, height, width, *widths, **kind):
        super().__init__(in_channels, height, width, *widths, **kind)
        self.shape = (height, width, in_channels)

    def forward(self, z: Tensor) -> Tensor:
        return super().forward(z.unflatten(1, self.shape).permute(0, 3, 1, 2))


TIME_WIDTH = 64


def embed_times(t: Tensor) -> Tensor:
    """Times [B] in 0..1 as [B, 64]: sines, then cosines, of 1000 t at 32 frequencies from 1 down to 1e-4."""
    half = TIME_WIDTH // 2
    frequencies = torch.exp(-math.log(1e4) * torch.arange(half, dtype=t.dtype) / (half - 1))
    angles = 1000.0 * t[:, None] * frequencies
    return torch.cat([angles.sin(), angles.cos()], dim=1)


class Time(nn.Module):
    """Features [B, hidden] of times [B]."""

    def __init__(self, hidden):
        super().__init__()
        self.fc = nn.Linear(TIME_WIDTH, hidden)

    def forward(self, t: Tensor) -> Tensor:
        return F.relu(self.fc(embed_times(t)))


class Join(nn.Module):
    """Logits [B, m] of the paths' features, [B, hidden] each, side by side; without batch norm in continuous time."""

    def __init__(self, inputs, join, classes, continuous=False):
        super().__init__()
        norm = nn.Identity if continuous else nn.BatchNorm1d
        self.fc1, self.bn1 = nn.Linear(inputs, join[0]), norm(join[0])
        self.fc2, self.bn2 = nn.Linear(join[0], join[1]), norm(join[1])
        self.out = nn.Linear(join[1], classes)

    def forward(self, *paths: Tensor) -> Tensor:
        h = F.relu(self.bn1(self.fc1(torch.cat(paths, dim=1))))
        return self.out(F.relu(self.bn2(self.fc2(h))))


class Decoder(nn.Module):
    """tanh of a linear map of the estimate, [B, d] -> [B, d]."""

    def __init__(self, embedding_dim):
        super().__init__()
        self.fc = nn.Linear(embedding_dim, embedding_dim)

    def forward(self, estimate: Tensor) -> Tensor:
        return torch.tanh(self.fc(estimate))


class Block(nn.Module):
    """What all blocks share: paths to logits, and the estimate softmax(logits) W, decoded when there is a decoder."""

    def __init__(self, image, label, classes, hidden, join, decoder=None, continuous=False):
        super().__init__()
        self.image, self.label = image, label
        self.time = Time(hidden) if continuous else None
        self.join = Join((3 if continuous else 2) * hidden, join, classes, continuous)
        self.decoder = decoder

    def logits(self, x: Tensor, z: Tensor, t: Tensor | None = None) -> Tensor:
        """Class scores [B, m] of images [B, C, H, W] and latents [B, d], in continuous time at times [B]."""
        time = [] if self.time is None else [self.time(t)]
        return self.join(self.image(x), self.label(z), *time)

    def forward(self, x: Tensor, z: Tensor, embedding: Tensor, t: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Logits [B, m] and the estimate [B, d] of the clean embedding; `embedding` is W, [m, d]."""
        logits = self.logits(x, z, t)
        estimate = F.softmax(logits, dim=1) @ embedding
        return logits, estimate if self.decoder is None else self.decoder(estimate)

    def state(self) -> dict[str, Tensor]:
        """Parameters and running statistics by name, without PyTorch's batch counters, which nothing here uses."""
        return {name: value for name, value in self.state_dict().items() if not name.endswith("num_batches_tracked")}


class PaperBlock(Block):
    """The paper's block: for discrete time (its Figure 6) or continuous; with an image for a latent; or with residuals."""

    def __init__(self, in_channels, height, width, embedding_dim, classes, channels=(32, 64, 128), hidden=256,
                 join=(256, 128), dropout=0.2, residual=False, continuous=False, image_latent=False):
        sizes = (in_channels, height, width, channels, hidden, dropout)
        kind = {"residual": residual, "continuous": continuous}
        if image_latent:
            label = ImageLabel(*sizes, **kind)
        else:
            label = (ShallowLabel if continuous else Label)(embedding_dim, hidden)
        super().__init__(PaperImage(*sizes, **kind), label, classes, hidden, join, continuous=continuous)


class ReferenceBlock(Block):
    """The reference repository's block: any image of at least 8x8, and a decoder on request."""

    def __init__(self, in_channels, embedding_dim, classes,
                 channels=(32, 64, 128), hidden=256, join=(256, 256), decoder=False, dropout=0.2):
        image = ReferenceImage(in_channels, channels, hidden, dropout)
        decoder = Decoder(embedding_dim) if decoder else None
        super().__init__(image, Label(embedding_dim, hidden), classes, hidden, join, decoder)
