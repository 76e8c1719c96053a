"""The network: a residual encoder, self-attention on its smallest map, an additive decoder.

Every layer is chosen for CPU inference engines: dense 3×3 and 1×1 convolutions, matrix products on few positions,
nearest upsampling and one pixel shuffle; no depthwise convolution, no bilinear resize. Few wide layers cost less than
many thin ones of the same arithmetic, in inference and, in bfloat16, in training, so both high-resolution stages use
plain pairs of 3×3 and only the two small ones have bottlenecks. Files hold plain convolutions, without normalisation and
without the channels in which nothing happens (`trim.py`); in a lesson the encoder's branches are normalised (`normalised.py`).
"""

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import nn

MEAN = (0.485, 0.456, 0.406)  # of the channels of what the network sees
STD = (0.229, 0.224, 0.225)
STEM = 24  # channels at 1/2
WIDTHS = (48, 112, 192, 320)  # channels of the stages at 1/4, 1/8, 1/16 and 1/32
ENCODED = WIDTHS[-1]  # channels of the encoder's last output
SUMMARISED = 2 * (WIDTHS[-2] + WIDTHS[-1])  # mean and deviation of each channel of its last two
HEADS = 8  # of the self-attention
TAKEN_FOR_GRANTED = 10.0  # logit of there being a subject until `presence.py` has taught to tell
GRID = 8  # positions a side that self-attention knows by heart, between which it guesses on larger and smaller maps


