#!/usr/bin/env python3
"""Makes tiny_llama.gguf and its values as tiny_llama.safetensors: every block format once, under PyTorch's names.

Needs numpy, gguf and safetensors. Run in this folder; made with gguf 0.19.0. Blocks are random bytes with small scales;
the gguf package, which shares no code with winnow, says what they are worth. The rows of q and k are put back into
PyTorch's order by numpy.
"""
import numpy as np
import gguf
from gguf.quants import dequantize
from safetensors.numpy import save_file

T = gguf.GGMLQuantizationType
HEADS, KV, SIZE, HIDDEN, FF, VOCAB = 4, 2, 8, 256, 32, 8
rng = np.random.default_rng(11)
SCALES = {T.Q4_0: [0], T.Q5_0: [0], T.Q8_0: [0], T.Q4_1: [0, 2], T.Q5_1: [0, 2], T.Q4_K: [0, 2], T.Q5_K: [0, 2], T.Q6_K: [208]}


def blocks(rows, cols, kind):
    elements, size = gguf.GGML_QUANT_SIZES[kind]
    data = rng.integers(0, 256, (rows, cols // elements, size), dtype=np.uint8)
    for at in SCALES[kind]:
        data[:, :, at:at + 2] = rng.normal(0, 0.02, (rows, cols // elements, 1)).astype(np.float16).view(np.uint8)
    return data.reshape(rows, -1)


def in_order(values, heads):
    return values.reshape(heads, SIZE // 2, 2, -1).swapaxes(1, 2).reshape(values.shape)


w = gguf.GGUFWriter("tiny_llama.gguf", "llama")
w.add_name("tiny")
w.add_context_length(128); w.add_embedding_length(HIDDEN); w.add_block_count(1); w.add_feed_forward_length(FF)
w.add_head_count(HEADS); w.add_head_count_kv(KV); w.add_key_length(SIZE); w.add_value_length(SIZE)
w.add_rope_dimension_count(SIZE); w.add_layer_norm_rms_eps(1e-6); w.add_rope_freq_base(500000.0)
w.add_tokenizer_model("gpt2"); w.add_token_list(["<s>", "</s>"] + [f"t{i}" for i in range(VOCAB - 2)])
w.add_token_types([3, 3] + [1] * (VOCAB - 2)); w.add_bos_token_id(0); w.add_eos_token_id(1); w.add_eot_token_id(2)
w.add_chat_template("{{ messages }}"); w.add_bool("tokenizer.ggml.add_bos_token", True)
w.add_array("tokenizer.ggml.scores", [0.5, -1.25])
expected = {}
for name, to, rows, cols, kind in [
        ("token_embd", "model.embed_tokens", VOCAB, HIDDEN, T.Q6_K), ("output", "lm_head", VOCAB, HIDDEN, T.BF16),
        ("blk.0.attn_q", "model.layers.0.self_attn.q_proj", HEADS * SIZE, HIDDEN, T.Q4_K),
        ("blk.0.attn_k", "model.layers.0.self_attn.k_proj", KV * SIZE, HIDDEN, T.Q5_K),
        ("blk.0.attn_v", "model.layers.0.self_attn.v_proj", KV * SIZE, HIDDEN, T.Q8_0),
        ("blk.0.attn_output", "model.layers.0.self_attn.o_proj", HIDDEN, HEADS * SIZE, T.Q4_0),
        ("blk.0.ffn_gate", "model.layers.0.mlp.gate_proj", FF, HIDDEN, T.Q4_1),
        ("blk.0.ffn_up", "model.layers.0.mlp.up_proj", FF, HIDDEN, T.Q5_0),
        ("blk.0.ffn_down", "model.layers.0.mlp.down_proj", HIDDEN, FF, T.Q5_1)]:
    if kind == T.BF16:
        data = (rng.normal(0, 1, (rows, cols)).astype(np.float32).view(np.uint32) >> 16).astype(np.uint16).view(np.uint8)
    else:
        data = blocks(rows, cols, kind)
    w.add_tensor(name + ".weight", data, raw_dtype=kind)
    values = dequantize(data, kind).reshape(rows, cols).astype(np.float32)
    heads = {"attn_q": HEADS, "attn_k": KV}.get(name.split(".")[-1])
    expected[to + ".weight"] = in_order(values, heads) if heads else values
for name, to, size, heads in [
        ("output_norm.weight", "model.norm.weight", HIDDEN, 0), ("blk.0.attn_norm.weight", "model.layers.0.input_layernorm.weight", HIDDEN, 0),
        ("blk.0.ffn_norm.weight", "model.layers.0.post_attention_layernorm.weight", HIDDEN, 0), ("rope_freqs.weight", "rope_freqs.weight", SIZE // 2, 0),
        ("blk.0.attn_q.bias", "model.layers.0.self_attn.q_proj.bias", HEADS * SIZE, HEADS), ("blk.0.attn_k.bias", "model.layers.0.self_attn.k_proj.bias", KV * SIZE, KV),
        ("blk.0.attn_v.bias", "model.layers.0.self_attn.v_proj.bias", KV * SIZE, 0)]:
    values = rng.normal(0, 1, size).astype(np.float32)
    if name.endswith("attn_v.bias"):
        w.add_tensor(name, values.astype(np.float16)); values = values.astype(np.float16).astype(np.float32)
    else:
        w.add_tensor(name, values)
    expected[to] = in_order(values[:, None], heads)[:, 0] if heads else values
w.write_header_to_file(); w.write_kv_data_to_file(); w.write_tensors_to_file(); w.close()
save_file({k: np.ascontiguousarray(v) for k, v in expected.items()}, "tiny_llama.safetensors")
