#!/usr/bin/env python3
"""Makes the goldens of tests/data: tiny random checkpoints with what transformers computes on them, and the numbers
of the real models. Needs torch, transformers, sentence-transformers, tokenizers, safetensors, onnx, onnxruntime;
winnow's tests need none of them. The format of the files is tests/data/README.md.

  goldens.py tiny                                            tests/data/tiny-*/
  goldens.py real --models DIR --hf DIR --scifact DIR        tests/data/goldens/*.json

--models is a folder as `winnow pull` fills it; --hf holds `ms-marco-minilm-l12` and `bge-small-en` as Hugging Face
folders with their weights dequantised to fp32; --scifact has corpus.jsonl, queries.jsonl, rerank_reference.jsonl.gz.
Everything is computed in fp32 on the CPU, one text at a time, without padding.
"""
import argparse
import gzip
import json
import pathlib
import platform
import shutil
import tempfile

import numpy
import safetensors.torch
import tokenizers
import torch
import transformers
from goldens_texts import PAIRS, TEXTS, WORDS
from tokenizers import Tokenizer

DATA = pathlib.Path(__file__).parents[1] / "tests" / "data"
MAX_POSITIONS = 128


def made_with():
    return {"torch": torch.__version__, "transformers": transformers.__version__,
            "tokenizers": tokenizers.__version__, "python": platform.python_version(),
            "script": "tools/goldens.py", "computed": "fp32, CPU, one sequence at a time, no padding"}


def write_json(path, value, indent=1):
    path.write_text(json.dumps(value, ensure_ascii=False, indent=indent) + "\n", encoding="utf-8")


def write_goldens(path, head, cases):
    """One case a line, so that a change of one case is a change of one line."""
    lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases)
    top = json.dumps(head, ensure_ascii=False, indent=1)[:-2]
    path.write_text(f'{top},\n "cases": [\n{lines}\n]}}\n', encoding="utf-8")


def digits(values, n):
    return [float(f"{float(v):.{n}g}") for v in values]


# ---- tokenizers -----------------------------------------------------------------------------------------------------


def tiny_vocab():
    """Special tokens away from BERT's usual ids, every ASCII sign and Chinese character of the texts, some words."""
    vocab = ["[PAD]", "[unused0]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    text = " ".join(TEXTS + [t for pair in PAIRS for t in pair])
    vocab += [chr(c) for c in range(33, 127) if not chr(c).isupper()]
    vocab += ["##" + c for c in "abcdefghijklmnopqrstuvwxyz0123456789"]
    han = sorted({c for c in text if "\u4e00" <= c <= "\u9fff"})
    vocab += han[::2] + han[1::4]  # a quarter stays unknown
    return list(dict.fromkeys(vocab + WORDS))


def tiny_tokenizer(folder, lowercase=True):
    vocab = tiny_vocab()
    ids = {token: i for i, token in enumerate(vocab)}
    t = Tokenizer(tokenizers.models.WordPiece(ids, unk_token="[UNK]", max_input_chars_per_word=100))
    t.normalizer = tokenizers.normalizers.BertNormalizer(
        clean_text=True, handle_chinese_chars=True, strip_accents=None, lowercase=lowercase)
    t.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    t.post_processor = tokenizers.processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(s, ids[s]) for s in ("[CLS]", "[SEP]")])
    t.decoder = tokenizers.decoders.WordPiece(prefix="##")
    t.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
    t.save(str(folder / "tokenizer.json"), pretty=False)
    (folder / "vocab.txt").write_text("\n".join(vocab) + "\n", encoding="utf-8")
    write_json(folder / "tokenizer_config.json",
               {"tokenizer_class": "BertTokenizer", "do_lower_case": lowercase, "model_max_length": MAX_POSITIONS,
                "unk_token": "[UNK]", "sep_token": "[SEP]", "pad_token": "[PAD]", "cls_token": "[CLS]",
                "mask_token": "[MASK]"})
    return len(vocab)


