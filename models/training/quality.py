"""`quality.onnx`, for whoever can wait: the wide network of wide.py beside the first two of the three.

They were taught by other schedules from other beginnings, so they err in other places, and together are more often right
than any of them, or all three that are served by default.
"""

import torch
from torch import nn

from network import FIRST, PARTNER, of_mirror_image, served
from wide import logits_of

OTHERS = 0.75  # weight of each of the others, beside the wide one's 1
SHARPNESS = 2.0  # chosen on the held-out pairs, as is
HALF = 0.6  # the logit that counts as half


class QualityMask(nn.Module):
    """The wide network and the second see the photo, the first its mirror image. The logits are averaged, lowered by `HALF`
    and made `SHARPNESS` times steeper. Input [N, 3, S, S], normalised; output alpha [N, 1, S, S] in 0…1."""

    def __init__(self, wide, first, partner):
        super().__init__()
        self.wide, self.first, self.partner = wide, first, partner

    def forward(self, image):
        others = of_mirror_image(self.first, image) + self.partner(image)
        logits = (self.wide(image) + OTHERS * others) / (1 + 2 * OTHERS)
        return torch.sigmoid(SHARPNESS * (logits - HALF))


def quality_of(wide, three):
    """The mask of the `wide` network's weights and those of the `three`, in evaluation mode."""
    return QualityMask(logits_of(wide)[0], served(FIRST, three), served(PARTNER, three)).eval()
