"""The two denoising blocks as PyTorch modules, every width adjustable.

Parameter names are those of `model.safetensors` below `blocks.{t}.`, so a state dictionary of one of these modules is
one block of that file. Letters: B batch, C, H, W image channels, height, width, m classes, d embedding size.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def pooled(size: int, times: int) -> int:
    """Side of an image after `times` 2x2 max-pools, each rounding down."""
    return size >> times


class PaperImage(nn.Module):
    """Features [B, hidden] of an image [B, C, H, W]: pools after the first and third convolution, then flattens."""

    def __init__(self, in_channels, height, width, channels, hidden, dropout):
        super().__init__()
        first, second, third = channels
        self.conv1 = nn.Conv2d(in_channels, first, 3, padding=1)
        self.conv2 = nn.Conv2d(first, second, 3, padding=1)
        self.conv3 = nn.Conv2d(second, third, 3, padding=1)
        self.fc = nn.Linear(third * pooled(height, 2) * pooled(width, 2), hidden)
        self.bn = nn.BatchNorm1d(hidden)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        h = self.dropout(F.max_pool2d(F.relu(self.conv1(x)), 2))
        h = self.dropout(F.relu(self.conv2(h)))
        h = self.dropout(F.max_pool2d(F.relu(self.conv3(h)), 2))
        return self.bn(self.fc(h.flatten(1)))


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


class Join(nn.Module):
    """Logits [B, m] of image features followed by label features, [B, hidden] each."""

    def __init__(self, hidden, join, classes):
        super().__init__()
        self.fc1, self.bn1 = nn.Linear(2 * hidden, join[0]), nn.BatchNorm1d(join[0])
        self.fc2, self.bn2 = nn.Linear(join[0], join[1]), nn.BatchNorm1d(join[1])
        self.out = nn.Linear(join[1], classes)

    def forward(self, image: Tensor, label: Tensor) -> Tensor:
        h = F.relu(self.bn1(self.fc1(torch.cat([image, label], dim=1))))
        return self.out(F.relu(self.bn2(self.fc2(h))))


class Decoder(nn.Module):
    """tanh of a linear map of the estimate, [B, d] -> [B, d]."""

    def __init__(self, embedding_dim):
        super().__init__()
        self.fc = nn.Linear(embedding_dim, embedding_dim)

    def forward(self, estimate: Tensor) -> Tensor:
        return torch.tanh(self.fc(estimate))


class Block(nn.Module):
    """What both blocks share: three paths to logits, and the estimate softmax(logits) W, decoded when there is a decoder."""

    def __init__(self, image, embedding_dim, classes, hidden, join, decoder):
        super().__init__()
        self.image = image
        self.label = Label(embedding_dim, hidden)
        self.join = Join(hidden, join, classes)
        self.decoder = Decoder(embedding_dim) if decoder else None

    def logits(self, x: Tensor, z: Tensor) -> Tensor:
        """Class scores [B, m] of images [B, C, H, W] and latents [B, d]."""
        return self.join(self.image(x), self.label(z))

    def forward(self, x: Tensor, z: Tensor, embedding: Tensor) -> tuple[Tensor, Tensor]:
        """Logits [B, m] and the estimate [B, d] of the clean embedding; `embedding` is W, [m, d]."""
        logits = self.logits(x, z)
        estimate = F.softmax(logits, dim=1) @ embedding
        return logits, estimate if self.decoder is None else self.decoder(estimate)

    def state(self) -> dict[str, Tensor]:
        """Parameters and running statistics by name, without PyTorch's batch counters, which nothing here uses."""
        return {name: value for name, value in self.state_dict().items() if not name.endswith("num_batches_tracked")}


class PaperBlock(Block):
    """The paper's block for discrete time (its Figure 6)."""

    def __init__(self, in_channels, height, width, embedding_dim, classes,
                 channels=(32, 64, 128), hidden=256, join=(256, 128), dropout=0.2):
        image = PaperImage(in_channels, height, width, channels, hidden, dropout)
        super().__init__(image, embedding_dim, classes, hidden, join, decoder=False)


class ReferenceBlock(Block):
    """The reference repository's block: any image of at least 8x8, and a decoder on request."""

    def __init__(self, in_channels, embedding_dim, classes,
                 channels=(32, 64, 128), hidden=256, join=(256, 256), decoder=False, dropout=0.2):
        image = ReferenceImage(in_channels, channels, hidden, dropout)
        super().__init__(image, embedding_dim, classes, hidden, join, decoder)
