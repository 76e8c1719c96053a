"""Time models in ONNX Runtime on one core, beside U²-Netp's shape, in one run:
`python benchmark.py ../builtin.onnx [MORE.onnx …] [--write-shape u2netp-shape.onnx]`.

`--write-shape` leaves the random U²-Netp-shaped network behind, for timing it in other engines."""

import argparse
import io
import time
import warnings
from pathlib import Path

import numpy as np
import onnxruntime
import torch

from u2netp_shape import U2NetpShape


def shape_bytes():
    torch.manual_seed(0)
    network = U2NetpShape().eval()
    print(f"U²-Netp's shape: {sum(p.numel() for p in network.parameters()) / 1e6:.2f} M parameters")
    buffer = io.BytesIO()
    torch.onnx.export(
        network, torch.zeros(1, 3, 320, 320), buffer, input_names=["image"], output_names=["alpha"],
        opset_version=17, dynamo=False,
    )
    return buffer.getvalue()


def session(model):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def milliseconds(runner, repeats):
    """Median and least time of `repeats` runs, after two that do not count."""
    entry = runner.get_inputs()[0]
    image = np.random.default_rng(0).standard_normal([d if isinstance(d, int) else 1 for d in entry.shape]).astype(np.float32)
    times = []
    for _ in range(repeats + 2):
        start = time.perf_counter()
        runner.run(None, {entry.name: image})
        times.append(1e3 * (time.perf_counter() - start))
    return np.median(times[2:]), min(times[2:])


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("models", nargs="+")
    p.add_argument("--repeats", type=int, default=15)
    p.add_argument("--write-shape", type=Path)
    args = p.parse_args()
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    shape = shape_bytes()
    if args.write_shape:
        args.write_shape.write_bytes(shape)
    for name, model in [("U²-Netp's shape", shape)] + [(m, m) for m in args.models]:
        median, least = milliseconds(session(model), args.repeats)
        print(f"{name}: median {median:.1f} ms, least {least:.1f} ms")


if __name__ == "__main__":
    main()
