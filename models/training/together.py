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
HALF = 0.4  # the logit that counts as half
LOUDEST = 5.0  # logit beyond which the others count no more: none of them alone may blot out what the wide one sees
BLOCK = 8  # pixels a side of the blocks that tell how sure a mask is
SURE = 8.0  # logit that the surest block of a mask is raised to, where there seems to be a subject
STANDING_OUT = 8.5  # height of the surest block above the mean of its mask from which there seems to be one: haze has no such peak
NOTHING = -8.0, -1.0  # logits of the surest block below which there seems to be none whatever its height, and above which there is one
STEEPNESS = 3.0  # how many times its height above that limit a mask may be raised by


def raised(logits):
    """Logits [N, 1, S, S], each mask raised until its surest block is sure, or by less or nothing where even that block says that
    nothing is there and hardly stands out. So a subject that is found with doubt everywhere is not lost, and a photo may still have none."""
    side = logits.shape[-1] // BLOCK
    blocks = logits.reshape(-1, 1, side, BLOCK, side, BLOCK).mean((3, 5))
    surest = blocks.amax((2, 3), keepdim=True)
    nothing = (blocks.mean((2, 3), keepdim=True) + STANDING_OUT).clamp(*NOTHING)
    return logits + torch.minimum(STEEPNESS * (surest - nothing), SURE - surest).clamp(min=0)


class Together(nn.Module):
    """The wide network sees the photo, the others what their roles have them see. The logits are averaged, lowered by `HALF`,
    made `SHARPNESS` times steeper and `raised`. Input [N, 3, S, S], normalised; output alpha [N, 1, S, S] in 0…1."""

    def __init__(self, wide, others):
        """`others` by role."""
        super().__init__()
        self.wide, self.roles, self.others = wide, list(others), nn.ModuleList(others.values())

    def forward(self, image):
        others = sum(answer(role, network, image).clamp(-LOUDEST, LOUDEST) for role, network in zip(self.roles, self.others))
        logits = (self.wide(image) + OTHERS * others) / (1 + OTHERS * len(self.others))
        return torch.sigmoid(raised(SHARPNESS * (logits - HALF)))


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