class Conv(nn.Module):
    """Convolution with bias, then ReLU unless `act` is off."""

    def __init__(self, inputs, outputs, kernel, stride=1, act=True, dilation=1):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, dilation * (kernel // 2), dilation)
        nn.init.kaiming_normal_(self.conv.weight, nonlinearity="relu")
        nn.init.zeros_(self.conv.bias)
        self.norm = nn.Identity()  # in a lesson `normalised.wake` puts another in its place
        self.act = act

    def forward(self, x):
        x = self.norm(self.conv(x))
        return F.relu(x, inplace=True) if self.act else x


def double(x):
    return F.interpolate(x, scale_factor=2, mode="nearest")


class Residual(nn.Module):
    """A branch of convolutions, the last of which starts at zero, added to the input."""

    def __init__(self, *branch):
        super().__init__()
        nn.init.zeros_(branch[-1].conv.weight)
        self.branch = nn.Sequential(*branch)

    def forward(self, x):
        return F.relu(x + self.branch(x))


class Constant(nn.Module):
    """What is left of a branch that says the same [C] of every photo."""

    def __init__(self, value):
        super().__init__()
        self.value = nn.Parameter(value)

    def forward(self, _):
        return self.value.view(1, -1, 1, 1)


def basic(width, middle=None):
    """3×3 to `middle` channels, as many as `width` if not given, and 3×3 back."""
    middle = middle or width
    return Residual(Conv(width, middle, 3), Conv(middle, width, 3, act=False))


def bottleneck(width, middle, dilation=1):
    """1×1 down to `middle`, 3×3, 1×1 up."""
    return Residual(Conv(width, middle, 1), Conv(middle, middle, 3, dilation=dilation), Conv(middle, width, 1, act=False))


class Norm(nn.LayerNorm):
    """Layer normalisation that computes in full precision whatever the network's is."""

    def forward(self, x):
        return F.layer_norm(x.float(), self.normalized_shape, self.weight, self.bias, self.eps).to(x.dtype)


class Attention(nn.Module):
    """Self-attention and two linear layers on tokens [N, L, D], both added to the input. Starts as the identity."""

    def __init__(self, width):
        super().__init__()
        self.before_mixing = Norm(width)
        self.queries_keys_values = nn.Linear(width, 3 * width)
        self.mixed = nn.Linear(width, width)
        self.before_layers = Norm(width)
        self.up = nn.Linear(width, 2 * width)
        self.down = nn.Linear(2 * width, width)
        nn.init.xavier_normal_(self.queries_keys_values.weight)
        nn.init.kaiming_normal_(self.up.weight)
        for layer in (self.mixed, self.down):
            nn.init.zeros_(layer.weight)
        for layer in (self.queries_keys_values, self.mixed, self.up, self.down):
            nn.init.zeros_(layer.bias)

    def forward(self, tokens):
        n, length, width = tokens.shape
        packed = self.queries_keys_values(self.before_mixing(tokens))
        q, k, v = packed.view(n, length, 3, HEADS, width // HEADS).permute(2, 0, 3, 1, 4)
        shares = torch.softmax(q @ k.transpose(-1, -2) * (width // HEADS) ** -0.5, -1)
        tokens = tokens + self.mixed((shares @ v).transpose(1, 2).reshape(n, length, width))
        return tokens + self.down(F.relu(self.up(self.before_layers(tokens))))


class Context(nn.Module):
    """Two rounds of self-attention over all positions of a map [N, D, H, W]."""

    def __init__(self, width):
        super().__init__()
        self.places = nn.Parameter(torch.zeros(1, width, GRID, GRID))
        self.rounds = nn.Sequential(Attention(width), Attention(width))

    def forward(self, x):
        n, width, high, wide = x.shape
        places = self.places
        if (high, wide) != (GRID, GRID):
            places = F.interpolate(places, size=(high, wide), mode="bilinear")
        tokens = self.rounds((x + places).flatten(2).transpose(1, 2))
        return tokens.transpose(1, 2).reshape(n, width, high, wide).contiguous(memory_format=torch.channels_last)


def pooled(features):
    """What the encoder says of the whole photo [N, D]: the mean of its last output."""
    return features[-1].mean((2, 3))


def summarised(features):
    """How much there is of everything in the photo, and how far it stands out: mean and deviation over all positions of the encoder's last
    two outputs [N, SUMMARISED]."""
    means = [x.mean((2, 3), keepdim=True) for x in features[-2:]]
    deviations = [(x - mean).square().mean((2, 3)).sqrt() for x, mean in zip(features[-2:], means)]
    return torch.cat([mean.flatten(1) for mean in means] + deviations, 1)


class Cutout(nn.Module):
    """Input float [N, 3, S, S], normalised, S a multiple of 32; output logits [N, 1, S, S].

    With `auxiliary` the coarse logits at 1/32, 1/16 and 1/8 come along, for deep supervision; `seen` gives beside the mask whether
    there is a subject at all."""

    def __init__(self):
        super().__init__()
        w2, w3, w4, w5 = WIDTHS
        self.stem = Conv(3, STEM, 3, 2)
        self.s2 = nn.Sequential(Conv(STEM, w2, 3, 2), basic(w2))
        self.s3 = nn.Sequential(Conv(w2, w3, 3, 2), *[basic(w3, 48) for _ in range(3)])
        self.s4 = nn.Sequential(Conv(w3, w4, 3, 2), *[bottleneck(w4, 96) for _ in range(6)])
        self.s5 = nn.Sequential(Conv(w4, w5, 3, 2), *[bottleneck(w5, 160) for _ in range(3)])
        self.context = Context(w5)
        self.l5, self.l4 = Conv(w5, 96, 1), Conv(w4, 96, 1)
        self.d4 = nn.Sequential(basic(96), Conv(96, 64, 3))
        self.l3 = Conv(w3, 64, 1)
        self.d3 = nn.Sequential(basic(64), Conv(64, 32, 3))
        self.l2 = Conv(w2, 32, 1)
        self.d2 = nn.Sequential(basic(32), Conv(32, 16, 3))
        self.l1 = Conv(STEM, 16, 1)
        self.head = nn.Conv2d(16, 4, 3, padding=1)
        self.auxiliary = nn.ModuleList(nn.Conv2d(width, 1, 1) for width in (w5, 64, 32))
        self.presence = nn.Linear(SUMMARISED, 1)
        nn.init.zeros_(self.presence.weight)
        nn.init.constant_(self.presence.bias, TAKEN_FOR_GRANTED)

    def encode(self, x):
        """The encoder's features at 1/2, 1/4, 1/8, 1/16 and 1/32; what `pretrain.py` teaches."""
        x1 = self.stem(x)
        x2 = self.s2(x1)
        x3 = self.s3(x2)
        x4 = self.s4(x3)
        return x1, x2, x3, x4, self.context(self.s5(x4))

    def forward(self, x, auxiliary=False):
        return self.decode(self.encode(x), auxiliary)

    def seen(self, x):
        """The mask's logits and, as `presence.py` taught it, the logit [N] of there being a subject."""
        features = self.encode(x)
        return self.decode(features), self.presence(summarised(features))[:, 0]

    def decode(self, features, auxiliary=False):
        """The mask's logits, and with `auxiliary` the coarse ones, of what `encode` gives."""
        x1, x2, x3, x4, x5 = features
        y4 = self.d4(double(self.l5(x5)) + self.l4(x4))
        y3 = self.d3(double(y4) + self.l3(x3))
        y2 = self.d2(double(y3) + self.l2(x2))
        out = F.pixel_shuffle(self.head(double(y2) + self.l1(x1)), 2)
        if not auxiliary:
            return out
        return [out] + [head(y) for head, y in zip(self.auxiliary, (x5, y4, y3))]


def load_weights(path):
    """A safetensors file's tensors in full precision."""
    return {k: v.float() for k, v in load_file(path).items()}


def save_weights(weights, path):
    """Keeps tensors by name as a safetensors file of half precision, which is there whole or as it was before."""
    save_file({name: tensor.half().contiguous() for name, tensor in weights.items()}, path.with_suffix(".new"))
    path.with_suffix(".new").replace(path)


def is_presence(name):
    """Whether a tensor of that name is of the layer that tells whether there is a subject, which belongs to the very encoder it was fitted to."""
    return name.startswith("presence.")


def without_presence(weights):
    """The tensors that any lesson or mean may change."""
    return {name: tensor for name, tensor in weights.items() if not is_presence(name)}


def network_of(weights):
    """The network, in evaluation mode, that a dictionary of `weights` belongs to, trimmed (`trim.py`) or not; without `presence.py`'s layer it
    takes a subject for granted."""
    network = Cutout()
    untaught = {name: tensor for name, tensor in network.state_dict().items() if is_presence(name)}
    for name, block in residuals(network).items():
        fit(block, name, weights)
    network.load_state_dict(untaught | weights)
    return network.eval()


def residuals(network):
    """The residual blocks of a network by name."""
    return {name: block for name, block in network.named_modules() if isinstance(block, Residual)}


def fit(block, name, weights):
    """Leaves a residual block as much of its branch as there is in `weights`."""
    constant = weights.get(f"{name}.branch.value")
    if constant is not None:
        block.branch = Constant(constant)
        return
    for position, conv in enumerate(block.branch):
        key = f"{name}.branch.{position}.conv.weight"
        if key not in weights:
            raise SystemExit(f"no {key}: weights of another network")
        shape = weights[key].shape
        if shape != conv.conv.weight.shape:
            block.branch[position] = Conv(shape[1], shape[0], shape[2], act=conv.act)


def unused(weight):
    """Which output channels of a convolution's weight have none, [C]: what `trim.py` took out and `grown` filled up."""
    return weight.flatten(1).abs().amax(1) == 0


@torch.no_grad()
def grown(weights):
    """`weights` of the whole network: zeros where `trim.py` took something out."""
    whole = dict(weights)
    for name, block in residuals(Cutout()).items():
        for key, full in block.branch.named_parameters(f"{name}.branch"):
            kept = whole.get(key, full[:0])
            if any(own > most for own, most in zip(kept.shape, full.shape)):
                raise SystemExit(f"{key} is too large: weights of another network")
            whole[key] = torch.zeros_like(full)
            whole[key][tuple(map(slice, kept.shape))] = kept
        constant = whole.pop(f"{name}.branch.value", None)
        if constant is not None:
            whole[f"{name}.branch.{len(block.branch) - 1}.conv.bias"] = constant
    return whole


def normalise(photos):
    """uint8 [N, S, S, 3] RGB to the network's float input, channels last."""
    x = photos.permute(0, 3, 1, 2).float().div_(255)
    return (x - x.new_tensor(MEAN).view(1, 3, 1, 1)) / x.new_tensor(STD).view(1, 3, 1, 1)
