"""PyTorch twins of the architectures in src/models: same options, same parameter names, same function.

build(spec, io) takes the JSON of a model spec (defaults filled in) and {channels, height, width, classes}.
state_dict() names are the parameter names of the TypeScript models (batch norm's num_batches_tracked apart).
"""

import math

import torch
import torch.nn.functional as F
from torch import nn


class ChannelNorm(nn.Module):
    """Layer norm over the channels of each position of [N, C, H, W]."""

    def __init__(self, channels):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x):
        y = F.layer_norm(x.permute(0, 2, 3, 1), self.weight.shape, self.weight, self.bias, 1e-5)
        return y.permute(0, 3, 1, 2)


def make_norm(kind, channels, groups):
    if kind == "none":
        return nn.Identity()
    if kind == "batch":
        return nn.BatchNorm2d(channels)
    if kind == "layer":
        return ChannelNorm(channels)
    return nn.GroupNorm(groups, channels)


def he(tensor, fan, gain=1.0):
    inputs, outputs = nn.init._calculate_fan_in_and_fan_out(tensor)
    nn.init.normal_(tensor, std=gain * math.sqrt(2 / (inputs if fan == "in" else outputs)))


def conv3(inputs, outputs, stride, bias):
    layer = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=bias)
    he(layer.weight, "in")
    if bias:
        nn.init.zeros_(layer.bias)
    return layer


def dense(inputs, outputs):
    layer = nn.Linear(inputs, outputs)
    he(layer.weight, "in")
    nn.init.zeros_(layer.bias)
    return layer


def make_head(inputs, classes, init):
    layer = nn.Linear(inputs, classes)
    if init == "zero":
        nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


class Mlp(nn.Module):
    def __init__(self, spec, io):
        super().__init__()
        size = io["channels"] * io["height"] * io["width"]
        self.count = len(spec["hidden"])
        for i, units in enumerate(spec["hidden"]):
            setattr(self, f"fc{i + 1}", dense(size, units))
            size = units
        self.head = make_head(size, io["classes"], spec["headInit"])

    def forward(self, x):
        x = x.flatten(1)
        for i in range(self.count):
            x = F.relu(getattr(self, f"fc{i + 1}")(x))
        return self.head(x)


