"""`quality.onnx`, for whoever can wait: the wide network of wide.py beside the first two of the three.

They were taught by other schedules from other beginnings, so they err in other places, and together are more often right
than any of them, or all three that are served by default.
"""

from pathlib import Path

import torch
from torch import nn

from network import FIRST, PARTNER, load_weights, of_mirror_image, served
from wide import is_wide, logits_of, mask_of

OTHERS = 0.75  # weight of each of the others, beside the wide one's 1
SHARPNESS = 2.0  # chosen on the held-out pairs, with `HALF`
HALF = 0.6  # the logit that counts as half


def together(wide, *others):
    """The weighted mean of the wide network's logits and those of the others."""
    return (wide + OTHERS * sum(others)) / (1 + OTHERS * len(others))


class QualityMask(nn.Module):
    """The wide network and the second see the photo, the first its mirror image. The logits are averaged, lowered by `HALF`
    and made `SHARPNESS` times steeper. Input [N, 3, S, S], normalised; output alpha [N, 1, S, S] in 0…1."""

    def __init__(self, wide, first, partner):
        super().__init__()
        self.wide, self.first, self.partner = wide, first, partner

    def forward(self, image):
        logits = together(self.wide(image), of_mirror_image(self.first, image), self.partner(image))
        return torch.sigmoid(SHARPNESS * (logits - HALF))


def add_argument(parser):
    """The argument with which `mask_beside` is asked for."""
    parser.add_argument("--beside", type=Path, help="weights of the three whose first two come beside the wide network")


def mask_beside(weights, beside):
    """What a dictionary of `weights` serves, in evaluation mode; with `beside`, a file of the three, the wide network's with the first two of them."""
    if beside is None:
        return mask_of(weights)
    if not is_wide(weights):
        raise SystemExit("--beside is for the wide network alone")
    three = load_weights(beside)
    return QualityMask(logits_of(weights)[0], served(FIRST, three), served(PARTNER, three)).eval()
