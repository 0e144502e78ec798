"""Writes test/oracle/networks/*.safetensors: networks and optimiser runs as PyTorch computes them (see the README there).

Usage: bench/peers/.venv/bin/python bench/peers/fixtures.py [FOLDER]

Weights and images are float32 numbers; everything derived from them is computed in float64 and stored as float32, so a
difference beyond float32's rounding is a difference of definition. Same versions, same bytes.
"""

import json
import math
import pathlib
import struct
import sys

import numpy
import torch
import torch.nn.functional as F

from models import build, complete, parameters

DTYPES = {"float32": "F32", "int64": "I64"}


def write(path, tensors, metadata):
    """A safetensors file: header length, JSON header, data; tensors in the given order."""
    header, blobs, offset = {"__metadata__": {key: value if isinstance(value, str) else json.dumps(value) for key, value in metadata.items()}}, [], 0
    for name, value in tensors.items():
        array = value.detach().numpy()
        array = numpy.ascontiguousarray(array.astype("int64" if array.dtype.kind == "i" else "float32")).reshape(array.shape)
        blob = array.tobytes()
        header[name] = {"dtype": DTYPES[str(array.dtype)], "shape": list(array.shape), "data_offsets": [offset, offset + len(blob)]}
        blobs.append(blob)
        offset += len(blob)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(blobs))
    size = path.stat().st_size
    assert size < 300_000, f"{path}: {size} bytes"
    print(f"{path.name}: {size} bytes")


def prepare(spec, io, seed):
    """A network in float64 whose numbers are float32 numbers, none of them at a special value such as 0 or 1."""
    torch.manual_seed(seed)
    model = build(spec, io)
    with torch.no_grad():
        for name, value in parameters(model):
            if name.endswith("running_var"):
                value.copy_(0.5 + torch.rand_like(value))
            elif value.ndim > 1 and not value.any():
                value.normal_(std=math.sqrt(0.5 / (value.numel() / value.shape[0])))
            elif (value == value.flatten()[0]).all():
                value.add_(0.2 * torch.randn_like(value))
    return model.double()


def batch(io, count, seed):
    torch.manual_seed(seed)
    images = torch.randn(count, io["channels"], io["height"], io["width"])
    return images, torch.randint(io["classes"], (count,))


def network(folder, name, spec, io, count):
    model = prepare(spec, io, seed=1)
    images, labels = batch(io, count, seed=2)
    start = {key: value.clone() for key, value in parameters(model)}
    with torch.no_grad():
        inference = model.eval()(images.double())
    logits = model.train()(images.double())
    loss = F.cross_entropy(logits, labels)
    loss.backward()
    tensors = {"images": images, "labels": labels, "eval.logits": inference, "train.logits": logits, "train.loss": loss}
    tensors |= {f"param.{key}": value for key, value in start.items()}
    tensors |= {f"grad.{key}": value.grad for key, value in model.named_parameters()}
    tensors |= {f"after.{key}": value for key, value in parameters(model) if "running_" in key}
    write(folder / f"{name}.safetensors", tensors, {"kind": "network", "spec": complete(spec), "io": io, "torch": torch.__version__})


SCALARS = ("bias1a", "bias1b", "bias2a", "bias2b", "scale", "stem.bias", "features.bias")


def trajectory(folder, name, spec, io, count, recipe, steps=5):
    """Five steps on five batches. Weight decay only where ndim > 1; a tenth of the rate for Fixup's scalars."""
    model = prepare(spec, io, seed=3).train()
    images, labels = batch(io, steps * count, seed=4)
    images, labels = images.view(steps, count, *images.shape[1:]), labels.view(steps, count)
    tensors = {"images": images, "labels": labels} | {f"param.{key}": value.clone() for key, value in parameters(model)}
    fixup = spec["arch"] == "resnet" and complete(spec)["norm"] == "fixup"
    groups = [
        {
            "params": [value],
            "lr": recipe["learningRate"] * (0.1 if fixup and key.endswith(SCALARS) else 1),
            "weight_decay": recipe.get("weightDecay", 0) if value.ndim > 1 else 0,
        }
        for key, value in model.named_parameters()
    ]
    if recipe["optimizer"] == "sgd":
        optimizer = torch.optim.SGD(groups, momentum=recipe["momentum"], nesterov=recipe["nesterov"])
    else:
        optimizer = torch.optim.AdamW(groups, betas=(recipe["beta1"], recipe["beta2"]), eps=recipe["epsilon"])
    l2sp = recipe.get("l2sp")
    anchor = {key: value.detach().clone() for key, value in model.named_parameters()}
    losses, norms = [], []
    for step in range(steps):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(images[step].double()), labels[step], label_smoothing=recipe.get("labelSmoothing", 0))
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.get("clipNorm", math.inf)))
        if l2sp:
            for key, value in model.named_parameters():
                pull = l2sp["beta"] * value if key.startswith("head.") else l2sp["alpha"] * (value - anchor[key])
                value.grad.add_(pull.detach())
        optimizer.step()
        losses.append(loss.detach())
        tensors |= {f"step{step + 1}.{key}": value.clone() for key, value in parameters(model)}
    tensors |= {"losses": torch.stack(losses), "norms": torch.stack(norms)}
    if "clipNorm" in recipe:
        assert max(norms) > recipe["clipNorm"] > min(norms), f"{name}: clipping should act at some steps and not at others: {norms}"
    write(folder / f"{name}.safetensors", tensors, {"kind": "trajectory", "spec": complete(spec), "io": io, "recipe": recipe, "torch": torch.__version__})


