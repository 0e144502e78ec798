"""Writes assignments.json: best totals of assignment problems by scipy.optimize.linear_sum_assignment, in float64.

Scores are integers, so that totals are exact and files small: n up to 24, among them many ties, low rank, dead rows.
Run: python make-assignments.py > assignments.json (scipy 1.17.1, numpy 2).
"""

import json

import numpy as np
from scipy.optimize import linear_sum_assignment

random = np.random.default_rng(5)
cases = []


def add(name, scores):
    rows, columns = linear_sum_assignment(scores, maximize=True)
    cases.append({
        "name": name,
        "n": len(scores),
        "scores": scores.ravel().tolist(),
        "total": int(scores[rows, columns].sum()),
    })


for n in (1, 2, 3, 5, 8, 13, 24):
    add(f"uniform {n}", random.integers(-1000, 1000, (n, n)))
    add(f"ties {n}", random.integers(0, 4, (n, n)))
    add(f"rank one {n}", np.outer(random.integers(-50, 50, n), random.integers(-50, 50, n)))
    add(f"rank two {n}", random.integers(-30, 30, (n, 2)) @ random.integers(-30, 30, (2, n)))
    planted = random.integers(-100, 100, (n, n))
    planted[np.arange(n), random.permutation(n)] += 150
    add(f"planted {n}", planted)
    dead = random.integers(-100, 100, (n, n))
    dead[::3] = 0
    dead[:, 1::4] = 0
    add(f"dead rows and columns {n}", dead)

print("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]")
