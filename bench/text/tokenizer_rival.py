#!/usr/bin/env python3
"""winnow's tokenizer beside the `tokenizers` wheel: the same texts, one core, one run; prints JSON lines and ratios.

Each engine is a new process, so cold is its first pass over texts it never saw. The wheel runs encode_batch_fast, its
fastest call (no offsets), on one thread; winnow's figure includes truncation and special tokens, as the wheel's does.
Ratios are of processor time, so that a busy machine does not tilt them. Texts: scifact (each document with a query),
Chinese, and hostile ones without a space.
"""
import argparse
import glob
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time


def scifact(shared):
    read = lambda name: [json.loads(line) for line in open(shared / "data/eval/scifact" / name, encoding="utf-8")]
    queries = [q["text"] for q in read("queries.jsonl")]
    for i, doc in enumerate(read("corpus.jsonl")):
        yield {"text": queries[i % len(queries)], "pair": f"{doc['title']} {doc['text']}"}


def chinese(shared):
    for path in sorted(glob.glob(str(shared / "data/eval/rexuninlu/*.json"))):
        for line in open(path, encoding="utf-8"):
            yield {"text": json.loads(line)["text"]}


def hostile(shared):
    for text in ("a" * 1_000_000, "ab," * 300_000, "unaffable" * 11 + " ", "é" * 500_000, "\u4e2d" * 300_000):
        yield {"text": text if len(text) > 1000 else text * 10_000}


def rival(path, lines, max_length):
    """The wheel's half; runs in a process of its own."""
    import tokenizers
    tokenizer = tokenizers.Tokenizer.from_file(str(path))
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_length, strategy="longest_first")
    texts = [json.loads(line) for line in open(lines, encoding="utf-8")]
    inputs = [(t["text"], t["pair"]) if "pair" in t else t["text"] for t in texts]
    size = sum(len(t[k].encode()) for t in texts for k in t)
    blocks = [inputs[i:i + 64] for i in range(0, len(inputs), 64)]

    def run(state):
        start, cpu, tokens = time.perf_counter(), time.process_time(), 0
        for block in blocks:
            tokens += sum(map(len, tokenizer.encode_batch_fast(block)))
        took, cpu = time.perf_counter() - start, time.process_time() - cpu
        return {"bench": "tokenizer", "engine": f"tokenizers {tokenizers.__version__}", "state": state, "threads": 1,
                "tokens": tokens, "seconds": took, "cpu_seconds": cpu, "tokens_per_s": tokens / took,
                "tokens_per_cpu_s": tokens / cpu, "mb_per_cpu_s": size / cpu / 1e6}

    print(json.dumps(run("cold")))
    print(json.dumps(min((run("warm") for _ in range(3)), key=lambda r: r["cpu_seconds"])))


def lines_of(command):
    env = {**os.environ, "RAYON_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    out = subprocess.run(list(map(str, command)), env=env, check=True, stdout=subprocess.PIPE, text=True).stdout
    return [json.loads(line) for line in out.splitlines()]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bench", default="build/release/bench/text/bench_tokenizer", help="the binary")
    parser.add_argument("--model", help="a folder with tokenizer.json; default: bge-small-en of $WINNOW_MODELS")
    parser.add_argument("--max-length", type=int, default=512)
    parser.add_argument("--only", help="the runs whose name has this in it, such as qwen")
    parser.add_argument("--rival", nargs=2, metavar=("TOKENIZER", "TEXTS"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.rival:
        return rival(*args.rival, args.max_length)
    shared = pathlib.Path(os.environ["WINNOW_SHARED"])
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache"))
    models = pathlib.Path(os.environ.get("WINNOW_MODELS", cache / "winnow/models"))
    english, zh = pathlib.Path(args.model or models / "bge-small-en"), shared / "data/tokenizers/bge-small-zh"
    qwen, xlm = shared / "data/tokenizers/qwen2.5", shared / "data/tokenizers/xlm-roberta"
    runs = (("scifact", scifact, english), ("chinese", chinese, zh), ("hostile", hostile, english),
            ("qwen scifact", scifact, qwen), ("qwen chinese", chinese, qwen), ("qwen hostile", hostile, qwen),
            ("xlm-r scifact", scifact, xlm), ("xlm-r chinese", chinese, xlm), ("xlm-r hostile", hostile, xlm))
    for name, make, model in runs:
        if args.only and args.only not in name:
            continue
        with tempfile.TemporaryDirectory() as folder:
            texts = pathlib.Path(folder, "texts.jsonl")
            texts.write_text("".join(json.dumps(t, ensure_ascii=False) + "\n" for t in make(shared)), encoding="utf-8")
            theirs = lines_of([sys.executable, __file__, "--max-length", args.max_length,
                               "--rival", model / "tokenizer.json", texts])
            ours = lines_of([args.bench, model, texts, args.max_length])
        for line in theirs + ours:
            print(json.dumps({"texts": name, **line}))
        speed = lambda rows, state: next(r["tokens_per_cpu_s"] for r in rows if r.get("state") == state)
        ratio = {state: round(speed(ours, state) / speed(theirs, state), 1) for state in ("cold", "warm")}
        same = len({r["tokens"] for r in theirs + ours if "tokens" in r}) == 1
        print(json.dumps({"texts": name, "bench": "tokenizer_ratio", "same_tokens": same, **ratio}), flush=True)


if __name__ == "__main__":
    main()
