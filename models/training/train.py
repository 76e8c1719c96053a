"""Train the network: `python train.py DATA` goes on from the kept weights for an hour.

Small pictures come first, full-size ones at the end; distorted ones first, gentle ones, photos nearly as they are, at the
end. `--classes` gives every second step a batch of labelled pictures too (`classes.py`): the encoder keeps learning what
there is in the world while the decoder learns masks. `--out` receives `wide.safetensors`, the averaged
weights, ready for `trim.py`, `presence.py` and `export.py`. The same command goes on where it stopped.
"""

import argparse
from pathlib import Path

import numpy as np
import torch

import data
import loop
import losses
from augment import GENTLE, LIVELY, Sampler, with_surroundings
from classes import Classes
from evaluate import evaluate
from served import MODELS, Served, size_of

CLASS_SIZE = 128  # pixels a side at which labelled pictures are seen
QUICK_LOOK = 100  # held-out pairs
KEPT = Path(__file__).parent.parent / "living.safetensors"
LARGEST = 256  # pixels a side at which photos are learned: smaller than they are served, see README.md


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("data", help="folder of sets, see data.py")
    p.add_argument("--cache", type=Path, help="decoded pictures (default: OUT/cache)")
    p.add_argument("--init", default=KEPT, type=Path, help="weights to start from; 'none' for random ones")
    p.add_argument("--batch", type=int, default=40, help=f"pictures a step, of {LARGEST} px; of smaller ones as many as have no more pixels")
    p.add_argument("--rate", type=float, default=3e-3)
    p.add_argument("--sizes", type=int, nargs="+", default=[160, 224, LARGEST], help="picture sizes, small ones first")
    p.add_argument("--gentle-from", type=float, default=0.72, help="share of the schedule where photos begin to be shown nearly as they are")
    p.add_argument("--surroundings", type=float, help="share of the samples that are surroundings without a subject, in place of the usual one")
    p.add_argument("--leave-out", nargs="+", default=[], metavar="SET", help="sets that are not to be learned from")
    p.add_argument("--classes", type=Path, nargs="+", default=[], help="labelled pictures, prepared by classes.py")
    p.add_argument("--class-batch", type=int, default=64)
    p.add_argument("--class-until", type=float, default=0.55, help="share of the schedule until when they are shown")
    loop.add_arguments(p)
    p.set_defaults(starts=[0, 0.35, 0.65])
    return loop.parsed(p)


class Teacher:
    """Draws the samples of a step and has the network learn from them."""

    def __init__(self, args, pictures, classes, lesson):
        self.args, self.pictures, self.classes, self.lesson = args, pictures, classes, lesson

    def draw(self, rng, done, step):
        size = self.lesson.size_at(done)
        distortions = GENTLE if done >= self.args.gentle_from else LIVELY
        sampler = Sampler(self.pictures, rng, with_surroundings(distortions, self.args.surroundings))
        masks = sampler.batch(round(self.args.batch * (LARGEST / size) ** 2), size)
        if not self.classes or done >= self.args.class_until or step % 2:
            return masks, None
        rows = rng.integers(len(self.classes.rows), size=self.args.class_batch)
        return masks, self.classes.batch(rows, CLASS_SIZE, rng)

    def learn(self, arrays):
        (photos, *truth), named = arrays
        masks, weights = (torch.from_numpy(a).to(self.args.device) for a in truth)
        outputs = self.lesson.network(self.lesson.inputs(photos), auxiliary=True)
        loss = losses.total([o.float() for o in outputs], masks, weights)
        loss.backward()
        found = {"mask": loss.item()}
        if named:
            loss = self.lesson.naming_loss(*named)
            (losses.CLASS_SHARE * loss).backward()
            found["naming"] = loss.item()
        return found

    def look(self, whole):
        return evaluate(Served(self.lesson.averaged_network(), MODELS["builtin"]), self.pictures, size_of("builtin"), None if whole else QUICK_LOOK)


def main():
    args = arguments()
    loop.prepare_threads(args)
    pictures = data.prepare(args.data, args.cache or args.out / "cache", args.leave_out)
    print(f"{len(pictures.training)} training pairs, {len(pictures.validation)} held out", flush=True)
    classes = Classes(args.classes) if args.classes else None
    some = Sampler(pictures, np.random.default_rng(args.seed), GENTLE).batch(64, LARGEST)[0]
    lesson = loop.Lesson(args, "wide", some, classes.count if classes else 0, None if str(args.init) == "none" else args.init)
    teacher = Teacher(args, pictures, classes, lesson)
    lesson.run(teacher.draw, teacher.learn, teacher.look)


if __name__ == "__main__":
    main()
