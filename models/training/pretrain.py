"""Teach the encoder the classes of labelled pictures: `python pretrain.py IMAGES… --minutes 30`.

Each `IMAGES` holds one folder per class, with the pictures anywhere below it (the layout of Tiny-ImageNet's
`train`); the classes of several are told apart. All of it is decoded once into `OUT/labelled-SIZE.npy`.
`OUT/encoder.safetensors` then holds the whole network with the taught encoder, for
`train.py --init OUT/encoder.safetensors`. Classes make a better start for masks than noise does: what the
encoder knows of animals, people and things it need not learn from the far fewer masks.
"""

import argparse
import math
import time
from pathlib import Path

import cv2
import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn

import losses
from augment import recoloured
from data import class_folders, photos_below, stretch
from network import ENCODED, Cutout, load_weights, normalise
from schedule import rate_share

HELD_OUT = 50  # every so many pictures one is kept for measuring


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("images", type=Path, nargs="+")
    p.add_argument("--out", default="run", type=Path)
    p.add_argument("--init", type=Path, help="weights to go on from (default: random ones)")
    p.add_argument("--partner", action="store_true", help="teach the partner's encoder, the smaller one")
    p.add_argument("--minutes", type=float, default=30)
    p.add_argument("--size", type=int, default=80, help="side of the decoded pictures")
    p.add_argument("--batch", type=int, default=64)
    p.add_argument("--rate", type=float, default=1e-3)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--threads", type=int, default=0)
    p.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    return p.parse_args()


def prepare(roots, out, size):
    """The pictures below all `roots` as uint8 [N, size, size, 3] and their classes as int64 [N]."""
    photos, labels = out / f"labelled-{size}.npy", out / f"labels-{size}.npy"
    if not labels.exists():
        classes = [folder for root in roots for folder in class_folders(root)]
        files = [(file, number) for number, folder in enumerate(classes) for file in photos_below(folder)]
        pictures = np.lib.format.open_memmap(photos, "w+", np.uint8, (len(files), size, size, 3))
        for row, (file, _) in enumerate(files):
            pictures[row] = stretch(cv2.cvtColor(cv2.imread(str(file)), cv2.COLOR_BGR2RGB), size)
        pictures.flush()
        np.save(labels, np.array([c for _, c in files], np.int64))
    return np.load(photos, mmap_mode="r"), np.load(labels)


def cropped(photo, rng):
    """A random part of a picture, a third of its area or more, mirrored half the time, other colours."""
    size = photo.shape[0]
    area, aspect = rng.uniform(0.35, 1), math.exp(rng.uniform(-0.25, 0.25))
    wide, high = (min(size, round(size * math.sqrt(area) * a)) for a in (aspect, 1 / aspect))
    left, top = rng.integers(size - wide + 1), rng.integers(size - high + 1)
    part = cv2.resize(photo[top : top + high, left : left + wide], (size, size))
    return recoloured(part[:, ::-1] if rng.random() < 0.5 else part, rng)


class Classifier(nn.Module):
    def __init__(self, network, classes):
        super().__init__()
        self.network = network
        self.head = nn.Linear(ENCODED, classes)

    def forward(self, x):
        return self.head(self.network.encode(x)[-1].mean((2, 3)))


@torch.no_grad()
def accuracy(model, photos, labels, rows, device):
    """Share of the held-out pictures whose class is named first."""
    hits = 0
    for part in np.array_split(rows, max(1, len(rows) // 256)):
        x = normalise(torch.from_numpy(np.stack([photos[r] for r in part])).to(device))
        hits += (model(x).argmax(1).cpu().numpy() == labels[part]).sum()
    return hits / len(rows)


def main():
    args = arguments()
    torch.manual_seed(args.seed)
    rng = np.random.default_rng(args.seed)
    if args.threads:
        torch.set_num_threads(args.threads)
        cv2.setNumThreads(args.threads)
    args.out.mkdir(parents=True, exist_ok=True)
    photos, labels = prepare(args.images, args.out, args.size)
    rows = np.random.default_rng(0).permutation(len(labels))
    held_out, rows = rows[: len(rows) // HELD_OUT], rows[len(rows) // HELD_OUT :]
    network = Cutout(grown=not args.partner)
    if args.init:
        network.load_state_dict(load_weights(args.init), strict=False)
    model = Classifier(network, labels.max() + 1).to(args.device, memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.rate, weight_decay=0.05, foreach=True)
    start, step, done = time.time(), 0, 0.0
    while done < 1:
        done = (time.time() - start) / (60 * args.minutes)
        for group in optimizer.param_groups:
            group["lr"] = args.rate * rate_share(min(done, 1), warming=0.03, start=0.02)
        chosen = rng.choice(rows, args.batch)
        x = torch.from_numpy(np.stack([cropped(photos[r], rng) for r in chosen])).to(args.device)
        with torch.autocast("cuda", torch.bfloat16, enabled=args.device == "cuda"):
            scores = model(normalise(x))
        loss = losses.naming(scores, torch.from_numpy(labels[chosen]).to(args.device))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 2.0)
        optimizer.step()
        step += 1
        if step % 200 == 0:
            print(f"step {step} {done:.3f} loss {loss.item():.3f}", flush=True)
    print(f"held out: {accuracy(model, photos, labels, held_out, args.device):.3f} named right", flush=True)
    save_file({k: v.contiguous() for k, v in network.state_dict().items()}, args.out / "encoder.safetensors")


if __name__ == "__main__":
    main()
