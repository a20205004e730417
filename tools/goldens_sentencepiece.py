#!/usr/bin/env python3
"""Trains the tiny SentencePiece models of tests/data/tiny-sentencepiece-bpe and writes down what others make of them.

Two BPE models with byte fallback, symbols to keep whole and a control piece: `llama/` normalizes nothing, as Llama 2's and
Mistral's do; `mapped/` with a character map, spaces made single. cases.json has, for each text, SentencePiece's ids and
decoded text, and for llama/ the ids of transformers' LlamaTokenizer, also with legacy. llama/converted.json is what
transformers converts that model to, for the oracle that knows the `tokenizers` wheel alone.

Wants the packages sentencepiece and transformers.
"""
import json
import pathlib
import random
import tempfile

import sentencepiece
import tokenizers
import transformers

ROOT = pathlib.Path(__file__).resolve().parent.parent
DATA = ROOT / "tests/data/tiny-sentencepiece-bpe"
CONFIG = {"tokenizer_class": "LlamaTokenizer", "add_bos_token": True, "add_eos_token": False, "bos_token": "<s>",
          "eos_token": "</s>", "unk_token": "<unk>", "legacy": False}
# Code points and what they become: full-width letters, a ligature, spaces.
RULES = "".join(f"{a}\t{b}\n" for a, b in [("FB01", "66 69"), ("FF21", "41"), ("FF22", "42"), ("3000", "20"), ("9", "20"),
                                            ("A", "20"), ("A0", "20")])
PIECES = ["the", " the", "  ", " ", "\n", "\t", "\u00e9", "e\u0301", "\u4e2d\u6587", "\u3000", "\U0001f600", "<sep>", "[INST]",
          "aaaa", "aaaaaaa", "1234", "x=1;", "\u2581", "\uff21\uff22", "Winnow", "...", "\u0440\u0443\u0441", "\ufb01", "a"]


def lines():
    text = "\n".join((ROOT / name).read_text() for name in ("docs/tour.md", "docs/models.md", "README.md"))
    return [line for line in text.split("\n") if line] + ["aaaa aaaaaa aa", "    return x;", "\u4e2d\u6587\u5b57"]


def train(name, **options):
    folder = DATA / name
    folder.mkdir(parents=True, exist_ok=True)
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines()), model_prefix=str(folder / "tokenizer"), vocab_size=700, model_type="bpe",
        byte_fallback=True, user_defined_symbols=["<sep>", "[INST]"], control_symbols=["<ctl>"], num_threads=1,
        character_coverage=0.999, minloglevel=2, **options)
    (folder / "tokenizer.vocab").unlink()
    return sentencepiece.SentencePieceProcessor(model_file=str(folder / "tokenizer.model"))


def texts(rng):
    out = ["", " ", "   ", "<sep>", "<sep>a", "a<sep>", " a", "a ", "a  b", "aaa <sep> b", "Hello world", "<0x41>"]
    out += [line[:80] for line in lines()[::12]]
    for _ in range(150):
        out.append("".join(rng.choice(PIECES) for _ in range(rng.randint(1, 10))))
    return out


def main():
    llama = train("llama", normalization_rule_name="identity", remove_extra_whitespaces=False, split_digits=True,
                  allow_whitespace_only_pieces=True)
    with tempfile.NamedTemporaryFile("w", suffix=".tsv") as rules:
        rules.write(RULES)
        rules.flush()
        mapped = train("mapped", normalization_rule_tsv=rules.name)
    (DATA / "llama/tokenizer_config.json").write_text(json.dumps(CONFIG) + "\n")
    made = {legacy: transformers.LlamaTokenizer.from_pretrained(str(DATA / "llama"), legacy=legacy)
            for legacy in (False, True)}
    made[False]._tokenizer.save(str(DATA / "llama/converted.json"), pretty=False)
    cases = []
    for text in texts(random.Random(5)):
        ids = {"llama": llama.encode(text), "mapped": mapped.encode(text)}
        cases.append({"text": text, "llama": ids["llama"], "llama_text": llama.decode(ids["llama"]), "mapped": ids["mapped"],
                      "mapped_text": mapped.decode(ids["mapped"]), "transformers": made[False](text).input_ids,
                      "transformers_legacy": made[True](text).input_ids})
    head = {"made_with": {"sentencepiece": sentencepiece.__version__, "transformers": transformers.__version__,
                          "tokenizers": tokenizers.__version__}}
    rows = ",\n  ".join(json.dumps(case, ensure_ascii=True) for case in cases)
    (DATA / "cases.json").write_text(f'{{"made_with": {json.dumps(head["made_with"])},\n "cases": [\n  {rows}\n ]}}\n')


if __name__ == "__main__":
    main()
