#!/usr/bin/env python3
"""Compares winnow's tokenizers with the `tokenizers` wheel: ids, type ids, special mask, offsets, truncation, decoding.

Texts are made from a seed: scifact and Chinese from $WINNOW_SHARED, and hostile ones of many kinds. Each goes to one
tokenizer, through tokenize_driver and through the wheel; everything must be equal. Exit 77 says why it was skipped.
"""
import argparse
import copy
import glob
import itertools
import json
import os
import pathlib
import random
import struct
import subprocess
import sys
import tempfile
import time

try:
    import tokenizers

    import oracle_bpe
    import oracle_gguf
except ImportError:
    print("skipped: this Python has no tokenizers package")
    sys.exit(77)

CUTS = [None, None, None, (3, "right"), (4, "left"), (9, "right"), (12, "left"), (25, "left"), (40, "right"),
        (128, "right")]
SPECIALS = ["[CLS]", "[SEP]", "[MASK]", "[UNK]", "[PAD]", "[SEP", "SEP]", "[[SEP]]", "[sep]", "[CLS][SEP]", " [MASK] ",
            "[MASK]s"]
SPECIALS += oracle_bpe.SPECIALS
SPECIALS += ["<mask>", "</s>", "<s>", "<unk>", "  <mask>", "<mask", "\u2581", " \u2581 ", "<0x41>"]
SCRIPTS = [(0x20, 0x7E), (0xA0, 0x24F), (0x250, 0x36F), (0x370, 0x52F), (0x590, 0x6FF), (0x900, 0xDFF), (0xE00, 0xFFF),
           (0x1000, 0x1FFF), (0x2000, 0x2BFF), (0x2C00, 0x2FFF), (0x3000, 0x33FF), (0x3400, 0x9FFF), (0xA000, 0xABFF),
           (0xAC00, 0xD7FF), (0xE000, 0xFAFF), (0xFB00, 0xFFFF), (0x10000, 0x10FFF), (0x11000, 0x11FFF),
           (0x16000, 0x1BFFF),
           (0x1D000, 0x1D7FF), (0x1E000, 0x1EFFF), (0x1F000, 0x1FAFF), (0x20000, 0x2FA1F), (0x30000, 0x323AF),
           (0xE0000, 0xE01EF), (0xF0000, 0x10FFFF)]
MARKS = [0x300, 0x301, 0x308, 0x315, 0x323, 0x327, 0x338, 0x340, 0x343, 0x344, 0x345, 0x35C, 0x5B0, 0x64B, 0x93C, 0x94D,
         0xF71, 0xF72, 0xF73, 0x1037, 0x1DFA, 0x302A, 0x302E, 0x302F, 0x3099, 0x1161, 0x11A8, 0x16FF0, 0x1D165,
         0x1D16D, 0x1D15E, 0x1E944, 0x1E94A, 0x10D24, 0x1ABF, 0x8D3, 0xC04, 0x11F42, 0x1E4EC, 0x10EFD]


def valid(c):
    return chr(c) if not 0xD800 <= c <= 0xDFFF else "x"


