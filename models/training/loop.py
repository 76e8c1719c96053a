"""The loop that `pretrain.py` and `train.py` share: schedule, steps, checkpoints, progress.

The network computes in bfloat16, which on CPUs with matrix units for it (AMX) and on CUDA cards is several times faster
than full precision, and on all others slower (`--full`); the optimizer keeps the weights in full precision. The schedule is a share of the given time
(`--minutes`) or of a number of steps (`--steps`, exactly repeatable): rate up over the first 2 %, then a cosine to nearly
zero. While a step is computed the next one's pictures are drawn. A checkpoint is written every few minutes, and the same
command goes on from it.
"""

import copy
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn

import losses
from masters import Optimizer
from network import ENCODED, Cutout, Norm, grown, load_weights, normalise, pooled, without_presence
from normalised import folded, measure, wake
from schedule import rate_share, size_at

SAVED_EVERY, LOOKED_EVERY = 240, 1200  # seconds
REPORTED_EVERY = 50  # steps


def add_arguments(parser):
    parser.add_argument("--out", default="run", type=Path, help="receives the checkpoint and the averaged weights")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--steps", type=int, help="train this many steps instead of by time")
    parser.add_argument("--starts", type=float, nargs="+", help="share of the schedule where each of the sizes starts")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--full", action="store_true", help="compute in full precision")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")


def parsed(parser):
    """The arguments, of which some must fit each other."""
    args = parser.parse_args()
    if len(args.sizes) != len(args.starts):
        parser.error("--sizes and --starts must be equally many")
    return args


def prepare_threads(args):
    if args.threads:
        torch.set_num_threads(args.threads)
    torch.set_flush_denormal(True)
    cv2.setNumThreads(1)


def names(network, inputs):
    """The logits of the classes of `inputs` [N, 3, S, S]."""
    return network.naming(pooled(network.encode(inputs)))


class Lesson:
    """A network that learns, with a layer that names one of `classes` classes, and where it stands in its schedule; `photos`, uint8
    [N, S, S, 3], are some of what it is to see. In `--out` it keeps `NAME.pt`, the checkpoint, and `NAME.safetensors`, the averaged weights."""

    def __init__(self, args, name, photos, classes, init=None):
        self.args, self.name = args, name
        self.type = torch.float32 if args.full else torch.bfloat16
        torch.manual_seed(args.seed)
        network = Cutout()
        if init:
            missing = network.load_state_dict(grown(without_presence(load_weights(init))), strict=False)
            print(f"from {init}; new: {len(missing.missing_keys)} tensors", flush=True)
        self.seen = normalise(torch.from_numpy(photos))
        begun = wake(network, self.seen)
        print(f"{begun} channels of the branches begin anew", flush=True)
        network.naming = nn.Linear(ENCODED, max(1, classes))
        network.presence.requires_grad_(False)  # for presence.py, when the encoder stands still
        self.network = network.to(args.device, self.type, memory_format=torch.channels_last)
        for module in network.modules():
            if isinstance(module, Norm | nn.BatchNorm2d):
                module.float()
        self.optimizer = Optimizer(self.network)
        self.step, self.elapsed, self.pace = 0, 0.0, 1.0
        self.checkpoint = args.out / f"{name}.pt"
        args.out.mkdir(parents=True, exist_ok=True)
        if self.checkpoint.exists():
            self._restore()

    def _restore(self):
        state = torch.load(self.checkpoint, map_location=self.args.device)
        self.optimizer.load(state["optimizer"])
        self.step, self.elapsed = state["step"], state["elapsed"]
        print(f"goes on at step {self.step}", flush=True)

    def save(self):
        """The checkpoint, and the averaged weights without the layer that names classes as safetensors."""
        state = {"optimizer": self.optimizer.state(), "step": self.step, "elapsed": self.elapsed}
        torch.save(state, self.checkpoint.with_suffix(".new"))
        self.checkpoint.with_suffix(".new").replace(self.checkpoint)
        averaged = without_presence(folded(self.averaged_network()))
        kept = {k: v.contiguous() for k, v in averaged.items() if not k.startswith("naming.")}
        save_file(kept, self.args.out / f"{self.name}.safetensors")

    def progress(self, steps_ahead=0):
        """Share of the schedule that is done, or will be after some more steps as long as the last one."""
        if self.args.steps:
            return min(1.0, (self.step + steps_ahead) / self.args.steps)
        return min(1.0, (self.elapsed + steps_ahead * self.pace) / (60 * self.args.minutes))

    def rate(self):
        return self.args.rate * rate_share(self.progress(), warming=0.02, start=0.02)

    def size_at(self, done):
        return size_at(done, self.args.sizes, self.args.starts)

    def inputs(self, photos):
        """uint8 photos [N, S, S, 3] as the network's input."""
        return normalise(torch.from_numpy(photos).to(self.args.device)).to(self.type)

    def naming_loss(self, photos, classes):
        return losses.naming(names(self.network, self.inputs(photos)), torch.from_numpy(classes).to(self.args.device))

    def averaged_network(self):
        """A copy in full precision, with the averaged weights, as it would be served."""
        network = copy.deepcopy(self.network).float()
        network.load_state_dict(self.optimizer.averaged, strict=False)
        measure(network, self.seen.to(self.args.device))
        return network

    def run(self, draw, learn, look):
        """`draw(rng, done, step)` gives the arrays of one step; `learn(arrays)` adds their gradients and gives its losses;
        `look(whole)` gives the figures to print, a quick look or, at the end, a whole one."""
        recent, saved, looked = [], time.time(), time.time()
        ahead = ThreadPoolExecutor(1)

        def drawn(steps_ahead):
            # Seeded by the step, so that a run of --steps that was stopped draws what it would have drawn.
            rng = np.random.default_rng([self.args.seed, self.step + steps_ahead])
            return ahead.submit(draw, rng, self.progress(steps_ahead), self.step + steps_ahead)

        coming = drawn(0)
        while self.progress() < 1:
            started = time.time()
            arrays, coming = coming.result(), drawn(1)
            recent.append(learn(arrays))
            self.optimizer.step(self.rate())
            self.step += 1
            self.pace = time.time() - started
            self.elapsed += self.pace
            if self.step % REPORTED_EVERY == 0:
                self._report(recent)
                recent = []
            if time.time() - saved > SAVED_EVERY:
                self.save()
                saved = time.time()
            if time.time() - looked > LOOKED_EVERY:
                print(f"held out, quick look: {look(whole=False)}", flush=True)
                looked = time.time()
        self.save()
        print(f"held out: {look(whole=True)}", flush=True)

    def _report(self, recent):
        names = dict.fromkeys(name for losses in recent for name in losses)
        means = " ".join(f"{n} {np.mean([losses[n] for losses in recent if n in losses]):.4f}" for n in names)
        print(f"step {self.step} {self.progress():.3f} rate {self.rate():.2e} {means}", flush=True)
