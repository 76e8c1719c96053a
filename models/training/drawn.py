"""Draw pictures that hardly any set of photos has, with exact masks: `python drawn.py GROUNDS FONTS DATA/Drawn`.

Three kinds, on plain, shaded or photographed ground: lettering (the letters are the subject, and neither what lies
between nor inside them), signs (a plate with lettering on it, which belong together) and several equal things
in rows (all of them are the subject); and plain and shaded grounds with nothing on them. `GROUNDS` holds photos of surroundings, `FONTS` font files, both searched to the bottom.
"""

import argparse
import string
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from data import PREPARED_SIZE, files_below, photos_below

FINER = 3  # drawn this many times larger, so that borders are soft
CANVAS = PREPARED_SIZE * FINER  # pixels a side
FONT_SUFFIXES = {".ttf", ".otf"}
WORDS = "open sale stop coffee new hotel taxi exit bar tea music shop bike free bread team summer city motor green".split()
LEAST_CONTRAST = 70  # between the mean colours of subject and ground, in levels of 255
LEAST_SUBJECT = 0.025  # share of the picture
TEXTURED = 0.45  # share of the surfaces that are taken from a photo
LETTERS_TEXTURED = 0.1  # of lettering: it is rarely printed with one


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("grounds", type=Path)
    p.add_argument("fonts", type=Path)
    p.add_argument("out", type=Path)
    p.add_argument("--count", type=int, default=1500)
    p.add_argument("--bare", type=int, default=400, help="how many grounds with nothing on them to draw besides")
    p.add_argument("--seed", type=int, default=1)
    return p.parse_args()


def latin_fonts(root):
    """The font files below `root` that have letters of their own for Latin text."""
    found = []
    for path in files_below(root, FONT_SUFFIXES):
        font = ImageFont.truetype(path, 40)
        missing = bytes(font.getmask("\uffff"))
        if all(bytes(font.getmask(letter)) != missing for letter in "Aag5"):
            found.append(path)
    return found


