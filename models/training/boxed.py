"""Prepare labelled pictures with boxes for `train.py --classes CACHE`:
`python boxed.py tiny-imagenet-200/train CACHE --weights ../three.safetensors`.

The folder holds one folder per class, each with its pictures in `images` and a table `*_boxes.txt`: name, left,
top, right, bottom (inclusive), split by tabs: the layout of Tiny-ImageNet's `train`. A folder without a table holds the
pictures themselves, which have no boxes. Every picture keeps its class. Where the trained networks' mask fits the box, it becomes the picture's mask; a mask that does not fit is
drawn again from the box's surroundings alone. So the box, which people drew, decides which of the networks' own
labels are right: unlike plain self-labelling this brings in knowledge that the networks lack.
"""

import argparse
import csv
import json
import sys
from pathlib import Path

import cv2
import numpy as np
import torch

from augment import STRONG, geometry, pixel_weights, recoloured, retaken
from data import class_folders, photos_below
from network import Mask, every_network, load_weights, normalise

SIDE = 128  # of the stored pictures and masks
SEEN = 192  # side at which the networks look at them
AREAS = (0.06, 0.92)  # share of the picture a box must have for its mask to be asked for
SURROUNDINGS = 0.3  # of the box's side, kept around it for the second look
FITS = 0.7  # IoU of the mask's own box with the given one
STRAY = 0.2  # share of the mask that may lie outside of the box
MARGIN = 0.04  # of the picture's side, by which the box may be off


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("images", type=Path)
    p.add_argument("cache", type=Path)
    p.add_argument("--weights", type=Path, help="networks to ask for the masks; without them pictures keep only their class")
    p.add_argument("--side", type=int, default=SIDE, help="of the stored pictures, about that of the originals")
    p.add_argument("--limit", type=int, help="label this many pictures, drawn at random; the others keep only their class")
    p.add_argument("--part", type=int, nargs=2, default=(0, 1), metavar=("K", "N"), help="do the K-th of N shares of the masks")
    p.add_argument("--threads", type=int, default=0)
    p.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    return p.parse_args()