def main():
    default = pathlib.Path(__file__).resolve().parents[2] / "test" / "oracle" / "networks"
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else default
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)

    tiny = {"channels": 3, "height": 8, "width": 8, "classes": 5}
    small_resnet = {"arch": "resnet", "depth": 14, "width": 0.25, "groups": 2}
    odd = {"channels": 3, "height": 9, "width": 7, "classes": 4}
    network(folder, "mlp", {"arch": "mlp", "hidden": [12, 8]}, {"channels": 1, "height": 6, "width": 5, "classes": 4}, 7)
    network(folder, "cnn", {"arch": "cnn", "widths": [4, 6], "convs": 2, "hidden": [5]}, odd, 6)
    network(folder, "cnn-max", {"arch": "cnn", "widths": [4, 6, 8], "downsample": "max", "pool": "average"}, odd, 6)
    network(folder, "cnn-average", {"arch": "cnn", "widths": [4, 6], "downsample": "average", "norm": "group", "groups": 2}, odd, 6)
    network(folder, "cnn-wide", {"arch": "cnn", "widths": [16, 32], "pool": "average"}, {**tiny, "height": 12, "width": 12}, 16)
    network(folder, "vgg", {"arch": "vgg", "width": 0.04}, {**tiny, "height": 16, "width": 16}, 8)
    network(folder, "vgg-plain", {"arch": "vgg", "width": 0.04, "norm": "none"}, {**tiny, "height": 32, "width": 32}, 3)
    for norm in ("fixup", "batch", "layer", "group"):
        network(folder, f"resnet-{norm}", {**small_resnet, "norm": norm}, tiny, 6)
        network(folder, f"resnet-{norm}-conv", {**small_resnet, "depth": 8, "norm": norm, "shortcut": "conv"}, {**tiny, "height": 9}, 6)
    small_vit = {"arch": "vit", "dim": 16, "depth": 2, "heads": 2}
    network(folder, "vit", small_vit, {**tiny, "width": 12}, 5)
    network(folder, "vit-cls", {**small_vit, "pool": "cls"}, {**tiny, "width": 12}, 5)

    cnn = {"arch": "cnn", "widths": [4, 6]}
    sgd = {"optimizer": "sgd", "learningRate": 0.05, "momentum": 0.9, "nesterov": False}
    adamw = {"optimizer": "adamw", "learningRate": 0.01, "beta1": 0.9, "beta2": 0.99, "epsilon": 1e-8}
    trajectory(folder, "steps-sgd", cnn, tiny, 6, {**sgd, "momentum": 0})
    trajectory(folder, "steps-nesterov-decay", cnn, tiny, 6, {**sgd, "nesterov": True, "weightDecay": 0.05})
    trajectory(folder, "steps-adamw", cnn, tiny, 6, {**adamw, "weightDecay": 0.1})
    trajectory(folder, "steps-clip", cnn, tiny, 6, {**sgd, "clipNorm": 3.6})
    trajectory(folder, "steps-smoothing", cnn, tiny, 6, {**sgd, "labelSmoothing": 0.1})
    trajectory(folder, "steps-l2sp", cnn, tiny, 6, {**sgd, "l2sp": {"alpha": 0.3, "beta": 0.1}})
    trajectory(folder, "steps-fixup", {"arch": "resnet", "depth": 8, "width": 0.125}, tiny, 6, {**sgd, "weightDecay": 0.01})
    trajectory(folder, "steps-batch", {"arch": "resnet", "depth": 8, "width": 0.125, "norm": "batch"}, tiny, 6, {**sgd, "weightDecay": 0.01})


if __name__ == "__main__":
    main()
