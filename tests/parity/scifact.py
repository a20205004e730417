#!/usr/bin/env python3
"""Reranks SciFact's BM25 candidates with the program and compares with the reference: logits, and nDCG@10.

  scifact.py WINNOW [--dtype f32|f16|bf16|f8|int8] [--device cpu|cuda] [--queries N --candidates N | --full] [--beir DIR] [--model NAME]

The sample (for CI) scores the best and worst candidates of a few queries, --full all 30,000 pairs. nDCG@10 of what was
scored must be the reference's on the same pairs: within 0.001 in f32, within 0.005 in int8 (with --full; a few queries
say nothing there), and with --full the reference's is the published 0.6688. Prints a JSON line.
Exit: 0 equal, 1 different, 77 skipped (no data).
Needs only Python's own library. Data: $WINNOW_SHARED/data/eval/scifact, in BEIR's layout with the reference's logits.
"""
import argparse
import collections
import gzip
import json
import math
import os
import pathlib
import subprocess
import sys
import tempfile
import time

# f32: what another order of sums can differ by. The others: a bound on damage, several times the usual. nDCG@10: a
# tenth of a point for what GPUs compute in.
LARGEST = {"f32": 1e-4, "f16": 0.2, "bf16": 0.8, "f8": 1.5, "int8": 1.0}
MEAN = {"f32": 2e-5, "f16": 0.01, "bf16": 0.05, "f8": 0.2, "int8": 0.15}
NDCG = {"f32": 0.001, "f16": 0.001, "bf16": 0.001, "f8": 0.001, "int8": 0.005}


def jsonl(path):
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def load(beir):
    """-> queries' texts, documents' texts, the reference's rows and nDCG@10, relevant documents by query."""
    documents = {d["_id"]: (d["title"] + " " + d["text"]).strip() for d in jsonl(beir / "corpus.jsonl")}
    queries = {q["_id"]: q["text"] for q in jsonl(beir / "queries.jsonl")}
    with gzip.open(beir / "rerank_reference.jsonl.gz", "rt") as lines:
        head, *rows = [json.loads(line) for line in lines]
    ndcg = next(m["ndcg10"] for m in head["metrics"] if m["run"] == "BM25 -> cross-encoder fp32, top 100")
    relevant = collections.defaultdict(set)
    for line in (beir / "qrels.test.tsv").read_text().splitlines()[1:]:
        query, document, grade = line.split()
        if int(grade) > 0:
            relevant[query].add(document)
    return queries, documents, rows, ndcg, relevant


def chosen(rows, args):
    """[(query id, [(document id, reference logit)])]: all, or a spread of queries with both ends of their ranking."""
    if args.full:
        return [(row["q"], list(zip(row["d"], row["r"]))) for row in rows]
    step, half = max(1, len(rows) // args.queries), args.candidates // 2
    spread = []
    for row in rows[::step][:args.queries]:
        best = sorted(zip(row["d"], row["r"]), key=lambda pair: -pair[1])
        spread.append((row["q"], best[:args.candidates - half] + best[len(best) - half:]))
    return spread


def rerank(args, jobs, queries, documents):
    """-> for each job the logits of its documents, in its order."""
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl", encoding="utf-8") as file:
        for query, pairs in jobs:
            file.write(json.dumps({"id": query, "query": queries[query],
                                   "documents": [documents[d] for d, _ in pairs]}) + "\n")
        file.flush()
        done = subprocess.run([args.winnow, "rerank", "-m", args.model, "--dtype", args.dtype,
                               "--device", args.device, "--raw-scores",
                               "--jsonl", "--queries", file.name], stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f"winnow rerank: exit {done.returncode}")
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    if [a["query_id"] for a in answers] != [query for query, _ in jobs]:
        sys.exit(f"want an answer for each of {len(jobs)} queries in their order, got {len(answers)}")
    out = []
    for answer, (_, pairs) in zip(answers, jobs):
        scores = {r["index"]: r["relevance_score"] for r in answer["results"]}
        if sorted(scores) != list(range(len(pairs))):
            sys.exit(f"query {answer['query_id']}: want {len(pairs)} scores, got {len(scores)}")
        out.append([scores[i] for i in range(len(pairs))])
    return out


def ndcg10(jobs, logits, relevant):
    total = 0.0
    for (query, pairs), scores in zip(jobs, logits):
        order = sorted(zip(scores, (d for d, _ in pairs)), key=lambda p: (-p[0], p[1]))[:10]
        gain = sum(1 / math.log2(i + 2) for i, (_, d) in enumerate(order) if d in relevant[query])
        total += gain / sum(1 / math.log2(i + 2) for i in range(min(10, len(relevant[query]))))
    return total / len(jobs)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("winnow")
    p.add_argument("--model", default="ms-marco-minilm-l12")
    p.add_argument("--dtype", default="f32", choices=sorted(LARGEST))
    p.add_argument("--device", default="cpu")
    p.add_argument("--queries", type=int, default=4)
    p.add_argument("--candidates", type=int, default=30)
    p.add_argument("--full", action="store_true")
    p.add_argument("--beir", type=pathlib.Path,
                   default=pathlib.Path(os.environ.get("WINNOW_SHARED", "../shared")) / "data" / "eval" / "scifact")
    args = p.parse_args()
    if not (args.beir / "rerank_reference.jsonl.gz").exists():
        print(f"skipped: no SciFact in {args.beir}; set WINNOW_SHARED")
        sys.exit(77)
    queries, documents, rows, want, relevant = load(args.beir)
    jobs = chosen(rows, args)
    begin = time.monotonic()
    logits = rerank(args, jobs, queries, documents)
    apart = [abs(got - want_logit) for scores, (_, pairs) in zip(logits, jobs)
             for got, (_, want_logit) in zip(scores, pairs)]
    report = {"model": args.model, "device": args.device, "dtype": args.dtype, "queries": len(jobs), "pairs": len(apart),
              "largest_difference": round(max(apart), 7), "mean_difference": round(sum(apart) / len(apart), 7),
              "seconds_with_loading": round(time.monotonic() - begin, 1)}
    ok = max(apart) <= LARGEST[args.dtype] and sum(apart) / len(apart) <= MEAN[args.dtype]
    reference = ndcg10(jobs, [[logit for _, logit in pairs] for _, pairs in jobs], relevant)
    report |= {"ndcg10": round(ndcg10(jobs, logits, relevant), 4), "reference_ndcg10": round(reference, 4)}
    if args.full and abs(reference - want) > 1e-4:
        sys.exit(f"the reference's logits give nDCG@10 {reference:.4f}, but it says {want}")
    if args.full or args.dtype == "f32":
        ok = ok and abs(report["ndcg10"] - reference) <= NDCG[args.dtype]
    print(json.dumps(report | {"ok": ok}))
    sys.exit(not ok)


if __name__ == "__main__":
    main()
