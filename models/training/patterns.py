"""Draw pictures that show nothing: `python patterns.py DATA/Patterns --count 800`.

Noise of every grain, stripes, checks and soft clouds of colour, all over the picture. They have no masks, so they count as
surroundings, in which the network learns to find nothing. Photos of such things are rare, and without them what repeats
itself is taken for a subject.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from data import PREPARED_SIZE

FINEST, COARSEST = 2.0, 80.0  # pixels that one stripe, check or grain may be wide


def colours(rng, count):
    """`count` colours [N, 3], 0…255, half of the time shades of one."""
    if rng.random() < 0.5:
        return rng.uniform(0, 255, (count, 3))
    return np.clip(rng.uniform(40, 255, 3) * rng.uniform(0.1, 1, (count, 1)), 0, 255)


def width(rng):
    return np.exp(rng.uniform(np.log(FINEST), np.log(COARSEST)))


def noise(rng):
    """Grains of a random size around one colour, coloured or grey."""
    side = max(4, int(PREPARED_SIZE / max(1.0, width(rng) / 4)))
    grains = rng.normal(0, rng.uniform(10, 90), (side, side, int(rng.choice([1, 3]))))
    if rng.random() < 0.3:
        grains = rng.uniform(-128, 128, grains.shape)
    grains = np.broadcast_to(grains, (side, side, 3)).astype(np.float32)
    return cv2.resize(grains, (PREPARED_SIZE, PREPARED_SIZE), interpolation=cv2.INTER_LINEAR) + colours(rng, 1)[0]


def turned(rng):
    """Two perpendicular coordinates of every pixel, turned at random or, half of the time, not at all."""
    angle = 0.0 if rng.random() < 0.5 else rng.uniform(0, np.pi)
    y, x = np.mgrid[:PREPARED_SIZE, :PREPARED_SIZE] + rng.uniform(0, 100, (2, 1, 1))
    return np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x


def stripes(rng):
    across = turned(rng)[int(rng.random() < 0.5)]
    return between(rng, np.sin(np.pi * across / width(rng)))


def checks(rng):
    across, along = turned(rng)
    wide = width(rng)
    return between(rng, np.sin(np.pi * across / wide) * np.sin(np.pi * along / wide))


def between(rng, wave):
    """Two colours by a wave of -1…1, with hard borders or soft ones."""
    first, second = colours(rng, 2)
    share = np.clip(0.5 + wave * np.exp(rng.uniform(np.log(0.5), np.log(20))), 0, 1)[..., None]
    return first * share + second * (1 - share)


def clouds(rng):
    side = int(rng.integers(2, 9))
    grid = colours(rng, side * side).reshape(side, side, 3).astype(np.float32)
    return cv2.resize(grid, (PREPARED_SIZE, PREPARED_SIZE), interpolation=cv2.INTER_CUBIC)


PATTERNS = noise, stripes, checks, clouds


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("out", type=Path)
    p.add_argument("--count", type=int, default=800)
    p.add_argument("--seed", type=int, default=1)
    args = p.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(args.seed)
    for number in range(args.count):
        picture = PATTERNS[number % len(PATTERNS)](rng)
        Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8)).save(args.out / f"{number:05}.webp", quality=90)


if __name__ == "__main__":
    main()
