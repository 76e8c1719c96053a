"""Write the trained weights as ONNX: `python export.py run/wide.safetensors ../builtin.onnx`.

Input `image` float32 [1, 3, S, S] (normalised, see network.MEAN and STD), output `alpha` float32
[1, 1, S, S] in 0…1. Weights are stored as float16, larger tensors as 8-bit integers with a scale for
each output channel, and become float32 on loading; the mask moves by less than half a grey level on average. With `--weights` the
half-precision weights are kept as safetensors, to train on from.
"""

import argparse
import io
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from data import photos_below, stretch
from network import load_weights, normalise, save_weights
from served import MODELS, served, size_of

OPSET = 17
PHOTOS = Path(__file__).parents[2] / "tests/photos"  # with subjects, in the repository
SMALL = 64  # tensors with fewer values stay float32
LARGE = 30_000  # tensors with more become 8-bit integers


def to_onnx(mask, size):
    buffer = io.BytesIO()
    torch.onnx.export(
        mask, torch.zeros(1, 3, size, size), buffer,
        input_names=["image"], output_names=["alpha"], opset_version=OPSET, dynamo=False,
    )
    return onnx.load_from_string(buffer.getvalue())


def compact(model):
    """Store the float32 weights in fewer bytes, each behind the nodes that bring it back."""
    graph = model.graph
    nodes, kept = [], []
    for tensor in graph.initializer:
        values = numpy_helper.to_array(tensor)
        name = tensor.name
        if tensor.data_type != TensorProto.FLOAT or values.size < SMALL:
            kept.append(tensor)
        elif values.size < LARGE:
            kept.append(numpy_helper.from_array(values.astype(np.float16), name + "_f16"))
            nodes.append(helper.make_node("Cast", [name + "_f16"], [name], to=TensorProto.FLOAT))
        else:
            # Output channels come first in a convolution, last in a matrix that tokens are multiplied by.
            inputs = tuple(range(1, values.ndim)) if values.ndim == 4 else 0
            # A channel of nothing but zeros has no scale of its own.
            scale = np.maximum(np.abs(values).max(axis=inputs, keepdims=True), 1e-12) / 127
            kept.append(numpy_helper.from_array(np.rint(values / scale).astype(np.int8), name + "_i8"))
            kept.append(numpy_helper.from_array(scale.astype(np.float32), name + "_scale"))
            nodes.append(helper.make_node("Cast", [name + "_i8"], [name + "_whole"], to=TensorProto.FLOAT))
            nodes.append(helper.make_node("Mul", [name + "_whole", name + "_scale"], [name]))
    nodes += list(graph.node)
    del graph.initializer[:], graph.node[:]
    graph.initializer.extend(kept)
    graph.node.extend(nodes)
    onnx.checker.check_model(model)
    return model


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("source", type=Path)
    p.add_argument("target", type=Path)
    p.add_argument("--model", choices=MODELS, default="builtin")
    p.add_argument("--weights", type=Path)
    args = p.parse_args()
    weights, size = load_weights(args.source), size_of(args.model)
    mask = served(weights, args.model)
    onnx.save(compact(to_onnx(mask, size)), args.target)
    if args.weights:
        save_weights(weights, args.weights)
    print(f"{args.target}: {args.target.stat().st_size / 1e6:.2f} MB; {differences(mask, size, args.target):.4f}/255 between PyTorch and ONNX Runtime")


@torch.no_grad()
def differences(mask, size, file):
    """Mean distance between PyTorch (float32 weights) and ONNX Runtime, in grey levels, on `PHOTOS`: on what shows nothing both
    are alike whatever the file holds."""
    session = onnxruntime.InferenceSession(str(file))
    found = []
    for photo in photos_below(PHOTOS):
        image = normalise(torch.from_numpy(stretch(np.asarray(Image.open(photo).convert("RGB")), size).copy())[None])
        theirs = session.run(None, {"image": image.numpy()})[0]
        found.append(np.abs(mask(image).numpy() - theirs).mean())
    return 255 * np.mean(found)


if __name__ == "__main__":
    main()
