"""BPE tokenizers for oracle.py: Qwen2.5's and its other files, SmolLM2's out of its GGUF, stories260K's, and variants."""
import copy
import json
import pathlib
import struct
import unicodedata

import tokenizers

SPECIALS = ["<|im_start|>", "<|im_end|>", "<|endoftext|>", "<|im_start|>user\n", "<tool_call>", "<|im_", "<file_sep>"]
WORDS = ["'s", "'S", "'\u017f", "'re", "'LL", "'ve", "'", "n't", "I'm", " 'd", "\r\n", "\n", "\n\n ", "\r", " ", "  ", "\t",
         "\u3000", "\u00a0", "\u0085", "\u2028", "1234", "\uff11\uff12", "\u2167", "\u00bd", "\u0663", "\u4e00\u4e8c", "7",
         "a1b2", "!?", "...", "--", "(x", "\u00e9t\u00e9", "e\u0301", "\u0301", "\u0915\u094d\u0937", "\uac00",
         "\u1100\u1161\u11a8", "\u4e2d\u6587", "\u65e5\u672c\u8a9e", "\u0440\u0443\u0441", "\U0001f600", "\u2581",
         "<0x0A>", "Hello", " world", "x=y+1;", "_", "\x00", "\x7f"]


def words(rng):
    return "".join(rng.choice(WORDS) for _ in range(rng.randint(1, 24)))


# Their regular expressions go to the distribution's Oniguruma, which knows the characters of Unicode 14 or 15; the wheel
# carries a newer one. This Python is about as old.
BY_ONIGURUMA = {"bpe_o200k", "bpe_removed", "bpe_inverted", "bpe_contiguous", "bpe_empty_matches", "replace_regex",
                "replace_empty"}


def assigned(text):
    return "".join("x" if unicodedata.category(c) == "Cn" else c for c in text)


def gguf_metadata(path):
    """The metadata of a GGUF file: {key: value}."""
    out = {}
    with open(path, "rb") as file:
        assert file.read(4) == b"GGUF"
        _, _, count = struct.unpack("<IQQ", file.read(20))
        formats = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}

        def number(form):
            return struct.unpack("<" + form, file.read(struct.calcsize("<" + form)))[0]

        def value(kind):
            if kind == 8:
                return file.read(number("Q")).decode("utf-8")
            if kind == 9:
                inner, size = number("I"), number("Q")
                return [value(inner) for _ in range(size)]
            return number(formats[kind])

        for _ in range(count):
            key = value(8)
            out[key] = value(number("I"))
    return out


def gguf_keys(metadata):
    prefix = "tokenizer.ggml."
    return {key[len(prefix):]: v for key, v in metadata.items() if key.startswith(prefix)}


def added(content, id, **flags):
    return {"id": id, "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
            "special": False, **flags}


def byte_level(**options):
    return {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": True, **options}


def sequence(*parts):
    return {"type": "Sequence", "pretokenizers": list(parts)}


def split(pattern, behavior="Isolated", invert=False):
    return {"type": "Split", "pattern": pattern, "behavior": behavior, "invert": invert}


def smollm2(keys):
    """The tokenizer.json of a GGUF's keys, for pre = smollm."""
    vocab = {token: i for i, token in enumerate(keys["tokens"])}
    special = [added(keys["tokens"][i], i, special=True) for i, kind in enumerate(keys["token_type"]) if kind == 3]
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": special, "normalizer": None,
            "pre_tokenizer": sequence({"type": "Digits", "individual_digits": True}, byte_level()),
            "post_processor": None, "decoder": byte_level(),
            "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
                      "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False,
                      "vocab": vocab, "merges": keys["merges"]}}


def small(qwen, merges):
    """Qwen's with its first merges only: quick to load, and all the rest as it is."""
    made = copy.deepcopy(qwen)
    kept = made["model"]["merges"][:merges]
    tokens = {"".join(merge.split(" ")) for merge in kept}
    vocab = {t: i for t, i in qwen["model"]["vocab"].items() if len(t) == 1 or t in tokens}
    made["model"]["vocab"] = {t: i for i, t in enumerate(sorted(vocab, key=vocab.get))}
    made["model"]["merges"] = kept
    made["added_tokens"] = [{**t, "id": len(vocab) + i} for i, t in enumerate(made["added_tokens"])]
    return made


def template(single, pair, **ids):
    pieces = lambda names: [{"Sequence": {"id": n, "type_id": int(n == "B")}} if n in "AB" else
                            {"SpecialToken": {"id": n, "type_id": 0}} for n in names]
    return {"type": "TemplateProcessing", "single": pieces(single), "pair": pieces(pair),
            "special_tokens": {n: {"id": n, "ids": [i], "tokens": [n]} for n, i in ids.items()}}


