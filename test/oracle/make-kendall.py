"""Records Kendall's tau-b with ties and infinities. Run: python make-kendall.py (scipy 1.17.1 made the committed file).

Infinity is replaced by a number above all others for SciPy, and written as null: ties at the top.
"""
import json, os
import numpy as np, scipy
from scipy.stats import kendalltau

rng = np.random.default_rng(11)
cases = []
for n, levels, infinite in ((2, 9, 0), (5, 9, 1), (8, 4, 2), (12, 3, 3), (20, 50, 0), (33, 6, 5), (6, 1, 0)):
    x = list(range(n)) if n % 2 else [int(v) for v in rng.integers(0, max(2, n // 2), n)]
    y = [float(v) for v in rng.integers(0, levels, n)]
    for i in rng.choice(n, infinite, replace=False):
        y[i] = None
    tau = kendalltau(x, [1e9 if v is None else v for v in y], variant="b").statistic
    cases.append({"x": x, "y": y, "tau": None if np.isnan(tau) else float(tau)})
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "kendall.json"), "w") as f:
    json.dump({"scipy": scipy.__version__, "cases": cases}, f)
    f.write("\n")
