"""Random training samples: where the subject is, what it stands on, how the photo was taken.

All geometry is one affine warp from the prepared square to the training square; all colour is one
lookup table a channel. That keeps a sample near two milliseconds on one core.
"""

import cv2
import numpy as np

EDGE_BAND = 7  # pixels of a 320 px mask that a loose outline may be off by, both sides together
CONTEXT = 31  # window of the pixel weights; borders and thin parts weigh more


class Sampler:
    def __init__(self, pictures, rng, background=0.04, pasted=0.12, cutouts=0.2):
        self.pictures, self.rng = pictures, rng
        self.background = background if len(pictures.backgrounds) else 0.0
        self.pasted = pasted if len(pictures.backgrounds) else 0.0
        self.cutouts = cutouts if len(pictures.cutouts) else 0.0

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
            photo, mask = self._warped(row, size)
        photo = taken_otherwise(colours(photo, rng), rng)
        return photo, mask.astype(np.float32) / 255, pixel_weights(mask, loose)

    def _warped(self, row, size, matrix=None):
        if matrix is None:
            matrix = geometry(self.rng, self.pictures.size, size)
        return [
            cv2.warpAffine(np.asarray(a[row]), matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
            for a in (self.pictures.photos, self.pictures.masks)
        ]

    def _pasted(self, size):
        """A subject on a surrounding that is not its own, each with its own colours."""
        rng = self.rng
        row = rng.choice(self.pictures.cutouts) if rng.random() < self.cutouts else self.pictures.draw(rng)
        matrix = geometry(rng, self.pictures.size, size, wide=True)
        photo, mask = (
            cv2.warpAffine(np.asarray(a[row]), matrix, (size, size), flags=cv2.INTER_LINEAR)
            for a in (self.pictures.photos, self.pictures.masks)
        )
        ground, _ = self._warped(rng.choice(self.pictures.backgrounds), size)
        photo = colours(photo, rng).astype(np.float32)
        soft = cv2.GaussianBlur(mask, (3, 3), 0)
        alpha = (np.minimum(soft, mask).astype(np.float32) / 255)[..., None]
        mixed = photo * alpha + colours(ground, rng) * (1 - alpha)
        return mixed.astype(np.uint8), np.minimum(soft, mask)


def geometry(rng, source, target, wide=False):
    """The affine matrix of a random crop, zoom, turn, stretch and flip."""
    low, high = (-0.35, 0.75) if wide else (-0.42, 0.14)
    cover = np.exp(rng.uniform(low, high))  # share of the source's side that the target shows
    aspect = np.exp(rng.uniform(-0.18, 0.18))
    angle = np.deg2rad(rng.normal(0, 9)) if rng.random() < 0.35 else 0.0
    zoom = target / source / cover
    sx, sy = zoom * np.sqrt(aspect), zoom / np.sqrt(aspect)
    if rng.random() < 0.5:
        sx = -sx
    matrix = np.array([[sx * np.cos(angle), -sy * np.sin(angle)], [sx * np.sin(angle), sy * np.cos(angle)]])
    room = abs(1 - cover) / 2 if not wide else 0.18
    centre = source * (0.5 + rng.uniform(-room, room, 2))
    shift = target / 2 - matrix @ centre
    return np.column_stack([matrix, shift])


def colours(photo, rng):
    """Exposure, contrast, gamma, colour cast and saturation."""
    if rng.random() < 0.25:
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


def taken_otherwise(photo, rng):
    """At most one of: out of focus, small original, JPEG blocks, sensor noise."""
    kind = rng.random()
    size = photo.shape[0]
    if kind < 0.06:
        return cv2.GaussianBlur(photo, (0, 0), rng.uniform(0.6, 2.0))
    if kind < 0.12:
        small = int(size * rng.uniform(0.35, 0.8))
        return cv2.resize(cv2.resize(photo, (small, small), interpolation=cv2.INTER_AREA), (size, size))
    if kind < 0.19:
        _, data = cv2.imencode(".jpg", photo, [cv2.IMWRITE_JPEG_QUALITY, int(rng.uniform(25, 80))])
        return cv2.imdecode(data, cv2.IMREAD_COLOR)
    if kind < 0.25:
        noise = rng.normal(0, rng.uniform(3, 14), photo.shape).astype(np.float32)
        return np.clip(photo + noise, 0, 255).astype(np.uint8)
    return photo


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