def tokenizer_of(folder, max_length):
    t = Tokenizer.from_file(str(folder / "tokenizer.json"))
    t.no_padding()
    t.enable_truncation(max_length, strategy="longest_first")
    return t


# ---- running a model ------------------------------------------------------------------------------------------------


def run(model, encoding):
    with torch.inference_mode():
        return model(input_ids=torch.tensor([encoding.ids]), token_type_ids=torch.tensor([encoding.type_ids]),
                     attention_mask=torch.ones(1, len(encoding.ids), dtype=torch.long),
                     output_hidden_states=True)


def case_of(model, tokenizer, text, pair, pooling):
    encoding = tokenizer.encode(text, pair) if pair is not None else tokenizer.encode(text)
    out = run(model, encoding)
    case = {"text": text}
    if pair is not None:
        case["pair"] = pair
    case |= {"ids": encoding.ids, "type_ids": encoding.type_ids,
             "hidden_sums": digits([h.double().sum() for h in out.hidden_states], 8),
             "hidden_abs_sums": digits([h.double().abs().sum() for h in out.hidden_states], 8)}
    if pooling is None:
        case["logits"] = digits(out.logits[0], 8)
    else:
        rows = out.hidden_states[-1][0].double()
        vector = rows[0] if pooling == "cls" else rows.mean(0)
        case["norm"] = digits([vector.norm()], 8)[0]
        case["vector"] = digits(vector / vector.norm(), 7)
    return case


def head_of(name, kind, max_length, **more):
    return {"made_with": made_with(), "model": name, "kind": kind, "max_length": max_length, **more}


# ---- tiny checkpoints -----------------------------------------------------------------------------------------------


def randomise(model, seed):
    """Weights large enough that attention is far from uniform and no LayerNorm is the identity."""
    g = torch.Generator().manual_seed(seed)
    for name, p in sorted(model.named_parameters()):
        noise = torch.randn(p.shape, generator=g)
        if name.endswith("LayerNorm.weight"):
            p.data = 1 + 0.2 * noise
        elif p.dim() == 1:
            p.data = 0.1 * noise
        elif "embeddings" in name or name.startswith("classifier"):
            p.data = 0.5 * noise
        else:
            p.data = noise * 1.6 / p.shape[1] ** 0.5


def tiny_config(vocab, hidden, layers, heads, mlp, **more):
    return transformers.BertConfig(
        vocab_size=vocab, hidden_size=hidden, num_hidden_layers=layers, num_attention_heads=heads,
        intermediate_size=mlp, max_position_embeddings=MAX_POSITIONS, hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0, layer_norm_eps=1e-12, **more)


def save_model(model, folder, rename=lambda name: name):
    tensors = {rename(k): v.contiguous() for k, v in model.state_dict().items() if "position_ids" not in k}
    safetensors.torch.save_file(tensors, str(folder / "model.safetensors"), metadata={"format": "pt"})
    config = model.config.to_dict()
    config["architectures"] = [type(model).__name__]
    for key in ("_name_or_path", "is_decoder", "add_cross_attention", "use_cache"):
        config.pop(key, None)
    write_json(folder / "config.json", config)


def fresh(name):
    folder = DATA / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def classifier_cases(folder, model, texts_too=False):
    t = tokenizer_of(folder, MAX_POSITIONS)
    cases = [case_of(model, t, a, b, None) for a, b in PAIRS]
    return cases + [case_of(model, t, a, None, None) for a in TEXTS if texts_too]


def tiny_classifier(name, seed, labels, rename=lambda n: n, **shape):
    folder = fresh(name)
    vocab = tiny_tokenizer(folder)
    config = tiny_config(vocab, **shape)
    config.id2label = dict(enumerate(labels))
    config.label2id = {label: i for i, label in enumerate(labels)}
    model = transformers.BertForSequenceClassification._from_config(config, attn_implementation="eager").eval()
    randomise(model, seed)
    save_model(model, folder, rename)
    kind = "reranker" if len(labels) == 1 else "classifier"
    write_goldens(folder / "goldens.json", head_of(name, kind, MAX_POSITIONS, labels=labels),
                  classifier_cases(folder, model, texts_too=len(labels) > 1))
    return folder, model


