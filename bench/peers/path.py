"""A path between two networks as one writes it in PyTorch: for each point, interpolate the state dicts, load, evaluate.

`python path.py THREADS TASK.json`; prints {"seconds", "variant"} of the fastest memory layout and batch size, and
"plain": how many times as long the loop takes as one first writes it (NCHW, batches of 128), by a short look. The
images lie in memory as one tensor and are cut into batches, so no data loader is part of the time. Starting Python
and building the networks is not, either.
"""

import json
import sys
import time

import torch
import torch.nn.functional as F

from models import build

LAYOUTS = {"NCHW": torch.contiguous_format, "channels_last": torch.channels_last}
BATCHES = (32, 128, 512)


@torch.inference_mode()
def walk(task, layout, batch, at, count):
    io, order = task["io"], LAYOUTS[layout]
    nets = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        nets.append(build(task["spec"], io))
    a, b = (net.state_dict() for net in nets)
    if task["frozen"]:
        b = {name: b[name] if name.startswith("head") else value for name, value in a.items()}
    model = build(task["spec"], io).eval().to(memory_format=order)
    images = torch.rand(count, io["channels"], io["height"], io["width"]).sub_(0.5).contiguous(memory_format=order)
    labels = torch.randint(io["classes"], (count,))
    start = time.perf_counter()
    curve = []
    for alpha in at:
        state = {
            name: (1 - alpha) * value + alpha * b[name] if value.is_floating_point() else value
            for name, value in a.items()
        }
        model.load_state_dict(state)
        loss, right = 0.0, 0
        for x, y in zip(images.split(batch), labels.split(batch)):
            logits = model(x)
            loss += F.cross_entropy(logits, y, reduction="sum").item()
            right += (logits.argmax(1) == y).sum().item()
        curve.append((loss / count, right / count))
    return time.perf_counter() - start


def main():
    threads, task = int(sys.argv[1]), json.loads(sys.argv[2])
    torch.set_num_threads(threads)
    torch.set_num_interop_threads(1)
    # A short look decides the variant; the whole path is walked in the best one only.
    few = min(task["images"], 512)
    short = {
        (layout, batch): min(walk(task, layout, batch, task["at"][:2], few) for _ in range(2))
        for layout in LAYOUTS
        for batch in BATCHES
    }
    best = min(short, key=short.get)
    seconds = walk(task, *best, task["at"], task["images"])
    print(json.dumps({"seconds": seconds, "variant": f"{best[0]}, batch {best[1]}", "plain": short["NCHW", 128] / short[best]}))


main()
