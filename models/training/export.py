"""Write the trained weights as ONNX: `python export.py run/weights.safetensors ../builtin.onnx`.

Input `image` float32 [1, 3, S, S] (normalised, see network.MEAN and STD), output `alpha` float32
[1, 1, S, S] in 0…1. Weights are stored as float16 and cast to float32 on loading, which halves the file;
the mask moves by far less than a grey level. With `--weights` the same half-precision weights are kept
as safetensors, to train on from.
"""

import argparse
import io
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper
from safetensors.torch import save_file

from network import SIZE, Mask, network_of
from train import load_weights

OPSET = 17
SMALL = 64  # tensors with fewer values stay float32


def to_onnx(network, size):
    buffer = io.BytesIO()
    torch.onnx.export(
        Mask(network, size), torch.zeros(1, 3, size, size), buffer,
        input_names=["image"], output_names=["alpha"], opset_version=OPSET, dynamo=False,
    )
    return onnx.load_from_string(buffer.getvalue())


def halve(model):
    """Store the float32 weights as float16, each behind a Cast."""
    graph = model.graph
    casts, kept = [], []
    for tensor in graph.initializer:
        values = numpy_helper.to_array(tensor)
        if tensor.data_type != TensorProto.FLOAT or values.size < SMALL:
            kept.append(tensor)
            continue
        kept.append(numpy_helper.from_array(values.astype(np.float16), tensor.name + "_f16"))
        casts.append(helper.make_node("Cast", [tensor.name + "_f16"], [tensor.name], to=TensorProto.FLOAT))
    nodes = casts + list(graph.node)
    del graph.initializer[:], graph.node[:]
    graph.initializer.extend(kept)
    graph.node.extend(nodes)
    onnx.checker.check_model(model)
    return model


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("source", type=Path)
    p.add_argument("target", type=Path)
    p.add_argument("--size", type=int, default=SIZE)
    p.add_argument("--weights", type=Path)
    args = p.parse_args()
    weights = load_weights(args.source)
    network = network_of(weights)
    model = halve(to_onnx(network, args.size))
    onnx.save(model, args.target)
    if args.weights:
        save_file({k: v.half().contiguous() for k, v in weights.items()}, args.weights)
    print(f"{args.target}: {args.target.stat().st_size / 1e6:.2f} MB; {differences(network, args)}")


@torch.no_grad()
def differences(network, args):
    """Mean distance between PyTorch (float32 weights) and ONNX Runtime, in grey levels, on noise."""
    image = torch.randn(1, 3, args.size, args.size, generator=torch.Generator().manual_seed(0))
    session = onnxruntime.InferenceSession(str(args.target))
    theirs = session.run(None, {"image": image.numpy()})[0]
    return f"PyTorch and ONNX Runtime differ by {255 * np.abs(Mask(network, args.size)(image).numpy() - theirs).mean():.4f}/255"


if __name__ == "__main__":
    main()
