"""What llama.cpp's converter makes of published tokenizers, for oracle.py: WordPiece (bert) and Unigram (t5)."""
import base64
import copy
import json

import tokenizers

NORMAL, UNKNOWN, CONTROL, UNUSED = 1, 2, 3, 5


def bert_keys(made, old):
    """Keys of a bert GGUF. old: files that tell tokens in brackets, newer ones those marked control."""
    vocab = sorted(made["model"]["vocab"], key=made["model"]["vocab"].get)
    control = {t["content"] for t in made["added_tokens"] if t["special"]}
    bare = lambda t: (t.startswith("[") and t.endswith("]")) if old else t in control
    mark = lambda t: t if bare(t) else t[2:] if t.startswith("##") else "\u2581" + t
    keys = {"model": "bert", "tokens": [mark(t) for t in vocab], "token_type": [CONTROL if t in control else NORMAL for t in vocab],
            "unknown_token_id": vocab.index("[UNK]"), "seperator_token_id": vocab.index("[SEP]"),
            "cls_token_id" if old else "bos_token_id": vocab.index("[CLS]")}
    if not made["normalizer"]["lowercase"]:
        keys |= {"normalizer.lowercase": False, "normalizer.strip_accents": bool(made["normalizer"]["strip_accents"])}
    return keys


def t5_keys(made, fillers, **more):
    """Keys of a t5 GGUF, with tokens behind the vocabulary as many as a checkpoint's table has rows more."""
    vocab = made["model"]["vocab"]
    special = {t["id"] for t in made["added_tokens"] if t["special"]}
    kind = lambda i: UNKNOWN if i == made["model"]["unk_id"] else CONTROL if i in special else NORMAL
    chars = next(part for part in made["normalizer"]["normalizers"] if part["type"] == "Precompiled")
    return {"model": "t5", "pre": "default", "tokens": [p for p, _ in vocab] + [f"[PAD{i}]" for i in range(fillers)],
            "scores": [s for _, s in vocab] + [-10000.0] * fillers,
            "token_type": [kind(i) for i in range(len(vocab))] + [UNUSED] * fillers, "unknown_token_id": made["model"]["unk_id"],
            "precompiled_charsmap": [b - 256 if b > 127 else b for b in base64.b64decode(chars["precompiled_charsmap"])],
            "add_space_prefix": True, "remove_extra_whitespaces": False, **more}


def find(berts, xlm, folder):
    """berts: {name: tokenizer.json}; xlm: XLM-R's, its scores as floats. Rows as oracle.py's."""
    found = []
    wheel = lambda made: lambda: tokenizers.Tokenizer.from_str(json.dumps({**made, "padding": None, "truncation": None}))

    def add(name, keys, made, share):
        path = folder / f"{name}.gguf.json"
        path.write_text(json.dumps(keys))
        found.append((name, path, wheel(made), share))

    for name, made in berts.items():
        for old in (False, True):
            add(f"{name}-gguf" + ("-old" if old else ""), bert_keys(made, old), made, 2)
    # A GGUF does not say that <mask> takes the space before it.
    made = copy.deepcopy(xlm)
    for token in made["added_tokens"]:
        token["lstrip"] = False
    add("xlm-roberta-gguf", t5_keys(made, 0, bos_token_id=0, eos_token_id=2, seperator_token_id=2, add_bos_token=True,
                                    add_eos_token=True, add_sep_token=True), made, 4)
    piece = lambda name, kind: {kind: {"id": name, "type_id": 0}}
    end, a, b = piece("</s>", "SpecialToken"), piece("A", "Sequence"), piece("B", "Sequence")
    t5 = {**made, "post_processor": {"type": "TemplateProcessing", "single": [a, end], "pair": [a, end, b, end],
                                     "special_tokens": {"</s>": {"id": "</s>", "ids": [2], "tokens": ["</s>"]}}}}
    padded = copy.deepcopy(t5)
    padded["model"]["vocab"] += [[f"<filler {i}>", 0.0] for i in range(7)]  # ids that no text has
    add("t5-gguf", t5_keys(made, 7, eos_token_id=2), padded, 4)
    return found
