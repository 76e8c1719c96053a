"""Teach trained weights to tell whether a photo shows a subject at all: `python presence.py DATA run/wide.safetensors`.

A mask in doubt is either a subject that is hard to see or the haze of a photo that shows nothing. What the encoder says of the whole photo,
and how much that differs from place to place, tells them apart far better than the mask's height: a logistic regression on it, of photos nearly
as they are, some closer looks at subjects, and as many pieces of surroundings.
The network itself stands still, so this comes last, after every lesson and every mean of weights; it writes into the given file.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F

import data
from augment import GENTLE, LEAST_SUBJECT, Sampler
from network import load_weights, network_of, normalise, save_weights, summarised, without_presence
from served import size_of

# Subjects pasted on surroundings, so that the ground alone does not tell that there is none; surroundings in pieces, because a whole room or
# street may have something in it that stands out.
WITH_SUBJECT = replace(GENTLE, background=0.0, closer=0.06, pasted=0.12)
WITHOUT = replace(GENTLE, background=1.0, cover=(-1.0, 0.0))
BATCH = 16
SHRINKAGE = 0.012  # weight decay of the regression, on features of unit variance
ROUNDS = 200  # of L-BFGS


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("data", help="folder of sets, see data.py")
    p.add_argument("weights", type=Path)
    p.add_argument("--cache", type=Path, default=Path("run/cache"))
    p.add_argument("--samples", type=int, default=12_000)
    p.add_argument("--leave-out", nargs="+", default=[], metavar="SET", help="sets that are not to be learned from")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    return p.parse_args()


@torch.no_grad()
def examples(network, pictures, args):
    """What the encoder says of random samples [N, D], and whether they show a subject [N], 0 or 1."""
    rng = np.random.default_rng(args.seed)
    samplers = [Sampler(pictures, rng, kind) for kind in (WITH_SUBJECT, WITHOUT)]
    features, there = [], []
    for number in range(max(len(samplers), args.samples // BATCH)):
        photos, masks, _ = samplers[number % len(samplers)].batch(BATCH, size_of("builtin"))
        x = normalise(torch.from_numpy(photos).to(args.device))
        share = masks.mean((1, 2, 3))
        sure = (share == 0) | (share >= LEAST_SUBJECT)
        features.append(summarised(network.encode(x)).cpu()[sure])
        there.append(torch.from_numpy(share > 0).float()[sure])
        if number % 50 == 0:
            print(f"{number * BATCH} of {args.samples} samples", flush=True)
    return torch.cat(features), torch.cat(there)


def regression(features, there):
    """Weight [1, D] and bias [1] of the logit that a sample shows a subject."""
    centre, spread = features.mean(0), features.std(0).clamp(min=1e-4)
    scaled = (features - centre) / spread
    weight, bias = torch.zeros(features.shape[1], requires_grad=True), torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=ROUNDS, line_search_fn="strong_wolfe")

    def loss():
        optimizer.zero_grad()
        value = F.binary_cross_entropy_with_logits(scaled @ weight + bias, there) + SHRINKAGE / 2 * weight.square().sum()
        value.backward()
        return value

    optimizer.step(loss)
    weight = (weight / spread).detach()
    return weight[None], bias.detach() - weight @ centre


def main():
    args = arguments()
    cv2.setNumThreads(1)
    weights = without_presence(load_weights(args.weights))
    network = network_of(weights).to(args.device, memory_format=torch.channels_last)
    pictures = data.prepare(args.data, args.cache, args.leave_out)
    if not len(pictures.backgrounds):
        raise SystemExit(f"{args.data} has no photos without a mask, which would teach what nothing looks like")
    features, there = examples(network, pictures, args)
    weight, bias = regression(features, there)
    right = ((features @ weight[0] + bias > 0) == (there > 0)).float()
    print(f"of {len(there)} samples {right[there > 0].mean():.3f} with and {right[there == 0].mean():.3f} without a subject are told right")
    save_weights(weights | {"presence.weight": weight, "presence.bias": bias}, args.weights)


if __name__ == "__main__":
    main()
