"""Random training samples: where the subject is, what it stands on, how the photo was taken.

All geometry is one affine warp from the prepared square to the training square; all colour is one
lookup table a channel. That keeps a sample near two milliseconds on one core.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np

EDGE_BAND = 7  # pixels of a 320 px mask that a loose outline may be off by, both sides together
CONTEXT = 31  # window of the pixel weights; borders and thin parts weigh more
CLOSER_MARGINS = (-0.12, 0.35)  # of the subject's side, kept around it in a closer look; below zero the subject is cut
LEAST_SUBJECT = 0.002  # share of the picture that a closer look is worth
SHARPENED_RADIUS = 0.8  # pixels, standard deviation
CUTOUTS = 0.2  # share of the pasted subjects that are cut-outs with alpha, where there are any


@dataclass(frozen=True)
class Distortions:
    """How far samples may be from the photos they are made of."""

    background: float  # share of the samples that are surroundings without a subject
    pasted: float  # share that are a subject on other surroundings
    cover: tuple  # least and greatest natural logarithm of the share of the photo's side that is seen
    stretch: float  # greatest natural logarithm of the change of aspect ratio
    turned: float  # share that are turned, by some nine degrees
    recoloured: float  # share with other exposure, contrast, colour cast
    retaken: float  # share out of focus, small, compressed or noisy
    sharpness: tuple  # least and greatest amount of unsharp masking; below zero it softens
    closer: float  # share that show the subject and little else, as the second look of the service does


# Photos nearly as they are: what the last lessons should be like, see README.md.
GENTLE = Distortions(
    background=0.02, pasted=0.0, cover=(-0.12, 0.12), stretch=0.06, turned=0.0, recoloured=0.25, retaken=0.0, sharpness=(-0.3, 0.7), closer=0.15
)
# What `train.py` shows first.
LIVELY = Distortions(
    background=0.03, pasted=0.06, cover=(-0.22, 0.2), stretch=0.12, turned=0.2, recoloured=0.5, retaken=0.12, sharpness=(-0.4, 0.9), closer=0.15
)
PASTED_COVER = (-0.35, 0.75)  # of a subject that is pasted: it may be small and stand anywhere


def with_surroundings(distortions, share):
    """The same `distortions`, with that share of surroundings unless it is None."""
    return distortions if share is None else replace(distortions, background=share)


class Sampler:
    def __init__(self, pictures, rng, distortions):
        self.pictures, self.rng, self.distortions = pictures, rng, distortions
        self.background = distortions.background if len(pictures.backgrounds) else 0.0
        self.pasted = distortions.pasted if len(pictures.backgrounds) else 0.0
        self.cutouts = CUTOUTS if len(pictures.cutouts) else 0.0

    def batch(self, count, size):
        """uint8 photos [N, S, S, 3], float masks and weights [N, 1, S, S]."""
        samples = [self.sample(size) for _ in range(count)]
        photos, masks, weights = (np.stack(parts) for parts in zip(*samples))
        return photos, masks[:, None], weights[:, None]

    def sample(self, size):
        rng = self.rng
        choice = rng.random()
        loose = False
        if choice < self.background:
            photo, mask = self._warped(rng.choice(self.pictures.backgrounds), size)
        elif choice < self.background + self.pasted:
            photo, mask = self._pasted(size)
        else:
            row = self.pictures.draw(rng)
            loose = self.pictures.is_loose(row)
            photo, mask = self._warped(row, size, closer=0.0 if loose else self.distortions.closer)
        photo = sharpened(recoloured(photo, rng, self.distortions), rng, self.distortions)
        return retaken(photo, rng, self.distortions), mask.astype(np.float32) / 255, pixel_weights(mask, loose)

    def _warped(self, row, size, closer=0.0):
        """`closer` is the chance of a closer look; of a loose outline it would show how loose it is."""
        matrix = None
        if self.rng.random() < closer:
            matrix = closer_look(self.rng, np.asarray(self.pictures.masks[row]), size)
        if matrix is None:
            matrix = geometry(self.rng, self.pictures.size, size, self.distortions)
        return [
            cv2.warpAffine(np.asarray(a[row]), matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
            for a in (self.pictures.photos, self.pictures.masks)
        ]

    def _pasted(self, size):
        """A subject on a surrounding that is not its own, each with its own colours."""
        rng = self.rng
        row = rng.choice(self.pictures.cutouts) if rng.random() < self.cutouts else self.pictures.draw(rng)
        matrix = geometry(rng, self.pictures.size, size, self.distortions, wide=True)
        photo, mask = (
            cv2.warpAffine(np.asarray(a[row]), matrix, (size, size), flags=cv2.INTER_LINEAR)
            for a in (self.pictures.photos, self.pictures.masks)
        )
        ground, _ = self._warped(rng.choice(self.pictures.backgrounds), size)
        photo = recoloured(photo, rng, self.distortions).astype(np.float32)
        soft = cv2.GaussianBlur(mask, (3, 3), 0)
        alpha = (np.minimum(soft, mask).astype(np.float32) / 255)[..., None]
        mixed = photo * alpha + recoloured(ground, rng, self.distortions) * (1 - alpha)
        return mixed.astype(np.uint8), np.minimum(soft, mask)


def geometry(rng, source, target, distortions, wide=False):
    """The affine matrix of a random crop, zoom, turn, stretch and flip; `wide` for a subject to be pasted."""
    cover = np.exp(rng.uniform(*(PASTED_COVER if wide else distortions.cover)))
    aspect = np.exp(rng.uniform(-distortions.stretch, distortions.stretch))
    angle = np.deg2rad(rng.normal(0, 9)) if rng.random() < distortions.turned else 0.0
    zoom = target / source / cover
    sx, sy = zoom * np.sqrt(aspect), zoom / np.sqrt(aspect)
    if rng.random() < 0.5:
        sx = -sx
    matrix = np.array([[sx * np.cos(angle), -sy * np.sin(angle)], [sx * np.sin(angle), sy * np.cos(angle)]])
    room = abs(1 - cover) / 2 if not wide else 0.18
    centre = source * (0.5 + rng.uniform(-room, room, 2))
    shift = target / 2 - matrix @ centre
    return np.column_stack([matrix, shift])


def closer_look(rng, mask, target):
    """The affine matrix of a look at the subject of `mask` and little else, or None where there is next to none."""
    if (mask > 127).mean() < LEAST_SUBJECT:
        return None
    scales, shifts = [], []
    for axis in (0, 1):
        present = np.flatnonzero((mask > 127).any(axis))
        start, end = present[0], present[-1] + 1
        before, after = rng.uniform(*CLOSER_MARGINS, 2) * (end - start)
        start, end = max(0, start - before), min(len(mask), end + after)
        scales.append(target / (end - start))
        shifts.append(-start * scales[-1])
    if rng.random() < 0.5:
        scales[0], shifts[0] = -scales[0], target - shifts[0]
    return np.array([[scales[0], 0, shifts[0]], [0, scales[1], shifts[1]]])


def recoloured(photo, rng, distortions):
    """Exposure, contrast, gamma, colour cast and saturation."""
    if rng.random() >= distortions.recoloured:
        return photo
    ramp = np.arange(256, dtype=np.float32) / 255
    ramp = ramp ** np.exp(rng.normal(0, 0.18))
    contrast, light = np.exp(rng.normal(0, 0.15)), rng.normal(0, 0.06)
    cast = np.exp(rng.normal(0, 0.05, 3))
    table = ((ramp[:, None] - 0.5) * contrast + 0.5 + light) * cast
    photo = cv2.LUT(photo, np.clip(table * 255, 0, 255).astype(np.uint8)[:, None, :])
    if rng.random() < 0.5:
        share = 0.0 if rng.random() < 0.06 else np.clip(np.exp(rng.normal(0, 0.35)), 0, 1.8)
        gray = cv2.cvtColor(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        photo = cv2.addWeighted(photo, share, gray, 1 - share, 0)
    return photo


def sharpened(photo, rng, distortions):
    """A large photo that was shrunk is sharper than one that was stored small: unsharp masking by a random amount."""
    amount = rng.uniform(*distortions.sharpness)
    return cv2.addWeighted(photo, 1 + amount, cv2.GaussianBlur(photo, (0, 0), SHARPENED_RADIUS), -amount, 0)


def retaken(photo, rng, distortions):
    """At most one of: out of focus, small original, JPEG blocks, sensor noise."""
    if rng.random() >= distortions.retaken:
        return photo
    kind = rng.random()
    size = photo.shape[0]
    if kind < 0.24:
        return cv2.GaussianBlur(photo, (0, 0), rng.uniform(0.6, 2.0))
    if kind < 0.48:
        small = int(size * rng.uniform(0.35, 0.8))
        return cv2.resize(cv2.resize(photo, (small, small), interpolation=cv2.INTER_AREA), (size, size))
    if kind < 0.76:
        _, data = cv2.imencode(".jpg", photo, [cv2.IMWRITE_JPEG_QUALITY, int(rng.uniform(25, 80))])
        return cv2.imdecode(data, cv2.IMREAD_COLOR)
    noise = rng.normal(0, rng.uniform(3, 14), photo.shape).astype(np.float32)
    return np.clip(photo + noise, 0, 255).astype(np.uint8)


def pixel_weights(mask, loose):
    """1 inside and outside, up to 5 near borders and on thin parts (after F3Net, Wei et al. 2020);
    0 in the edge band of a loose outline."""
    mask = mask.astype(np.float32) / 255
    window = max(3, CONTEXT * mask.shape[0] // 320 | 1)
    weights = 1 + 4 * np.abs(cv2.blur(mask, (window, window)) - mask)
    if loose:
        band = np.ones((EDGE_BAND, EDGE_BAND), np.uint8)
        weights[cv2.dilate(mask, band) - cv2.erode(mask, band) > 0.1] = 0
    return weights.astype(np.float32)