class Cnn(nn.Module):
    def __init__(self, spec, io):
        super().__init__()
        self.spec = spec
        self.plan = []
        channels, h, w, count = io["channels"], io["height"], io["width"], 0
        for stage, width in enumerate(spec["widths"]):
            for i in range(spec["convs"]):
                halve = stage > 0 and i == 0
                stride = 2 if halve and spec["downsample"] == "stride" else 1
                pool = halve and stride == 1 and h >= 2 and w >= 2
                count += 1
                setattr(self, f"conv{count}", conv3(channels, width, stride, spec["norm"] == "none"))
                if spec["norm"] != "none":
                    setattr(self, f"norm{count}", make_norm(spec["norm"], width, spec["groups"]))
                self.plan.append((pool, count))
                channels = width
                h, w = (h // 2, w // 2) if pool else (-(-h // stride), -(-w // stride))
        size = channels if spec["pool"] == "average" else channels * h * w
        self.hidden = len(spec["hidden"])
        for i, units in enumerate(spec["hidden"]):
            setattr(self, f"fc{i + 1}", dense(size, units))
            size = units
        self.head = make_head(size, io["classes"], spec["headInit"])

    def forward(self, x):
        for pool, i in self.plan:
            if pool:
                x = F.max_pool2d(x, 2) if self.spec["downsample"] == "max" else F.avg_pool2d(x, 2)
            x = getattr(self, f"conv{i}")(x)
            if self.spec["norm"] != "none":
                x = getattr(self, f"norm{i}")(x)
            x = F.relu(x)
        x = x.mean((2, 3)) if self.spec["pool"] == "average" else x.flatten(1)
        for i in range(self.hidden):
            x = F.relu(getattr(self, f"fc{i + 1}")(x))
        return self.head(x)


def scaled(channels, width):
    return max(1, math.floor(channels * width + 0.5))


VGG_STAGES = {11: [1, 1, 2, 2, 2], 13: [2, 2, 2, 2, 2], 16: [2, 2, 3, 3, 3], 19: [2, 2, 4, 4, 4]}


class Vgg(nn.Module):
    def __init__(self, spec, io):
        super().__init__()
        self.counts = VGG_STAGES[spec["depth"]]
        channels = io["channels"]
        for s, (count, base) in enumerate(zip(self.counts, [64, 128, 256, 512, 512])):
            stage = nn.Module()
            for i in range(1, count + 1):
                width = scaled(base, spec["width"])
                setattr(stage, f"conv{i}", conv3(channels, width, 1, spec["norm"] == "none"))
                setattr(stage, f"norm{i}", make_norm(spec["norm"], width, spec["groups"]))
                channels = width
            setattr(self, f"stage{s + 1}", stage)
        self.head = make_head(channels, io["classes"], spec["headInit"])

    def forward(self, x):
        for s, count in enumerate(self.counts):
            stage = getattr(self, f"stage{s + 1}")
            for i in range(1, count + 1):
                x = F.relu(getattr(stage, f"norm{i}")(getattr(stage, f"conv{i}")(x)))
            if x.shape[2] >= 2 and x.shape[3] >= 2:
                x = F.max_pool2d(x, 2)
        return self.head(x.mean((2, 3)))


def plain_conv(inputs, outputs, kernel, stride):
    layer = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
    he(layer.weight, "out")
    return layer


class Block(nn.Module):
    """A residual block; attribute order is the order of the forward pass in TypeScript."""

    def __init__(self, spec, inputs, outputs, stride, total):
        super().__init__()
        self.fixup = spec["norm"] == "fixup"
        self.changes = stride != 1 or inputs != outputs
        self.project = spec["shortcut"] == "conv" and self.changes
        self.stride, self.extra = stride, outputs - inputs
        self.conv1 = plain_conv(inputs, outputs, 3, stride)
        self.conv2 = plain_conv(outputs, outputs, 3, 1)
        if self.fixup:
            for name in ("bias1a", "bias1b", "bias2a", "bias2b"):
                setattr(self, name, nn.Parameter(torch.zeros(1)))
            self.scale = nn.Parameter(torch.ones(1))
            with torch.no_grad():
                self.conv1.weight.mul_(total**-0.5)
            nn.init.zeros_(self.conv2.weight)
        else:
            self.norm1 = make_norm(spec["norm"], outputs, spec["groups"])
            self.norm2 = make_norm(spec["norm"], outputs, spec["groups"])
        if self.project:
            self.shortcut = plain_conv(inputs, outputs, 1, stride)
            if not self.fixup:
                self.shortcut_norm = make_norm(spec["norm"], outputs, spec["groups"])

    def past(self, x):
        if not self.changes:
            return x
        if self.project:
            return self.shortcut(x)
        return F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.extra))

    def forward(self, x):
        if self.fixup:
            shifted = x + self.bias1a
            y = F.relu(self.conv1(shifted) + self.bias1b)
            y = self.conv2(y + self.bias2a) * self.scale + self.bias2b
            return F.relu(y + (self.past(shifted) if self.changes else x))
        y = F.relu(self.norm1(self.conv1(x)))
        y = self.norm2(self.conv2(y))
        past = self.past(x)
        return F.relu(y + (self.shortcut_norm(past) if self.project else past))


class Resnet(nn.Module):
    def __init__(self, spec, io):
        super().__init__()
        self.fixup = spec["norm"] == "fixup"
        self.blocks = (spec["depth"] - 2) // 6
        widths = [scaled(16 * 2**s, spec["width"]) for s in range(3)]
        self.stem = nn.Module()
        self.stem.conv = plain_conv(io["channels"], widths[0], 3, 1)
        if self.fixup:
            self.stem.bias = nn.Parameter(torch.zeros(1))
            self.features = nn.Module()
            self.features.bias = nn.Parameter(torch.zeros(1))
        else:
            self.stem.norm = make_norm(spec["norm"], widths[0], spec["groups"])
        channels = widths[0]
        for s in range(3):
            stage = nn.Module()
            for i in range(1, self.blocks + 1):
                stride = 2 if s > 0 and i == 1 else 1
                setattr(stage, f"block{i}", Block(spec, channels, widths[s], stride, 3 * self.blocks))
                channels = widths[s]
            setattr(self, f"stage{s + 1}", stage)
        self.head = make_head(channels, io["classes"], spec["headInit"])

    def forward(self, x):
        x = self.stem.conv(x)
        x = F.relu(x + self.stem.bias if self.fixup else self.stem.norm(x))
        for s in range(3):
            stage = getattr(self, f"stage{s + 1}")
            for i in range(1, self.blocks + 1):
                x = getattr(stage, f"block{i}")(x)
        x = x.mean((2, 3))
        return self.head(x + self.features.bias if self.fixup else x)


