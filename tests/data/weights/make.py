#!/usr/bin/env python3
"""Makes the checkpoints beside it: one random BERT classifier as safetensors, as fp32 ONNX and as INT8 ONNX per column.

Needs torch, transformers, onnx, onnxruntime, safetensors. Run in this folder; the versions that wrote the committed
files are in made_with.txt. Its LayerNorms and biases are random, save two biases that stay equal, so that the exporter
writes one of them and an Identity node for the other.
"""
import logging, pathlib, warnings
import onnx, onnxruntime, safetensors, torch, transformers
from onnxruntime.quantization import QuantType, quantize_dynamic
from safetensors.torch import save_file

warnings.filterwarnings("ignore"); logging.disable(logging.WARNING)
torch.manual_seed(7)
config = transformers.BertConfig(vocab_size=11, hidden_size=6, num_hidden_layers=1, num_attention_heads=2, intermediate_size=10,
                                 max_position_embeddings=8, num_labels=3, initializer_range=0.5)
model = transformers.BertForSequenceClassification(config).eval()
with torch.no_grad():
    for name, p in model.named_parameters():
        if p.dim() == 1 and not name.endswith(("query.bias", "key.bias")):
            p.add_(torch.randn_like(p) * 0.3)
ids = torch.ones(1, 5, dtype=torch.long)
names = ["input_ids", "attention_mask", "token_type_ids"]
torch.onnx.export(model, (ids, ids, ids), "tiny_fp32.onnx", input_names=names, dynamic_axes={n: {0: "batch", 1: "length"} for n in names},
                  opset_version=14, dynamo=False)
quantize_dynamic("tiny_fp32.onnx", "tiny_int8.onnx", per_channel=True, weight_type=QuantType.QInt8)
for name in ("tiny_fp32.onnx", "tiny_int8.onnx"):   # doc strings hold stack traces
    m = onnx.load(name)
    for n in m.graph.node: n.ClearField("doc_string")
    del m.graph.value_info[:]
    onnx.save(m, name)
save_file({k: v.contiguous() for k, v in model.state_dict().items()}, "tiny.safetensors", metadata={"format": "pt"})
pathlib.Path("made_with.txt").write_text("".join(f"{m.__name__} {m.__version__}\n" for m in (torch, transformers, onnx, onnxruntime, safetensors)))
