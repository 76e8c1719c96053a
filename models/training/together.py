"""What is served: the wide network of wide.py beside some of the three of network.py.

They were taught by other schedules from other beginnings, so they err in other places, and together are more often right
than any of them. How many stand beside it is a matter of time: `builtin.onnx` must be quick, `quality.onnx` is for whoever can wait.
"""

from pathlib import Path

import torch
from torch import nn

from network import FIRST, THIRD, answer, load_weights, served
from wide import is_wide, logits_of, mask_of

BESIDE = {"builtin": (THIRD,), "quality": (FIRST, THIRD)}  # roles of those that stand beside the wide network
OTHERS = 0.5  # weight of each of them, beside the wide one's 1
SHARPNESS = 2.0  # chosen on the held-out pairs, with `HALF`
HALF = 0.5  # the logit that counts as half


class Together(nn.Module):
    """The wide network sees the photo, the others what their roles have them see. The logits are averaged, lowered by `HALF`
    and made `SHARPNESS` times steeper. Input [N, 3, S, S], normalised; output alpha [N, 1, S, S] in 0…1."""

    def __init__(self, wide, others):
        """`others` by role."""
        super().__init__()
        self.wide, self.roles, self.others = wide, list(others), nn.ModuleList(others.values())

    def forward(self, image):
        others = sum(answer(role, network, image) for role, network in zip(self.roles, self.others))
        logits = (self.wide(image) + OTHERS * others) / (1 + OTHERS * len(self.others))
        return torch.sigmoid(SHARPNESS * (logits - HALF))


def add_arguments(parser):
    """The arguments with which `mask_beside` is asked for."""
    parser.add_argument("--beside", type=Path, help="weights of the three, of which some come beside the wide network")
    parser.add_argument("--model", choices=BESIDE, default="builtin", help="which of them, with --beside")


def mask_beside(weights, args):
    """What a dictionary of `weights` serves, in evaluation mode; with `args.beside`, a file of the three, the wide network's with those that
    `args.model` has beside it."""
    if args.beside is None:
        return mask_of(weights)
    if not is_wide(weights):
        raise SystemExit("--beside is for the wide network alone")
    three = load_weights(args.beside)
    return Together(logits_of(weights)[0], {role: served(role, three) for role in BESIDE[args.model]}).eval()
