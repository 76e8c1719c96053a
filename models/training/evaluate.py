"""Figures on the held-out pictures: `python evaluate.py DATA weights.safetensors`."""

import argparse
from pathlib import Path

import numpy as np
import torch

import data
import together
from metrics import Scores
from network import PREPARED_SIZE, SIZE, Mask, load_weights, normalise


def evaluate(networks, pictures, limit=None, size=SIZE):
    """Figures of the masks that `networks`, one to three as `Mask` takes them, would serve at `size`."""
    device = next(networks[0].parameters()).device
    return evaluate_mask(Mask(*networks).to(device).eval(), pictures, limit, size)


@torch.no_grad()
def evaluate_mask(mask, pictures, limit=None, size=SIZE):
    """maxF, MAE, mIoU and S of what the module `mask` gives at `size`, on the held-out rows."""
    scores = Scores()
    device = next(mask.parameters()).device
    for row in pictures.validation[:limit]:
        photo = np.asarray(pictures.photos[row])
        if size != pictures.size:
            photo = data.stretch(photo, size)
        image = normalise(torch.from_numpy(photo.copy())[None].to(device))
        alpha = mask(image)[0, 0].cpu().numpy()
        if size != pictures.size:
            alpha = data.cv2.resize(alpha, (pictures.size, pictures.size))
        scores.add(alpha, np.asarray(pictures.masks[row]).astype(np.float32) / 255)
    return {name: round(float(value), 4) for name, value in scores.summary().items()}


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("data")
    p.add_argument("weights", type=Path)
    together.add_arguments(p)
    p.add_argument("--cache", default="run/cache")
    p.add_argument("--limit", type=int)
    p.add_argument("--size", type=int, default=SIZE)
    args = p.parse_args()

    pictures = data.prepare(args.data, args.cache, PREPARED_SIZE)
    mask = together.mask_beside(load_weights(args.weights), args)
    print(evaluate_mask(mask, pictures, args.limit, args.size))


if __name__ == "__main__":
    main()
