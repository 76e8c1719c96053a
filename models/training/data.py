"""Reading the training pictures.

A data folder holds one folder per set; a set holds `ID.webp|jpg|png` photos, each beside an
`ID.png` mask (a PNG photo's mask is `ID_mask.png`), or `ID.rgba.webp|png` cut-outs, or photos alone,
which count as backgrounds without a subject. `prepare` decodes every set once into two flat arrays of
stretched square pictures, so that training reads them through the page cache without any decoding. A set whose
list of pictures has changed, or that is new, is decoded again by itself; one whose pictures changed under their names, once its files in the
cache are deleted.
"""

import hashlib
import json
from pathlib import Path

import numpy as np
from PIL import Image

PHOTO_SUFFIXES = {".webp", ".jpg", ".jpeg"}
PREPARED_SIZE = 320  # pixels a side of the decoded pictures
VALIDATION_SET = "DUTS-TR"
VALIDATION_COUNT = 500
# Of `VALIDATION_SET`, not to be learned: the same photos as two of the held-out ones and as 49609 of MSRA-1000.
COPIES = {(VALIDATION_SET, ident) for ident in ("n03782006_11777", "ILSVRC2014_train_00020487", "n03445777_4699")}
# How often a set is drawn, relative to its size; sets not named count 1. Names that are nearly alike (CoolFish, Coolfish) are of the
# same pictures, gathered twice.
SET_WEIGHTS = {
    "alphamatting27": 8.0,
    "GrabCut": 2.0,
    "GrabCut50": 2.0,
    "CaltechAnimals": 0.8,
    "CaltechAnimals4": 0.8,
    "CAMO-TR": 0.8,
    "COD10Kpart": 0.8,
    "MSRCv2": 0.8,
    "WeizmannHorses": 0.8,
    "CaltechOutlines": 0.7,
    "CocoPeople": 0.7,
    "DAVIS16train": 0.7,
    "SBDanimals": 0.7,
    "SYSUShapes": 0.7,
    "VOCpose": 0.7,
    "WildAnimals": 0.7,
    "Butterflies": 0.6,
    "ButterflyVIA": 0.6,
    "CarSeg": 0.6,
    "CatsArda": 0.6,
    "CCP": 0.6,
    "CCPshoes504": 0.6,
    "GrazPersons": 0.6,
    "PennFudan": 0.6,
    "Bags600": 0.5,
    "Cockatoo": 0.5,
    "Cockatoos": 0.5,
    "FeralCat": 0.5,
    "FeralCats": 0.5,
    "FireTruck": 0.5,
    "FireTrucks": 0.5,
    "Flowers2": 0.5,
    "HomeGoods": 0.5,
    "Kangaroos": 0.5,
    "LeedsButterflies": 0.5,
    "MixPoly": 0.5,
    "Mugs": 0.5,
    "Panda": 0.5,
    "Sharks": 0.5,
    "Weapons": 0.5,
    "Baguettes": 0.4,
    "CarSales": 0.4,
    "CarsSideview": 0.4,
    "CoffeeLeaves": 0.4,
    "Coins": 0.4,
    "DogCat4a": 0.4,
    "Flowers17": 0.4,
    "Flowers7": 0.4,
    "FoodCal": 0.4,
    "Microcontrollers": 0.4,
    "MixPoly2": 0.4,
    "PortraitFCN": 0.4,
    "Tools": 0.4,
    "TShirts2": 0.4,
    "WasteBottles": 0.4,
    "Coolfish": 0.3,
    "CoolFish": 0.3,
    "Mandarins": 0.3,
    "SaleCars": 0.3,
    "OxfordPets": 0.25,
    "Pets128": 0.25,
    "Taxis": 0.25,
    "Amiibo": 0.2,
    "Boards": 0.2,
    "DogsPoly": 0.2,
    "Furniture": 0.2,
    "NBAheads": 0.2,
    "Pugs": 0.2,
    "SmartHome": 0.2,
    "CelebPortraits": 0.15,
    "CircuitBoards": 0.15,
    "CutoutGraphics": 0.15,
    "Dominoes": 0.15,
    "ETH80": 0.15,
    "MLSheads": 0.15,
    "NepaliNotes": 0.15,
    "Phones": 0.15,
    "BeerBottles": 0.1,
    "Drawn": 0.35,  # what drawn.py makes
    "labelled": 0.9,  # what label.py makes
}
# Sets whose outlines are a few pixels off: the loss ignores a band around their edges.
LOOSE_SETS = {
    "Caltech101", "CaltechOutlines", "CatsArda", "CoolFish", "Coolfish", "DogCat4a", "DogCatVIA", "DogsPoly",
    "FeralCat", "KnivesGuns", "MSRCv2", "Mugs", "OxfordPets", "Pets128", "Pugs", "VOCanimals", "VOCpose", "VOCtiny", "WasteBottles",
}


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
    pairs = [(name, ident) for name, ident, kind in items if kind == "pair"]
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


