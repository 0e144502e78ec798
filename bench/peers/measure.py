"""What bench_train.py and bench_eval.py share: the cases, the clock, the command line, the JSON they print."""

import argparse
import json
import platform
import statistics
import time

import torch

from models import build, complete

MNIST = {"channels": 1, "height": 28, "width": 28, "classes": 10}
CIFAR = {"channels": 3, "height": 32, "width": 32, "classes": 10}

CASES = [
    {"name": "mlp", "spec": {"arch": "mlp", "hidden": [128]}, "io": MNIST, "batch": 32},
    {"name": "cnn", "spec": {"arch": "cnn"}, "io": CIFAR, "batch": 32},
    {"name": "cnn", "spec": {"arch": "cnn"}, "io": CIFAR, "batch": 128},
    {"name": "resnet-20", "spec": {"arch": "resnet", "depth": 20}, "io": CIFAR, "batch": 32},
    {"name": "resnet-20", "spec": {"arch": "resnet", "depth": 20}, "io": CIFAR, "batch": 128},
]

LAYOUTS = {"NCHW": torch.contiguous_format, "channels_last": torch.channels_last}


def arguments(doc):
    parser = argparse.ArgumentParser(description=doc)
    parser.add_argument("--threads", type=int, default=1, help="threads PyTorch may use (default 1)")
    parser.add_argument("--seconds", type=float, default=4, help="measuring time for each variant of each case (default 4)")
    parser.add_argument("--only", help="run only the cases of this name, e.g. resnet-20")
    parser.add_argument("--batch", type=int, help="run only the cases of this batch size")
    parser.add_argument("--cases", help='JSON list of {"name", "spec", "io", "batch"} instead of the usual cases')
    return parser.parse_args()


def layouts(spec):
    """channels_last means nothing to a network without convolutions."""
    return ["NCHW"] if spec["arch"] == "mlp" else list(LAYOUTS)


def prepare(case, layout):
    torch.manual_seed(0)
    io, order = case["io"], LAYOUTS[layout]
    model = build(case["spec"], io).to(memory_format=order)
    images = torch.randn(case["batch"], io["channels"], io["height"], io["width"]).contiguous(memory_format=order)
    return model, images, torch.randint(io["classes"], (case["batch"],))


def seconds_per_call(work, budget):
    """Repetitions of about 0.1 s each until the budget is spent, at least five; (median, quartiles, repetitions)."""
    for _ in range(3):
        work()
    start = time.perf_counter()
    work()
    calls = max(1, round(0.1 / (time.perf_counter() - start)))
    times, begin = [], time.perf_counter()
    while len(times) < 5 or time.perf_counter() - begin < budget:
        start = time.perf_counter()
        for _ in range(calls):
            work()
        times.append((time.perf_counter() - start) / calls)
    low, _, high = statistics.quantiles(times, n=4)
    return statistics.median(times), (low, high), len(times)


def matmul_gflops(budget):
    """What a plain 1024×1024 matrix product reaches, as a yardstick for the machine."""
    a, b = torch.randn(1024, 1024), torch.randn(1024, 1024)
    out = torch.empty(1024, 1024)
    median, _, _ = seconds_per_call(lambda: torch.mm(a, b, out=out), budget)
    return 2 * 1024**3 / median / 1e9


def report(options, what, variants):
    """Measures every case in every variant (name → function of case giving a callable) and prints one JSON document."""
    torch.set_num_threads(options.threads)
    torch.set_num_interop_threads(1)
    chosen = json.loads(options.cases) if options.cases else CASES
    chosen = [case for case in chosen if options.only in (None, case["name"]) and options.batch in (None, case["batch"])]
    results = []
    for case in chosen:
        rows = []
        for name, work in variants(case):
            median, (low, high), repetitions = seconds_per_call(work, options.seconds)
            rows.append(
                {
                    "variant": name,
                    "imagesPerSecond": case["batch"] / median,
                    "quartiles": [case["batch"] / high, case["batch"] / low],
                    "msPerCall": 1000 * median,
                    "repetitions": repetitions,
                }
            )
        best = max(rows, key=lambda row: row["imagesPerSecond"])
        results.append({**case, "spec": complete(case["spec"]), **best, "variants": rows})
    document = {
        "what": what,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "threads": torch.get_num_threads(),
        "matmulGflops": matmul_gflops(1),
        "cases": results,
    }
    print(json.dumps(document, indent=1))
