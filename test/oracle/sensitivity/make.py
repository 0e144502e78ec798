"""Records error and loss of networks one module of which was moved and shaken, as PyTorch computes them in float64.

Run: python test/oracle/sensitivity/make.py (torch 2.15, NumPy 2; writes *.json beside itself). Final weights are those of
test/oracle/networks/NAME.safetensors; initial weights, images and noise follow from `draw` below, an integer hash that the
test computes again bit for bit, so that the files hold numbers to be compared and little else.
"""

import json
import math
import pathlib
import struct
import sys

import numpy
import torch
import torch.nn.functional as F

here = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(here.parents[2] / "bench" / "peers"))
from models import build  # noqa: E402

COUNT = 40


def draw(key, count):
    """count numbers with mean 0 and variance 1, uniform: MurmurHash3's finaliser of a counter."""
    with numpy.errstate(over="ignore"):
        h = numpy.arange(1, count + 1, dtype=numpy.uint32) * numpy.uint32(0x9E3779B9)
        h += numpy.uint32((key * 0x85EBCA77) % 2**32)
        h ^= h >> 16
        h *= numpy.uint32(0x85EBCA6B)
        h ^= h >> 13
        h *= numpy.uint32(0xC2B2AE35)
        h ^= h >> 16
    return ((h.astype(numpy.float64) / 2**32 - 0.5) * math.sqrt(12)).astype(numpy.float32)


def read(path):
    with open(path, "rb") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(size))
        data = file.read()
    metadata = header.pop("__metadata__")
    tensors = {}
    for name, one in header.items():
        dtype = {"F32": numpy.float32, "I64": numpy.int64}[one["dtype"]]
        begin, end = one["data_offsets"]
        tensors[name] = numpy.frombuffer(data[begin:end], dtype=dtype).reshape(one["shape"])
    return tensors, metadata


def rms(arrays):
    return math.sqrt(sum(float((a.astype(float) ** 2).sum()) for a in arrays) / sum(a.size for a in arrays))


def initial_of(name, final, index):
    """Float32 weights away from the final ones; a variance stays positive."""
    noise = draw(1000 + index, final.size).reshape(final.shape).astype(float)
    moved = final * (1.25 + 0.25 * noise) if name.endswith("running_var") else 0.3 * final + 0.5 * rms([final]) * noise
    return moved.astype(numpy.float32)


def record(network, statistics, places):
    tensors, metadata = read(here.parent / "networks" / f"{network}.safetensors")
    io = json.loads(metadata["io"])
    # In alphabetical order: the index of a tensor is part of the key of its numbers.
    final = {name[6:]: tensors[name] for name in sorted(tensors) if name.startswith("param.")}
    index = {name: i for i, name in enumerate(final)}
    initial = {name: initial_of(name, value, index[name]) for name, value in final.items()}
    model = build(json.loads(metadata["spec"]), io).double()
    model.train(statistics == "of the images")
    shape = (COUNT, io["channels"], io["height"], io["width"])
    images = torch.from_numpy(draw(0, math.prod(shape)).reshape(shape)).double()

    def logits(weights):
        model.load_state_dict({name: torch.from_numpy(value.copy()) for name, value in weights.items()}, strict=False)
        with torch.no_grad():
            return model(images)

    # Labels that the final network gets right but for every fifth image.
    labels = logits(final).argmax(1)
    labels[::5] = (labels[::5] + 1) % io["classes"]

    def measured(weights):
        z = logits(weights)
        top = z.topk(2).values
        assert ((top[:, 0] - top[:, 1]) > 3e-5 * z.abs().amax(1)).all(), "a prediction is too close to call in float32"
        return {"wrong": int((z.argmax(1) != labels).sum()), "loss": F.cross_entropy(z, labels).item()}

    rows = []
    for number, (module, alpha, ratio, noise) in enumerate(places):
        inside = [name for name in final if name.startswith(f"{module}.")]
        trained = [name for name in inside if "running_" not in name]
        weights = dict(final)
        for name in inside:
            if "running_" in name and statistics == "of the images":
                continue
            value = (1 - alpha) * initial[name].astype(float) + alpha * final[name].astype(float)
            if name in trained:
                scale = rms([final[name]] if noise == "per-tensor" else [final[one] for one in trained])
                value = value + ratio * scale * draw(2000 + 100 * number + index[name], value.size).reshape(value.shape)
            weights[name] = value.astype(numpy.float32)
        rows.append(
            {"module": module, "parameters": trained, "alpha": alpha, "ratio": ratio, "noise": noise, **measured(weights)}
        )
    document = {
        "network": network,
        "statistics": statistics,
        "torch": torch.__version__,
        "images": COUNT,
        "labels": labels.tolist(),
        "final": measured(final),
        "places": rows,
    }
    suffix = "-of-the-images" if statistics == "of the images" else ""
    (here / f"{network}{suffix}.json").write_text(json.dumps(document, indent=1) + "\n")
    print(network, statistics, document["final"], [(row["wrong"], round(row["loss"], 3)) for row in rows])


def spread(modules):
    """Ten places over the modules, from the initial weights to the final ones, without noise and with much."""
    grid = [(0, 0), (0.5, 0), (1, 0.1), (0.75, 0.3), (0.25, 1), (1, 2), (0, 0.5), (0.5, 0.05), (0.9, 4), (1, 0.7)]
    noises = ("isotropic", "per-tensor")
    return [(modules[i % len(modules)], alpha, ratio, noises[i % 3 == 2]) for i, (alpha, ratio) in enumerate(grid)]


blocks = ["stem", "stage1.block1", "stage1.block2", "stage2.block1", "stage3.block2", "head"]
record("mlp", "kept", spread(["fc1", "fc2", "head"]))
record("cnn", "kept", spread(["conv1", "conv2", "conv3", "fc1", "head"]))
record("resnet-fixup", "kept", spread(blocks))
record("resnet-batch", "kept", spread(blocks))
record("resnet-batch", "of the images", spread(blocks))
record("vit", "kept", spread(["embed", "block1", "block2", "block1.attention.qkv", "head"]))
