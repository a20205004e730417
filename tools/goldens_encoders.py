#!/usr/bin/env python3
"""Makes the tiny checkpoints of XLM-R, DistilBERT and ModernBERT with their goldens, beside those of tools/goldens.py.

  goldens_encoders.py [NAME...]       tests/data/tiny-*/, all of them or those named

Every number is transformers' (and torch's, for bge-m3's two further heads) in fp32 on the CPU, one text at a time.
"""
import json
import sys

import numpy
import safetensors.torch
import torch
import transformers
from goldens import (DATA, MAX_POSITIONS, digits, fresh, head_of, save_model, tiny_tokenizer, tokenizer_of, write_goldens,
                     write_json)
from goldens_texts import PAIRS, TEXTS
from tokenizers import Tokenizer

PADDING = 1  # of the RoBERTa checkpoints: [unused0], which a text can spell
PAD_TEXTS = ["the [unused0] of the sea [unused0][unused0] and the sun", "[unused0]"]
SMALL = dict(hidden_size=48, num_hidden_layers=2, num_attention_heads=3, intermediate_size=96)
ROBERTA = dict(**SMALL, max_position_embeddings=MAX_POSITIONS + PADDING + 1, type_vocab_size=1, pad_token_id=PADDING,
               hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, layer_norm_eps=1e-5)


def randomise(model, seed):
    """As goldens.randomise, whatever a norm is called."""
    g = torch.Generator().manual_seed(seed)
    for name, p in sorted(model.named_parameters()):
        noise = torch.randn(p.shape, generator=g)
        if p.dim() == 1:
            p.data = 1 + 0.2 * noise if name.endswith("weight") else 0.1 * noise
        elif "embeddings" in name or name.startswith("classifier"):
            p.data = 0.5 * noise
        else:
            p.data = noise * 1.6 / p.shape[1] ** 0.5


def spell_padding(folder):
    """Makes [unused0] a special token of tokenizer.json, as <pad> is in XLM-R's."""
    path = str(folder / "tokenizer.json")
    t = Tokenizer.from_file(path)
    t.add_special_tokens(["[unused0]"])
    t.save(path, pretty=False)


def outputs_of(model, encoding):
    """-> the model's answer, the hidden states after the embeddings, each layer and a final norm."""
    trunk = getattr(model, model.base_model_prefix, model)
    layers = next(m for n, m in trunk.named_modules() if n in ("encoder.layer", "transformer.layer", "layers"))
    seen = []
    watched = [trunk.embeddings, *layers] + ([trunk.final_norm] if hasattr(trunk, "final_norm") else [])
    first = lambda out: out[0] if isinstance(out, tuple) else out
    hooks = [m.register_forward_hook(lambda _m, _i, out: seen.append(first(out)[0])) for m in watched]
    with torch.inference_mode():
        out = model(input_ids=torch.tensor([encoding.ids]),
                    attention_mask=torch.ones(1, len(encoding.ids), dtype=torch.long))
    for hook in hooks:
        hook.remove()
    return out, seen


def case_of(model, tokenizer, text, pair, vector=None):
    encoding = tokenizer.encode(text, pair) if pair is not None else tokenizer.encode(text)
    out, seen = outputs_of(model, encoding)
    case = {"text": text}
    if pair is not None:
        case["pair"] = pair
    case |= {"ids": encoding.ids, "type_ids": encoding.type_ids,
             "hidden_sums": digits([h.double().sum() for h in seen], 8),
             "hidden_abs_sums": digits([h.double().abs().sum() for h in seen], 8)}
    if vector is None:
        case["logits"] = digits(out.logits[0], 8)
    else:
        v = vector(out.last_hidden_state[0], encoding, case).double()
        case["norm"] = digits([v.norm()], 8)[0]
        case["vector"] = digits(v / v.norm(), 7)
    return case


def classifier(name, model_class, config, seed, labels, texts=PAD_TEXTS):
    folder = fresh(name)
    config["vocab_size"] = tiny_tokenizer(folder)
    spell_padding(folder)
    config = model_class.config_class(**config)
    config.id2label = dict(enumerate(labels))
    config.label2id = {label: i for i, label in enumerate(labels)}
    model = model_class._from_config(config, attn_implementation="eager").eval()
    randomise(model, seed)
    save_model(model, folder)
    t = tokenizer_of(folder, MAX_POSITIONS)
    cases = [case_of(model, t, a, b) for a, b in PAIRS] + [case_of(model, t, a, None) for a in texts]
    kind = "reranker" if len(labels) == 1 else "classifier"
    write_goldens(folder / "goldens.json", head_of(name, kind, MAX_POSITIONS, labels=labels), cases)


