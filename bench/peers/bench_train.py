"""Training speed of PyTorch: images per second of forward, softmax cross-entropy, backward and an SGD momentum step.

Eager PyTorch in four variants, NCHW or channels_last and the default or the fused optimiser; the fastest counts.
Prints one JSON document.
"""

import torch
import torch.nn.functional as F

from measure import arguments, layouts, prepare, report


def variants(case):
    for layout in layouts(case["spec"]):
        for fused in (False, True):
            model, images, labels = prepare(case, layout)
            model.train()
            # A rate this small keeps the weights where they are: the numbers stay ordinary however long it runs.
            optimizer = torch.optim.SGD(model.parameters(), lr=1e-6, momentum=0.9, fused=fused)

            def step(model=model, images=images, labels=labels, optimizer=optimizer):
                optimizer.zero_grad()
                F.cross_entropy(model(images), labels).backward()
                optimizer.step()

            yield f"{layout}, {'fused' if fused else 'default'} SGD", step


report(arguments(__doc__), "train", variants)
