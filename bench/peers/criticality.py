"""Module sensitivity as one writes it in PyTorch: for each place and each draw of noise, set the module's weights, run the
whole network on all images, and take the mean error and loss. That is what the released implementation of Chatterji,
Neyshabur and Sedghi 2020 does (google-research/meta-dataset, analysis/transferability), written anew and without its bugs:
every draw perturbs the module, and the module is put back afterwards.

`python criticality.py THREADS TASK.json`, where the file holds {"network": a safetensors file of bench/criticality/network.ts,
"spec", "io", "modules": {name: [tensors]}, "places": [{"module", "alpha", "ratio"}], "draws", "images" (of a short look)}.

Prints one JSON line: the memory layout and batch size that were fastest in a short look, and how many times as long NCHW in
batches of 128 took in it; error of the final network; for each place the seconds, errors and losses of its draws (one where
there is no noise). The images lie in memory as one tensor, already in the layout, and are cut into batches once. Starting
Python, reading the file and building the network are not part of the seconds; drawing the noise and setting the weights are.
"""

import json
import math
import struct
import sys
import time

import torch
import torch.nn.functional as F

from models import build

LAYOUTS = {"NCHW": torch.contiguous_format, "channels_last": torch.channels_last}
BATCHES = (32, 128, 512)
DTYPES = {"F32": torch.float32, "I32": torch.int32}


def read(path):
    """The tensors of a safetensors file: header length, JSON header, data."""
    with open(path, "rb") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(size))
        data = bytearray(file.read())
    header.pop("__metadata__", None)
    return {
        name: torch.frombuffer(
            data, dtype=DTYPES[one["dtype"]], count=math.prod(one["shape"]), offset=one["data_offsets"][0]
        ).reshape(one["shape"])
        for name, one in header.items()
    }


class Loop:
    def __init__(self, task, tensors, layout, batch, count):
        self.initial = {name[8:]: value for name, value in tensors.items() if name.startswith("initial.")}
        self.final = {name[6:]: value for name, value in tensors.items() if name.startswith("final.")}
        self.modules = task["modules"]
        self.model = build(task["spec"], task["io"]).eval()
        self.model.load_state_dict(self.final)
        self.model.to(memory_format=LAYOUTS[layout])
        self.parameters = dict(self.model.named_parameters())
        self.count = count
        images = tensors["images"][:count].contiguous(memory_format=LAYOUTS[layout])
        self.batches = list(zip(images.split(batch), tensors["labels"][:count].long().split(batch)))

    def measure(self):
        """Mean error and loss of the network as it is, on all images."""
        loss, wrong = 0.0, 0
        for x, y in self.batches:
            logits = self.model(x)
            loss += F.cross_entropy(logits, y, reduction="sum").item()
            wrong += (logits.argmax(1) != y).sum().item()
        return wrong / self.count, loss / self.count

    def place(self, place, draws):
        """(seconds, error, loss) of each draw; the module is as it was afterwards."""
        names, alpha = self.modules[place["module"]], place["alpha"]
        square = sum(self.final[name].double().square().sum().item() for name in names)
        sigma = place["ratio"] * math.sqrt(square / sum(self.final[name].numel() for name in names))
        rows = []
        for draw in range(draws if sigma > 0 else 1):
            start = time.perf_counter()
            torch.manual_seed(draw)  # the same noise at every place
            for name in names:
                value = (1 - alpha) * self.initial[name] + alpha * self.final[name]
                if sigma > 0:
                    value = value + sigma * torch.randn(value.shape)
                self.parameters[name].copy_(value)
            error, loss = self.measure()
            rows.append((time.perf_counter() - start, error, loss if math.isfinite(loss) else None))
        for name in names:
            self.parameters[name].copy_(self.final[name])
        return rows


@torch.inference_mode()
def main():
    threads = int(sys.argv[1])
    with open(sys.argv[2]) as file:
        task = json.load(file)
    torch.set_num_threads(threads)
    torch.set_num_interop_threads(1)
    tensors = read(task["network"])
    total = len(tensors["labels"])
    # A short look decides the variant; the places are looked at in the best one only.
    short = {}
    for layout in LAYOUTS:
        for batch in BATCHES:
            loop = Loop(task, tensors, layout, batch, min(total, task["images"]))
            loop.place(task["places"][0], 1)
            short[layout, batch] = min(loop.place(task["places"][0], 1)[0][0] for _ in range(2))
    best = min(short, key=short.get)
    loop = Loop(task, tensors, *best, total)
    error, loss = loop.measure()
    places = []
    for place in task["places"]:
        rows = loop.place(place, task["draws"])
        seconds, errors, losses = zip(*rows)
        places.append({**place, "seconds": seconds, "errors": errors, "losses": losses})
    print(
        json.dumps(
            {
                "torch": torch.__version__,
                "variant": f"{best[0]}, batch {best[1]}",
                "plain": short["NCHW", 128] / short[best],
                "error": error,
                "loss": loss,
                "places": places,
            }
        )
    )


main()