def prepare(root, cache, leave_out=()):
    """Decode every set below `root` into `cache`; returns the opened `Pictures`, without the pairs of the sets `leave_out`."""
    cache = Path(cache)
    cache.mkdir(parents=True, exist_ok=True)
    sets = {}
    for name, *item in list_items(root):
        sets.setdefault(name, []).append(item)
    for name, items in sets.items():
        if prepared(cache, name, PREPARED_SIZE) != [[ident, kind] for ident, _, _, kind in items]:
            decode(cache, name, items, PREPARED_SIZE)
    return Pictures(cache, list(sets), PREPARED_SIZE, leave_out)


def prepared(cache, name, size):
    """[id, kind] of every picture of a set that is decoded."""
    file = cache / f"{name}-{size}.json"
    return json.loads(file.read_text()) if file.exists() else []


def decode(cache, name, items, size):
    """One set's pictures; `items` as `list_items` gives them, without the set."""
    photos = np.lib.format.open_memmap(cache / f"{name}-{size}-photos.npy", "w+", np.uint8, (len(items), size, size, 3))
    masks = np.lib.format.open_memmap(cache / f"{name}-{size}-masks.npy", "w+", np.uint8, (len(items), size, size))
    for row, (_, photo, mask, kind) in enumerate(items):
        photos[row], masks[row] = read_item(photo, mask, kind, size)
    photos.flush()
    masks.flush()
    (cache / f"{name}-{size}.json").write_text(json.dumps([[ident, kind] for ident, _, _, kind in items]))
    print(f"prepared {len(items)} of {name}", flush=True)


class Stack:
    """Arrays that are addressed as one, by row."""

    def __init__(self, arrays):
        self.arrays = arrays
        self.starts = np.cumsum([0] + [len(a) for a in arrays])

    def __getitem__(self, row):
        part = np.searchsorted(self.starts, row, side="right") - 1
        return self.arrays[part][row - self.starts[part]]


class Pictures:
    """The prepared arrays and who is what in them."""

    def __init__(self, cache, sets, size, leave_out=()):
        self.size = size
        self.photos, self.masks = (
            Stack([np.load(cache / f"{name}-{size}-{what}.npy", mmap_mode="r") for name in sets]) for what in ("photos", "masks")
        )
        self.index = [(name, ident, kind) for name in sets for ident, kind in prepared(cache, name, size)]
        held_out = validation_ids(self.index)
        unlearned = held_out | COPIES
        self.training = self._rows(lambda name, ident, kind: kind == "pair" and (name, ident) not in unlearned and name not in leave_out)
        self.validation = self._rows(lambda name, ident, _: (name, ident) in held_out)
        self.cutouts = self._rows(lambda name, ident, kind: kind == "cutout")
        self.backgrounds = self._rows(lambda name, ident, kind: kind == "background")
        weights = np.array([SET_WEIGHTS.get(self.index[row][0], 1.0) for row in self.training])
        self.cumulative = np.cumsum(weights / weights.sum())

    def _rows(self, keep):
        return np.array([row for row, entry in enumerate(self.index) if keep(*entry)], np.int64)

    def draw(self, rng):
        """A training row, by set weight."""
        place = np.searchsorted(self.cumulative, rng.random())
        return self.training[min(place, len(self.training) - 1)]

    def is_loose(self, row):
        return self.index[row][0] in LOOSE_SETS
