"""Records quantiles of Student's t. Run: python make-t-quantiles.py (scipy 1.17.1 made the committed file)."""
import json, os, scipy
from scipy.stats import t
rows = [[p, dof, t.ppf(p, dof)] for p in (0.001, 0.05, 0.25, 0.6, 0.9, 0.975, 0.995, 0.999) for dof in (1, 2, 3, 4, 5, 9, 10, 29, 30, 100, 501)]
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "t-quantiles.json"), "w") as f:
    json.dump({"scipy": scipy.__version__, "columns": ["p", "dof", "t"], "rows": rows}, f)
    f.write("\n")
