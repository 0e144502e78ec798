"""Weight matching as in the paper's code, on NumPy and SciPy: what bench/align.ts is measured against.

Git Re-Basin (Ainsworth, Hayase and Srinivasa 2022, arXiv 2209.04836), algorithm 1, written anew for this bench: spaces in
random order, for each the scores from all tensors that carry it, with every other permutation applied; SciPy's
assignment; sweeps until no space gains. float32 products, threads as the environment says (OPENBLAS_NUM_THREADS).

python weight_matching.py match PAIR.safetensors SEED     tensors a.NAME, b.NAME; metadata "axes": {NAME: [space or null]}
python weight_matching.py assign SCORES.safetensors        square float32 matrices: times and total of each
Prints one JSON line.
"""

import json
import sys
import time

import numpy as np
from safetensors import safe_open
from scipy.optimize import linear_sum_assignment


def permuted(w, axes, orders, kept):
    """w with every axis in its order but axis `kept`."""
    for axis, space in enumerate(axes):
        if space is not None and axis != kept:
            w = np.take(w, orders[space], axis=axis)
    return w


def match(a, b, axes, seed, max_sweeps=100):
    random = np.random.default_rng(seed)
    carriers = {}
    for name, spaces in axes.items():
        for axis, space in enumerate(spaces):
            if space is not None:
                carriers.setdefault(space, []).append((name, axis))
    sizes = {space: a[names[0][0]].shape[names[0][1]] for space, names in carriers.items()}
    orders = {space: np.arange(n) for space, n in sizes.items()}
    spaces = sorted(carriers)
    sweeps = 0
    for _ in range(max_sweeps):
        sweeps += 1
        progress = False
        for i in random.permutation(len(spaces)):
            space = spaces[i]
            n = sizes[space]
            scores = np.zeros((n, n), np.float32)
            for name, axis in carriers[space]:
                left = np.moveaxis(a[name], axis, 0).reshape(n, -1)
                right = permuted(b[name], axes[name], orders, axis)
                right = np.moveaxis(right, axis, 0).reshape(n, -1)
                scores += left @ right.T
            _, columns = linear_sum_assignment(scores, maximize=True)
            rows = np.arange(n)
            before = scores[rows, orders[space]].sum(dtype=np.float64)
            after = scores[rows, columns].sum(dtype=np.float64)
            progress = progress or bool(after > before + 1e-12)
            orders[space] = columns
        if not progress:
            break
    objective = sum(
        float(np.vdot(a[name].astype(np.float64), permuted(b[name], spaces, orders, None).astype(np.float64)))
        for name, spaces in axes.items()
    )
    return objective, sweeps


def clock():
    """Wall and processor time from now on, s."""
    wall, cpu = time.perf_counter(), time.process_time()
    return lambda: {"seconds": time.perf_counter() - wall, "cpu": time.process_time() - cpu}


def main():
    what, path = sys.argv[1:3]
    with safe_open(path, "numpy") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}
        metadata = file.metadata() or {}
    if what == "match":
        axes = json.loads(metadata["axes"])
        a = {name: tensors[f"a.{name}"] for name in axes}
        b = {name: tensors[f"b.{name}"] for name in axes}
        stop = clock()
        objective, sweeps = match(a, b, axes, int(sys.argv[3]))
        print(json.dumps({**stop(), "objective": objective, "sweeps": sweeps}))
        return
    answers = {}
    for name, scores in sorted(tensors.items()):
        stop = clock()
        rows, columns = linear_sum_assignment(scores, maximize=True)
        answers[name] = {**stop(), "total": float(scores[rows, columns].sum(dtype=np.float64))}
    print(json.dumps(answers))


if __name__ == "__main__":
    main()
