"""Writes the fixtures of this folder with the reference libraries. Not run in CI.

Made with onnx 1.23.2, safetensors 0.8.0, torch 2.15, numpy 2.4.6:
    python test/oracle/formats/make.py
"""

import json
import pathlib

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from safetensors.torch import save_file

here = pathlib.Path(__file__).parent

# Element types by our name: torch type and the numbers to store. Extremes, signed zero, infinities and subnormals.
floats = [0.0, -0.0, 1.0, -2.5, 3.0e-8, 65504.0, float("inf"), float("-inf")]
contents = {
    "float32": (torch.float32, [*floats, 1e-45, 3.4028234e38]),
    "float64": (torch.float64, [*floats, 5e-324, 1.7976931348623157e308]),
    "float16": (torch.float16, floats),
    "bfloat16": (torch.bfloat16, floats),
    "int64": (torch.int64, [0, 1, -1, 2**63 - 1, -(2**63), 1 << 40]),
    "int32": (torch.int32, [0, 1, -1, 2**31 - 1, -(2**31)]),
    "int16": (torch.int16, [0, 1, -1, 2**15 - 1, -(2**15)]),
    "int8": (torch.int8, [0, 1, -1, 127, -128]),
    "uint64": (torch.uint64, [0, 1, 2**64 - 1]),
    "uint32": (torch.uint32, [0, 1, 2**32 - 1]),
    "uint16": (torch.uint16, [0, 1, 2**16 - 1]),
    "uint8": (torch.uint8, [0, 1, 255]),
    "bool": (torch.bool, [False, True, True]),
}
codes = {
    "float32": TensorProto.FLOAT,
    "float64": TensorProto.DOUBLE,
    "float16": TensorProto.FLOAT16,
    "bfloat16": TensorProto.BFLOAT16,
    "int64": TensorProto.INT64,
    "int32": TensorProto.INT32,
    "int16": TensorProto.INT16,
    "int8": TensorProto.INT8,
    "uint64": TensorProto.UINT64,
    "uint32": TensorProto.UINT32,
    "uint16": TensorProto.UINT16,
    "uint8": TensorProto.UINT8,
    "bool": TensorProto.BOOL,
}
tensors = {name: torch.tensor(values, dtype=dtype) for name, (dtype, values) in contents.items()}
tensors["scalar"] = torch.tensor(0.1, dtype=torch.float32)
tensors["empty"] = torch.zeros((0, 3), dtype=torch.float32)
tensors["matrix"] = torch.arange(6, dtype=torch.float32).reshape(2, 3)


def code_of(name: str) -> int:
    return codes.get(name, TensorProto.FLOAT)


def bytes_of(tensor: torch.Tensor) -> bytes:
    return tensor.contiguous().view(-1).view(torch.uint8).numpy().tobytes() if tensor.numel() and tensor.dim() else tensor.reshape(-1).numpy().tobytes()


def save(name: str, model: onnx.ModelProto, check: bool = True) -> None:
    if check:
        onnx.checker.check_model(model, full_check=True)
    (here / name).write_bytes(model.SerializeToString())


def value(name: str, shape: list, code: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, code, shape)


def model(graph: onnx.GraphProto, opset: int = 17, **more) -> onnx.ModelProto:
    imports = [helper.make_opsetid("", opset), *more.pop("imports", [])]
    return helper.make_model(graph, opset_imports=imports, ir_version=7 if opset < 15 else 8 if opset < 19 else 10, **more)


def passthrough(initializers: list) -> onnx.GraphProto:
    """A graph that only carries initializers."""
    return helper.make_graph([helper.make_node("Identity", ["x"], ["y"], "same")], "carrier", [value("x", ["N"])], [value("y", ["N"])], initializers)


expected = {name: {"dtype": name if name in codes else "float32", "shape": list(t.shape), "hex": bytes_of(t).hex()} for name, t in tensors.items()}

# 1. Every element type, in raw_data and in the typed fields.
raw, typed = [], []
for name, tensor in tensors.items():
    raw.append(helper.make_tensor(name, code_of(name), list(tensor.shape), bytes_of(tensor), raw=True))
    t = TensorProto(name=name, data_type=code_of(name), dims=list(tensor.shape))
    width = tensor.element_size()
    bits = np.frombuffer(bytes_of(tensor), dtype=f"u{width}")
    if t.data_type == TensorProto.FLOAT:
        t.float_data.extend(tensor.reshape(-1).tolist())
    elif t.data_type == TensorProto.DOUBLE:
        t.double_data.extend(tensor.tolist())
    elif t.data_type == TensorProto.INT64:
        t.int64_data.extend(tensor.tolist())
    elif t.data_type in (TensorProto.UINT64, TensorProto.UINT32):
        t.uint64_data.extend(int(v) for v in bits)
    elif t.data_type in (TensorProto.FLOAT16, TensorProto.BFLOAT16):
        t.int32_data.extend(int(v) for v in bits)
    else:
        t.int32_data.extend(int(v) for v in tensor.tolist())
    assert numpy_helper.to_array(t).tobytes() == bytes_of(tensor), name
    typed.append(t)
