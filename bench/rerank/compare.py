#!/usr/bin/env python3
"""winnow beside its rivals on a CPU: one run, one machine, the same texts and weights. Prints a JSON line a figure.

  compare.py --build build/release --model FOLDER --beir DIR [--fp32-onnx FILE] [--only SECTION,...] [--rounds 3]

FOLDER is what `winnow pull ms-marco-minilm-l12` gets; DIR a corpus in BEIR's layout (SciFact). FILE is the same graph
with dequantised weights, for ONNX Runtime in fp32; without it that rival is left out. Needs numpy, tokenizers and
onnxruntime; openvino joins when it is installed.

Sections: rerank (pairs/s, pre-tokenised, every call size), latency (one query, 100 documents, text in to scores out;
winnow over HTTP), accuracy (8-bit against fp32 logits), memory (peak RSS), cold (start to first score). Every rival
takes its turn in every round; a figure is the median round's, with the least and most. A ratio is to the rival's
best batch size. `others` is the share of the machine that other processes took during a round: quote no ratio of a
run where it is above a few hundredths.
"""
import argparse
import http.client
import json
import os
import pathlib
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time

BATCHES = (1, 8, 32)


def say(**fields):
    print(json.dumps(fields), flush=True)


def make_pairs(beir, count):
    """Claims with passages of natural length: a random abstract, its first 30 to all words."""
    documents = [json.loads(line) for line in open(beir / "corpus.jsonl", encoding="utf-8")]
    queries = [json.loads(line)["text"] for line in open(beir / "queries.jsonl", encoding="utf-8")]
    rng = random.Random(0)
    pairs = []
    for i in range(count):
        document = documents[rng.randrange(len(documents))]
        words = (document["title"] + ". " + document["text"]).split()
        kept = words[: rng.choice([30, 60, 90, 120, 180, len(words)])]
        pairs.append({"query": queries[i % len(queries)], "document": " ".join(kept)})
    return pairs


