"""Figures on the held-out pictures: `python evaluate.py DATA weights.safetensors`."""

import argparse
from pathlib import Path

import numpy as np
import torch

import data
from metrics import Scores
from network import PREPARED_SIZE, SIZE, Mask, load_weights, network_of, normalise, partner_of


@torch.no_grad()
def evaluate(network, pictures, limit=None, size=SIZE, partner=None):
    """maxF, MAE, mIoU and S of the masks that `network` and its `partner` would serve at `size`, on the
    held-out rows."""
    scores = Scores()
    device = next(network.parameters()).device
    mask = Mask(network, partner).to(device).eval()
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
    p.add_argument("--cache", default="run/cache")
    p.add_argument("--limit", type=int)
    p.add_argument("--size", type=int, default=SIZE)
    args = p.parse_args()

    weights = load_weights(args.weights)
    pictures = data.prepare(args.data, args.cache, PREPARED_SIZE)
    print(evaluate(network_of(weights), pictures, args.limit, args.size, partner_of(weights)))


if __name__ == "__main__":
    main()