def embedder(name, model_class, config, seed, modules, vector, side=None, **more):
    """modules: [(type, config or None, torch module or None)] after the Transformer."""
    folder = fresh(name)
    config["vocab_size"] = tiny_tokenizer(folder)
    spell_padding(folder)
    model = model_class._from_config(model_class.config_class(**config), attn_implementation="eager").eval()
    randomise(model, seed)
    save_model(model, folder)
    listed = [("", "Transformer")] + [(f"{i + 1}_{kind}", kind) for i, (kind, _, _) in enumerate(modules)]
    write_json(folder / "modules.json", [
        {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for i, (path, kind) in enumerate(listed)])
    write_json(folder / "sentence_bert_config.json", {"max_seq_length": MAX_POSITIONS, "do_lower_case": False})
    for (path, kind), (_, module_config, module) in zip(listed[1:], modules):
        if module_config is not None:
            (folder / path).mkdir()
            write_json(folder / path / "config.json", module_config)
        if module is not None:
            prefix = {"Dense": "linear.", "LayerNorm": "norm."}[kind]
            safetensors.torch.save_file({prefix + k: v for k, v in module.state_dict().items()},
                                        str(folder / path / "model.safetensors"), metadata={"format": "pt"})
    if side:
        side(folder)
    if "prompts" in more:
        write_json(folder / "config_sentence_transformers.json",
                   {"prompts": more["prompts"], "default_prompt_name": None, "similarity_fn_name": "cosine"})
    t = tokenizer_of(folder, MAX_POSITIONS)
    cases = [case_of(model, t, text, None, vector) for text in TEXTS + PAD_TEXTS]
    head = head_of(name, "embedder", MAX_POSITIONS, pooling=more["pooling"])
    head |= agree_with_sentence_transformers(folder, cases, more.get("prompts", {}))
    write_goldens(folder / "goldens.json", head, cases)


def agree_with_sentence_transformers(folder, cases, prompts):
    import sentence_transformers
    model = sentence_transformers.SentenceTransformer(str(folder), device="cpu")
    encode = lambda texts, **how: model.encode(texts, batch_size=1, normalize_embeddings=True, **how)
    # It strips white space, which winnow leaves to the caller.
    same = [c for c in cases if c["text"] == c["text"].strip()]
    apart = max(1 - float(numpy.dot(v, c["vector"])) for v, c in zip(encode([c["text"] for c in same]), same))
    print(f"{folder.name}: sentence-transformers agrees, largest cosine distance {apart:.1e}")
    assert apart < 1e-6, "sentence-transformers computes other vectors"
    texts = ["What is a panda?", "大熊猫生活在中国的山里，主要吃竹子。", " ".join(["of"] * 140)]
    return {"prompted": [{"prompt_name": name, "text": text, "vector": digits(v, 7)}
                         for name in prompts for text, v in zip(texts, encode(texts, prompt_name=name))]}


def xlm_roberta_reranker():
    classifier("tiny-xlm-roberta-reranker", transformers.XLMRobertaForSequenceClassification, dict(ROBERTA), 11,
               ["LABEL_0"])


def xlm_roberta_classifier():
    classifier("tiny-xlm-roberta-classifier", transformers.XLMRobertaForSequenceClassification,
               dict(ROBERTA, hidden_act="gelu_new"), 12, ["contradiction", "entailment", "neutral"])


POOLING = dict(word_embedding_dimension=48)


def roberta():
    embedder("tiny-roberta-embedder", transformers.RobertaModel, dict(ROBERTA, hidden_act="relu"), 13,
             [("Pooling", dict(POOLING, pooling_mode_mean_tokens=True), None), ("Normalize", None, None)],
             lambda h, *_: h.mean(0), pooling="mean")


def bge_m3():
    """The three outputs as FlagEmbedding computes them, in torch."""
    g = torch.Generator().manual_seed(14)
    colbert, sparse = torch.nn.Linear(48, 32), torch.nn.Linear(48, 1)
    for p in [*colbert.parameters(), *sparse.parameters()]:
        p.data = torch.randn(p.shape, generator=g) * (0.3 if p.dim() > 1 else 0.2)

    def side(folder):
        for name, head in (("colbert_linear", colbert), ("sparse_linear", sparse)):
            state = {k: v.detach().contiguous() for k, v in head.state_dict().items()}
            if name == "colbert_linear":  # as they are published
                torch.save(state, str(folder / f"{name}.pt"))
            else:
                safetensors.torch.save_file(state, str(folder / f"{name}.safetensors"))

    def vector(hidden, encoding, case):
        with torch.inference_mode():
            weights = torch.relu(sparse(hidden)).squeeze(-1)
            vectors = torch.nn.functional.normalize(colbert(hidden[1:]), dim=-1)
        dropped = {0, 2, 3, 4}  # [PAD], [UNK], [CLS], [SEP]
        best = {}
        for token, weight in zip(encoding.ids, weights.tolist()):
            if token not in dropped and weight > 0:
                best[token] = max(best.get(token, 0.0), weight)
        case["sparse"] = [[token, digits([w], 7)[0]] for token, w in sorted(best.items())]
        if len(encoding.ids) < 30:
            case["multi"] = [digits(v, 6) for v in vectors]
        return hidden[0]

    embedder("tiny-bge-m3", transformers.XLMRobertaModel, dict(ROBERTA), 14,
             [("Pooling", dict(POOLING, pooling_mode_cls_token=True, pooling_mode_mean_tokens=False), None),
              ("Normalize", None, None)], vector, side=side, pooling="cls")


DISTILBERT = dict(dim=48, n_layers=2, n_heads=4, hidden_dim=96, max_position_embeddings=MAX_POSITIONS, dropout=0.0,
                  attention_dropout=0.0, seq_classif_dropout=0.0)


def distilbert_classifier():
    classifier("tiny-distilbert-classifier", transformers.DistilBertForSequenceClassification, dict(DISTILBERT), 15,
               ["NEGATIVE", "POSITIVE"])


def distilbert_dense():
    """Every pooling side by side, then Dense, LayerNorm, Normalize; its prompts do not count in the pooling."""
    modes = ["cls_token", "max_tokens", "mean_tokens", "mean_sqrt_len_tokens", "weightedmean_tokens", "lasttoken"]
    dense, norm = torch.nn.Linear(48 * 6, 40), torch.nn.LayerNorm(40)
    g = torch.Generator().manual_seed(17)
    for p in [*dense.parameters(), *norm.parameters()]:
        p.data = torch.randn(p.shape, generator=g) * (0.05 if p.dim() > 1 else 0.3)

    def vector(h, *_):
        n = len(h)
        weights = torch.arange(1, n + 1, dtype=torch.float32).unsqueeze(1)
        pooled = torch.cat([h[0], h.max(0).values, h.mean(0), h.sum(0) / n ** 0.5, (h * weights).sum(0) / weights.sum(),
                            h[-1]])
        with torch.inference_mode():
            return norm(torch.tanh(dense(pooled)))

    embedder("tiny-distilbert-dense", transformers.DistilBertModel, dict(DISTILBERT, activation="gelu"), 16,
             [("Pooling", dict(POOLING, include_prompt=False, **{f"pooling_mode_{m}": True for m in modes}), None),
              ("Dense", {"in_features": 48 * 6, "out_features": 40, "bias": True,
                         "activation_function": "torch.nn.modules.activation.Tanh"}, dense),
              ("LayerNorm", {"dimension": 40}, norm), ("Normalize", None, None)], vector,
             pooling="+".join(modes), prompts={"query": "find the answer: ", "passage": "大熊猫 "})


MODERNBERT = dict(hidden_size=48, num_hidden_layers=5, num_attention_heads=3, intermediate_size=64,
                  max_position_embeddings=MAX_POSITIONS, local_attention=16, pad_token_id=0, bos_token_id=3,
                  eos_token_id=4, cls_token_id=3, sep_token_id=4)


def modernbert_embedder():
    embedder("tiny-modernbert-embedder", transformers.ModernBertModel, dict(MODERNBERT), 18,
             [("Pooling", dict(POOLING, pooling_mode_mean_tokens=True), None)], lambda h, *_: h.mean(0),
             pooling="mean")


def modernbert_reranker():
    """Every bias that the architecture can have, mean pooling."""
    classifier("tiny-modernbert-reranker", transformers.ModernBertForSequenceClassification,
               dict(MODERNBERT, num_hidden_layers=4, norm_bias=True, attention_bias=True, mlp_bias=True,
                    classifier_bias=True, classifier_pooling="mean", layer_types=[
                        "sliding_attention", "full_attention", "sliding_attention", "sliding_attention"]),
               19, ["LABEL_0"])


def modernbert_classifier():
    """As published: no biases, [CLS], the old keys of config.json."""
    theta = {kind: {"rope_type": "default", "rope_theta": base}
             for kind, base in (("full_attention", 5000.0), ("sliding_attention", 300.0))}
    name = "tiny-modernbert-classifier"
    classifier(name, transformers.ModernBertForSequenceClassification,
               dict(MODERNBERT, num_hidden_layers=3, rope_parameters=theta), 20, ["no", "perhaps", "yes"])
    path = DATA / name / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    del config["layer_types"], config["rope_parameters"]
    write_json(path, config | {"global_attn_every_n_layers": 3, "global_rope_theta": 5000.0, "local_rope_theta": 300.0})


ALL = [xlm_roberta_reranker, xlm_roberta_classifier, roberta, bge_m3, distilbert_classifier, distilbert_dense,
       modernbert_embedder, modernbert_reranker, modernbert_classifier]

if __name__ == "__main__":
    torch.set_num_threads(1)
    for make in ALL:
        if not sys.argv[1:] or make.__name__ in sys.argv[1:]:
            make()