class Machine:
    """What share of the CPUs others took since the last look."""

    def __init__(self):
        self.last = self.look()

    @staticmethod
    def look():
        ticks = [int(x) for x in open("/proc/stat").readline().split()[1:9]]
        busy = (sum(ticks) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")
        return time.time(), busy, sum(os.times()[:4])

    def others(self):
        now = self.look()
        wall, busy, own = (b - a for a, b in zip(self.last, now))
        self.last = now
        return round(max(0.0, (busy - own) / wall / os.cpu_count()), 3)


class Ort:
    def __init__(self, path, threads):
        import onnxruntime
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.log_severity_level = threads, 3
        self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def __call__(self, feed):
        return self.session.run(None, feed)[0][:, 0]


class OpenVino:
    def __init__(self, path, threads):
        import openvino
        settings = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY"}
        self.request = openvino.Core().compile_model(str(path), "CPU", settings).create_infer_request()

    def __call__(self, feed):
        return self.request.infer(feed)[0][:, 0].copy()


def sweep(model, encodings, batch):
    """All of them in padded batches of like length, longest first: what users of these libraries do."""
    import numpy as np
    order = sorted(range(len(encodings)), key=lambda i: -len(encodings[i].ids))
    scores = np.zeros(len(order))
    for start in range(0, len(order), batch):
        rows = order[start : start + batch]
        width = len(encodings[rows[0]].ids)
        feed = {name: np.zeros((len(rows), width), dtype=np.int64)
                for name in ("input_ids", "attention_mask", "token_type_ids")}
        for r, i in enumerate(rows):
            e, n = encodings[i], len(encodings[i].ids)
            feed["input_ids"][r, :n], feed["attention_mask"][r, :n], feed["token_type_ids"][r, :n] = e.ids, 1, e.type_ids
        scores[rows] = model(feed)
    return scores


def rivals(a):
    out = {"onnxruntime int8": lambda: Ort(a.model / "model.onnx", a.threads)}
    if a.fp32_onnx:
        out["onnxruntime f32"] = lambda: Ort(a.fp32_onnx, a.threads)
    try:
        import openvino  # noqa: F401
        out["openvino int8"] = lambda: OpenVino(a.model / "model.onnx", a.threads)
        if a.fp32_onnx:
            out["openvino f32"] = lambda: OpenVino(a.fp32_onnx, a.threads)
    except ImportError:
        pass
    return {name: make() for name, make in out.items()}


def tokenizer(a):
    from tokenizers import Tokenizer
    t = Tokenizer.from_file(str(a.model / "tokenizer.json"))
    t.no_padding()
    t.enable_truncation(512, strategy="longest_first")
    return t


def peak_rss_mb(process):
    text = pathlib.Path(f"/proc/{process}/status").read_text()
    return round(int(re.search(r"VmHWM:\s+(\d+)", text)[1]) / 1000)


def spread(rates):
    return {"median": round(statistics.median(rates), 2), "least_most": [round(min(rates), 2), round(max(rates), 2)]}


def best_rival(rates, dtype):
    """The fastest (name, batch) of a dtype among the rivals, by median."""
    medians = {k: statistics.median(v) for k, v in rates.items() if k[0].endswith(dtype) and not k[0].startswith("winnow")}
    return max(medians.items(), key=lambda x: x[1]) if medians else None


def rerank(a, pairs):
    texts = [(p["query"], p["document"]) for p in pairs]
    encodings = tokenizer(a).encode_batch(texts)
    models, machine, rates, others = rivals(a), Machine(), {}, []
    for model in models.values():
        sweep(model, encodings[:8], 8)
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
        file.write("".join(json.dumps(p) + "\n" for p in pairs))
        file.flush()
        for _ in range(a.rounds):
            for dtype in ("f32", "int8"):
                command = [a.build / "bench/bench_rerank", a.model, file.name, len(pairs), dtype, a.threads, 1]
                for line in subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True).stdout.splitlines():
                    figure = json.loads(line)
                    rates.setdefault((f"winnow {dtype}", figure["batch"]), []).append(figure["pairs_per_s"])
            for name, model in models.items():
                for batch in BATCHES:
                    start = time.perf_counter()
                    sweep(model, encodings, batch)
                    rates.setdefault((name, batch), []).append(len(pairs) / (time.perf_counter() - start))
            others.append(machine.others())
    tokens = sum(len(e.ids) for e in encodings)
    for (name, batch), values in rates.items():
        say(section="rerank", impl=name, batch=batch, unit="pairs/s", pairs=len(pairs), tokens=tokens, **spread(values))
    for dtype in ("f32", "int8"):
        if rival := best_rival(rates, dtype):
            for batch in sorted({k[1] for k in rates if k[0] == f"winnow {dtype}"}):
                mine = statistics.median(rates[f"winnow {dtype}", batch])
                say(section="rerank", ratio=round(mine / rival[1], 3), of=f"winnow {dtype}, calls of {batch}",
                    to=f"{rival[0][0]}, batch {rival[0][1]}", others=max(others))


