"""Train the network: `python train.py DATA` goes on from the shipped weights for an hour.

The schedule is a share of the given time (`--minutes`) or of a number of steps (`--steps`, exactly
repeatable): learning rate up over the first 2 %, then a cosine to nearly zero; small pictures first,
full-size ones at the end. A checkpoint is written every few minutes and picked up again by the same
command. `--out` receives `weights.safetensors`, the averaged weights, ready for `export.py`.
"""

import argparse
import math
import time
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file

import data
import losses
from augment import Sampler
from evaluate import evaluate
from network import PREPARED_SIZE, Cutout, normalise

SHIPPED = Path(__file__).parent.parent / "builtin.safetensors"


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
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--threads", type=int, default=0)
    p.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    return p.parse_args()


class Run:
    """Everything that a checkpoint holds, and the loop over it."""

    def __init__(self, args):
        self.args = args
        torch.manual_seed(args.seed)
        self.network = Cutout().to(args.device, memory_format=torch.channels_last)
        if str(args.init) != "none" and args.init.exists():
            missing = self.network.load_state_dict(load_weights(args.init), strict=False)
            print(f"from {args.init}; new: {len(missing.missing_keys)} tensors", flush=True)
        self.average = {k: v.detach().clone() for k, v in self.network.state_dict().items()}
        decay = [p for p in self.network.parameters() if p.ndim > 1]
        plain = [p for p in self.network.parameters() if p.ndim == 1]
        groups = [{"params": decay, "weight_decay": 0.02}, {"params": plain, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(groups, lr=args.rate, foreach=True)
        self.step, self.elapsed = 0, 0.0
        self.checkpoint = args.out / "checkpoint.pt"
        if self.checkpoint.exists():
            self.restore()

    def restore(self):
        state = torch.load(self.checkpoint, map_location=self.args.device)
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.average, self.step, self.elapsed = state["average"], state["step"], state["elapsed"]
        print(f"resumed at step {self.step}", flush=True)

    def save(self):
        state = {"network": self.network.state_dict(), "optimizer": self.optimizer.state_dict()}
        state |= {"average": self.average, "step": self.step, "elapsed": self.elapsed}
        torch.save(state, self.checkpoint.with_suffix(".new"))
        self.checkpoint.with_suffix(".new").replace(self.checkpoint)
        save_file({k: v.contiguous() for k, v in self.average.items()}, self.args.out / "weights.safetensors")

    def progress(self):
        done = self.step / self.args.steps if self.args.steps else self.elapsed / (60 * self.args.minutes)
        return min(1.0, done)

    def rate(self):
        done = self.progress()
        return self.args.rate * max(0.01, min(done / 0.02 + 0.05, 1.0) * 0.5 * (1 + math.cos(math.pi * done)))

    def picture_size(self):
        return [s for s, start in zip(self.args.sizes, self.args.starts) if self.progress() >= start][-1]

    def train_step(self, sampler):
        photos, masks, weights = (torch.from_numpy(a).to(self.args.device) for a in sampler.batch(self.args.batch, self.picture_size()))
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate()
        with torch.autocast("cuda", torch.bfloat16, enabled=self.args.device == "cuda"):
            outputs = self.network(normalise(photos), auxiliary=True)
        loss = losses.total([o.float() for o in outputs], masks, weights)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 2.0)
        self.optimizer.step()
        self.step += 1
        self.update_average()
        return loss.item()

    @torch.no_grad()
    def update_average(self):
        keep = min(0.998, (1 + self.step) / (10 + self.step))
        ours, theirs = list(self.average.values()), list(self.network.state_dict().values())
        torch._foreach_lerp_(ours, theirs, 1 - keep)

    def averaged_network(self):
        network = Cutout().to(self.args.device)
        network.load_state_dict(self.average)
        return network.eval()


def load_weights(path):
    return {k: v.float() for k, v in load_file(path).items()}


def main():
    args = arguments()
    if args.threads:
        torch.set_num_threads(args.threads)
        torch.set_flush_denormal(True)
        data.cv2.setNumThreads(args.threads)
    args.out.mkdir(parents=True, exist_ok=True)
    pictures = data.prepare(args.data, args.cache or args.out / "cache", PREPARED_SIZE)
    print(f"{len(pictures.training)} training pairs, {len(pictures.validation)} held out", flush=True)
    run = Run(args)
    sampler = Sampler(pictures, np.random.default_rng([args.seed, run.step]))
    last_save = last_look = clock = time.time()
    recent = []
    while run.progress() < 1:
        recent.append(run.train_step(sampler))
        now = time.time()
        run.elapsed, clock = run.elapsed + now - clock, now
        if run.step % 50 == 0:
            print(f"step {run.step} {run.progress():.3f} rate {run.rate():.2e} loss {np.mean(recent):.4f}", flush=True)
            recent = []
        if now - last_save > 120:
            run.save()
            last_save = now
        if now - last_look > 600:
            print("held out (100):", evaluate(run.averaged_network(), pictures, limit=100), flush=True)
            last_look = time.time()
    run.save()
    print("held out:", evaluate(run.averaged_network(), pictures), flush=True)


if __name__ == "__main__":
    main()
