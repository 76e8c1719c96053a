"""Reading the training pictures.

A data folder holds one folder per set; a set holds `ID.webp|jpg|png` photos, each beside an
`ID.png` mask (a PNG photo's mask is `ID_mask.png`), or `ID.rgba.webp|png` cut-outs, or photos alone,
which count as backgrounds without a subject. `prepare` decodes all of it once into two flat arrays of
stretched square pictures, so that training reads them through the page cache without any decoding.
"""

import hashlib
import json
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

PHOTO_SUFFIXES = {".webp", ".jpg", ".jpeg"}
VALIDATION_SET = "DUTS-TR"
VALIDATION_COUNT = 500
# How often a set is drawn, relative to its size; sets not named count 1.
SET_WEIGHTS = {
    "FeralCat": 0.5,
    "CCP": 0.6,
    "CarSeg": 0.6,
    "VOCpose": 0.7,
    "alphamatting27": 8.0,
    "PeopleCutouts": 1.0,
    "Flowers17": 0.5,
    "Butterflies": 0.6,
    "Furniture": 0.2,
    "OxfordPets": 0.25,
    "WildAnimals": 0.7,
    "DAVIS16train": 0.7,
    "Pugs": 0.2,
    "Cockatoo": 0.5,
    "Coolfish": 0.3,
    "CaltechAnimals": 0.8,
    "MixPoly": 0.5,
    "ButterflyVIA": 0.6,
    "FireTruck": 0.5,
    "Flowers2": 0.5,
    "TShirts2": 0.4,
    "Tools": 0.4,
    "CaltechOutlines": 0.7,
    "SYSUShapes": 0.7,
    "ETH80": 0.15,
    "PennFudan": 0.6,
    "GrabCut50": 2.0,
    "MixPoly2": 0.4,
    "SaleCars": 0.3,
    "Drawn": 0.35,  # what drawn.py makes
    "labelled": 0.9,  # what label.py makes
}
# Sets whose outlines are a few pixels off: the loss ignores a band around their edges.
LOOSE_SETS = {"VOCpose", "VOCtiny", "FeralCat", "Caltech101", "OxfordPets", "Coolfish", "DogCatVIA", "KnivesGuns", "WasteBottles", "CaltechOutlines"}


def list_items(root):
    """Yield (set, id, photo path, mask path or None, kind) for every picture below `root`.

    `kind` is "pair", "cutout" (an RGBA picture on nothing) or "background"."""
    for folder in sorted(p for p in Path(root).iterdir() if p.is_dir()):
        for photo in sorted(folder.iterdir()):
            if ".rgba." in photo.name:
                yield folder.name, photo.name.split(".")[0], photo, None, "cutout"
            elif photo.suffix.lower() in PHOTO_SUFFIXES:
                mask = photo.with_suffix(".png")
                yield folder.name, photo.stem, photo, *((mask, "pair") if mask.exists() else (None, "background"))
            elif photo.suffix == ".png" and photo.with_name(photo.stem + "_mask.png").exists():
                yield folder.name, photo.stem, photo, photo.with_name(photo.stem + "_mask.png"), "pair"


def class_folders(root):
    """The folders of labelled pictures below `root`, one per class, in the order that numbers the classes."""
    return sorted(p for p in Path(root).iterdir() if p.is_dir())


def photos_below(folder):
    """Every photo of a class, however deep it lies."""
    return files_below(folder, PHOTO_SUFFIXES)


def files_below(folder, suffixes):
    """Every file with one of these suffixes, however deep it lies, in a fixed order."""
    return sorted(f for f in folder.rglob("*") if f.suffix.lower() in suffixes)


def validation_ids(items):
    """The fixed held-out list: the `VALIDATION_COUNT` ids with the smallest SHA-256 (of the pairs of
    `VALIDATION_SET`, or of all pairs, a twentieth of them, where that set is missing)."""
    pairs = [(s, i) for s, i, _, _, kind in items if kind == "pair"]
    named = [p for p in pairs if p[0] == VALIDATION_SET]
    pool, count = (named, VALIDATION_COUNT) if named else (pairs, max(1, len(pairs) // 20))
    return set(sorted(pool, key=lambda p: hashlib.sha256(p[1].encode()).hexdigest())[:count])


def read_item(photo, mask, kind, size):
    """One picture as uint8 RGB and its mask as uint8, both stretched to `size` × `size`."""
    if kind == "cutout":
        rgba = np.asarray(Image.open(photo).convert("RGBA"))
        rgb, alpha = rgba[..., :3], rgba[..., 3]
    else:
        rgb = np.asarray(Image.open(photo).convert("RGB"))
        alpha = np.zeros(rgb.shape[:2], np.uint8) if mask is None else np.asarray(Image.open(mask).convert("L"))
    return stretch(rgb, size), stretch(alpha, size)


def stretch(picture, size):
    """Bilinear, antialiased, ignoring the aspect ratio: what the service does before inference."""
    return np.asarray(Image.fromarray(picture).resize((size, size), Image.BILINEAR))


def prepare(root, cache, size, leave_out=()):
    """Decode every picture below `root` into `cache`; returns the opened `Pictures`, without the pairs of the sets `leave_out`."""
    cache = Path(cache)
    index_file = cache / f"index-{size}.json"
    if not index_file.exists():
        cache.mkdir(parents=True, exist_ok=True)
        items = list(list_items(root))
        held_out = validation_ids(items)
        photos = np.lib.format.open_memmap(cache / f"photos-{size}.npy", "w+", np.uint8, (len(items), size, size, 3))
        masks = np.lib.format.open_memmap(cache / f"masks-{size}.npy", "w+", np.uint8, (len(items), size, size))
        index = []
        for row, (name, ident, photo, mask, kind) in enumerate(items):
            photos[row], masks[row] = read_item(photo, mask, kind, size)
            index.append({"set": name, "id": ident, "kind": kind, "held_out": (name, ident) in held_out})
            if row % 1000 == 0:
                print(f"prepared {row} of {len(items)}", flush=True)
        photos.flush()
        masks.flush()
        index_file.write_text(json.dumps(index))
    return Pictures(cache, size, leave_out)


class Pictures:
    """The prepared arrays and who is what in them."""

    def __init__(self, cache, size, leave_out=()):
        cache = Path(cache)
        self.index = json.loads((cache / f"index-{size}.json").read_text())
        self.photos = np.load(cache / f"photos-{size}.npy", mmap_mode="r")
        self.masks = np.load(cache / f"masks-{size}.npy", mmap_mode="r")
        self.size = size
        self.training = self._rows(lambda e: e["kind"] == "pair" and not e["held_out"] and e["set"] not in leave_out)
        self.validation = self._rows(lambda e: e["held_out"])
        self.cutouts = self._rows(lambda e: e["kind"] == "cutout")
        self.backgrounds = self._rows(lambda e: e["kind"] == "background")
        weights = np.array([SET_WEIGHTS.get(self.index[r]["set"], 1.0) for r in self.training])
        self.cumulative = np.cumsum(weights / weights.sum())

    def _rows(self, keep):
        return np.array([row for row, entry in enumerate(self.index) if keep(entry)], np.int64)

    def draw(self, rng):
        """A training row, by set weight."""
        place = np.searchsorted(self.cumulative, rng.random())
        return self.training[min(place, len(self.training) - 1)]

    def is_loose(self, row):
        return self.index[row]["set"] in LOOSE_SETS
