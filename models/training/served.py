"""What is served: the network's logits made a mask, of one look at the photo or, in the larger model, of two.

The larger a photo is shown, the more the network finds in it; that is what `quality.onnx` takes its time for.
"""

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from network import network_of

SHARPNESS = 2.0  # chosen on the held-out pairs, with `HALF`
HALF = 0.4  # the logit that counts as half: weights learned with dear borders draw a little too much
BLOCKS = 32  # a side, that tell how sure a mask is
SURE = 8.0  # logit that the surest block of a mask is raised to, where there seems to be a subject
STANDING_OUT = 8.5  # height of the surest block above the mean of its mask from which there seems to be one: haze has no such peak
NOTHING = -12.0, -1.0  # logits of the surest block below which there seems to be none whatever its height, and above which there is one
STEEPNESS = 3.0  # how many times its height above that limit a mask may be raised by


@dataclass(frozen=True)
class Model:
    """A file that is served."""

    size: int  # pixels a side of the photo
    smaller: int | None = None  # at which the network looks once more


MODELS = {"builtin": Model(288), "quality": Model(320, smaller=288)}


def raised(logits):
    """Logits [N, 1, S, S], each mask raised until its surest block is sure, or by less or nothing where even that block says that
    nothing is there and hardly stands out. So a subject that is found with doubt everywhere is not lost, and a photo may still have none."""
    block = int(logits.shape[-1]) // BLOCKS
    blocks = logits.reshape(-1, 1, BLOCKS, block, BLOCKS, block).mean((3, 5))
    surest = blocks.amax((2, 3), keepdim=True)
    nothing = (blocks.mean((2, 3), keepdim=True) + STANDING_OUT).clamp(*NOTHING)
    return logits + torch.minimum(STEEPNESS * (surest - nothing), SURE - surest).clamp(min=0)


@cache
def scaling(channels, parts, made):
    """Kernel of the convolution that makes `made`² pixels, as channels, of every block of `parts`², for each of `channels` by
    itself: by area where they become fewer, between the pixels' centres where they become more."""
    if made < parts:
        ends, borders = np.arange(made + 1) * parts, np.arange(parts + 1) * made
        shared = np.minimum(ends[1:, None], borders[1:]) - np.maximum(ends[:-1, None], borders[:-1])
        rows = np.maximum(0, shared) / parts
    else:
        places = np.clip((np.arange(made) + 0.5) * parts / made - 0.5, 0, parts - 1)
        rows = np.maximum(0, 1 - abs(places[:, None] - np.arange(parts)))
    kernel = np.einsum("yi,xj,co->cyxoij", rows, rows, np.eye(channels))
    return torch.from_numpy(kernel.reshape(channels * made**2, channels, parts, parts)).float()


def resized(x, size):
    """Square pictures at another size: a convolution and a pixel shuffle, because engines are slow at resizing."""
    channels, side = int(x.shape[1]), int(x.shape[-1])
    if side == size:
        return x
    block = math.gcd(side, size)
    parts, made = side // block, size // block
    return F.pixel_shuffle(F.conv2d(x, scaling(channels, parts, made).to(x.device), stride=parts), made)


def of_mirror_image(network, image):
    """What a network says of the mirror image, turned back."""
    # An index instead of a flip: a plain Gather is what every engine can run.
    backwards = torch.arange(image.shape[-1] - 1, -1, -1, device=image.device)
    return network(image.index_select(3, backwards)).index_select(3, backwards)


class Served(nn.Module):
    """The network's logits, lowered by `HALF`, made `SHARPNESS` times steeper and `raised`: of the photo or, where there is a `smaller`
    size, the mean of those of its mirror image and of the photo at that size. Input [N, 3, S, S], normalised; output alpha [N, 1, S, S] in 0…1."""

    def __init__(self, network, smaller=None):
        super().__init__()
        self.network, self.smaller = network, smaller

    def forward(self, image):
        logits = self.logits(image)
        return torch.sigmoid(raised(SHARPNESS * (logits - HALF)))

    def logits(self, image):
        if self.smaller is None:
            return self.network(image)
        again = resized(self.network(resized(image, self.smaller)), int(image.shape[-1]))
        return (of_mirror_image(self.network, image) + again) / 2


def served(weights, name):
    """What a dictionary of `weights` serves in the model of that `name`, in evaluation mode."""
    return Served(network_of(weights), MODELS[name].smaller).eval()