class Artist:
    def __init__(self, grounds, fonts, rng):
        self.grounds, self.fonts, self.rng = grounds, fonts, rng

    def picture(self):
        """An RGB photo and its mask, both `PREPARED_SIZE` pixels wide and high."""
        mask = blank()
        while np.asarray(mask).mean() < LEAST_SUBJECT * 255:
            kind = self.rng.choice(["lettering", "sign", "rows"], p=[0.45, 0.25, 0.3])
            mask, marks = getattr(self, kind)()
        ground, subject = self.two_surfaces(LETTERS_TEXTURED if kind == "lettering" else TEXTURED)
        photo = ground.copy()
        if self.rng.random() < 0.3:
            shade = mask.filter(ImageFilter.GaussianBlur(FINER * self.rng.uniform(2, 6)))
            offset = tuple(int(v) for v in self.rng.integers(0, 6 * FINER, 2))
            photo.paste((0, 0, 0), offset, shade.point(lambda v: v * 2 // 5))
        photo.paste(subject, (0, 0), mask)
        if marks is not None:
            photo.paste(self.colour_against(subject), (0, 0), marks)
        return tuple(picture.resize((PREPARED_SIZE, PREPARED_SIZE), Image.BOX) for picture in (photo, mask))

    def lettering(self):
        return self.written(self.words(), CANVAS * self.rng.uniform(0.3, 0.9), self.centre()), None

    def sign(self):
        """A plate of some shape and the lettering on it."""
        rng, canvas = self.rng, blank()
        width = CANVAS * rng.uniform(0.4, 0.85)
        height = width * rng.uniform(0.4, 1.0)
        x, y = centre = self.centre()
        corners = [x - width / 2, y - height / 2, x + width / 2, y + height / 2]
        pen = ImageDraw.Draw(canvas)
        shape = rng.integers(3)
        if shape == 0:
            pen.ellipse(corners, fill=255)
        elif shape == 1:
            pen.rounded_rectangle(corners, radius=CANVAS * rng.uniform(0, 0.08), fill=255)
        else:
            pen.regular_polygon((centre, height / 2), int(rng.integers(3, 9)), rotation=int(rng.integers(0, 360)), fill=255)
            width = height
        if rng.random() < 0.3:
            post = CANVAS * rng.uniform(0.008, 0.03)
            pen.rectangle([x - post, y, x + post, CANVAS], fill=255)
        return canvas, self.written(self.words(1), width * 0.6, centre)

    def rows(self):
        """Equal things, a little out of line."""
        rng, canvas = self.rng, blank()
        pen = ImageDraw.Draw(canvas)
        across, down = rng.integers(2, 7), rng.integers(1, 6)
        step = 0.9 * CANVAS / max(across, down)
        radius = step * rng.uniform(0.28, 0.45)
        sides = int(rng.integers(3, 8)) if rng.random() < 0.4 else 0
        for row in range(down):
            for column in range(across):
                x, y = (CANVAS / 2 + (i - (n - 1) / 2) * step + rng.normal(0, step * 0.03) for i, n in ((column, across), (row, down)))
                r = radius * np.exp(rng.normal(0, 0.08))
                if sides:
                    pen.regular_polygon(((x, y), r), sides, rotation=int(rng.integers(0, 360)), fill=255)
                else:
                    pen.ellipse([x - r, y - r, x + r, y + r], fill=255)
        return canvas, None

    def words(self, most=3):
        rng = self.rng
        if rng.random() < 0.4:
            text = "".join(rng.choice(list(string.ascii_letters + string.digits), rng.integers(1, 5)))
        else:
            text = " ".join(rng.choice(WORDS, rng.integers(1, most + 1), replace=False))
        cased = [text, text.upper(), text.title()][rng.integers(3)]
        return cased.replace(" ", "\n") if rng.random() < 0.5 else cased

    def written(self, text, width, centre):
        """A mask of `text`, `width` pixels wide or, if that makes it too high, smaller."""
        canvas = blank()
        path = self.fonts[self.rng.integers(len(self.fonts))]
        pen = ImageDraw.Draw(canvas)
        box = pen.multiline_textbbox((0, 0), text, ImageFont.truetype(path, 100), align="center")
        scale = 1 / max((box[2] - box[0]) / width, (box[3] - box[1]) / (0.8 * CANVAS), 1 / CANVAS)
        font = ImageFont.truetype(path, max(8, round(100 * scale)))
        box = pen.multiline_textbbox((0, 0), text, font, align="center")
        corner = [c - (start + end) / 2 for c, start, end in zip(centre, box[:2], box[2:])]
        pen.multiline_text(corner, text, fill=255, font=font, align="center")
        turned = self.rng.normal(0, 8) if self.rng.random() < 0.4 else 0
        return canvas.rotate(turned, Image.BICUBIC, center=centre)

    def centre(self):
        """About the middle of the canvas, in pixels."""
        return tuple(CANVAS * (0.5 + self.rng.normal(0, 0.05, 2)))

    def two_surfaces(self, textured):
        """Ground and subject, far enough from each other in colour; `textured` is the chance of a photo as the subject's surface."""
        ground = self.surface(TEXTURED)
        while True:
            subject = self.surface(textured)
            if distance(ground, subject) > LEAST_CONTRAST:
                return ground, subject

    def surface(self, textured):
        """One colour, a shade from one to another, or a piece of a photo."""
        rng = self.rng
        choice = rng.random()
        if choice < textured:
            photo = Image.open(self.grounds[rng.integers(len(self.grounds))]).convert("RGB")
            part = min(photo.size) * rng.uniform(0.5, 1)
            left, top = (rng.uniform(0, s - part) for s in photo.size)
            return photo.resize((CANVAS, CANVAS), Image.BILINEAR, box=(left, top, left + part, top + part))
        colours = [np.array(self.colour(), np.float32) for _ in range(2)]
        if choice < (1 + textured) / 2:
            colours[1] = colours[0]
        ramp = np.linspace(0, 1, CANVAS, dtype=np.float32)[:, None, None]
        shaded = np.broadcast_to(colours[0] * (1 - ramp) + colours[1] * ramp, (CANVAS, CANVAS, 3))
        return Image.fromarray(shaded.astype(np.uint8)).rotate(90 * int(rng.integers(4)))

    def colour(self):
        """Any colour, near black or near white more often than chance has it."""
        choice = self.rng.random()
        low, high = (0, 40) if choice < 0.25 else (215, 256) if choice < 0.5 else (0, 256)
        return tuple(int(v) for v in self.rng.integers(low, high, 3))

    def colour_against(self, surface):
        while True:
            colour = self.colour()
            if distance(surface, Image.new("RGB", (1, 1), colour)) > LEAST_CONTRAST:
                return colour


def blank():
    return Image.new("L", (CANVAS, CANVAS))


def distance(one, other):
    means = [np.asarray(picture.resize((8, 8), Image.BOX), np.float32).mean((0, 1)) for picture in (one, other)]
    return np.linalg.norm(means[0] - means[1])


def main():
    a = arguments()
    grounds, fonts = photos_below(a.grounds), latin_fonts(a.fonts)
    for folder, found in ((a.grounds, grounds), (a.fonts, fonts)):
        if not found:
            raise SystemExit(f"nothing usable below {folder} (linked folders are not searched)")
    a.out.mkdir(parents=True, exist_ok=True)
    artist = Artist(grounds, fonts, np.random.default_rng(a.seed))
    for number in range(a.count):
        photo, mask = artist.picture()
        photo.save(a.out / f"{number:05}.webp", quality=90)
        mask.save(a.out / f"{number:05}.png")
    for number in range(a.bare):
        ground = artist.surface(textured=0).resize((PREPARED_SIZE, PREPARED_SIZE), Image.BOX)
        ground.save(a.out / f"bare-{number:05}.webp", quality=90)


if __name__ == "__main__":
    main()
