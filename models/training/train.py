"""Train the network: `python train.py DATA` goes on from the shipped weights for an hour.

The schedule is a share of the given time (`--minutes`) or of a number of steps (`--steps`, exactly
repeatable): learning rate up over the first 2 %, then a cosine to nearly zero; small pictures first,
full-size ones at the end. A checkpoint is written every few minutes and picked up again by the same
command. `--out` receives `weights.safetensors`, the averaged weights, ready for `export.py`.

`--classes` gives every step a second batch, of labelled pictures (`boxed.py`), in turn from each of the given caches: the
encoder keeps learning what there is in the world while the decoder learns masks. `--partner` and `--third` train the second and the
third of the served networks instead of the first; with `--pair-share` it learns to make up for the mistakes of the others.
`torchrun --nproc-per-node 2 train.py …` trains in several processes, each with its own `--batch`, which on a CPU is faster
than several threads.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import torch
import torch.distributed as processes
from safetensors.torch import save_file
from torch import nn

import data
import losses
from augment import GENTLE, LIVELY, STRONG, Sampler, with_surroundings
from boxed import Boxed
from evaluate import evaluate
from muon import optimizers_for, prepare_step
from network import ENCODED, FIRST, PARTNER, PREPARED_SIZE, ROLES, THIRD, Cutout, Smaller, load_weights, normalise, served, weights_of
from parallel import PROCESSES, RANK, added_up
from schedule import rate_share, size_at

WEIGHT_DECAY = 0.02
SHIPPED = Path(__file__).parent.parent / "three.safetensors"


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("data", help="folder of sets, see data.py")
    p.add_argument("--out", default="run", type=Path)
    p.add_argument("--cache", type=Path, help="decoded pictures (default: OUT/cache)")
    p.add_argument("--init", default=SHIPPED, type=Path, help="weights to start from; 'none' for random ones")
    p.add_argument("--minutes", type=float, default=60)
    p.add_argument("--steps", type=int, help="train this many steps instead of by time")
    p.add_argument("--batch", type=int, default=16)
    p.add_argument("--rate", type=float, default=2e-4)
    p.add_argument("--sizes", type=int, nargs="+", default=[256, PREPARED_SIZE], help="picture sizes, small ones first")
    p.add_argument("--starts", type=float, nargs="+", default=[0, 0.85], help="share of the schedule where each size starts")
    p.add_argument("--gentle", action="store_true", help="show photos nearly as they are, see augment.py")
    p.add_argument("--lively-until", type=float, default=0.0, help="share of the schedule until when photos are less gentle, with --gentle")
    p.add_argument("--surroundings", type=float, help="share of the samples that are surroundings without a subject, in place of the usual one")
    p.add_argument("--leave-out", nargs="+", default=[], metavar="SET", help="sets that are not to be learned from")
    role = p.add_mutually_exclusive_group()
    role.add_argument("--partner", action="store_true", help="train the partner, the smaller network")
    role.add_argument("--third", action="store_true", help="train the third network, as small")
    p.add_argument("--pair-share", type=float, default=0.0, help="share of the loss that is taken of all networks together, the others standing still")
    p.add_argument("--classes", type=Path, nargs="+", default=[], help="labelled pictures, prepared by boxed.py")
    p.add_argument("--class-batch", type=int, default=24, help="how many of 128 px; of larger ones as many as have no more pixels")
    p.add_argument("--class-share", type=float, default=0.75, help="share of the schedule until when they are shown")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--threads", type=int, default=0)
    p.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    return p.parse_args()


def distortions(args, done=1.0):
    """How far samples may be from the photos they are made of when so much of the schedule is `done`."""
    chosen = STRONG if not args.gentle else LIVELY if done < args.lively_until else GENTLE
    return with_surroundings(chosen, args.surroundings)


class Run:
    """Everything that a checkpoint holds, and the loop over it."""

    def __init__(self, args):
        self.args = args
        torch.manual_seed(args.seed)
        role = THIRD if args.third else PARTNER if args.partner else FIRST
        self.network = Cutout(grown=role == FIRST).to(args.device, memory_format=torch.channels_last)
        weights = {} if str(args.init) == "none" else load_weights(args.init)
        if weights:
            own = weights_of(role, weights) or weights_of(FIRST, weights)
            missing = self.network.load_state_dict(own, strict=False)
            report(f"from {args.init}; new: {len(missing.missing_keys)} tensors")
        self.role, self.others = role, {}
        if args.pair_share:
            held = {other: served(other, weights) for other in ROLES if other != role}
            self.others = {r: n.to(args.device, memory_format=torch.channels_last) for r, n in held.items() if n}
            if not (self.others and weights_of(role, weights)):
                sys.exit("--pair-share needs an --init file that holds the network and the others")
        self.learner = Smaller(self.network).to(args.device) if self.others and role == THIRD else self.network
        self.boxed = [Boxed(cache, distortions(args)) for cache in args.classes]
        # The caches' classes are numbered on from one another.
        self.first_classes = np.cumsum([0] + [b.classes.max() + 1 for b in self.boxed])
        self.namer = nn.Linear(ENCODED, max(1, self.first_classes[-1])).to(args.device)
        self.parameters = [*self.network.parameters(), *self.namer.parameters()]
        self.average = {k: v.detach().clone() for k, v in self.network.state_dict().items()}
        self.optimizers = optimizers_for(self.network, self.namer, args.rate, WEIGHT_DECAY)
        self.step, self.elapsed = 0, 0.0
        self.checkpoint = args.out / "checkpoint.pt"
        if self.checkpoint.exists():
            self.restore()

    def restore(self):
        state = torch.load(self.checkpoint, map_location=self.args.device)
        self.network.load_state_dict(state["network"])
        self.namer.load_state_dict(state["namer"])
        for optimizer, kept in zip(self.optimizers, state["optimizers"]):
            optimizer.load_state_dict(kept)
        self.average, self.step, self.elapsed = state["average"], state["step"], state["elapsed"]
        report(f"resumed at step {self.step}")

    def save(self):
        if RANK > 0:
            return
        state = {"network": self.network.state_dict(), "namer": self.namer.state_dict()}
        state |= {"optimizers": [o.state_dict() for o in self.optimizers]}
        state |= {"average": self.average, "step": self.step, "elapsed": self.elapsed}
        torch.save(state, self.checkpoint.with_suffix(".new"))
        self.checkpoint.with_suffix(".new").replace(self.checkpoint)
        save_file({k: v.contiguous() for k, v in self.average.items()}, self.args.out / "weights.safetensors")

    def progress(self):
        done = self.step / self.args.steps if self.args.steps else self.elapsed / (60 * self.args.minutes)
        return min(1.0, done)

    def rate(self):
        return self.args.rate * rate_share(self.progress(), warming=0.02, start=0.05)

    def size_now(self):
        return size_at(self.progress(), self.args.sizes, self.args.starts)

    def named_batch(self, rng):
        turn = self.step % len(self.boxed)
        boxed = self.boxed[turn]
        count = min(self.args.class_batch, round(self.args.class_batch * (128 / boxed.side) ** 2))
        photos, masks, weights, classes = boxed.batch(count, rng)
        return photos, masks, weights, classes + self.first_classes[turn]

    def train_step(self, pictures, rng):
        """One step on a batch of masks and, with `--classes`, one of labelled pictures; returns both losses."""
        started = time.time()
        sampler = Sampler(pictures, rng, distortions(self.args, self.progress()))
        prepare_step(self.optimizers, self.rate())
        found = [self.learn(*sampler.batch(self.args.batch, self.size_now()))]
        if self.boxed and self.progress() < self.args.class_share:
            found.append(self.learn(*self.named_batch(rng)))
        if PROCESSES > 1:
            self.share_gradients()
        nn.utils.clip_grad_norm_(self.parameters, 2.0)
        for optimizer in self.optimizers:
            optimizer.step()
        self.step += 1
        self.update_average()
        self.pass_time(time.time() - started)
        return found

    def learn(self, photos, masks, weights, classes=None):
        """Adds a batch's gradients; returns its loss."""
        photos, masks, weights = (torch.from_numpy(a).to(self.args.device) for a in (photos, masks, weights))
        with torch.autocast("cuda", torch.bfloat16, enabled=self.args.device == "cuda"):
            photos = normalise(photos)
            names, team = None, None
            if classes is None:
                outputs = self.learner(photos, auxiliary=True)
                team = self.team(photos) if self.others else None
            else:
                features = self.network.encode(photos)
                outputs = self.network.decode(features, auxiliary=True) if weights.any() else None
                names = self.namer(features[-1].mean((2, 3)))
        loss = losses.total([o.float() for o in outputs], masks, weights, team) if outputs else 0
        if names is not None:
            classes = torch.from_numpy(classes).to(self.args.device)
            loss = loss + losses.CLASS_SHARE * losses.naming(names, classes)
        loss.backward()
        return loss.item()

    @torch.no_grad()
    def team(self, photos):
        """What `losses.total` wants to know of the other networks."""
        return self.args.pair_share, self.role, {role: other(photos).float() for role, other in self.others.items()}

    def share_gradients(self):
        """All processes go on with the mean of their gradients."""
        given = [p.grad for p in self.parameters if p.grad is not None]
        for gradient, total in zip(given, added_up(given)):
            gradient.copy_(total / PROCESSES)

    def pass_time(self, seconds):
        """Counts a step's time, the first process's for all: the rate must be the same everywhere."""
        seconds = torch.tensor(seconds)
        if PROCESSES > 1:
            processes.broadcast(seconds, 0)
        self.elapsed += seconds.item()

    @torch.no_grad()
    def update_average(self):
        keep = min(0.998, (1 + self.step) / (10 + self.step))
        ours, theirs = list(self.average.values()), list(self.network.state_dict().values())
        torch._foreach_lerp_(ours, theirs, 1 - keep)

    def evaluate(self, pictures, limit=None):
        """Figures of what would be served: the averaged network among the others where all are trained for, or alone."""
        role = self.role if self.others else FIRST
        own = served(role, {role + k: v for k, v in self.average.items()}).to(self.args.device)
        networks = self.others | {role: own}
        return evaluate([networks.get(role) for role in ROLES], pictures, limit)


