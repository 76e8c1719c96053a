"""Figures on the held-out pictures: `python evaluate.py DATA weights.safetensors`."""

import argparse
from pathlib import Path

import cv2
import numpy as np
import torch

import data
from metrics import Scores
from network import load_weights, normalise
from served import MODELS, served, size_of


@torch.no_grad()
def evaluate(mask, pictures, size, limit=None):
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
            alpha = cv2.resize(alpha, (pictures.size, pictures.size))
        scores.add(alpha, np.asarray(pictures.masks[row]).astype(np.float32) / 255)
    return {name: round(float(value), 4) for name, value in scores.summary().items()}


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("data")
    p.add_argument("weights", type=Path)
    p.add_argument("--model", choices=MODELS, default="builtin")
    p.add_argument("--cache", default="run/cache")
    p.add_argument("--limit", type=int)
    args = p.parse_args()

    pictures = data.prepare(args.data, args.cache)
    mask = served(load_weights(args.weights), args.model)
    print(evaluate(mask, pictures, size_of(args.model), args.limit))


if __name__ == "__main__":
    main()
