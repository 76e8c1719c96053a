"""The usual figures of salient-object detection, accumulated over a set.

maxF: the largest F (β² = 0.3) over 255 thresholds of the precision and recall averaged over pictures; where nothing is found both are 0.
MAE: mean absolute error. mIoU: mean over pictures of the intersection over union at threshold 0.5.
S: the structure measure (Fan et al. 2017), half object-aware, half region-aware.
"""

import numpy as np

BETA2 = 0.3


class Scores:
    def __init__(self):
        self.precision, self.recall, self.mae, self.iou, self.s = [], [], [], [], []

    def add(self, alpha, mask):
        """`alpha` and `mask`: float arrays of the same shape, 0…1."""
        truth = mask > 0.5
        levels = (np.clip(alpha, 0, 1) * 255).astype(np.uint8)
        hits = np.bincount(levels[truth], minlength=256)[::-1].cumsum()
        all_ = np.bincount(levels.ravel(), minlength=256)[::-1].cumsum()
        self.precision.append(hits / np.maximum(all_, 1))
        self.recall.append(hits / max(truth.sum(), 1))
        self.mae.append(np.abs(alpha - mask).mean())
        found = alpha > 0.5
        self.iou.append((found & truth).sum() / max((found | truth).sum(), 1))
        self.s.append(s_measure(alpha, truth))

    def summary(self):
        p, r = np.mean(self.precision, 0), np.mean(self.recall, 0)
        f = (1 + BETA2) * p * r / (BETA2 * p + r + 1e-8)
        return {"maxF": f.max(), "MAE": np.mean(self.mae), "mIoU": np.mean(self.iou), "S": np.mean(self.s)}


def s_measure(alpha, truth):
    share = truth.mean()
    if share == 0:
        return 1 - alpha.mean()
    if share == 1:
        return alpha.mean()
    objects = share * _object(alpha[truth]) + (1 - share) * _object(1 - alpha[~truth])
    return max(0.0, 0.5 * objects + 0.5 * _regions(alpha, truth))


def _object(values):
    mean = values.mean()
    return 2 * mean / (mean * mean + 1 + values.std() + 1e-8)


def _regions(alpha, truth):
    rows, columns = np.nonzero(truth)
    y, x = int(round(rows.mean())) + 1, int(round(columns.mean())) + 1
    total = 0.0
    for part in ((slice(0, y), slice(0, x)), (slice(0, y), slice(x, None)), (slice(y, None), slice(0, x)), (slice(y, None), slice(x, None))):
        a, t = alpha[part], truth[part].astype(np.float64)
        if a.size:
            total += a.size / truth.size * _ssim(a, t)
    return total


def _ssim(a, b):
    ma, mb = a.mean(), b.mean()
    va, vb, cov = a.var(), b.var(), ((a - ma) * (b - mb)).mean()
    top, bottom = 4 * ma * mb * cov, (ma * ma + mb * mb) * (va + vb)
    if top != 0:
        return top / (bottom + 1e-8)
    return 1.0 if bottom == 0 else 0.0