save("raw.onnx", model(passthrough(raw)))
save("typed.onnx", model(passthrough(typed), 13))

# 2. External data, two tensors in one file.
external = model(passthrough([numpy_helper.from_array(np.arange(n, dtype=np.float32), f"w{n}") for n in (300, 7)]), 21)
(here / "external.bin").unlink(missing_ok=True)  # onnx would append to it
onnx.save_model(external, here / "external.onnx", save_as_external_data=True, location="external.bin", size_threshold=0)

# 3. Attributes of every kind, a nested graph that uses outer values, Constant nodes of every kind, a custom domain,
#    initializers listed as inputs, absent optional inputs, nodes out of order.
branch = lambda name, op: helper.make_graph([helper.make_node(op, ["h", f"{name}_c"], [f"{name}_y"])], name, [], [value(f"{name}_y", ["N", 2])], [numpy_helper.from_array(np.float32([1, 2]), f"{name}_c")])
nodes = [
    helper.make_node("If", ["flag"], ["z"], "choose", then_branch=branch("then", "Add"), else_branch=branch("else", "Mul")),
    helper.make_node("Clip", ["x", "", "high"], ["h"], "clip"),
    helper.make_node("Constant", [], ["high"], "c0", value_float=1.5),
    helper.make_node("Constant", [], ["flag"], "c1", value=helper.make_tensor("", TensorProto.BOOL, [], [True])),
    helper.make_node("Constant", [], ["shape"], "c2", value_ints=[-1, 2]),
    helper.make_node("Constant", [], ["axis"], "c3", value_int=7),
    helper.make_node("Constant", [], ["list"], "c4", value_floats=[0.5, -1.0]),
    helper.make_node(
        "Odd", ["z"], ["out", ""], "odd", domain="org.example",
        an_int=-3, a_float=0.1, a_string="häh", ints=[2**63 - 1, -(2**63), 0], floats=[1.0, -0.5], strings=["a", ""],
        a_tensor=numpy_helper.from_array(np.int64([[1, 2], [3, 4]])),
    ),
    helper.make_node("Reshape", ["z", "shape"], ["r"], "reshape"),
]
graph = helper.make_graph(nodes, "everything", [value("x", ["N", 2]), value("k", [1])], [value("out", None), value("r", [None, 2])], [numpy_helper.from_array(np.float32([4]), "k")], value_info=[value("h", ["N", 2])])
m = model(graph, 22, imports=[helper.make_opsetid("org.example", 3)])
helper.set_model_props(m, {"a": "1", "__proto__": "x", "licence": "CC0 ♥"})
save("everything.onnx", m, check=False)

# 4. safetensors: every element type; one metadata key, because the library orders several by chance.
save_file(tensors, here / "tensors.safetensors", {"note": "grün ♥"})

# 5. Rounding to 16 bits: bits of float32 values beside the bits torch gives their float16 and bfloat16.
rng = np.random.default_rng(7)
edges = [0, 0x33000000, 0x33000001, 0x32FFFFFF, 0x38800000, 0x387FFFFF, 0x387FE000, 0x387FF000, 0x477FE000, 0x477FEFFF, 0x477FF000, 0x47800000, 0x7F7FFFFF, 0x7F800000, 0x3F800800, 0x3F801000, 0x3F803000, 0x3F808000, 0x3F818000, 0x3F808001, 0x7F7F8000, 0x00000001, 0x00008000, 0x00018000]
singles = np.concatenate([np.uint32(edges), np.uint32(edges) | 0x80000000, rng.integers(0, 0x7F800000, 300, dtype=np.uint32), (np.abs(rng.normal(size=300)) * 10.0 ** rng.integers(-9, 6, 300)).astype(np.float32).view(np.uint32)]).astype(np.uint32)
values = torch.from_numpy(singles.view(np.float32).copy())
halves = {"float32": singles.tolist(), "float16": values.half().view(torch.uint16).tolist(), "bfloat16": values.bfloat16().view(torch.uint16).tolist()}

(here / "expected.json").write_text(json.dumps({"tensors": expected, "halves": halves}) + "\n")
