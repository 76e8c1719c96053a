"""A network of U²-Netp's shape with random weights, only to be timed against.

Written from the description in Qin et al., "U²-Net: Going Deeper with Nested U-Structure for Salient
Object Detection", Pattern Recognition 2020, table 1: nested U-blocks with 16 inner and 64 outer channels.
"""

import torch
import torch.nn.functional as F
from torch import nn

INNER, OUTER = 16, 64


def unit(inputs, outputs, dilation=1):
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=dilation, dilation=dilation), nn.BatchNorm2d(outputs), nn.ReLU()
    )


def resized(x, like):
    return F.interpolate(x, size=like.shape[-2:], mode="bilinear", align_corners=False)


class UBlock(nn.Module):
    """A residual U of `height` levels; a dilated one keeps the size and dilates instead of pooling."""

    def __init__(self, inputs, height, dilated=False):
        super().__init__()
        self.dilated = dilated
        rates = [2**i if dilated else 1 for i in range(height - 1)]
        self.enter = unit(inputs, OUTER)
        self.down = nn.ModuleList(unit(INNER if i else OUTER, INNER, r) for i, r in enumerate(rates))
        self.bottom = unit(INNER, INNER, 2 ** (height - 1) if dilated else 2)
        self.up = nn.ModuleList(unit(2 * INNER, INNER if i else OUTER, r) for i, r in enumerate(rates))

    def forward(self, x):
        x = self.enter(x)
        levels, y = [], x
        for i, down in enumerate(self.down):
            if i and not self.dilated:
                y = F.max_pool2d(y, 2, 2, ceil_mode=True)
            y = down(y)
            levels.append(y)
        y = self.bottom(y)
        for up, level in zip(reversed(self.up), reversed(levels)):
            y = up(torch.cat([y if y.shape == level.shape else resized(y, level), level], 1))
        return x + y


class U2NetpShape(nn.Module):
    def __init__(self):
        super().__init__()
        heights = [(7, False), (6, False), (5, False), (4, False), (4, True), (4, True)]
        self.encoder = nn.ModuleList(UBlock(OUTER if i else 3, *h) for i, h in enumerate(heights))
        self.decoder = nn.ModuleList(UBlock(2 * OUTER, *h) for h in reversed(heights[:-1]))
        self.sides = nn.ModuleList(nn.Conv2d(OUTER, 1, 3, padding=1) for _ in heights)
        self.fuse = nn.Conv2d(len(heights), 1, 1)

    def forward(self, image):
        levels, y = [], image
        for i, block in enumerate(self.encoder):
            y = block(y if i == 0 else F.max_pool2d(y, 2, 2, ceil_mode=True))
            levels.append(y)
        outputs = [levels[-1]]
        for block, level in zip(self.decoder, reversed(levels[:-1])):
            outputs.append(block(torch.cat([resized(outputs[-1], level), level], 1)))
        sides = [resized(side(y), image) for side, y in zip(self.sides, outputs)]
        return torch.sigmoid(self.fuse(torch.cat(sides, 1)))
