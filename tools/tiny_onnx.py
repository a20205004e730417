"""A BertForSequenceClassification as an ONNX graph with the names that torch's exporter and onnxruntime's dynamic
quantiser gave the real files, and such a file's weights read back. Used by tools/goldens.py only."""
import re

import numpy
import onnx
import torch
from onnx import numpy_helper


def named_graph(model, path):
    """Exports by tracing: node names carry the module path (/bert/encoder/layer.0/attention/self/query/MatMul)."""
    ids = torch.ones(1, 7, dtype=torch.long)
    axes = {0: "batch_size", 1: "sequence_length"}
    torch.onnx.export(model, (ids, torch.ones_like(ids), torch.zeros_like(ids)), str(path), opset_version=14,
                      input_names=["input_ids", "attention_mask", "token_type_ids"], output_names=["logits"],
                      dynamic_axes={"input_ids": axes, "attention_mask": axes, "token_type_ids": axes,
                                    "logits": {0: "batch_size"}},
                      do_constant_folding=True, dynamo=False)
    say_heads(path, model.config.num_attention_heads)


def say_heads(path, heads):
    """Attention reshapes to [batch, length, -1, head size] in today's transformers; the real files, exported by an
    older one, say [batch, length, heads, head size], which is how a reader learns the number of heads."""
    graph = onnx.load(str(path))
    constants = {n.output[0]: n for n in graph.graph.node if n.op_type == "Constant"}
    for node in graph.graph.node:
        if node.op_type == "Concat" and re.search(r"/attention/self/Concat(_[12])?$", node.name):
            value = constants[node.input[2]].attribute[0].t
            assert numpy_helper.to_array(value).tolist() == [-1], node.name
            value.CopyFrom(numpy_helper.from_array(numpy.array([heads], dtype=numpy.int64)))
    onnx.save(graph, str(path))


def dequantised(path):
    """Parameters by their torch names, [out, in], fp32: (stored - zero point) * scale."""
    graph = onnx.load(str(path)).graph
    init = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    out, used = {}, set()

    def real(name):
        base = name.removesuffix("_quantized")
        used.update((name, base + "_scale", base + "_zero_point"))
        stored, zero = init[name].astype(numpy.float32), init[base + "_zero_point"].astype(numpy.float32)
        return (stored - zero) * init[base + "_scale"].astype(numpy.float32)

    for node in graph.node:
        if node.op_type == "MatMulInteger":
            scope = re.sub(r"/(Gemm_)?MatMul_quant$", "", node.name)
            out[scope.strip("/").replace("/", ".") + ".weight"] = numpy.ascontiguousarray(real(node.input[1]).T)
    for name in sorted(set(init) - used):
        if name.endswith("_quantized") and name not in used:
            out[name.removesuffix("_quantized")] = real(name)
        elif not name.endswith(("_scale", "_zero_point")) and name not in used:
            out[name] = init[name].astype(numpy.float32)
    return out