class Boxed:
    """What `main` has prepared: `photos` uint8 [N, S, S, 3], `classes` int64 [N], and `masks` by row, which may be none."""

    def __init__(self, cache, distortions=STRONG):
        cache = Path(cache)
        self.distortions = distortions
        self.photos = np.load(cache / "photos.npy", mmap_mode="r")
        self.side = self.photos.shape[1]
        self.classes = np.array(json.loads((cache / "classes.json").read_text()), np.int64)
        parts = [np.load(f) for f in sorted(cache.glob("masks-*.npz"))]
        self.masks = {row: mask for part in parts for row, mask in zip(part["rows"].tolist(), part["masks"])}
        self.labelled = np.array(sorted(self.masks), np.int64)

    def batch(self, count, rng):
        """uint8 photos [N, S, S, 3], float masks and weights [N, 1, S, S] (weights 0 where there is no mask) and
        classes [N]. Half of them are drawn from the pictures with a mask, where there are any."""
        rows = rng.integers(len(self.classes), size=count)
        if len(self.labelled):
            rows = np.where(rng.random(count) < 0.5, rng.choice(self.labelled, count), rows)
        photos, masks, weights = (np.stack(parts) for parts in zip(*[self.sample(r, rng) for r in rows]))
        return photos, masks[:, None], weights[:, None], self.classes[rows]

    def sample(self, row, rng):
        size = self.side
        matrix = geometry(rng, size, size, self.distortions)
        warp = lambda picture: cv2.warpAffine(picture, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
        photo = retaken(recoloured(warp(np.asarray(self.photos[row])), rng, self.distortions), rng, self.distortions)
        if row not in self.masks:
            return photo, np.zeros((size, size), np.float32), np.zeros((size, size), np.float32)
        mask = warp(self.masks[row])
        return photo, mask.astype(np.float32) / 255, pixel_weights(mask, loose=False)


def listed(root):
    """(path, class number, box as left, top, right, bottom or None) of every picture below `root`."""
    for number, folder in enumerate(class_folders(root)):
        table = next(folder.glob("*_boxes.txt"), None)
        if table is None:
            yield from ((f, number, None) for f in photos_below(folder))
        else:
            for name, *corners in csv.reader(table.read_text().splitlines(), delimiter="\t"):
                yield folder / "images" / name, number, [int(c) for c in corners]


def decoded(items, cache, side):
    """The pictures as uint8 [N, S, S, 3], and their boxes in its pixels, right and bottom exclusive, zeros where there is none."""
    file, boxes_file = cache / "photos.npy", cache / "boxes.npy"
    if not boxes_file.exists():
        photos = np.lib.format.open_memmap(file, "w+", np.uint8, (len(items), side, side, 3))
        boxes = np.zeros((len(items), 4), np.int64)
        for row, (path, _, box) in enumerate(items):
            photo = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
            high, wide = photo.shape[:2]
            shrinks = min(high, wide) > side
            photos[row] = cv2.resize(photo, (side, side), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)
            if box:
                left, top, right, bottom = box
                boxes[row] = np.array([left / wide, top / high, (right + 1) / wide, (bottom + 1) / high]) * side
        photos.flush()
        np.save(boxes_file, boxes)
    return np.load(file, mmap_mode="r"), np.load(boxes_file)


class Labeller:
    def __init__(self, model, device):
        self.model, self.device = model, device

    @torch.no_grad()
    def alphas(self, photos):
        """Alpha as float [N, S, S] of uint8 photos [N, S, S, 3], all of one call together."""
        side = photos[0].shape[0]
        seen = np.stack([cv2.resize(p, (SEEN, SEEN), interpolation=cv2.INTER_CUBIC) for p in photos])
        found = self.model(normalise(torch.from_numpy(seen).to(self.device))).cpu().numpy()[:, 0]
        return np.stack([cv2.resize(a, (side, side), interpolation=cv2.INTER_AREA) for a in found])

    def masks(self, photos, boxes):
        """For each photo its mask as uint8, or None where none fits the box."""
        side = photos[0].shape[0]
        first = self.alphas(photos)
        found = [kept(alpha, box) for alpha, box in zip(first, boxes)]
        again = [i for i, mask in enumerate(found) if mask is None and stray(first[i], boxes[i]) <= 2 * STRAY]
        if again:
            frames = [surroundings(boxes[i], side) for i in again]
            closer = [cv2.resize(photos[i][t:b, l:r], (side, side), interpolation=cv2.INTER_CUBIC) for i, (l, t, r, b) in zip(again, frames)]
            for i, alpha, (l, t, r, b) in zip(again, self.alphas(closer), frames):
                whole = np.zeros((side, side), np.float32)
                whole[t:b, l:r] = cv2.resize(alpha, (int(r - l), int(b - t)), interpolation=cv2.INTER_AREA)
                found[i] = kept(whole, boxes[i])
        return found


def surroundings(box, side):
    left, top, right, bottom = box
    wide, high = SURROUNDINGS * (right - left), SURROUNDINGS * (bottom - top)
    return (int(max(0, left - wide)), int(max(0, top - high)), int(min(side, right + wide)), int(min(side, bottom + high)))


def inside(box, side):
    """Where the subject may be: the box and a margin around it, as bool [S, S]."""
    left, top, right, bottom = box
    margin = round(MARGIN * side)
    area = np.zeros((side, side), bool)
    area[max(0, top - margin) : bottom + margin, max(0, left - margin) : right + margin] = True
    return area


def stray(alpha, box):
    """Share of the mask that lies outside of the box, which may be a few pixels off."""
    return (alpha * ~inside(box, len(alpha))).sum() / max(1.0, alpha.sum())


def kept(alpha, box):
    """The mask as uint8 with nothing outside of the box, or None where it does not fit."""
    if stray(alpha, box) > STRAY:
        return None
    alpha = alpha * inside(box, len(alpha))
    rows, columns = ((alpha > 0.5).any(axis) for axis in (1, 0))
    if not rows.any():
        return None
    top, bottom = np.flatnonzero(rows)[[0, -1]] + (0, 1)
    left, right = np.flatnonzero(columns)[[0, -1]] + (0, 1)
    wide, high = min(right, box[2]) - max(left, box[0]), min(bottom, box[3]) - max(top, box[1])
    both = max(0, wide) * max(0, high)
    either = (right - left) * (bottom - top) + (box[2] - box[0]) * (box[3] - box[1]) - both
    return (alpha * 255 + 0.5).astype(np.uint8) if both / either >= FITS else None


def main():
    args = arguments()
    if args.threads:
        torch.set_num_threads(args.threads)
        cv2.setNumThreads(args.threads)
    args.cache.mkdir(parents=True, exist_ok=True)
    items = list(listed(args.images))
    photos, boxes = decoded(items, args.cache, args.side)
    classes = [number for _, number, _ in items]
    (args.cache / "classes.json").write_text(json.dumps(classes))
    if args.weights:
        label(args, photos, boxes)


def label(args, photos, boxes):
    """Writes the masks that fit to the cache."""
    model = Mask(*every_network(load_weights(args.weights))).to(args.device, memory_format=torch.channels_last)
    labeller = Labeller(model, args.device)
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]) / args.side**2
    asked = np.random.default_rng(0).permutation(np.flatnonzero((areas >= AREAS[0]) & (areas <= AREAS[1])))
    part, parts = args.part
    asked = np.sort(asked[: args.limit])[part::parts]
    done, found = [], []
    for start in range(0, len(asked), 16):
        rows = asked[start : start + 16]
        for row, mask in zip(rows, labeller.masks([np.asarray(photos[r]) for r in rows], boxes[rows])):
            if mask is not None:
                done.append(row)
                found.append(mask)
        if start % 800 == 0:
            print(f"{start} of {len(asked)}, {len(done)} fit", flush=True)
    if not found:
        sys.exit("no mask fits its box")
    np.savez(args.cache / f"masks-{part}.npz", rows=np.array(done), masks=np.stack(found))
    print(f"{len(done)} of {len(asked)} pictures have a mask that fits")


if __name__ == "__main__":
    main()