def variants(qwen):
    """name -> tokenizer.json: published forms of byte-level BPE, and each component's other ways."""
    base = small(qwen, 6000)
    model = base["model"]
    change = lambda **parts: {**copy.deepcopy(base), **parts}
    with_model = lambda **parts: {**copy.deepcopy(model), **parts}
    end = next(t["id"] for t in base["added_tokens"] if t["content"] == "<|endoftext|>")
    n = max(t["id"] for t in base["added_tokens"]) + 1
    qwen_regex = base["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"]
    llama_regex = qwen_regex.replace(r"|\p{N}|", r"|\p{N}{1,3}|")
    # GPT-4o's, which is not one of those matched by hand.
    o200k = ("[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
             "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
             "\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+")
    only_bytes = byte_level(use_regex=False)
    no_vowels = {t: i for t, i in model["vocab"].items() if not set(t) & set("eo\u00c3\u00e4")}
    ids = {t: i for i, t in enumerate(no_vowels)}
    whole = lambda merge: merge.replace(" ", "")
    fewer = {"vocab": ids, "merges": [m for m in model["merges"] if {whole(m), *m.split(" ")} <= ids.keys()]}
    no_added = [added(t["content"], len(ids) + i) for i, t in enumerate(base["added_tokens"])]
    worded = {c: i for i, c in enumerate(["<unk>", *"abcdefgh .,!", *("##" + c for c in "abcdefgh"), "a</w>", "##b</w>", "##h</w>",
                                          "ab", "##cd", "ab##b</w>", "abb</w>"])}
    ends = {"type": "BPE", "dropout": None, "unk_token": "<unk>", "continuing_subword_prefix": "##",
            "end_of_word_suffix": "</w>", "fuse_unk": False, "byte_fallback": False, "vocab": worded,
            "merges": [["a", "##b"], ["##c", "##d"], ["ab", "##b</w>"]]}
    return {
        "bpe_pairs": change(model=with_model(merges=[m.split(" ") for m in model["merges"]])),
        "bpe_llama3": change(model=with_model(ignore_merges=True), normalizer=None,
                             pre_tokenizer=sequence(split({"Regex": llama_regex}), only_bytes),
                             post_processor={"type": "Sequence", "processors": [byte_level(trim_offsets=True), template(
                                 ["<|endoftext|>", "A"], ["<|endoftext|>", "A", "<|endoftext|>", "B"], **{"<|endoftext|>": end})]}),
        # Without most merges, words are tokens that merges do not make.
        "bpe_ignore": change(model=with_model(ignore_merges=True, merges=model["merges"][:900])),
        "qwen3_embedding": change(post_processor={"type": "Sequence", "processors": [byte_level(), template(
            ["A", "<|endoftext|>"], ["A", "<|endoftext|>", "B", "<|endoftext|>"], **{"<|endoftext|>": end})]}),
        "bpe_gpt2": change(normalizer=None, pre_tokenizer=byte_level(), post_processor=byte_level(trim_offsets=True)),
        "bpe_prefix": change(normalizer=None, pre_tokenizer=byte_level(add_prefix_space=True),
                             post_processor=byte_level(trim_offsets=True, add_prefix_space=True)),
        "bpe_roberta": change(normalizer=None, pre_tokenizer=byte_level(add_prefix_space=True), post_processor={
            "type": "RobertaProcessing", "sep": ["<|endoftext|>", end], "cls": ["<|endoftext|>", end],
            "trim_offsets": True, "add_prefix_space": True}),
        "bpe_o200k": change(pre_tokenizer=sequence(split({"Regex": o200k}), only_bytes)),
        "bpe_removed": change(pre_tokenizer=sequence(split({"Regex": r"\s+"}, "Removed"), only_bytes)),
        "bpe_inverted": change(pre_tokenizer=sequence(split({"Regex": r"\w+"}, "Removed", True), only_bytes)),
        "bpe_previous": change(pre_tokenizer=sequence(split({"String": " "}, "MergedWithPrevious"), only_bytes)),
        "bpe_next": change(pre_tokenizer=sequence(split({"String": "a"}, "MergedWithNext"), only_bytes)),
        "bpe_contiguous": change(pre_tokenizer=sequence(split({"Regex": "[aeiou ]"}, "Contiguous"), only_bytes)),
        "bpe_empty_matches": change(pre_tokenizer=sequence(split({"Regex": "x*"}), only_bytes)),
        "bpe_digits": change(normalizer={"type": "NFKC"}, pre_tokenizer=sequence(
            {"type": "Digits", "individual_digits": False}, byte_level())),
        "bpe_missing": change(model=with_model(**fewer), added_tokens=no_added),
        "bpe_missing_unknown": change(model=with_model(**fewer, unk_token="a"), added_tokens=no_added),
        "bpe_missing_fused": change(model=with_model(**fewer, unk_token="a", fuse_unk=True), added_tokens=no_added),
        "bpe_ends": change(model=ends, normalizer=None, pre_tokenizer={"type": "WhitespaceSplit"}, decoder=None,
                           added_tokens=[added("<unk>", 0, special=True)]),
        "bpe_added": change(added_tokens=base["added_tokens"] + [
            added("<e>", n, lstrip=True, rstrip=True), added("caf\u00e9", n + 1, normalized=True),
            added("the", model["vocab"]["the"], single_word=True)],
            post_processor=byte_level(trim_offsets=True)),
    }