class Vit(nn.Module):
    def __init__(self, spec, io):
        super().__init__()
        self.spec = spec
        dim, patch = spec["dim"], spec["patch"]
        patches = (io["height"] // patch) * (io["width"] // patch)
        self.embed = nn.Module()
        embed = nn.Conv2d(io["channels"], dim, patch, patch)
        self.embed.weight, self.embed.bias = embed.weight, embed.bias
        cls = spec["pool"] == "cls"
        if cls:
            self.embed.cls = nn.Parameter(torch.zeros(1, 1, dim))
        self.embed.position = nn.Parameter(0.02 * torch.randn(1, patches + (1 if cls else 0), dim))
        hidden = max(1, math.floor(dim * spec["mlpRatio"] + 0.5))
        for i in range(1, spec["depth"] + 1):
            block = nn.Module()
            block.norm1, block.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
            block.attention, block.mlp = nn.Module(), nn.Module()
            block.attention.qkv, block.attention.proj = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
            block.mlp.fc1, block.mlp.fc2 = nn.Linear(dim, hidden), nn.Linear(hidden, dim)
            setattr(self, f"block{i}", block)
        self.norm = nn.LayerNorm(dim)
        self.head = make_head(dim, io["classes"], spec["headInit"])

    def forward(self, x):
        spec = self.spec
        x = F.conv2d(x, self.embed.weight, self.embed.bias, stride=spec["patch"]).flatten(2).transpose(1, 2)
        if spec["pool"] == "cls":
            x = torch.cat([self.embed.cls.expand(x.shape[0], -1, -1), x], 1)
        x = x + self.embed.position
        n, t, d = x.shape
        for i in range(1, spec["depth"] + 1):
            block = getattr(self, f"block{i}")
            q, k, v = (
                part.view(n, t, spec["heads"], d // spec["heads"]).transpose(1, 2)
                for part in block.attention.qkv(block.norm1(x)).chunk(3, -1)
            )
            mixed = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(n, t, d)
            x = x + block.attention.proj(mixed)
            x = x + block.mlp.fc2(F.gelu(block.mlp.fc1(block.norm2(x))))
        x = self.norm(x)
        return self.head(x.mean(1) if spec["pool"] == "mean" else x[:, 0])


ARCHITECTURES = {"mlp": Mlp, "cnn": Cnn, "vgg": Vgg, "resnet": Resnet, "vit": Vit}

# The defaults of the schemas in src/models; test/oracle/networks holds specs with all of them written out.
DEFAULTS = {
    "mlp": {"hidden": [128], "headInit": "random"},
    "cnn": {
        "widths": [16, 32, 64],
        "convs": 1,
        "downsample": "stride",
        "pool": "flatten",
        "hidden": [],
        "norm": "none",
        "groups": 8,
        "headInit": "random",
    },
    "vgg": {"depth": 11, "width": 1, "norm": "batch", "groups": 8, "headInit": "random"},
    "resnet": {"depth": 20, "width": 1, "norm": "fixup", "groups": 8, "shortcut": "pad", "headInit": "random"},
    "vit": {"patch": 4, "dim": 64, "depth": 4, "heads": 4, "mlpRatio": 2, "pool": "mean", "headInit": "random"},
}


def complete(spec):
    """The spec with defaults filled in."""
    return {"arch": spec["arch"], **DEFAULTS[spec["arch"]], **spec}


def build(spec, io):
    return ARCHITECTURES[spec["arch"]](complete(spec), io)


def parameters(model):
    """(name, tensor) of every parameter and running statistic."""
    return [(name, value) for name, value in model.state_dict().items() if not name.endswith("num_batches_tracked")]
