"""Records accuracy, loss, Brier score and calibration errors of random logits. Run: python make-ece.py (NumPy 2.x).

Written from the definitions, in another way than src/soup does it: bins by comparing with their edges (Guo et al. 2017,
arXiv:1706.04599, equation 3), equal-count bins by slicing the sorted confidences at whole multiples of N/B.
"""
import json, os
import numpy as np

rng = np.random.default_rng(7)
cases = []
for n, k, sharp, bins in ((200, 5, 3.0, 15), (97, 3, 1.0, 15), (64, 10, 8.0, 15), (31, 2, 2.0, 10), (4, 2, 1.0, 15)):
    labels = rng.integers(0, k, n)
    logits = (sharp * rng.standard_normal((n, k)) + 2.0 * np.eye(k)[labels] * rng.random((n, 1))).astype(np.float32)
    z = logits.astype(np.float64)
    p = np.exp(z - z.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    confidence, correct = p.max(1), p.argmax(1) == labels
    edges = np.linspace(0, 1, bins + 1)
    width = 0.0
    for low, high in zip(edges[:-1], edges[1:]):
        inside = (confidence > low) & (confidence <= high)
        if inside.any():
            width += inside.mean() * abs(correct[inside].mean() - confidence[inside].mean())
    order = np.argsort(confidence)
    assert len(set(confidence)) == n
    count = 0.0
    for b in range(bins):
        part = order[-(-b * n // bins):-(-(b + 1) * n // bins)]
        if len(part):
            count += len(part) / n * abs(correct[part].mean() - confidence[part].mean())
    cases.append({
        "bins": bins, "classes": k, "labels": labels.tolist(), "logits": [float(v) for v in logits.ravel()],
        "accuracy": correct.mean(), "loss": -np.log(p[np.arange(n), labels]).mean(),
        "brier": ((p - np.eye(k)[labels]) ** 2).sum(1).mean(), "equalWidth": width, "equalCount": count,
    })
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "ece.json"), "w") as f:
    json.dump({"numpy": np.__version__, "cases": cases}, f)
    f.write("\n")