class Server:
    """`winnow serve` on a free port, for as long as the block lasts."""

    def __init__(self, a, dtype):
        command = [a.build / "app/winnow", "serve", "-m", a.model, "--port", 0, "--dtype", dtype, "--threads", a.threads]
        self.process = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def __enter__(self):
        for line in self.process.stdout:
            if found := re.search(r"http://127\.0\.0\.1:(\d+)", line):
                self.port = int(found[1])
                return self
        raise SystemExit("winnow serve ended before it listened")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(60)

    def rerank(self, query, documents):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)
        body = json.dumps({"query": query, "texts": documents, "raw_scores": True})
        connection.request("POST", "/rerank", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        results = json.loads(answer.read())
        if answer.status != 200 or len(results) != len(documents):
            raise SystemExit(f"HTTP {answer.status}: {results}")
        return results



def latency(a, pairs):
    query, documents = pairs[0]["query"], [p["document"] for p in pairs[:100]]
    t, models, machine, times = tokenizer(a), rivals(a), Machine(), {}
    for dtype in ("f32", "int8"):
        with Server(a, dtype) as server:
            server.rerank(query, documents[:10])
            for _ in range(a.rounds):
                start = time.perf_counter()
                server.rerank(query, documents)
                times.setdefault((f"winnow {dtype} over HTTP", len(documents)), []).append(time.perf_counter() - start)
            say(section="memory", impl=f"winnow serve {dtype}", peak_rss_mb=peak_rss_mb(server.process.pid))
    for _ in range(a.rounds):
        for name, model in models.items():
            for batch in BATCHES:
                start = time.perf_counter()
                sweep(model, t.encode_batch([(query, d) for d in documents]), batch)
                times.setdefault((name, batch), []).append(time.perf_counter() - start)
    others = machine.others()
    for (name, batch), values in times.items():
        say(section="latency", impl=name, batch=batch, unit="s", documents=len(documents), **spread(values))
    for dtype in ("f32", "int8"):
        if rival := best_rival({k: [-x for x in v] for k, v in times.items()}, dtype):
            mine = statistics.median(times[f"winnow {dtype} over HTTP", len(documents)])
            say(section="latency", ratio=round(-rival[1] / mine, 3), of=f"winnow {dtype} over HTTP",
                to=f"{rival[0][0]}, batch {rival[0][1]}, in process", others=others)


def accuracy(a, pairs):
    import numpy as np
    scores = {}
    for dtype in ("f32", "int8"):
        lines = "".join(json.dumps({"query": p["query"], "documents": [p["document"]]}) + "\n" for p in pairs)
        with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
            file.write(lines)
            file.flush()
            command = [a.build / "app/winnow", "rerank", "-m", a.model, "--queries", file.name, "--jsonl", "--raw-scores", "--dtype", dtype]
            out = subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True).stdout
        scores[dtype] = np.array([json.loads(line)["results"][0]["relevance_score"] for line in out.splitlines()])
    encodings = tokenizer(a).encode_batch([(p["query"], p["document"]) for p in pairs])
    scores["onnxruntime int8"] = sweep(Ort(a.model / "model.onnx", a.threads), encodings, 1)
    for name in ("int8", "onnxruntime int8"):
        far = np.abs(scores[name] - scores["f32"])
        say(section="accuracy", impl=name.replace("int8", "winnow int8") if name == "int8" else name, pairs=len(pairs),
            to="winnow f32", mean=round(float(far.mean()), 4), largest=round(float(far.max()), 4))


def memory(a, pairs):
    code = ("import sys; sys.argv = sys.argv[1:]; sys.path.insert(0, sys.argv[0]); import compare\n"
            "a = compare.arguments(sys.argv[1:]); pairs = compare.make_pairs(a.beir, 64)\n"
            "e = compare.tokenizer(a).encode_batch([(p['query'], p['document']) for p in pairs])\n"
            "before = compare.peak_rss_mb('self')\n"
            "compare.sweep(compare.Ort(a.which, a.threads), e, 8)\n"
            "print(before, compare.peak_rss_mb('self'))")
    for name, path in (("onnxruntime int8", a.model / "model.onnx"), ("onnxruntime f32", a.fp32_onnx)):
        if path:
            command = [sys.executable, "-c", code, pathlib.Path(__file__).parent, *sys.argv[1:], "--which", path]
            before, after = map(int, subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True).stdout.split())
            say(section="memory", impl=f"{name}, batches of 8", peak_rss_mb=after, of_which_python_mb=before)


def cold(a, pairs):
    times = []
    for _ in range(max(5, a.rounds)):
        start = time.perf_counter()
        command = [a.build / "app/winnow", "rerank", "-m", a.model, "-q", pairs[0]["query"], "-"]
        subprocess.run(list(map(str, command)), input=pairs[0]["document"], text=True, check=True, capture_output=True)
        times.append(time.perf_counter() - start)
    say(section="cold", impl="winnow rerank, start to exit with one score", unit="s", **spread(times))


SECTIONS = {"rerank": rerank, "latency": latency, "accuracy": accuracy, "memory": memory, "cold": cold}


def arguments(words=None):
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--build", type=pathlib.Path, default="build/release")
    p.add_argument("--model", type=pathlib.Path, required=True)
    p.add_argument("--beir", type=pathlib.Path, required=True)
    p.add_argument("--fp32-onnx", type=pathlib.Path)
    p.add_argument("--only", default=",".join(SECTIONS))
    p.add_argument("--pairs", type=int, default=64)
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    p.add_argument("--which", help=argparse.SUPPRESS)
    return p.parse_args(words)


if __name__ == "__main__":
    given = arguments()
    cpu = next((x.split(":")[1].strip() for x in open("/proc/cpuinfo") if x.startswith("model name")), "?")
    revision = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    say(cpu=cpu, threads=given.threads, revision=revision)
    for section in given.only.split(","):
        count = {"rerank": given.pairs, "accuracy": 200}.get(section, 100)
        SECTIONS[section](given, make_pairs(given.beir, count))
