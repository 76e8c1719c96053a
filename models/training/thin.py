"""The thin network: a second opinion.

One of three that were served up to version 11. Alone it knows less than the wide network of `network.py`, but it is of other descent, other make
and other lessons, so its mistakes are others, and what the two say together is worth more than what the better one says twice. Many thin layers,
bottlenecks for the most part, and a path down to 1/64 in place of self-attention. It is taught no more: having had the wide network's lessons, it
would make the wide network's mistakes (`README.md`).
"""

from pathlib import Path

import torch.nn.functional as F
from torch import nn

from network import Conv, bottleneck, double

KEPT = Path(__file__).parent.parent / "thin.safetensors"
SIZE = 256  # pixels a side at which it learned, and is shown photos
WIDTHS = (32, 96, 160, 256, 256)  # channels of the stages at 1/4, 1/8, 1/16, 1/32 and 1/64
SIDES = (21, 32, 64, 64, 64)  # channels of the decoder at 1/2 to 1/32


def stage(inputs, width, middle, blocks):
    """Half the size, and so many bottlenecks."""
    return nn.Sequential(Conv(inputs, width, 3, 2), *[bottleneck(width, middle) for _ in range(blocks)])


class Thin(nn.Module):
    """Input float [N, 3, S, S], normalised, S a multiple of 64; output logits [N, 1, S, S]."""

    def __init__(self):
        super().__init__()
        w2, w3, w4, w5, w6 = WIDTHS
        d1, d2, d3, d4, d5 = SIDES
        self.stem = Conv(3, 16, 3, 2)
        self.s2 = stage(16, w2, 16, 1)
        self.s3 = stage(w2, w3, 32, 2)
        self.s4 = stage(w3, w4, 64, 6)
        self.s5 = stage(w4, w5, 96, 3)
        self.context = nn.Sequential(bottleneck(w5, 96, dilation=2), bottleneck(w5, 96, dilation=3))
        self.s6 = stage(w5, w6, 96, 2)
        self.from_pooled = nn.Conv2d(w5, w5, 1)
        self.from_s6 = Conv(w6, w5, 1, act=False)
        self.l5, self.l4, self.l3 = Conv(w5, d5, 1), Conv(w4, d4, 1), Conv(w3, d3, 1)
        self.l2, self.l1 = Conv(w2, d2, 1), Conv(16, d1, 1)
        self.d4 = nn.Sequential(Conv(d4, d3, 3), bottleneck(d3, 64))
        self.d3 = nn.Sequential(bottleneck(d3, 48), Conv(d3, d2, 3))
        self.d2 = nn.Sequential(bottleneck(d2, 32), Conv(d2, d1, 3))
        self.head = nn.Conv2d(d1, 4, 3, padding=1)

    def forward(self, x):
        x1 = self.stem(x)
        x2 = self.s2(x1)
        x3 = self.s3(x2)
        x4 = self.s4(x3)
        x5 = self.context(self.s5(x4))
        pooled = F.adaptive_avg_pool2d(x5, 1)
        x5 = x5 + self.from_pooled(pooled) + double(self.from_s6(self.s6(x5)))
        y4 = self.d4(double(self.l5(x5)) + self.l4(x4))
        y3 = self.d3(double(y4) + self.l3(x3))
        y2 = self.d2(double(y3) + self.l2(x2))
        y1 = F.relu(double(y2) + self.l1(x1))
        return F.pixel_shuffle(self.head(y1), 2)


def thin_of(weights):
    """The network, in evaluation mode, that a dictionary of `weights` belongs to."""
    network = Thin()
    network.load_state_dict(weights)
    return network.eval()
