"""Small networks exported by PyTorch, as users' files are: folded batch norms, mangled names, shapes computed in the graph.

Run with torch 2.15: python make.py (writes *.onnx beside itself). Weights are seeded; only names and shapes matter.
"""

import pathlib
import warnings

import torch
from torch import nn

warnings.filterwarnings("ignore")
here = pathlib.Path(__file__).parent


class Block(nn.Module):
    def __init__(self, a, b, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(a, b, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(b)
        self.conv2 = nn.Conv2d(b, b, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(b)
        self.downsample = None
        if a != b or stride != 1:
            self.downsample = nn.Sequential(nn.Conv2d(a, b, 1, stride, bias=False), nn.BatchNorm2d(b))

    def forward(self, x):
        y = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        return torch.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(4)
        self.layer1 = nn.Sequential(Block(4, 4, 1), Block(4, 4, 1))
        self.layer2 = nn.Sequential(Block(4, 8, 2), Block(8, 8, 1))
        self.fc = nn.Linear(8, 5)

    def forward(self, x):
        y = torch.relu(self.bn1(self.conv1(x)))
        y = self.layer2(self.layer1(y))
        # Half the image's size, computed while running: Shape, Cast, Floor and Resize in the graph.
        y = nn.functional.interpolate(y, scale_factor=2.0, mode="nearest")
        return self.fc(y.mean((2, 3)))


class Attention(nn.Module):
    def __init__(self, d, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(d, 3 * d)
        self.proj = nn.Linear(d, d)

    def forward(self, x):
        n, t, d = x.shape
        q, k, v = self.qkv(x).reshape(n, t, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        shares = (q @ k.transpose(-2, -1) * (d // self.heads) ** -0.5).softmax(-1)
        return self.proj((shares @ v).transpose(1, 2).reshape(n, t, d))


class Layer(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.norm1 = nn.LayerNorm(d)
        self.attn = Attention(d, 2)
        self.norm2 = nn.LayerNorm(d)
        self.mlp = nn.Sequential(nn.Linear(d, 16), nn.GELU(), nn.Linear(16, d))

    def forward(self, x):
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class ViT(nn.Module):
    def __init__(self, d=8):
        super().__init__()
        self.patch_embed = nn.Conv2d(3, d, 4, 4)
        self.cls_token = nn.Parameter(torch.randn(1, 1, d))
        self.pos_embed = nn.Parameter(torch.randn(1, 5, d))
        self.blocks = nn.ModuleList([Layer(d), Layer(d)])
        self.norm = nn.LayerNorm(d)
        self.head = nn.Linear(d, 4)

    def forward(self, x):
        y = self.patch_embed(x).flatten(2).transpose(1, 2)
        y = torch.cat([self.cls_token.expand(y.shape[0], -1, -1), y], 1) + self.pos_embed
        for block in self.blocks:
            y = block(y)
        return self.head(self.norm(y)[:, 0])


def export(net, name, shape, folded):
    torch.manual_seed(0)
    torch.onnx.export(
        net().eval(),
        (torch.randn(*shape),),
        str(here / f"{name}.onnx"),
        dynamo=False,
        opset_version=17,
        do_constant_folding=folded,
        training=torch.onnx.TrainingMode.EVAL if folded else torch.onnx.TrainingMode.PRESERVE,
        input_names=["x"],
        output_names=["logits"],
        dynamic_axes={"x": {0: "N", 2: "H", 3: "W"} if net is ResNet else {0: "N"}, "logits": {0: "N"}},
    )


export(ResNet, "resnet-folded", (2, 3, 16, 16), True)
export(ResNet, "resnet", (2, 3, 16, 16), False)
export(ViT, "vit-folded", (2, 3, 8, 8), True)
export(ViT, "vit", (2, 3, 8, 8), False)
