#!/usr/bin/env python3
"""winnow beside llama.cpp on one GGUF and one machine, in turns, each figure the best of several runs.

  compare.py --gguf FOLDER --bench build/release/bench/generate/bench_generate [--threads 2] [--rounds 3]

Wants a Python with llama-cpp-python (it builds llama.cpp). Prints one JSON line an engine and round, then the ratios of
the medians: prefill of 512 tokens, decode of one stream, and eight streams together against one.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import time


def llama(gguf, threads, runs=4):
    import llama_cpp
    model = llama_cpp.Llama(str(gguf), n_ctx=1024, n_batch=512, n_ubatch=512, n_threads=threads,
                            n_threads_batch=threads, verbose=False, logits_all=False)

    def ids(n, salt):
        x, out = salt * 2654435761 % 2 ** 32 + 1, []
        for _ in range(n):
            x = (x * 1664525 + 1013904223) % 2 ** 32
            out.append(100 + (x >> 8) % (model.n_vocab() - 200))
        return out

    def prefill(salt):
        model.reset()
        model._ctx.kv_cache_clear()
        start = time.perf_counter()
        model.eval(ids(512, salt))
        return 512 / (time.perf_counter() - start)

    def decode(salt, tokens=128):
        model.reset()
        model._ctx.kv_cache_clear()
        model.eval(ids(16, salt))
        start = time.perf_counter()
        for i in range(tokens):
            model.eval([1000 + i])
        return tokens / (time.perf_counter() - start)

    return {"engine": "llama.cpp", "version": llama_cpp.__version__,
            "prefill_512_tokens_per_s": max(prefill(100 + i) for i in range(runs)),
            "decode_tokens_per_s": max(decode(200 + i) for i in range(runs))}


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--gguf", required=True, type=pathlib.Path, help="a folder with one .gguf file")
    p.add_argument("--bench", required=True)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--rounds", type=int, default=3)
    args = p.parse_args()
    files = list(args.gguf.glob("*.gguf"))
    if len(files) != 1:
        sys.exit(f"compare.py: want one .gguf file in {args.gguf}, got {len(files)}")
    ours, theirs = [], []
    for _ in range(args.rounds):
        done = subprocess.run([args.bench, str(args.gguf), str(args.threads)], check=True, capture_output=True, text=True)
        ours.append(json.loads(done.stdout))
        theirs.append(llama(files[0], args.threads))
        print(json.dumps(ours[-1]), json.dumps(theirs[-1]), sep="\n", flush=True)

    def median(runs, key):
        return statistics.median(run[key] for run in runs)

    prefill, decode = "prefill_512_tokens_per_s", "decode_tokens_per_s"
    print(json.dumps({
        "prefill_ratio": round(median(ours, prefill) / median(theirs, prefill), 2),
        "decode_ratio": round(median(ours, decode) / median(theirs, decode), 2),
        "eight_streams_over_one": round(median(ours, "decode_8_streams_tokens_per_s") / median(ours, decode), 2)}))


if __name__ == "__main__":
    main()
