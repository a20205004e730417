#!/usr/bin/env python3
"""Makes the PyTorch files beside it, and their tensors as safetensors.

Needs torch and safetensors. Run in this folder; made with torch 2.15.0 and safetensors 0.8.0. torch_mixed.bin has what a
state dict may have: other element types, views that are transposed, cut out or repeated, storages in common, a
parameter, tensors without dimensions or elements; torch_old.bin is the same in the format before 1.6, torch_protocol4.pt the same under `state_dict`, by pickle protocol 4.
"""
import collections, json
import torch
from safetensors.torch import save_file

torch.manual_seed(5)
base = torch.randn(4, 6)
tied = torch.randn(3, 2)
state = collections.OrderedDict(
    {"plain.weight": torch.randn(2, 3), "transposed.weight": torch.randn(3, 5).t(), "rows.weight": base[1:3],
     "columns.weight": base[:, 2:5], "steps": torch.arange(12)[::3], "planes": torch.randn(2, 3, 4).permute(2, 0, 1),
     "repeated": torch.tensor([[1.5], [2.5]]).expand(2, 3), "embed.weight": tied, "head.weight": tied,
     "half": torch.randn(5).half(), "bfloat": torch.randn(5).bfloat16(), "double": torch.randn(2).double(),
     "position_ids": torch.arange(7).unsqueeze(0), "int": torch.arange(3, dtype=torch.int32),
     "short": torch.arange(3, dtype=torch.int16), "char": torch.tensor([-1, 1], dtype=torch.int8),
     "byte": torch.tensor([250, 1], dtype=torch.uint8), "bool": torch.tensor([True, False]),
     "scalar": torch.tensor(3.25), "empty": torch.zeros(0, 4), "LayerNorm.gamma": torch.randn(4),
     "parameter": torch.nn.Parameter(torch.randn(3))})
state._metadata = {"": {"version": 1}}
torch.save(state, "torch_mixed.bin")
torch.save({"epoch": 3, "lr": 1e-3, "optimizer": {"state": {}, "groups": [{"betas": (0.9, 0.999), "big": 1 << 40}]},
            "state_dict": state}, "torch_protocol4.pt", pickle_protocol=4)
save_file({k: v.detach().clone().contiguous() for k, v in state.items()}, "torch_mixed.safetensors")
torch.save(state, "torch_old.bin", _use_new_zipfile_serialization=False)
names = list(state)
for shard, part in ("00001", names[:11]), ("00002", names[11:]):
    torch.save({n: state[n] for n in part}, f"torch_sharded-{shard}-of-00002.bin")
json.dump({"metadata": {"total_size": 1}, "weight_map": {n: f"torch_sharded-{'00001' if n in names[:11] else '00002'}-of-00002.bin" for n in names}},
          open("torch_sharded.bin.index.json", "w"))
