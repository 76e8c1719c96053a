"""The mean of two files of weights: `python mean.py OLD.safetensors NEW.safetensors MEAN.safetensors --share 0.3`.

New lessons pull away from the old ones; between both weights lies what keeps most of either (Wortsman et al. 2022, arXiv 2203.05482).
"""

import argparse
from pathlib import Path

from network import Cutout, grown, load_weights, residuals, save_weights, unused, without_presence


def mean(old, new, share):
    """`share` of `new`, the rest of `old`; both by name. Channels within a branch that `old` has not are wholly those of `new`, so that the layer behind alone
    decides how much of them counts. `new` is as a lesson left it, for trimming moves channels to other places; `trim.py` and `presence.py` are to be run on what
    comes out."""
    old, new = grown(without_presence(old)), without_presence(new)
    if {name: tensor.shape for name, tensor in old.items()} != {name: tensor.shape for name, tensor in new.items()}:
        raise SystemExit("not of the same network, or the new weights are trimmed")
    both = {name: tensor.lerp(new[name], share) for name, tensor in old.items()}
    for layer in layers_within_branches():
        begun = unused(old[f"{layer}.weight"])
        for part in (f"{layer}.weight", f"{layer}.bias"):
            both[part][begun] = new[part][begun]
    return both


def layers_within_branches():
    """The names of the convolutions of the residual branches that another one follows."""
    return [f"{name}.branch.{position}.conv" for name, block in residuals(Cutout()).items() for position in range(len(block.branch) - 1)]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("old", type=Path)
    p.add_argument("new", type=Path)
    p.add_argument("target", type=Path)
    p.add_argument("--share", type=float, default=0.5, help="of the new weights")
    args = p.parse_args()
    weights = mean(load_weights(args.old), load_weights(args.new), args.share)
    save_weights(weights, args.target)


if __name__ == "__main__":
    main()
