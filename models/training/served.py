"""What is served: logits made a mask, of one look at the photo or of several.

The larger a photo is shown, the more the network finds in it; that is what `quality.onnx` takes its time for. What a network of other descent says
beside it is worth more than what it would say itself once more; that is what `second.onnx` is for, which takes the second look of the other two.
"""

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import thin
from network import load_weights, network_of

SHARPNESS = 2.0  # chosen on the held-out pairs, with `HALF`
HALF = 0.2  # the logit that counts as half: weights learned with dear borders draw a little too much
THIN_HALF = 0.5  # the thin network's
BLOCKS = 32  # a side, that tell how sure a mask is
SURE = 8.0  # logit of a mask's surest block up to which it may be raised; below minus this no mask is lowered
EVEN = -0.75  # logit of there being a subject from which the surest block is at least half
STEEPNESS = 6.0  # how fast the surest block follows that logit
WEIGHT = 0.3  # of the surest block beside it where a mask is to be lowered
LENIENCE = 10.5  # what the surest block may have where it and that logit balance each other


@dataclass(frozen=True)
class Look:
    """How a photo is shown, and which network it is shown to."""

    size: int  # pixels a side
    turned: bool = False  # left to right
    thin: bool = False  # to the thin network instead of the wide one


# The first look of a model is the largest, at the size that its photos come in.
MODELS = {
    "builtin": [Look(288)],
    "quality": [Look(352), Look(320, turned=True), Look(288)],
    "second": [Look(352), Look(thin.SIZE, thin=True)],
}


def size_of(name):
    """Pixels a side of the photos that the model of that `name` takes."""
    return MODELS[name][0].size


def decided(logits, presence):
    """Logits [N, 1, S, S], each mask moved as a whole by what `presence`, the logit [N] of there being a subject, says of it. Where there is
    one, it is raised until its surest block is sure, so that none is lost that is found with doubt everywhere; where there is none, it is
    lowered the further the surer that is, unless its surest block insists."""
    block = int(logits.shape[-1]) // BLOCKS
    surest = logits.reshape(-1, 1, BLOCKS, block, BLOCKS, block).mean((3, 5)).amax((2, 3), keepdim=True)
    presence = presence.reshape(-1, 1, 1, 1)
    least = (STEEPNESS * (presence - EVEN)).clamp(max=SURE)
    most = (STEEPNESS * (presence + WEIGHT * surest) + LENIENCE).clamp(min=-SURE)
    return logits - surest + torch.maximum(torch.minimum(surest, most), least)


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


def mirrored(x):
    """Pictures [N, C, S, S] turned left to right."""
    # An index instead of a flip: a plain Gather is what every engine can run.
    return x.index_select(3, torch.arange(x.shape[-1] - 1, -1, -1, device=x.device))


def average(parts):
    """The mean of tensors, of a single one without arithmetic that engines would carry out."""
    return parts[0] if len(parts) == 1 else sum(parts[1:], parts[0]) / len(parts)


class Served(nn.Module):
    """The mean of what is said of the photo in each of the `looks`, lowered by `HALF`, made `SHARPNESS` times steeper and `decided`. Input
    [N, 3, S, S], normalised, of the first look's size; output alpha [N, 1, S, S] in 0…1."""

    def __init__(self, network, looks, thin_network=None):
        super().__init__()
        self.network, self.looks, self.thin = network, looks, thin_network

    def forward(self, image):
        logits, presence = zip(*[self.seen(image, look) for look in self.looks])
        logits = average(logits)
        presence = average([said for said in presence if said is not None])
        return torch.sigmoid(decided(SHARPNESS * (logits - HALF), presence))

    def seen(self, image, look):
        """Logits at the photo's own size, of which `HALF` counts as half, and of there being a subject, which the thin network does not tell."""
        shown = resized(image, look.size)
        if look.turned:
            shown = mirrored(shown)
        if look.thin:
            logits, presence = self.thin(shown) - (THIN_HALF - HALF), None
        else:
            logits, presence = self.network.seen(shown)
        if look.turned:
            logits = mirrored(logits)
        return resized(logits, int(image.shape[-1])), presence


def served(weights, name):
    """What a dictionary of the wide network's `weights` serves in the model of that `name`, in evaluation mode."""
    looks = MODELS[name]
    beside = thin.thin_of(load_weights(thin.KEPT)) if any(look.thin for look in looks) else None
    return Served(network_of(weights), looks, beside).eval()
