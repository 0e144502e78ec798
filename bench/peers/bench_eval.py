"""Evaluation speed of PyTorch: images per second of the forward pass in inference mode, NCHW or channels_last.

The faster of the two counts. Prints one JSON document.
"""

import torch

from measure import arguments, layouts, prepare, report


def variants(case):
    for layout in layouts(case["spec"]):
        model, images, _ = prepare(case, layout)
        model.eval()

        @torch.inference_mode()
        def look(model=model, images=images):
            return model(images)

        yield layout, look


report(arguments(__doc__), "eval", variants)
