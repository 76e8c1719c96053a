"""What training minimises: weighted cross-entropy + soft IoU, at full size and at three coarse ones; and the naming of classes."""

import torch
import torch.nn.functional as F

CLASS_SHARE = 0.3  # weight of naming the class, beside the mask's loss
LABEL_SMOOTHING = 0.1
AUXILIARY_WEIGHTS = (0.2, 0.3, 0.4)


def naming(names, classes):
    """Cross-entropy of the logits `names` [N, K] against the numbers of the classes [N], which are not quite trusted."""
    return F.cross_entropy(names.float(), classes, label_smoothing=LABEL_SMOOTHING)


def structure(logits, mask, weights):
    """Pixel-weighted cross-entropy plus one minus the weighted soft IoU of each picture."""
    entropy = F.binary_cross_entropy_with_logits(logits, mask, reduction="none")
    entropy = (entropy * weights).mean() / weights.mean().clamp(min=1e-6)
    alpha = torch.sigmoid(logits)
    both = (alpha * mask * weights).sum((1, 2, 3))
    either = ((alpha + mask) * weights).sum((1, 2, 3)) - both
    floor = 0.01 * mask.shape[-1] * mask.shape[-2]  # keeps nearly empty masks from ruling the sum
    return entropy + (1 - (both + floor) / (either + floor)).mean()


def total(outputs, mask, weights):
    """Deep supervision: the full-size loss and the coarse ones against area-averaged masks."""
    loss = structure(outputs[0], mask, weights)
    for share, output in zip(AUXILIARY_WEIGHTS, outputs[1:]):
        size = output.shape[-2:]
        loss = loss + share * structure(output, F.adaptive_avg_pool2d(mask, size), F.adaptive_avg_pool2d(weights, size))
    return loss
