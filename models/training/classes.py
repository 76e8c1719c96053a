"""Labelled pictures: `python classes.py FOLDER [MORE…] CACHE --side 128` prepares them, `Classes` reads them.

Each `FOLDER` holds one folder per class; folders of one name, wherever they lie, are one class. All of it (WebP and JPEG) is
decoded at once, stretched to a square, so that training reads it through the page cache without any decoding.
"""

import argparse
import json
import math
from pathlib import Path

import cv2
import numpy as np

from data import class_folders, photos_below

LEAST_SEEN = 0.35  # share of a picture's area that a view shows at least
STRETCH = 0.2  # greatest natural logarithm of the change of aspect ratio
RECOLOURED = 0.6  # share of the views with other exposure, contrast and colour cast


class Classes:
    """Prepared pictures of several caches as one set; classes of one name are one class."""

    def __init__(self, caches):
        self.photos = [np.load(cache / "photos.npy", mmap_mode="r") for cache in caches]
        numbers = {}
        names = [json.loads((cache / "classes.json").read_text()) for cache in caches]
        self.rows = [(part, row, numbers.setdefault(name, len(numbers))) for part, own in enumerate(names) for row, name in enumerate(own)]
        self.count = len(numbers)

    def batch(self, rows, size, rng=None):
        """uint8 photos [N, S, S, 3] and classes int64 [N] of these `rows`: random views, or without `rng` the whole pictures."""
        shown = [self.rows[row] for row in rows]
        pictures = [np.asarray(self.photos[part][row]) for part, row, _ in shown]
        views = [view(p, size, rng) if rng else cv2.resize(p, (size, size)) for p in pictures]
        return np.stack(views), np.array([number for _, _, number in shown])


def view(picture, size, rng):
    """A random part of a square picture, mirrored or not, in other light."""
    side = len(picture)
    scale, aspect = math.sqrt(rng.uniform(LEAST_SEEN, 1)), math.exp(rng.uniform(-STRETCH, STRETCH))
    wide, high = side * min(1, scale * math.sqrt(aspect)), side * min(1, scale / math.sqrt(aspect))
    left, top = rng.uniform(0, side - wide), rng.uniform(0, side - high)
    sx, sy = size / wide, size / high
    matrix = np.array([[sx, 0, -left * sx], [0, sy, -top * sy]])
    if rng.random() < 0.5:
        matrix[0] = [-sx, 0, size - 1 + left * sx]
    picture = cv2.warpAffine(picture, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    if rng.random() < RECOLOURED:
        contrast, light, cast = math.exp(rng.normal(0, 0.2)), rng.normal(0, 0.08), np.exp(rng.normal(0, 0.06, 3))
        table = ((np.arange(256)[:, None] / 255 - 0.5) * contrast + 0.5 + light) * cast
        picture = cv2.LUT(picture, np.clip(table * 255, 0, 255).astype(np.uint8)[:, None])
    return picture


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("folders", type=Path, nargs="+")
    p.add_argument("cache", type=Path)
    p.add_argument("--side", type=int, default=128, help="of the stored pictures, about that of the originals")
    args = p.parse_args()
    files = [(c.name, f) for folder in args.folders for c in class_folders(folder) for f in photos_below(c)]
    args.cache.mkdir(parents=True, exist_ok=True)
    side = args.side
    photos = np.lib.format.open_memmap(args.cache / "photos.npy", "w+", np.uint8, (len(files), side, side, 3))
    names = []
    for name, file in files:
        photo = cv2.imread(str(file), cv2.IMREAD_COLOR)
        if photo is None:
            print(f"not a picture: {file}")
            continue
        shrinks = min(photo.shape[:2]) > side
        small = cv2.resize(photo, (side, side), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
        photos[len(names)] = cv2.cvtColor(small, cv2.COLOR_BGR2RGB)
        names.append(name)
    photos.flush()
    (args.cache / "classes.json").write_text(json.dumps(names))
    print(f"{len(names)} pictures of {len(set(names))} classes")


if __name__ == "__main__":
    main()
