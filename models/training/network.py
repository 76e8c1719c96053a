"""The network: a residual-bottleneck encoder, a context path down to 1/64, an additive decoder.

Every layer is chosen for CPU inference engines: 1×1 and dense 3×3 convolutions, nearest upsampling and
one pixel shuffle; no depthwise convolution, no bilinear resize. There is no normalisation layer: the
weights descend from a batch-normalised network whose statistics were folded into the convolutions, and
blocks added since begin as the identity (their last convolution is zero), which keeps training stable
and makes a CPU step a third cheaper.
"""

import math
from functools import cache

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import nn

SIZE = 256  # served
THIRD_SIZE = 192  # at which the third network sees the photo
PREPARED_SIZE = 320  # of the training pictures
ENCODED = 256  # channels of the encoder's last output
SHARPNESS = 2.0  # chosen on the held-out pairs
HALF = 0.8  # the logit that counts as half: weights learned with dear borders draw a little too much
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


class Conv(nn.Module):
    """Convolution with bias, then ReLU unless `act` is off."""

    def __init__(self, inputs, outputs, kernel, stride=1, dilation=1, act=True):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, dilation * (kernel // 2), dilation)
        nn.init.kaiming_normal_(self.conv.weight, nonlinearity="relu")
        nn.init.zeros_(self.conv.bias)
        self.act = act

    def forward(self, x):
        x = self.conv(x)
        return F.relu(x, inplace=True) if self.act else x


class Bottleneck(nn.Module):
    """1×1 down to `middle`, 3×3, 1×1 up, added to the input. Starts as the identity."""

    def __init__(self, width, middle, dilation=1):
        super().__init__()
        self.a = Conv(width, middle, 1)
        self.b = Conv(middle, middle, 3, dilation=dilation)
        self.c = Conv(middle, width, 1, act=False)
        nn.init.zeros_(self.c.conv.weight)

    def forward(self, x):
        return F.relu(x + self.c(self.b(self.a(x))), inplace=True)


def stage(inputs, width, middle, blocks):
    return nn.Sequential(Conv(inputs, width, 3, 2), *[Bottleneck(width, middle) for _ in range(blocks)])


def double(x):
    return F.interpolate(x, scale_factor=2, mode="nearest")


class Cutout(nn.Module):
    """Input float [N, 3, S, S], normalised, S a multiple of 64; output logits [N, 1, S, S].

    With `auxiliary` the coarse logits at 1/32, 1/16 and 1/8 come along, for deep supervision. `grown` adds
    the path down to 1/64, a sixth bottleneck at 1/16 and one in each step of the decoder: a third more
    arithmetic, for longer training."""

    def __init__(self, grown=True):
        super().__init__()
        self.stem = Conv(3, 16, 3, 2)
        self.s2 = stage(16, 32, 16, 1)
        self.s3 = stage(32, 96, 32, 2)
        self.s4 = stage(96, 160, 64, 6 if grown else 5)
        self.s5 = stage(160, 256, 96, 3)
        self.ctx = nn.Sequential(Bottleneck(256, 96, 2), Bottleneck(256, 96, 3))
        self.pool = nn.Conv2d(256, 256, 1)
        self.grown = grown
        if grown:
            self.s6 = stage(256, 256, 96, 2)
            self.up6 = Conv(256, 256, 1, act=False)
            nn.init.zeros_(self.up6.conv.weight)
        self.l5 = Conv(256, 64, 1)
        self.l4 = Conv(160, 64, 1)
        self.l3 = Conv(96, 64, 1)
        self.l2 = Conv(32, 32, 1)
        self.l1 = Conv(16, 21, 1)
        self.f4 = Conv(64, 64, 3)
        self.r4 = Bottleneck(64, 64) if grown else nn.Identity()
        self.r3 = Bottleneck(64, 48) if grown else nn.Identity()
        self.f3 = Conv(64, 32, 3)
        self.r2 = Bottleneck(32, 32) if grown else nn.Identity()
        self.f2 = Conv(32, 21, 3)
        self.head = nn.Conv2d(21, 4, 3, padding=1)
        self.aux = nn.ModuleList(nn.Conv2d(width, 1, 1) for width in (256, 64, 32))

    def encode(self, x):
        """The encoder's features at 1/2, 1/4, 1/8, 1/16 and 1/32; what `pretrain.py` teaches."""
        x1 = self.stem(x)
        x2 = self.s2(x1)
        x3 = self.s3(x2)
        x4 = self.s4(x3)
        return x1, x2, x3, x4, self.ctx(self.s5(x4))

    def forward(self, x, auxiliary=False):
        return self.decode(self.encode(x), auxiliary)

    def decode(self, features, auxiliary=False):
        x1, x2, x3, x4, x5 = features
        deep = double(self.up6(self.s6(x5))) if self.grown else 0
        x5 = x5 + self.pool(F.adaptive_avg_pool2d(x5, 1)) + deep
        y4 = self.r4(self.f4(double(self.l5(x5)) + self.l4(x4)))
        y3 = self.f3(self.r3(double(y4) + self.l3(x3)))
        y2 = self.f2(self.r2(double(y3) + self.l2(x2)))
        y1 = F.relu(double(y2) + self.l1(x1))
        out = F.pixel_shuffle(self.head(y1), 2)
        if not auxiliary:
            return out
        return [out] + [head(y) for head, y in zip(self.aux, (x5, y4, y3))]


def load_weights(path):
    """A safetensors file's tensors in full precision."""
    return {k: v.float() for k, v in load_file(path).items()}


def network_of(weights):
    """The network, in evaluation mode, that a dictionary of `weights` belongs to."""
    network = Cutout(grown="up6.conv.weight" in weights)
    network.load_state_dict(weights, strict=False)
    return network.eval()


ROLES = FIRST, PARTNER, THIRD = "", "partner.", "third."  # prefixes of the networks' weights in one file
WEIGHTS = {FIRST: 1.0, PARTNER: 0.75, THIRD: 0.75}  # in what they say together; chosen with `HALF`


def weights_of(role, weights):
    """The tensors of one network, by its prefix, in a dictionary of `weights`, under their own names; empty where it has none."""
    if role == FIRST:
        return {k: v for k, v in weights.items() if not k.startswith((PARTNER, THIRD))}
    return {k.removeprefix(role): v for k, v in weights.items() if k.startswith(role)}


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


class Smaller(nn.Module):
    """A network that sees photos at `THIRD_SIZE` and answers at the size that they have."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, image, auxiliary=False):
        answers = self.network(resized(image, THIRD_SIZE), auxiliary)
        size = int(image.shape[-1])
        return [resized(answers[0], size), *answers[1:]] if auxiliary else resized(answers, size)


def served(role, weights):
    """The network of that role that a dictionary of `weights` holds, seeing photos as when it is served, or None."""
    own = weights_of(role, weights)
    network = network_of(own) if own else None
    return Smaller(network).eval() if network and role == THIRD else network


def every_network(weights):
    """What `Mask` takes, of a dictionary of `weights`: each role's network as it is served, None for each that it lacks."""
    return [served(role, weights) for role in ROLES]


def joined(logits):
    """The weighted mean of the networks' logits, a dictionary by role."""
    return sum(WEIGHTS[role] * each for role, each in logits.items()) / sum(WEIGHTS[role] for role in logits)


def of_mirror_image(network, image):
    """What a network says of the mirror image, turned back."""
    # An index instead of a flip: a plain Gather is what every engine can run.
    backwards = torch.arange(image.shape[-1] - 1, -1, -1, device=image.device)
    return network(image.index_select(3, backwards)).index_select(3, backwards)


def answer(role, network, image):
    """What the network of a role says of a photo: the first one sees the mirror image."""
    return of_mirror_image(network, image) if role == FIRST else network(image)


class Mask(nn.Module):
    """What the three serve together: one network sees the mirror image, its partner (or itself again) the photo, and a third one, where
    there is one, the photo made smaller (`Smaller`); one after the other (a batch is slower). The logits are averaged
    (`joined`), lowered by `HALF`, and the mask is made `SHARPNESS` times steeper, which turns haze into background.
    Input [N, 3, S, S], normalised; output alpha [N, 1, S, S] in 0…1."""

    def __init__(self, network, partner=None, third=None):
        super().__init__()
        self.network = network
        self.partner = partner or network
        self.third = third

    def forward(self, image):
        networks = zip(ROLES, (self.network, self.partner, self.third))
        logits = {role: answer(role, network, image) for role, network in networks if network}
        return torch.sigmoid(SHARPNESS * (joined(logits) - HALF))


def normalise(photos):
    """uint8 [N, S, S, 3] RGB to the network's float input, channels last."""
    x = photos.permute(0, 3, 1, 2).float().div_(255)
    return (x - x.new_tensor(MEAN).view(1, 3, 1, 1)) / x.new_tensor(STD).view(1, 3, 1, 1)
