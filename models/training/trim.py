"""Take out of trained weights what does nothing: `python trim.py DATA run/wide.safetensors`.

A channel within a residual branch whose ReLU lets nothing through, whatever the photo, costs its arithmetic for nothing; of a branch without
any other what is left is a constant. Comes before `presence.py`; writes into the given file. A lesson that goes on from there grows the channels anew
(`network.grown`, `normalised.wake`).
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
import torch

import data
from augment import GENTLE, LIVELY, Sampler
from network import Constant, load_weights, network_of, normalise, residuals, save_weights
from served import size_of

BATCH = 16


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("data", help="folder of sets, see data.py")
    p.add_argument("weights", type=Path)
    p.add_argument("--cache", type=Path, default=Path("run/cache"))
    p.add_argument("--samples", type=int, default=3000)
    p.add_argument("--seed", type=int, default=1)
    return p.parse_args()


def branches(network):
    """The residual branches, by name, of which more than a constant is left."""
    return {f"{name}.branch": block.branch for name, block in residuals(network).items() if not isinstance(block.branch, Constant)}


@torch.no_grad()
def heights(network, batches):
    """The greatest output of every channel within a branch, by the name of its layer, over all photos of `batches`."""
    greatest = {}

    def watch(name):
        def hook(_, __, output):
            found = output.amax((0, 2, 3))
            greatest[name] = torch.maximum(greatest.get(name, found), found)

        return hook

    layers = {f"{name}.{position}": conv for name, branch in branches(network).items() for position, conv in enumerate(branch[:-1])}
    hooks = [conv.register_forward_hook(watch(name)) for name, conv in layers.items()]
    for photos in batches:
        network(normalise(torch.from_numpy(photos)))
    for hook in hooks:
        hook.remove()
    return greatest


def trimmed(weights, network, greatest):
    """`weights` without the channels of which `heights` found nothing above zero."""
    kept = dict(weights)
    for name, branch in branches(network).items():
        channels = [greatest[f"{name}.{position}"] > 0 for position in range(len(branch) - 1)]
        keys = [f"{name}.{position}.conv" for position in range(len(branch))]
        if not all(alive.any() for alive in channels):
            constant = silent(weights, keys, channels)
            for key in keys:
                del kept[f"{key}.weight"], kept[f"{key}.bias"]
            kept[f"{name}.value"] = constant
            continue
        for alive, own, following in zip(channels, keys, keys[1:]):
            kept[f"{own}.weight"], kept[f"{own}.bias"] = kept[f"{own}.weight"][alive], kept[f"{own}.bias"][alive]
            kept[f"{following}.weight"] = kept[f"{following}.weight"][:, alive]
    return kept


def silent(weights, keys, channels):
    """What a branch [C] of convolutions `keys` says behind the last of its layers in which no channel is alive; only 1×1 may follow the next one."""
    last = max(position for position, alive in enumerate(channels) if not alive.any())
    said = weights[f"{keys[last + 1]}.bias"]
    for key in keys[last + 2 :]:
        said = weights[f"{key}.weight"].flatten(1) @ said.relu() + weights[f"{key}.bias"]
    return said


def main():
    args = arguments()
    cv2.setNumThreads(1)
    pictures = data.prepare(args.data, args.cache)
    rng = np.random.default_rng(args.seed)
    samplers = [Sampler(pictures, rng, kind) for kind in (GENTLE, LIVELY)]
    size = size_of("builtin")
    weights = load_weights(args.weights)
    network = network_of(weights)
    batches = (samplers[number % len(samplers)].batch(BATCH, size)[0] for number in range(args.samples // BATCH))
    kept = trimmed(weights, network, heights(network, batches))
    save_weights(kept, args.weights)
    print(f"{count(weights)} parameters, {count(kept)} kept")


def count(weights):
    return sum(tensor.numel() for tensor in weights.values())


if __name__ == "__main__":
    main()
