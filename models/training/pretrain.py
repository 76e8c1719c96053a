"""Teach the encoder the classes of labelled pictures, before masks: `python pretrain.py CACHE [MORE…] --minutes 70`.

The caches are made by `classes.py`. A network that can tell a thousand kinds of things apart knows already much of what
a subject is. `--out` receives `encoder.safetensors`, for `train.py --init`.
"""

import argparse
from pathlib import Path

import numpy as np
import torch

import loop
from classes import Classes

HELD_OUT = 2000
FIRST_SIZE = 96  # that `--batch` counts


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("caches", type=Path, nargs="+")
    p.add_argument("--batch", type=int, default=96, help=f"pictures a step, of {FIRST_SIZE} px; of larger ones as many as have no more pixels")
    p.add_argument("--rate", type=float, default=6e-3)
    p.add_argument("--sizes", type=int, nargs="+", default=[FIRST_SIZE, 128])
    loop.add_arguments(p)
    p.set_defaults(starts=[0, 0.65])
    return loop.parsed(p)


def main():
    args = arguments()
    loop.prepare_threads(args)
    classes = Classes(args.caches)
    rows = np.random.default_rng(0).permutation(len(classes.rows))
    held_out, training = rows[:HELD_OUT], rows[HELD_OUT:]
    print(f"{len(training)} pictures of {classes.count} classes, {HELD_OUT} held out", flush=True)
    some, _ = classes.batch(held_out[:256], args.sizes[-1])
    lesson = loop.Lesson(args, "encoder", some, classes.count)

    def draw(rng, done, _):
        size = lesson.size_at(done)
        return classes.batch(rng.choice(training, round(args.batch * (FIRST_SIZE / size) ** 2)), size, rng)

    def learn(arrays):
        photos, numbers = arrays
        loss = lesson.naming_loss(photos, numbers)
        loss.backward()
        return {"naming": loss.item()}

    @torch.no_grad()
    def look(whole):
        network, right, count = lesson.averaged_network(), 0, HELD_OUT if whole else HELD_OUT // 4
        for start in range(0, count, 100):
            photos, numbers = classes.batch(held_out[start : start + 100], args.sizes[-1])
            right += (loop.names(network, lesson.inputs(photos).float()).argmax(1).cpu().numpy() == numbers).sum()
        return f"{right / count:.3f} named right"

    lesson.run(draw, learn, look)


if __name__ == "__main__":
    main()
