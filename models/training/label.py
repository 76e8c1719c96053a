"""Give photos without masks the masks that trained networks agree on:
`python label.py PHOTOS DATA/labelled --weights ../wide.safetensors run/wide.safetensors`.

Several networks, each on the photo, on its mirror image and at two sizes, know more together than any of
them alone; a network that then learns their common answer on many new photos, under every
distortion of `augment.py`, keeps most of it (a noisy student: Xie et al. 2020, arXiv 1911.04252). Photos on
which they stay undecided are left out. `DATA/labelled` is then one more set for `train.py`.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from data import PHOTO_SUFFIXES, stretch
from network import load_weights, network_of, normalise
from served import HALF, mirrored

LONGEST_SIDE = 352  # of the copies, as in the other sets
SHARPNESS = 1.5
UNDECIDED = 0.22  # mean of 4α(1−α) above which a photo is left out
LEAST = 0.02  # mean alpha below which the networks have found nothing, which teaches nothing either


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("photos", type=Path, help="folder of photos, searched to the bottom")
    p.add_argument("out", type=Path)
    p.add_argument("--weights", type=Path, nargs="+", required=True)
    p.add_argument("--sizes", type=int, nargs="+", default=[288, 384])
    p.add_argument("--limit", type=int, help="this many photos, drawn at random")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    return p.parse_args()


@torch.no_grad()
def agreed(networks, photo, sizes, device):
    """Alpha in 0…1 at the photo's size: the mean logits of all networks at all sizes, photo and mirror image, above
    what counts as half."""
    logits = []
    for size in sizes:
        x = normalise(torch.from_numpy(stretch(photo, size).copy())[None].to(device))
        for network in networks:
            for y in (network(x), mirrored(network(mirrored(x)))):
                logits.append(F.interpolate(y, size=photo.shape[:2], mode="bilinear") - HALF)
    return torch.sigmoid(SHARPNESS * torch.stack(logits).mean(0))[0, 0].cpu().numpy()


def main():
    args = arguments()
    files = sorted(f for f in args.photos.rglob("*") if f.suffix.lower() in PHOTO_SUFFIXES)
    files = [files[i] for i in np.random.default_rng(args.seed).permutation(len(files))[: args.limit]]
    networks = [network_of(load_weights(w)).to(args.device, memory_format=torch.channels_last) for w in args.weights]
    args.out.mkdir(parents=True, exist_ok=True)
    kept = 0
    for number, file in enumerate(files):
        photo = Image.open(file).convert("RGB")
        photo.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.BILINEAR)
        alpha = agreed(networks, np.asarray(photo), args.sizes, args.device)
        if alpha.mean() >= LEAST and (4 * alpha * (1 - alpha)).mean() <= UNDECIDED:
            photo.save(args.out / f"{number:06}.webp", quality=90)
            Image.fromarray((alpha * 255 + 0.5).astype(np.uint8)).save(args.out / f"{number:06}.png")
            kept += 1
        if number % 500 == 0:
            print(f"{number} of {len(files)}, {kept} kept", flush=True)
    print(f"{kept} of {len(files)} photos are labelled")


if __name__ == "__main__":
    main()