def tiny_embedder(name, seed, pooling, max_length, **shape):
    """In sentence-transformers' layout, which cuts at max_seq_length although the model has more positions."""
    folder = fresh(name)
    model = transformers.BertModel._from_config(tiny_config(tiny_tokenizer(folder), **shape),
                                                attn_implementation="eager").eval()
    randomise(model, seed)
    save_model(model, folder)
    write_json(folder / "sentence_bert_config.json", {"max_seq_length": max_length, "do_lower_case": False})
    modules = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")]
    write_json(folder / "modules.json", [
        {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for i, (path, kind) in enumerate(modules)])
    (folder / "1_Pooling").mkdir()
    write_json(folder / "1_Pooling" / "config.json",
               {"word_embedding_dimension": shape["hidden"], "pooling_mode_cls_token": pooling == "cls",
                "pooling_mode_mean_tokens": pooling == "mean", "pooling_mode_max_tokens": False,
                "pooling_mode_mean_sqrt_len_tokens": False})
    t = tokenizer_of(folder, max_length)
    cases = [case_of(model, t, text, None, pooling) for text in TEXTS]
    write_goldens(folder / "goldens.json", head_of(name, "embedder", max_length, pooling=pooling), cases)
    agree_with_sentence_transformers(folder, cases)


def agree_with_sentence_transformers(folder, cases):
    import sentence_transformers
    model = sentence_transformers.SentenceTransformer(str(folder), device="cpu")
    theirs = model.encode([c["text"] for c in cases], batch_size=1, normalize_embeddings=True)
    apart = max(1 - float(numpy.dot(v, c["vector"])) for v, c in zip(theirs, cases))
    print(f"{folder.name}: sentence-transformers agrees, largest cosine distance {apart:.1e}")
    assert apart < 1e-6, "sentence-transformers computes other vectors"


def old_name(name):
    """As checkpoints of 2019 spell it: gamma and beta, and here without the `bert.` prefix."""
    name = name.removeprefix("bert.")
    return name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")


def tiny_onnx(name, source, model):
    """The reranker exported and dynamically quantised; its goldens are of the dequantised weights in fp32."""
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from tiny_onnx import dequantised, named_graph
    folder = fresh(name)
    for file in ("tokenizer.json", "tokenizer_config.json", "vocab.txt"):
        shutil.copy(source / file, folder)
    with tempfile.TemporaryDirectory() as tmp:
        plain = pathlib.Path(tmp) / "plain.onnx"
        named_graph(model, plain)
        quantize_dynamic(str(plain), str(folder / "model.onnx"), weight_type=QuantType.QInt8,
                         op_types_to_quantize=["MatMul", "Gather", "Gemm"])
    tensors = {k: torch.from_numpy(v) for k, v in dequantised(folder / "model.onnx").items()}
    print(name, model.load_state_dict(tensors, strict=False))
    write_goldens(folder / "goldens.json", head_of(name, "reranker", MAX_POSITIONS, labels=["LABEL_0"]),
                  classifier_cases(folder, model))


def tiny():
    torch.set_num_threads(1)
    small = dict(hidden=64, heads=4, mlp=128)
    source, model = tiny_classifier("tiny-bert-reranker", 1, ["LABEL_0"], layers=3, **small)
    tiny_onnx("tiny-bert-reranker-int8", source, model)
    tiny_classifier("tiny-bert-classifier", 2, ["contradiction", "entailment", "neutral"], hidden=96, layers=2,
                    heads=3, mlp=200)
    tiny_classifier("tiny-bert-old-names", 3, ["LABEL_0"], rename=old_name, layers=2, **small)
    tiny_embedder("tiny-bert-embedder-mean", 4, "mean", 96, layers=2, **small)
    tiny_embedder("tiny-bert-embedder-cls", 5, "cls", MAX_POSITIONS, layers=2, **small)


# ---- real models ----------------------------------------------------------------------------------------------------


def scifact_pairs(scifact, count=26):
    """Queries with candidates from all over their ranking, so that logits differ."""
    lines = lambda name: [json.loads(line) for line in open(scifact / name, encoding="utf-8")]
    documents = {d["_id"]: (d["title"] + " " + d["text"]).strip() for d in lines("corpus.jsonl")}
    queries = {q["_id"]: q["text"] for q in lines("queries.jsonl")}
    with gzip.open(scifact / "rerank_reference.jsonl.gz", "rt") as f:
        next(f)
        rows = [json.loads(line) for line in f]
    step = len(rows) // count
    for i, row in enumerate(rows[::step][:count]):
        best = sorted(zip(row["r"], row["d"]), reverse=True)
        yield queries[row["q"]], documents[best[min(len(best) - 1, i * i % 40)][1]]


def real(args):
    torch.set_num_threads(2)
    pairs = list(scifact_pairs(args.scifact))
    long_document = " ".join(d for _, d in pairs[:6])
    pairs += [p for p in PAIRS if p[0] != p[1]][:14] + [(pairs[0][0], long_document), (long_document, pairs[1][1])]
    texts = [d for _, d in pairs[:16]] + [q for q, _ in pairs[:8]] + TEXTS[:14] + [long_document]
    DATA.joinpath("goldens").mkdir(exist_ok=True)

    def write(name, kind, model, folder, max_length, inputs, pooling=None):
        t = tokenizer_of(folder, max_length)
        cases = [case_of(model.eval(), t, *i, pooling) for i in inputs]
        head = head_of(name, kind, max_length, **({"pooling": pooling} if pooling else {}))
        write_goldens(DATA / "goldens" / f"{name}.json", head, cases)
        return t

    load = dict(dtype=torch.float32, attn_implementation="eager")
    model = transformers.BertForSequenceClassification.from_pretrained(args.hf / "ms-marco-minilm-l12", **load)
    write("ms-marco-minilm-l12", "reranker", model, args.models / "ms-marco-minilm-l12", 512, pairs)
    singles = [(text, None) for text in texts]
    model = transformers.BertModel.from_pretrained(args.hf / "bge-small-en", add_pooling_layer=False, **load)
    write("bge-small-en", "embedder", model, args.models / "bge-small-en", 512, singles, "cls")
    folder = args.models / "all-minilm-l6"
    model = transformers.BertModel.from_pretrained(folder, **load)
    t = write("all-minilm-l6", "embedder", model, folder, 256, singles, "mean")
    check_published(model, t)


def check_published(model, tokenizer):
    """tests/data/goldens/all-minilm-l6-published.json was typed from the model's own documentation: it must agree."""
    published = json.loads((DATA / "goldens" / "all-minilm-l6-published.json").read_text(encoding="utf-8"))
    mean = lambda text: run(model, tokenizer.encode(text)).last_hidden_state[0].mean(0)
    for c in published["cosines"]:
        got = float(torch.cosine_similarity(mean(c["a"]), mean(c["b"]), dim=0))
        assert abs(got - c["cosine"]) <= c["tolerance"], (c, got)
    for m in published["means"]:
        v = mean(m["text"])
        ends = m["first"] + m["last"] + [m["norm"]]
        got = [*v[:len(m["first"])], *v[len(v) - len(m["last"]):], v.norm()]
        assert numpy.allclose(got, ends, rtol=0, atol=m["tolerance"]), (m, got)
    print("all-minilm-l6: the published numbers agree")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("what", choices=["tiny", "real"])
    for name in ("models", "hf", "scifact"):
        p.add_argument("--" + name, type=pathlib.Path)
    args = p.parse_args()
    transformers.logging.set_verbosity_error()
    tiny() if args.what == "tiny" else real(args)


if __name__ == "__main__":
    main()
