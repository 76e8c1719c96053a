"""The mean of two files of weights: `python mean.py OLD.safetensors NEW.safetensors MEAN.safetensors --share 0.3`.

New lessons pull away from the old ones; between both weights lies what keeps most of either (Wortsman et al. 2022, arXiv 2203.05482).
"""

import argparse
from pathlib import Path

from network import grown, load_weights, save_weights, without_presence


def mean(old, new, share):
    """`share` of `new`, the rest of `old`; both by name. `new` is as a lesson left it, for trimming moves channels to other places; `trim.py` and `presence.py`
    are to be run on what comes out."""
    old, new = grown(without_presence(old)), without_presence(new)
    if {name: tensor.shape for name, tensor in old.items()} != {name: tensor.shape for name, tensor in new.items()}:
        raise SystemExit("not of the same network, or the new weights are trimmed")
    return {name: tensor.lerp(new[name], share) for name, tensor in old.items()}


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
