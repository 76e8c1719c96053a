"""Cut out 48 pictures whose rights are clear and lay them out on one sheet:
`python contact_sheet.py ../../target/release/rembg ../../docs/contact-sheet.jpg`. It shows what that program gives.

Photos are those inside the PyPI packages scikit-image (`skimage.data`: public domain or CC0) and
scikit-learn (`china.jpg`, `flower.jpg`: CC BY 2.0); exposures, crops and turns of them stand for dark,
light and unusual shots. Products, plants, signs and letters are drawn here. Nothing is picked for
looking good: pictures without one subject and failures stay in.
"""

import argparse
import subprocess
import tempfile
from importlib.resources import files
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

TILE, COLUMNS = 176, 8


def photo(name, package="skimage.data"):
    return np.asarray(Image.open(str(files(package) / name)).convert("RGB"))


def exposed(picture, gamma):
    return (255 * (picture / 255.0) ** gamma).astype(np.uint8)


def gray(picture):
    return cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)


def turned(picture, degrees):
    height, width = picture.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    return cv2.warpAffine(picture, matrix, (width, height), borderMode=cv2.BORDER_REFLECT_101)


def crop(picture, left, top, right, bottom):
    """A crop in shares of the width and height."""
    height, width = picture.shape[:2]
    return picture[int(top * height) : int(bottom * height), int(left * width) : int(right * width)]


def gradient(top, bottom):
    ramp = np.linspace(0, 1, 384)[:, None, None]
    return np.repeat((np.array(top) * (1 - ramp) + np.array(bottom) * ramp), 512, 1).astype(np.uint8)


def texture(name):
    return cv2.resize(photo(name), (512, 512))[:384]


def drawn(ground, *shapes):
    """`shapes` are functions of an ImageDraw on 4× canvas; the result is scaled down, antialiased."""
    image = Image.fromarray(ground).resize((2048, 1536))
    for shape in shapes:
        shape(ImageDraw.Draw(image))
    return np.asarray(image.resize((512, 384), Image.LANCZOS))


def letters(words, fill, size=420, at=(1024, 768)):
    return lambda d: d.text(at, words, fill=fill, font=ImageFont.load_default(size), anchor="mm")


def bottle(d):
    d.rounded_rectangle((840, 520, 1210, 1420), 90, fill=(20, 110, 70))
    d.polygon([(840, 600), (930, 380), (1120, 380), (1210, 600)], fill=(20, 110, 70))
    d.rectangle((930, 180, 1120, 400), fill=(16, 90, 58))
    d.rectangle((915, 120, 1135, 230), fill=(190, 160, 60))
    d.rectangle((840, 760, 1210, 1140), fill=(240, 235, 215))
    d.line((885, 560, 885, 1380), fill=(90, 180, 140), width=26)


def mug(d):
    d.ellipse((1230, 560, 1560, 1080), outline=(200, 60, 40), width=80)
    d.rounded_rectangle((620, 420, 1330, 1260), 80, fill=(215, 70, 45))
    d.ellipse((620, 350, 1330, 500), fill=(120, 35, 25))
    d.rectangle((700, 520, 760, 1180), fill=(235, 120, 95))


def car(d):
    d.polygon([(520, 820), (760, 560), (1300, 560), (1520, 820)], fill=(30, 80, 170))
    d.polygon([(620, 815), (790, 610), (1010, 610), (1010, 815)], fill=(180, 210, 230))
    d.polygon([(1050, 815), (1050, 610), (1270, 610), (1410, 815)], fill=(180, 210, 230))
    d.rounded_rectangle((300, 800, 1780, 1100), 90, fill=(35, 95, 200))
    for x in (640, 1440):
        d.ellipse((x - 170, 950, x + 170, 1290), fill=(25, 25, 28))
        d.ellipse((x - 80, 1040, x + 80, 1200), fill=(170, 170, 175))


def plant(d):
    for x, y in ((700, 500), (850, 300), (1024, 220), (1200, 300), (1350, 500)):
        d.line((1024, 1000, x, y), fill=(40, 120, 50), width=34)
        d.ellipse((x - 150, y - 100, x + 150, y + 100), fill=(60, 160, 70))
    d.polygon([(780, 960), (1270, 960), (1180, 1400), (870, 1400)], fill=(180, 95, 60))


def phone(d):
    d.rounded_rectangle((740, 180, 1310, 1380), 90, fill=(28, 28, 32))
    d.rectangle((790, 290, 1260, 1270), fill=(90, 150, 220))


def box(d):
    d.polygon([(560, 620), (1060, 820), (1060, 1400), (560, 1160)], fill=(170, 125, 80))
    d.polygon([(1060, 820), (1520, 600), (1520, 1130), (1060, 1400)], fill=(200, 150, 100))
    d.polygon([(560, 620), (1010, 430), (1520, 600), (1060, 820)], fill=(225, 180, 130))