def roberta(base):
    """What transformers' RobertaTokenizer makes of the vocabulary with RoBERTa's special tokens, and that vocabulary."""
    ends = ["<s>", "<pad>", "</s>", "<unk>"]
    vocab = {t: i for i, t in enumerate([*ends, *base["model"]["vocab"], "<mask>"])}
    return {**base, "normalizer": None, "pre_tokenizer": byte_level(add_prefix_space=True),
            "model": {**base["model"], "vocab": vocab},
            "added_tokens": [added(t, vocab[t], special=True) for t in [*ends, "<mask>"]],
            "post_processor": {"type": "RobertaProcessing", "sep": ["</s>", 2], "cls": ["<s>", 0], "trim_offsets": True,
                               "add_prefix_space": True}}, vocab


def scores_of(made):
    """Keys of a llama GGUF whose scores give the merges of this tokenizer.json."""
    tokens = sorted(made["model"]["vocab"], key=made["model"]["vocab"].get)
    scores = {token: -1e6 for token in tokens}
    for rank, (left, right) in reversed(list(enumerate(made["model"]["merges"]))):
        scores[left + right] = -float(rank)
    kind = lambda i, t: 2 if i == 0 else 3 if i < 3 else 6 if len(t) == 6 and t.startswith("<0x") else 1
    return {"model": "llama", "tokens": tokens, "scores": [scores[t] for t in tokens],
            "token_type": [kind(i, t) for i, t in enumerate(tokens)], "bos_token_id": 1, "eos_token_id": 2, "unknown_token_id": 0}


def find(shared, models, folder):
    """[name, what the driver loads, what makes the wheel's tokenizer, share of the texts]."""
    found = []
    read = lambda path: json.loads(path.read_text(encoding="utf-8"))
    wheel = lambda made: lambda: tokenizers.Tokenizer.from_str(json.dumps(made))

    def write(name, value):
        path = folder / name
        path.write_text(json.dumps(value))
        return path

    qwen_folder = shared / "data/tokenizers/qwen2.5"
    qwen = read(qwen_folder / "tokenizer.json")
    found.append(("qwen2.5", qwen_folder / "tokenizer.json", wheel(qwen), 16))
    files = folder / "qwen-files"
    files.mkdir()
    for name in ("vocab.json", "merges.txt", "tokenizer_config.json"):
        (files / name).symlink_to(qwen_folder / name)
    found.append(("qwen2.5-files", files, wheel(qwen), 2))
    made, vocab = roberta(small(qwen, 6000))
    files = folder / "roberta-files"
    files.mkdir()
    (files / "vocab.json").write_text(json.dumps(vocab))
    (files / "merges.txt").write_text("#version: 0.2\n" + "\n".join(made["model"]["merges"]) + "\n")
    (files / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "RobertaTokenizer", "add_prefix_space": True}))
    found.append(("roberta-files", files, wheel(made), 2))
    for name, made in variants(qwen).items():
        found.append((name, write(f"{name}.json", made), wheel(made), 1))
    stories = shared / "data/models/stories260K/tokenizer.json"
    found.append(("stories260K", stories, wheel(read(stories)), 8))
    found.append(("stories260K-gguf", write("stories.gguf.json", scores_of(read(stories))), wheel(read(stories)), 2))
    # A SentencePiece model, and what transformers converts it to.
    llama = pathlib.Path(__file__).resolve().parent.parent / "data/tiny-sentencepiece-bpe/llama"
    made = folder / "llama-model"
    made.mkdir()
    for name in ("tokenizer.model", "tokenizer_config.json"):
        (made / name).symlink_to(llama / name)
    found.append(("sentencepiece-bpe", made, wheel(read(llama / "converted.json")), 4))
    gguf = next(iter(sorted((models / "smollm2-135m").glob("*.gguf"))), None)
    if gguf:
        keys = gguf_keys(gguf_metadata(gguf))
        found.append(("smollm2", write("smollm2.json", smollm2(keys)), wheel(smollm2(keys)), 8))
        found.append(("smollm2-gguf", write("smollm2.gguf.json", keys), wheel(smollm2(keys)), 2))
    else:
        print(f"left out: smollm2, as {models}/smollm2-135m has no GGUF file")
    return found
