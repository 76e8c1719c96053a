"""Batch normalisation (Ioffe and Szegedy 2015) of the encoder's residual branches while they learn.

Without it whole branches die: what they see is never negative, so steps of all their weights the same way move all channels the same way, and
once each of them is below zero for every photo, nothing moves them any more. In version 18 ten of the eleven branches behind 1/4 said the same, or nearly, of every
photo, and had done so since version 11 at the latest.

Files hold plain convolutions. `wake` gives them back what normalises them, without changing what the network computes; `folded` takes it into the
convolutions again. What `trim.py` had taken out begins anew, from adding nothing.
"""

import torch
from torch import nn

from network import Conv, Residual, unused

STAGES = ("s3", "s4", "s5")
BATCH = 16


def branches(network):
    return [block.branch for stage in STAGES for block in getattr(network, stage) if isinstance(block, Residual)]


def norms(network):
    return [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]


@torch.no_grad()
def wake(network, inputs):
    """Normalises the branches by what they see of `inputs` [N, 3, S, S], which leaves what the network computes as it is; returns how many channels
    begin anew."""
    outputs = observed(network.eval(), inputs)
    begun = sum(settle(conv, seen) for conv, seen in outputs.items())
    network.train()
    return begun


def observed(network, inputs):
    """What every convolution of the branches says of `inputs`, before its ReLU [N·H·W, C]."""
    outputs = {conv: [] for branch in branches(network) for conv in branch}
    hooks = [
        conv.conv.register_forward_hook(lambda _, __, output, kept=kept: kept.append(output.movedim(1, -1).flatten(0, 2).clone()))
        for conv, kept in outputs.items()
    ]
    for part in inputs.split(BATCH):
        network.encode(part)
    for hook in hooks:
        hook.remove()
    return {conv: torch.cat(kept) for conv, kept in outputs.items()}


def settle(conv, outputs):
    """Gives a convolution the normalisation after which it says what it said. Channels without weights get some, which nothing takes up yet: the layer behind
    has zeros for them, or, if they are added to the map that goes round the branch, the normalisation has. Returns how many they are."""
    empty = unused(conv.conv.weight)
    fresh = torch.empty_like(conv.conv.weight)
    nn.init.kaiming_normal_(fresh, nonlinearity="relu")
    conv.conv.weight[empty] = fresh[empty]
    mean, variance = outputs.mean(0), outputs.var(0)
    conv.norm = nn.BatchNorm2d(len(mean))
    conv.norm.bias.copy_(mean)
    conv.norm.weight.copy_(torch.where(empty, float(conv.act), (variance + conv.norm.eps).sqrt()))
    conv.norm.running_mean.copy_(mean - conv.conv.bias)
    conv.norm.running_var.copy_(variance)
    conv.conv.bias.zero_().requires_grad_(False)  # the normalisation's own is the one that counts
    return int(empty.sum())


@torch.no_grad()
def measure(network, inputs):
    """Takes a normalised network's statistics anew, of `inputs` [N, 3, S, S]: those of its lesson belong to other weights than their running mean
    (Wu and Johnson 2021, arXiv 2105.07576). Leaves it in evaluation mode."""
    for norm in norms(network):
        norm.reset_running_stats()
        norm.momentum = None  # all parts count alike
    network.train()
    for part in inputs.split(BATCH):
        network.encode(part)
    network.eval()


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
