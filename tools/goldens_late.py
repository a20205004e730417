#!/usr/bin/env python3
"""Makes the tiny ColBERT checkpoints with their goldens, beside those of tools/goldens.py.

  goldens_late.py       tests/data/tiny-colbert, tests/data/tiny-pylate

The trunk is transformers' in fp32 on the CPU, one text at a time; markers, expansion, projection, norm, skipped signs and
MaxSim are written out here from Khattab & Zaharia 2020 and from what PyLate documents, with no code of either.
"""
import string

import goldens
import safetensors.torch
import torch
import transformers
from goldens import (MAX_POSITIONS, digits, fresh, head_of, save_model, tiny_tokenizer, tokenizer_of, write_goldens,
                     write_json)
from goldens_encoders import MODERNBERT, SMALL, randomise
from goldens_texts import LONG
from tokenizers import Tokenizer

QUERIES = ["What is a panda?", "花", "how many people live in berlin , and why is the sea so full of water and sun ?"]
DOCUMENTS = ["The giant panda is a bear that lives in the mountains of China and eats bamboo.",
             "Hello, world!", "0123456789 3.14159 -2e10 $1,000.00 50% #tag @name a_b c-d e/f", "?!", LONG]


class Late:
    def __init__(self, folder, model, linear, settings):
        self.model, self.linear, self.settings = model, linear, settings
        self.tokenizer = tokenizer_of(folder, MAX_POSITIONS)
        self.skipped = {self.tokenizer.token_to_id(w) for w in settings["skipped"]} - {None}

    def case(self, side, text):
        s = self.settings
        length = s[side + "_length"]
        self.tokenizer.enable_truncation(length - 1)
        ids = self.tokenizer.encode(text).ids
        ids = ids[:1] + [self.tokenizer.token_to_id(s[side + "_prefix"])] + ids[1:]
        seen = len(ids)
        if side == "query" and s["expand"]:
            ids = ids + [self.tokenizer.token_to_id("[MASK]")] * (length - len(ids))
            if s["attend"]:
                seen = len(ids)
        mask = torch.tensor([[1] * seen + [0] * (len(ids) - seen)])
        with torch.inference_mode():
            hidden = self.model(input_ids=torch.tensor([ids]), attention_mask=mask).last_hidden_state[0]
            vectors = torch.nn.functional.normalize(self.linear(hidden), dim=-1)
        kept = [i for i, t in enumerate(ids) if side == "query" or t not in self.skipped]
        case = {"side": side, "text": text, "ids": ids, "seen": seen, "count": len(kept)}
        if len(kept) <= 24:
            case["vectors"] = [digits(v, 6) for v in vectors[kept]]
        return case, vectors[kept]


def write(name, folder, late):
    made = [late.case("query", q) for q in QUERIES] + [late.case("document", d) for d in DOCUMENTS]
    queries, documents = made[:len(QUERIES)], made[len(QUERIES):]
    scores = [digits([(q @ d.T).max(1).values.mean() for _, d in documents], 7) for _, q in queries]
    head = head_of(name, "late", MAX_POSITIONS) | {"script": "tools/goldens_late.py"}
    write_goldens(folder / "late_goldens.json",
                  head | {"queries": QUERIES, "documents": DOCUMENTS, "scores": scores}, [case for case, _ in made])


def vocabulary(*more):
    """tiny_tokenizer's, with tokens at the end."""
    plain = goldens.tiny_vocab
    goldens.tiny_vocab = lambda: plain() + list(more)
    return plain


def stanford():
    """As colbertv2.0 and answerai-colbert-small are published: HF_ColBERT, artifact.metadata, unseen [MASK]s."""
    name = "tiny-colbert"
    folder = fresh(name)
    plain = vocabulary("[unused1]")
    size = tiny_tokenizer(folder)
    goldens.tiny_vocab = plain
    config = transformers.BertConfig(**SMALL, vocab_size=size, max_position_embeddings=MAX_POSITIONS)
    model = transformers.BertModel._from_config(config, attn_implementation="eager", add_pooling_layer=False).eval()
    randomise(model, 31)
    linear = torch.nn.Linear(48, 20, bias=False)
    linear.weight.data = torch.randn(20, 48, generator=torch.Generator().manual_seed(32)) * 0.2
    state = {"bert." + k: v.contiguous() for k, v in model.state_dict().items()} | {"linear.weight": linear.weight.data}
    safetensors.torch.save_file(state, str(folder / "model.safetensors"), metadata={"format": "pt"})
    write_json(folder / "config.json", config.to_dict() | {"architectures": ["HF_ColBERT"]})
    write_json(folder / "artifact.metadata", {
        "query_token_id": "[unused0]", "doc_token_id": "[unused1]", "query_token": "[Q]", "doc_token": "[D]", "dim": 20,
        "similarity": "cosine", "query_maxlen": 16, "doc_maxlen": 60, "mask_punctuation": True,
        "attend_to_mask_tokens": False})
    write(name, folder, Late(folder, model, linear, {
        "query_prefix": "[unused0]", "document_prefix": "[unused1]", "query_length": 16, "document_length": 60,
        "expand": True, "attend": False, "skipped": list(string.punctuation)}))


def pylate():
    """As GTE-ModernColBERT is: ModernBERT, modules.json with a Dense on each token, markers that are added tokens."""
    name = "tiny-pylate"
    folder = fresh(name)
    tiny_tokenizer(folder)
    t = Tokenizer.from_file(str(folder / "tokenizer.json"))
    t.add_tokens(["[Q] ", "[D] "])
    t.save(str(folder / "tokenizer.json"), pretty=False)
    config = transformers.ModernBertConfig(**dict(MODERNBERT, num_hidden_layers=3), vocab_size=t.get_vocab_size())
    model = transformers.ModernBertModel._from_config(config, attn_implementation="eager").eval()
    randomise(model, 33)
    save_model(model, folder)
    linear = torch.nn.Linear(48, 20, bias=False)
    linear.weight.data = torch.randn(20, 48, generator=torch.Generator().manual_seed(34)) * 0.2
    write_json(folder / "modules.json", [
        {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
        {"idx": 1, "name": "1", "path": "1_Dense", "type": "pylate.models.Dense.Dense"}])
    (folder / "1_Dense").mkdir()
    write_json(folder / "1_Dense" / "config.json", {
        "in_features": 48, "out_features": 20, "bias": False, "use_residual": False,
        "activation_function": "torch.nn.modules.linear.Identity"})
    safetensors.torch.save_file({"linear.weight": linear.weight.data}, str(folder / "1_Dense" / "model.safetensors"))
    skipped = [",", ".", "?", "#"]
    write_json(folder / "config_sentence_transformers.json", {
        "prompts": {}, "default_prompt_name": None, "similarity_fn_name": "MaxSim", "query_prefix": "[Q] ",
        "document_prefix": "[D] ", "query_length": 24, "document_length": 40, "attend_to_expansion_tokens": True,
        "skiplist_words": skipped, "do_query_expansion": True})
    write(name, folder, Late(folder, model, linear, {
        "query_prefix": "[Q] ", "document_prefix": "[D] ", "query_length": 24, "document_length": 40, "expand": True,
        "attend": True, "skipped": skipped}))


if __name__ == "__main__":
    torch.set_num_threads(1)
    stanford()
    pylate()