def report(line):
    if RANK == 0:
        print(line, flush=True)


def main():
    args = arguments()
    if args.threads:
        torch.set_num_threads(args.threads)
        torch.set_flush_denormal(True)
        data.cv2.setNumThreads(args.threads)
    if PROCESSES > 1:
        processes.init_process_group("gloo")
    args.out.mkdir(parents=True, exist_ok=True)
    if RANK > 0:
        processes.barrier()  # the first one decodes the pictures for all
    pictures = data.prepare(args.data, args.cache or args.out / "cache", PREPARED_SIZE, args.leave_out)
    if RANK == 0 and PROCESSES > 1:
        processes.barrier()
    report(f"{len(pictures.training)} training pairs, {len(pictures.validation)} held out")
    run = Run(args)
    rng = np.random.default_rng([args.seed, run.step, RANK])
    last_save = last_look = time.time()
    recent = []
    while run.progress() < 1:
        recent.append(run.train_step(pictures, rng))
        if run.step % 50 == 0:
            means = " ".join(f"{np.mean(column):.4f}" for column in zip(*recent[-50:]))
            report(f"step {run.step} {run.progress():.3f} rate {run.rate():.2e} loss {means}")
            recent = []
        if time.time() - last_save > 120:
            run.save()
            last_save = time.time()
        if RANK == 0 and time.time() - last_look > 600:
            report(f"held out (100): {run.evaluate(pictures, limit=100)}")
            last_look = time.time()
    run.save()
    if RANK == 0:
        report(f"held out: {run.evaluate(pictures)}")


if __name__ == "__main__":
    main()