def chair(d):
    for x, top in ((700, 900), (1300, 900), (840, 840), (1180, 840)):
        d.line((x, top, x, 1440), fill=(70, 45, 30), width=36)
    d.polygon([(680, 930), (1330, 930), (1210, 800), (820, 800)], fill=(120, 75, 45))
    for x in (830, 940, 1080, 1190):
        d.line((x, 260, x, 820), fill=(90, 55, 35), width=36)
    d.line((810, 280, 1210, 280), fill=(90, 55, 35), width=60)


def sign(d):
    d.rectangle((1000, 800, 1048, 1500), fill=(120, 120, 120))
    d.regular_polygon((1024, 560, 420), 8, rotation=22, fill=(190, 25, 30), outline=(255, 255, 255))
    letters("STOP", (255, 255, 255), 250, (1024, 560))(d)


def pictures():
    white, black = gradient((255, 255, 255), (236, 236, 236)), gradient((26, 26, 30), (8, 8, 10))
    blue, warm = gradient((120, 170, 220), (210, 225, 240)), gradient((235, 200, 160), (150, 110, 80))
    astronaut, cat, coffee, rocket = (photo(n) for n in ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg"))
    flower, china = photo("flower.jpg", "sklearn.datasets.images"), photo("china.jpg", "sklearn.datasets.images")
    camera, horse = photo("camera.png"), photo("horse.png")
    yield from (astronaut, crop(astronaut, 0.15, 0, 0.75, 0.6), exposed(astronaut, 2.2), exposed(astronaut, 0.45))
    yield from (gray(astronaut), turned(astronaut, 25), cat, exposed(cat, 2.2), gray(cat), crop(cat, 0.2, 0.05, 0.8, 0.95))
    yield from (coffee, exposed(coffee, 2.4), exposed(coffee, 0.45), crop(coffee, 0.1, 0, 0.9, 0.8))
    yield from (rocket, crop(rocket, 0.3, 0.1, 0.75, 0.95), exposed(rocket, 2.0), camera, exposed(camera, 2.0))
    yield from (flower, crop(flower, 0.15, 0.1, 0.85, 0.95), exposed(flower, 2.2), exposed(flower, 0.5), turned(flower, -30))
    yield from (china, crop(china, 0.1, 0, 0.7, 1), horse, 255 - horse)
    yield from (photo("clock_motion.png"), photo("gravel.png"), photo("coins.png"), photo("hubble_deep_field.jpg"))
    yield drawn(white, letters("SALE", (200, 30, 40)))
    yield drawn(black, letters("Aa", (240, 240, 235), 700))
    yield drawn(texture("gravel.png"), letters("OPEN", (250, 220, 60)))
    yield drawn(white, bottle)
    yield drawn(black, bottle)
    yield drawn(warm, mug)
    yield drawn(texture("brick.png"), mug)
    yield drawn(blue, car)
    yield drawn(texture("gravel.png"), car)
    yield drawn(white, plant)
    yield drawn(black, plant)
    yield drawn(texture("grass.png"), box)
    yield drawn(warm, phone)
    yield drawn(blue, sign)
    yield drawn(warm, chair)
    yield photo("brick.png")


def cut_out(program, photos):
    """The photos' RGBA cut-outs, in order."""
    with tempfile.TemporaryDirectory() as place:
        source, target = Path(place) / "in", Path(place) / "out"
        source.mkdir()
        for number, picture in enumerate(photos):
            Image.fromarray(picture).save(source / f"{number:02}.png")
        subprocess.run([program, "remove", source, "-o", target, "--quiet"], check=True)
        return [np.asarray(Image.open(file).convert("RGBA")) for file in sorted(target.iterdir())]


def tile(picture, cut):
    """The photo above its cut-out on a chequerboard."""
    scale = TILE / max(picture.shape[:2])
    size = [max(1, round(d * scale)) for d in picture.shape[1::-1]]
    canvas = np.full((2 * TILE, TILE, 3), 255, np.uint8)
    left, top = (TILE - size[0]) // 2, (TILE - size[1]) // 2
    rows, columns = np.indices(picture.shape[:2]) // max(1, round(8 / scale))
    board = np.where(((rows + columns) % 2)[..., None], 205, 245)
    cover = cut[..., 3:] / 255
    shown = (cut[..., :3] * cover + board * (1 - cover)).astype(np.uint8)
    for place, each in ((0, picture), (TILE, shown)):
        canvas[place + top : place + top + size[1], left : left + size[0]] = cv2.resize(each, size, interpolation=cv2.INTER_AREA)
    return canvas


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("program")
    p.add_argument("target", type=Path)
    args = p.parse_args()
    photos = [np.ascontiguousarray(picture) for picture in pictures()]
    tiles = [tile(*pair) for pair in zip(photos, cut_out(args.program, photos), strict=True)]
    print(len(tiles), "pictures")
    lines = [np.concatenate(tiles[i : i + COLUMNS], 1) for i in range(0, len(tiles) - len(tiles) % COLUMNS, COLUMNS)]
    Image.fromarray(np.concatenate(lines, 0)).save(args.target, quality=82)


if __name__ == "__main__":
    main()