class Texts:
    def __init__(self, rng, shared):
        self.rng = rng
        docs = [json.loads(line) for line in open(shared / "data/eval/scifact/corpus.jsonl", encoding="utf-8")]
        self.english = [s for d in docs for s in [d["title"], *d["text"].split(". ")] if s]
        self.chinese = []
        for path in sorted(glob.glob(str(shared / "data/eval/rexuninlu/*.json"))):
            for line in open(path, encoding="utf-8"):
                self.chinese += [s for s in json.loads(line)["text"].split("。") if s]
        rng.shuffle(self.english)

    def code_points(self):
        everything = [c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]
        for i in range(0, len(everything), 48):
            part = [chr(c) for c in everything[i:i + 48]]
            yield " ".join(part) + " " + " ".join(f"a{c}B" for c in part) + "".join(part)
        for c in everything:
            if c < 0x3100 or self.rng.random() < 0.01:
                yield chr(c)
                yield f"e{chr(c)}\u0301x"

    def script(self):
        low, high = self.rng.choice(SCRIPTS)
        return "".join(valid(self.rng.randint(low, high)) for _ in range(self.rng.randint(1, 30)))

    def marks(self):
        base = lambda: self.rng.choice("aeIoqDż각é中\u09c7\u1100\u0f40ﬃ ")
        run = lambda: "".join(chr(self.rng.choice(MARKS)) for _ in range(self.rng.randint(0, 6)))
        return "".join(base() + run() for _ in range(self.rng.randint(1, 8)))

    def noise(self):
        return self.rng.randbytes(self.rng.randint(1, 60)).decode("utf-8", self.rng.choice(["replace", "ignore"]))

    def controls(self):
        pool = "\x00\x01\x08\t\n\x0b\x0c\r\x1f\x7f\x85\xa0\xad\u200b\u200d\u2028\ufeff\ufffd\U000e0001\uf8ffab "
        return "".join(self.rng.choice(pool) for _ in range(self.rng.randint(1, 40)))

    def emoji(self):
        pool = ["👩‍🔬", "🇩🇪", "👍🏽", "❤️", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "1️⃣", "🙂", "🫠", "☕", " ", "ok", "©"]
        return "".join(self.rng.choice(pool) for _ in range(self.rng.randint(1, 12)))

    def clusters(self):
        """What a precompiled character map meets: halves of kana and jamo, marks, joiners, what it replaces."""
        pool = ["ｽﾅｯﾌﾟﾘﾝｸﾞ", "ｶﾞ", "ﾊﾟ", "\u1112\u1161\u11ab", "\u1112\u1161", "각\u11a8", "가\u11a8", "\uffa1\uffc2",
                "A\u0302\u0301", "e\u0301", "\u00bd", "①", "㌀", "ﷺ", "ﬃ", "\u2126", "…", "\u3000", "\u00a0", "\u200b",
                "\u200d", "\u200c", "\ufe0f", "\u0e33", "\u0915\u094d\u0915", "\u0600a", "\r\n", "\r", "\t", "\x01",
                "\x7f", "\x85", "\u2028", "©\u200d©", "🇩", "👍🏽", "\u0300", "\u0344", "\u0958", "\u0929", "\u01c4",
                "\ufb1d", "\u1e9b\u0323", "豈", "㈱", "１２", "Ａ", "，", "。", "！", "x", "y ", " ", "  ", "中", "\u2581",
                "\u2582", "~", "～", "‥"]
        return "".join(self.rng.choice(pool) for _ in range(self.rng.randint(1, 20)))

    def spaces(self):
        pool = [" ", " ", "  ", "   ", "\t", "\n", "\u3000", "\u00a0", "\u2003", "\u2581", "a", "word", "中文", "é", "\u0301", "<mask>"]
        return "".join(self.rng.choice(pool) for _ in range(self.rng.randint(1, 16)))

    def long(self):
        size = self.rng.choice([22, 23, 24, 25, 47, 98, 99, 100, 101, 102, 200, 400])
        letters = self.rng.choice(["a", "ab", "abcdefgh", "unaffable", "é", "ａ", "д", "aé̂", "ß", "0123", "A\u00ad"])
        return "".join(self.rng.choice(letters) for _ in range(size)) + self.rng.choice(["", ".", " x", "中", "\u2014y"])

    def mixed(self):
        pick = self.rng.choice
        parts = [pick(self.english), pick(self.chinese), self.script(), self.marks(), self.emoji(), pick(SPECIALS),
                 pick(SPECIALS), "Ελλάς ΟΔΟΣ İSTANBUL ǅ ẞ", "e\u0301\u0323 cafe\u0301", " \u3000 "]
        self.rng.shuffle(parts)
        cut = lambda s: s[self.rng.randint(0, len(s) // 2):][:self.rng.randint(1, 60)]
        return self.rng.choice(["", " "]).join(cut(p) for p in parts[:self.rng.randint(1, 6)])

    def make(self, count):
        """About count texts, whatever the share of those that are made once."""
        texts = list(self.code_points())
        texts += ["", " ", "\n\t", "a" * 100_000, "é中" * 30_000, "a," * 20_000, "\u0301" * 20_000,
                  "\U0001D165\u0301" * 5_000, "[SEP]" * 3_000, "x" * 99 + " " + "x" * 100 + " " + "x" * 101]
        texts += self.english[:count * 3 // 10]
        texts += self.chinese[:count // 10]
        kinds = [lambda: oracle_bpe.words(self.rng), self.clusters, self.spaces, self.script, self.marks, self.noise,
                 self.controls, self.emoji, self.long, self.mixed, self.mixed]
        texts += [self.rng.choice(kinds)() for _ in range(count - len(texts))]
        self.rng.shuffle(texts)
        return texts


def normalizer(kind, **more):
    return {"type": kind, **more}


def added(content, id, **flags):
    return {"id": id, "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
            "special": False, **flags}


def variants(base):
    """name -> tokenizer.json: the same vocabulary with the components changed, the general way and rarer ones too."""
    bert = base["normalizer"]
    sequence = lambda *parts: normalizer("Sequence", normalizers=list(parts))

    def change(**parts):
        return {**copy.deepcopy(base), **parts}

    vocab = base["model"]["vocab"]
    n = len(vocab)
    extra = [added("<ent>", n, lstrip=True), added("<rel>", n + 1, rstrip=True, special=True),
             added("<e>", n + 2, single_word=True),
             added("Straße", n + 3, normalized=True), added("caf\u00e9 noir", n + 4, normalized=True, single_word=True),
             added("<e><e>", n + 5, lstrip=True, rstrip=True),
             added("protein", vocab["protein"], single_word=True, normalized=True)]
    return {
        "general": change(normalizer=sequence(bert)),
        "added": change(added_tokens=base["added_tokens"] + extra),
        "added_raw": change(added_tokens=base["added_tokens"] + [t for t in extra[:3]]),
        "cased": change(normalizer={**bert, "lowercase": False}),
        "accents": change(normalizer={**bert, "strip_accents": False}),
        "cased_no_accents": change(normalizer={**bert, "lowercase": False, "strip_accents": True}),
        "dirty": change(normalizer={**bert, "clean_text": False, "handle_chinese_chars": False}),
        "nfc": change(normalizer=sequence(normalizer("NFC"), normalizer("Lowercase")),
                      pre_tokenizer={"type": "Whitespace"}),
        "nfkc": change(normalizer=normalizer("NFKC"), pre_tokenizer={"type": "WhitespaceSplit"}, post_processor=None),
        "nfkd": change(normalizer=sequence(normalizer("NFKD"), normalizer("StripAccents"), normalizer("Lowercase")),
                       post_processor={"type": "BertProcessing", "sep": ["[SEP]", vocab["[SEP]"]],
                                       "cls": ["[CLS]", vocab["[CLS]"]]}),
        "nfd": change(normalizer=sequence(normalizer("NFD"), normalizer("Strip", strip_left=True, strip_right=True)),
                      pre_tokenizer={"type": "Sequence",
                                     "pretokenizers": [{"type": "WhitespaceSplit"}, {"type": "Punctuation"}]},
                      decoder=None),
        "bare": change(normalizer=None, pre_tokenizer=None, post_processor=None),
    }


def unigram_variants(base, chars):
    """name -> tokenizer.json: forms in which XLM-R's tokenizer is published, and components changed."""
    made = lambda **parts: {**copy.deepcopy(base), **parts}
    sequence = lambda *parts: normalizer("Sequence", normalizers=list(parts))
    metaspace = lambda **more: {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always", **more}
    old = {"type": "Metaspace", "replacement": "\u2581", "add_prefix_space": True}
    words = lambda *parts: {"type": "Sequence", "pretokenizers": list(parts)}
    runs = lambda content: normalizer("Replace", pattern={"Regex": " {2,}"}, content=content)
    strip = lambda left, right: normalizer("Strip", strip_left=left, strip_right=right)
    mask = [{**t, "normalized": t["content"] == "<mask>"} for t in base["added_tokens"]]
    n = len(base["model"]["vocab"])
    extra = [added("<e>", n, rstrip=True), added("Stra\u00dfe\u00dfe", n + 1, normalized=True),
             added("\uff46\uff49\uff4e", n + 2, normalized=True, single_word=True, lstrip=True)]
    expression = lambda regex, to: normalizer("Replace", pattern={"Regex": regex}, content=to)
    fallback = copy.deepcopy(base["model"])
    for byte in range(256):
        fallback["vocab"][5000 + 2 * byte] = [f"<0x{byte:02X}>", -20.0]
    some = {**copy.deepcopy(fallback), "byte_fallback": True}
    some["vocab"][5000 + 2 * 0xE4] = ["<none>", -20.0]
    ties = copy.deepcopy(base["model"])
    for piece in ties["vocab"]:
        piece[1] = float(round(piece[1] / 4))
    return {
        "bare_map": made(normalizer=chars, pre_tokenizer=words({"type": "WhitespaceSplit"}, old)),
        "map_replace": made(normalizer=sequence(chars, runs(" ")),
                            pre_tokenizer=words({"type": "WhitespaceSplit"}, metaspace())),
        "m3": made(normalizer=sequence(chars, runs(" ")), pre_tokenizer=metaspace()),
        "mask_normalized": made(added_tokens=mask),
        "added_unigram": made(added_tokens=base["added_tokens"] + extra),
        "first": made(pre_tokenizer=metaspace(prepend_scheme="first"), decoder=metaspace(prepend_scheme="first"),
                      normalizer=sequence(strip(True, True), chars)),
        "first_words": made(pre_tokenizer=words({"type": "WhitespaceSplit"}, metaspace(prepend_scheme="first")),
                            normalizer=chars),
        "never": made(pre_tokenizer=metaspace(prepend_scheme="never"), decoder=metaspace(prepend_scheme="never")),
        "whole": made(pre_tokenizer=metaspace(split=False)),
        "t5": made(normalizer=sequence(chars, normalizer("Prepend", prepend="\u2581"),
                                       normalizer("Replace", pattern={"String": " "}, content="\u2581")),
                   pre_tokenizer=None,
                   post_processor={"type": "RobertaProcessing", "sep": ["</s>", 2], "cls": ["<s>", 0],
                                   "trim_offsets": False, "add_prefix_space": True},
                   decoder={"type": "Sequence", "decoders": [
                       {"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "}, {"type": "Fuse"},
                       {"type": "Strip", "content": " ", "start": 1, "stop": 0}]}),
        "replace_more": made(normalizer=sequence(normalizer("Replace", pattern={"String": "the"}, content="T"),
                                                 normalizer("Replace", pattern={"Regex": "a+"}, content="<A>"), chars,
                                                 normalizer("Replace", pattern={"String": "e"}, content=""),
                                                 normalizer("Lowercase")),
                             pre_tokenizer=words({"type": "Whitespace"}, metaspace())),
        "replace_regex": made(normalizer=sequence(chars, expression(r"(?i)th(?=e)|\d+", "<T\\1>"), expression(r"\s+", " "),
                                                  expression(r"(?<=a)[b-e]{1,2}", "")),
                              decoder={"type": "Sequence", "decoders": [
                                  expression(r"\p{P}(?=.)", "\\0!"), {"type": "Fuse"}, expression("\u2581+", " ")]}),
        "replace_empty": made(normalizer=sequence(expression("x*|$", "-"), expression("^|(?=th)", "\u2581"),
                                                  normalizer("Replace", pattern={"String": ""}, content="")),
                              decoder=expression(r"\b", "|")),
        "fallback": made(model={**fallback, "byte_fallback": True}),
        "fallback_gap": made(model=some),
        "ties": made(model=ties),
    }


def from_vocab(path, template):
    """What winnow builds from a vocab.txt, as a tokenizer.json for the wheel."""
    vocab = {}
    for i, line in enumerate(open(path, encoding="utf-8")):
        vocab[line.rstrip("\n")] = i
    made = copy.deepcopy(template)
    made["model"]["vocab"] = vocab
    for token in made["added_tokens"]:
        token["id"] = vocab[token["content"]]
    for name, token in made["post_processor"]["special_tokens"].items():
        token["ids"] = [vocab[name]]
    return made


def find_tokenizers(shared, models, folder):
    """[name, what the driver loads, what makes the wheel's tokenizer, share of the texts]."""
    found = []
    read = lambda path: json.loads(path.read_text(encoding="utf-8"))
    wheel = lambda made: lambda: tokenizers.Tokenizer.from_str(json.dumps(made))
    for name in ("ms-marco-minilm-l12", "bge-small-en", "all-minilm-l6"):
        if (models / name / "tokenizer.json").exists():
            found.append((name, models / name, wheel(read(models / name / "tokenizer.json")), 4))
    zh = shared / "data/tokenizers/bge-small-zh"
    found.append(("bge-small-zh", zh, wheel(read(zh / "tokenizer.json")), 4))
    rex = shared / "data/tokenizers/rexuninlu"
    lower = read(zh / "tokenizer.json")
    lower["normalizer"]["lowercase"] = True
    found.append(("rexuninlu", rex, wheel(from_vocab(rex / "vocab.txt", lower)), 4))
    base = read(found[0][1] / "tokenizer.json") if found[0][0] == "ms-marco-minilm-l12" else None
    for name, made in variants(base).items() if base else []:
        path = folder / f"{name}.json"
        path.write_text(json.dumps({**made, "padding": None, "truncation": None}))
        found.append((name, path, wheel(made), 1))
    path = shared / "data/tokenizers/xlm-roberta/tokenizer.json"
    xlm = read(path)
    found.append(("xlm-roberta", path, wheel(xlm), 16))
    chars = next(part for part in xlm["normalizer"]["normalizers"] if part["type"] == "Precompiled")
    # A model's scores are floats; the tokenizer.json beside it has them in six digits.
    single = lambda score: struct.unpack("f", struct.pack("f", score))[0]
    floats = copy.deepcopy(xlm)
    floats["model"]["vocab"] = [[piece, single(score)] for piece, score in xlm["model"]["vocab"]]
    model = folder / "sentencepiece"
    model.mkdir()
    for file in ("sentencepiece.bpe.model", "config.json"):
        (model / file).symlink_to(path.parent / file)
    found.append(("sentencepiece", model, wheel(floats), 4))
    for name, made in {"floats": floats, **unigram_variants(xlm, chars)}.items():
        path = folder / f"{name}.json"
        path.write_text(json.dumps(made))
        found.append((name, path, wheel(made), 2))
    berts = {name: read(models / name / "tokenizer.json") for name in ("bge-small-en", "all-minilm-l6")
             if (models / name / "tokenizer.json").exists()}
    found += oracle_gguf.find({**berts, "bge-small-zh": read(zh / "tokenizer.json")}, floats, folder)
    found += oracle_bpe.find(shared, models, folder)
    return found


def make_cases(rng, texts, found):
    """{(tokenizer, cut): [(text, pair)]}; grouped because the wheel's truncation is a setting."""
    cases = {}
    shares = [i for i, (*_, share) in enumerate(found) for _ in range(share)]
    for text in texts:
        pair = rng.choice(texts) if rng.random() < 0.4 else None
        # The wheel keeps all it cuts off, and multiplies it for a pair: hours for a long one.
        short = len(text) + len(pair or "") < 400
        key = (rng.choice(shares), rng.choice(CUTS) if short else None)
        if found[key[0]][0] in oracle_bpe.BY_ONIGURUMA:
            text, pair = oracle_bpe.assigned(text), pair and oracle_bpe.assigned(pair)
        cases.setdefault(key, []).append((text, pair))
    return dict(sorted(cases.items(), key=str))


def write_lines(path, found, cases, decodes):
    with open(path, "w", encoding="utf-8") as out:
        for (which, cut), rows in cases.items():
            out.write(json.dumps({"load": str(found[which][1])}) + "\n")
            more = {"max_length": cut[0], "left": cut[1] == "left"} if cut else {}
            for text, pair in rows:
                out.write(json.dumps({"text": text, "pair": pair, **more}, ensure_ascii=False) + "\n")
        for which, rows in decodes.items():
            out.write(json.dumps({"load": str(found[which][1])}) + "\n")
            for ids, skip in rows:
                out.write(json.dumps({"decode": ids, "skip": skip}) + "\n")


def wheel_encode(tokenizer, text, pair):
    e = tokenizer.encode(text) if pair is None else tokenizer.encode(text, pair)
    return {"ids": e.ids, "type_ids": e.type_ids, "special": e.special_tokens_mask,
            "offsets": list(itertools.chain.from_iterable(e.offsets))}


def compare(found, cases, decodes, answers):
    """Yields (what was asked, the wheel's answer, winnow's) where they differ."""
    for (which, cut), rows in cases.items():
        name, _, tokenizer, _ = found[which]
        loaded, want = next(answers), {"loaded": tokenizer.get_vocab_size()}
        if loaded != want:
            yield {"load": name}, want, loaded
        tokenizer.no_truncation()
        if cut:
            special = (tokenizer.num_special_tokens_to_add(False), tokenizer.num_special_tokens_to_add(True))
            tokenizer.enable_truncation(cut[0], strategy="longest_first", direction=cut[1])
        for text, pair in rows:
            got = next(answers)
            if cut and cut[0] <= special[pair is not None]:
                if "max_length" not in got.get("error", ""):
                    yield {"tokenizer": name, "cut": cut}, "an error: no room for a token", got
                continue
            want = wheel_encode(tokenizer, text, pair)
            if got != want:
                yield {"tokenizer": name, "cut": cut, "text": text, "pair": pair}, want, got
    for which, rows in decodes.items():
        name, _, tokenizer, _ = found[which]
        next(answers)
        for ids, skip in rows:
            got, want = next(answers), {"text": tokenizer.decode(ids, skip_special_tokens=skip)}
            if got != want:
                yield {"tokenizer": name, "decode": ids, "skip": skip}, want, got


def show(asked, want, got):
    print("differs:", ascii(asked)[:600])
    if not (isinstance(want, dict) and isinstance(got, dict)):
        print("  wheel ", want, "\n  winnow", ascii(got)[:300])
        return
    for key in sorted(want.keys() | got.keys()):
        if want.get(key) != got.get(key):
            print(f"  {key}: wheel {ascii(want.get(key))[:300]}\n  {key}: winnow {ascii(got.get(key))[:300]}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--driver", required=True, help="the tokenize_driver binary")
    parser.add_argument("--count", type=int, default=104_000, help="texts; second ones of a pair not counted")
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--only", help="names of tokenizers, by comma; default: all")
    parser.add_argument("--show", type=int, default=5, help="differences to print")
    args = parser.parse_args()
    if "WINNOW_SHARED" not in os.environ:
        print("skipped: WINNOW_SHARED is not set")
        return 77
    shared = pathlib.Path(os.environ["WINNOW_SHARED"])
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache"))
    models = pathlib.Path(os.environ.get("WINNOW_MODELS", cache / "winnow/models"))
    start = time.monotonic()
    rng = random.Random(args.seed)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        found = find_tokenizers(shared, models, folder)
        if args.only:
            found = [f for f in found if f[0] in args.only.split(",")]
        found = [(name, path, make(), share) for name, path, make, share in found]
        for _, _, tokenizer, _ in found:
            tokenizer.no_padding()
        if not found:
            print("skipped: none of the files of", args.only)
            return 77
        texts = Texts(rng, shared).make(args.count)
        cases = make_cases(rng, texts, found)
        decodes = {}
        for which, (*_, tokenizer, _) in enumerate(found):
            size = tokenizer.get_vocab_size()
            lists = [[rng.randrange(size + 3) for _ in range(rng.randint(0, 30))] for _ in range(400)]
            lists += [tokenizer.encode(t).ids for t in rng.choices(texts, k=400) if len(t) < 500]
            decodes[which] = [(ids, rng.random() < 0.5) for ids in lists]
        write_lines(folder / "in.jsonl", found, cases, decodes)
        with open(folder / "in.jsonl") as lines:
            driver = subprocess.Popen([args.driver], stdin=lines, stdout=subprocess.PIPE)
        differences = 0
        for difference in compare(found, cases, decodes, map(json.loads, driver.stdout)):
            differences += 1
            if differences <= args.show:
                show(*difference)
        if driver.wait() != 0:
            print("the driver ended with", driver.returncode)
            return 1
    names = ", ".join(name for name, *_ in found)
    print(f"{len(texts)} texts, {sum(p is not None for r in cases.values() for _, p in r)} of them in pairs, "
          f"{sum(map(len, decodes.values()))} decodings, seed {args.seed}, tokenizers {tokenizers.__version__}: "
          f"{differences} differences; {time.monotonic() - start:.0f} s; {names}")
    return differences > 0


if __name__ == "__main__":
    sys.exit(main())
