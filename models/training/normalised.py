"""Batch normalisation (Ioffe and Szegedy 2015) of the encoder's residual branches while they learn.

Without it whole branches die: what they see is never negative, so steps of all their weights the same way move all channels the same way, and
once each of them is below zero for every photo, nothing moves them any more. In version 18 ten of the eleven branches behind 1/4 said the same, or nearly, of every
photo, and had done so since the network's first lessons.

Files hold plain convolutions. `wake` gives them back what normalises them, without changing what the network computes, and `folded` takes it
into the convolutions again. Channels in which nothing happens begin anew, from adding nothing.
"""

from contextlib import contextmanager

import torch
from torch import nn

from network import Conv, Residual

STAGES = ("s3", "s4", "s5")
MOMENTUM = 0.02  # of the running statistics
LEAST_SPREAD = 1e-6  # standard deviation of a channel below which it says nothing


def branches(network):
    return [block.branch for stage in STAGES for block in getattr(network, stage) if isinstance(block, Residual)]


def norms(network):
    return [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]


@torch.no_grad()
def wake(network, inputs):
    """Normalises the branches by what they see of `inputs` [N, 3, S, S]; returns how many channels begin anew. What the network computes
    stays as it is."""
    network.eval()
    seen = observed(network, inputs)
    begun = 0
    for branch in branches(network):
        dead = None
        for conv in branch:
            if dead is not None:
                conv.conv.weight[:, dead] = 0
            outputs = seen[conv]
            dead = outputs.std(0) < LEAST_SPREAD
            if conv.act:
                dead |= (outputs <= 0).all(0)
            conv.norm = fitted(conv, outputs, dead)
            begun += int(dead.sum())
    network.train()
    return begun


def observed(network, inputs):
    """What every convolution of the branches says of `inputs`, before normalisation and ReLU [N·H·W, C]."""
    outputs = {conv: [] for branch in branches(network) for conv in branch}
    hooks = [
        conv.conv.register_forward_hook(lambda _, __, output, kept=kept: kept.append(output.float().movedim(1, -1).flatten(0, 2).clone()))
        for conv, kept in outputs.items()
    ]
    for part in inputs.split(8):
        network.encode(part)
    for hook in hooks:
        hook.remove()
    return {conv: torch.cat(kept) for conv, kept in outputs.items()}


def fitted(conv, outputs, dead):
    """The normalisation after which a convolution says what it said. Its `dead` channels get other weights, and say nothing as yet if they are
    added to the map that goes round the branch."""
    norm = nn.BatchNorm2d(outputs.shape[1], momentum=MOMENTUM).eval()
    mean, variance = outputs.mean(0), outputs.var(0)
    fresh = torch.empty_like(conv.conv.weight)
    nn.init.kaiming_normal_(fresh, nonlinearity="relu")
    conv.conv.weight[dead] = fresh[dead]
    if conv.act:
        mean, variance = torch.where(dead, 0.0, mean), torch.where(dead, 1.0, variance)
    norm.weight.copy_((variance + norm.eps).sqrt() if conv.act else torch.where(dead, 0.0, (variance + norm.eps).sqrt()))
    norm.bias.copy_(mean)
    norm.running_mean.copy_(mean)
    norm.running_var.copy_(variance)
    return norm


@torch.no_grad()
def folded(network):
    """The state of a normalised network as that of one with plain convolutions."""
    state = {name: tensor for name, tensor in network.state_dict().items() if ".norm." not in name}
    for name, module in network.named_modules():
        if isinstance(module, Conv) and isinstance(module.norm, nn.BatchNorm2d):
            norm = module.norm
            scale = norm.weight / (norm.running_var + norm.eps).sqrt()
            state[f"{name}.conv.weight"] = module.conv.weight * scale.view(-1, 1, 1, 1)
            state[f"{name}.conv.bias"] = (module.conv.bias - norm.running_mean) * scale + norm.bias
    return state


@contextmanager
def unrecorded(network):
    """Within it the running statistics stay: pictures that are not what is served do not count."""
    for norm in norms(network):
        norm.momentum = 0.0
    yield
    for norm in norms(network):
        norm.momentum = MOMENTUM
