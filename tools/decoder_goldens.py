#!/usr/bin/env python3
"""Makes the goldens of the decoders: tiny random checkpoints with what transformers computes on them, in
tests/data/tiny-{llama,qwen2,qwen3}. Needs torch and transformers. The format of the files is tests/data/README.md.

The tokens have no texts: a decoder's test feeds ids. Weights are large, so that a wrong pair of rotated dimensions,
a lost bias or a key out of place shows. Everything is computed in fp32 on the CPU, one sequence at a time.
"""
import json
import pathlib
import random

import torch
import transformers
from goldens import digits, made_with, write_goldens

DATA = pathlib.Path(__file__).parents[1] / "tests" / "data"
COMMON = {"vocab_size": 160, "hidden_size": 48, "intermediate_size": 80, "num_hidden_layers": 3,
          "max_position_embeddings": 256, "bos_token_id": 1, "eos_token_id": 2}
MODELS = {
    # Untied head, groups of three, Llama 3's stretched frequencies.
    "tiny-llama": transformers.LlamaConfig(
        **COMMON, num_attention_heads=6, num_key_value_heads=2, tie_word_embeddings=False, rms_norm_eps=1e-5,
        rope_parameters={"rope_type": "llama3", "rope_theta": 10000.0, "factor": 8.0, "low_freq_factor": 1.0,
                         "high_freq_factor": 4.0, "original_max_position_embeddings": 64}),
    # Tied head, biases, YaRN.
    "tiny-qwen2": transformers.Qwen2Config(
        **COMMON, num_attention_heads=4, num_key_value_heads=2, tie_word_embeddings=True, rms_norm_eps=1e-6,
        use_sliding_window=False,
        rope_parameters={"rope_type": "yarn", "rope_theta": 1000000.0, "factor": 4.0,
                         "original_max_position_embeddings": 64}),
    # Heads wider than hidden / heads, norms of q and k.
    "tiny-qwen3": transformers.Qwen3Config(
        **COMMON, num_attention_heads=4, num_key_value_heads=2, head_dim=20, tie_word_embeddings=True,
        rms_norm_eps=1e-6, rope_parameters={"rope_type": "default", "rope_theta": 1000000.0}),
}


def randomise(model):
    for name, p in model.named_parameters():
        if "norm" in name:
            torch.nn.init.normal_(p, 1.0, 0.3)
        elif name.endswith("bias"):
            torch.nn.init.normal_(p, 0.0, 0.5)
        elif "embed" in name:
            torch.nn.init.normal_(p, 0.0, 1.0)
        else:
            torch.nn.init.normal_(p, 0.0, 1.6 / p.shape[1] ** 0.5)


def case(model, ids, steps=12):
    with torch.no_grad():
        hidden = []
        hooks = [layer.register_forward_hook(lambda _, __, out: hidden.append(out[0] if isinstance(out, tuple) else out))
                 for layer in model.model.layers]
        out = model(torch.tensor([ids]), output_hidden_states=True)
        for hook in hooks:
            hook.remove()
        states = [out.hidden_states[0], *hidden]  # the library's last one is after the norm
        greedy, now = [], list(ids)
        for _ in range(steps):
            now.append(int(model(torch.tensor([now])).logits[0, -1].argmax()))
            greedy.append(now[-1])
    return {"ids": ids,
            "hidden_sums": digits([h.double().sum() for h in states], 8),
            "hidden_abs_sums": digits([h.double().abs().sum() for h in states], 8),
            "logits": digits(out.logits[0, -1], 8), "greedy": greedy}


def main():
    for seed, (name, config) in enumerate(MODELS.items()):
        torch.manual_seed(seed)
        rng = random.Random(seed)
        model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="eager").float().eval()
        randomise(model)
        model.tie_weights()
        folder = DATA / name
        folder.mkdir(exist_ok=True)
        model.save_pretrained(folder)
        (folder / "generation_config.json").unlink(missing_ok=True)
        lengths = [1, 2, 9, 33, 100, 200]
        cases = [case(model, [rng.randrange(3, 160) for _ in range(n)]) for n in lengths]
        write_goldens(folder / "decoder_goldens.json", {"made_with": {**made_with(), "script": "tools/decoder_goldens.py"},
                                                "model": name, "kind": "decoder"}, cases)
        if name == "tiny-llama":  # the same in 16 bits, for those who keep them
            half = DATA / "tiny-llama-bf16"
            model.to(torch.bfloat16).save_pretrained(half)
            (half / "generation_config.json").unlink(missing_ok=True)
        print(name, json.dumps(cases[2]["greedy"]))


if __name__ == "__main__":
    main()
