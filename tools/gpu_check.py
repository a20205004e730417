#!/usr/bin/env python3
"""On a machine with a GPU: the tests that need one, compute-sanitizer over the kernels, `winnow bench` at the shapes of
the goals' table, and the rival on the same GPU, texts and weights. Writes one JSON file that grows step by step, so that
a machine which is taken away leaves what was measured.

  tools/gpu_check.sh                                   everything, with the programs of build/cuda
  tools/gpu_check.sh --only tests,xlmr-large --build DIR --out result.json
  tools/gpu_check.sh --total 580 --resume              as many steps as surely fit; again: the next ones, into the same file

The programs come from a build folder, or from a flat folder that holds winnow and the test programs. Checkpoints with
random weights, the pairs, and the rival are made by hf_baseline.py, which --baseline (or BASELINE) names; its Python
needs torch, transformers, tokenizers and sentence-transformers. Numbers of the same file may be compared, no others.
"""
import argparse
import collections
import contextlib
import dataclasses
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

from run_tests import counts_of

ROOT = pathlib.Path(__file__).resolve().parents[1]

# How hf_baseline.py asks a language model, as a prompt of winnow.
PROMPT = {
    "prefix": "<|im_start|>system\nJudge whether the Document meets the requirements based on the Query and the Instruct "
              "provided. Note that the answer can only be \"yes\" or \"no\".<|im_end|>\n<|im_start|>user\n",
    "body": "<Instruct>: {instruction}\n<Query>: {query}\n<Document>: {document}",
    "suffix": "<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n",
    "instruction": "Given a web search query, retrieve relevant passages that answer the query",
}

COPY_RATE = """
import torch
x = torch.empty(1 << 31, dtype=torch.uint8, device="cuda"); y = torch.empty_like(x); rates = []
for i in range(12):
    a, b = torch.cuda.Event(True), torch.cuda.Event(True); a.record(); y.copy_(x); b.record(); torch.cuda.synchronize()
    rates.append(2 * x.numel() / a.elapsed_time(b) / 1e6)
print(sorted(rates)[6])
"""


@dataclasses.dataclass
class Step:
    """One row of the table: a shape, how winnow is measured, how the rival is, and what is aimed for."""
    name: str
    shape: str
    tokenizer: str
    ours: list  # arguments of winnow bench
    rival: str = ""  # hf_baseline.py's --impl; empty: none
    input: str = "ids"  # what of winnow's counts: token ids in, or text in
    long: bool = False  # pairs of 512 tokens
    measure: str = "ratio"  # or share, p50
    reach: float = 0
    stretch: float = 0
    seconds: int = 12
    rival_dtype: str = "float16"


SORTED = "sorted,compile"
STEPS = [
    Step("xlmr-large", "xlmr-large", "xlm-roberta", ["--dtype", "f16"], SORTED, reach=1.5, stretch=1.7),
    Step("xlmr-large-f8", "xlmr-large", "xlm-roberta", ["--dtype", "f8"], SORTED, reach=2.1, stretch=2.5),
    Step("xlmr-large-512", "xlmr-large", "xlm-roberta", ["--dtype", "f16"], "sorted", long=True, measure="share",
         reach=0.75, stretch=0.82),
    Step("xlmr-base", "xlmr-base", "xlm-roberta", ["--dtype", "f16"], "st", input="text", reach=6, stretch=10),
    Step("minilm-l6", "minilm-l6", "bge-small-zh", ["--dtype", "f16"], "st", input="text", reach=6, stretch=10),
    Step("bge-small-zh", "bge-small-zh", "bge-small-zh", ["--dtype", "f16"], "st", input="text", reach=6, stretch=10),
    Step("qwen-1.5b-yes-no", "qwen2.5-1.5b", "qwen2.5", ["--dtype", "bf16", "--task", "rerank"], SORTED, reach=2, stretch=2.5,
         rival_dtype="bfloat16"),
    Step("one-pair-512", "xlmr-large", "xlm-roberta", ["--dtype", "f16", "--tokens", "512"], measure="p50", reach=2,
         stretch=1.5, seconds=6),
]
ORDER = ["tests", "memcheck", "racecheck", *[s.name for s in STEPS], "shared-prefix", "http", "qwen-7b-decode", "two-gpus"]
# Seconds each may take, where --limit does not say; checkpoints and the rival's compiling included (of XLM-R-large 80 s).
LIMITS = {"tests": 300, "memcheck": 240, "racecheck": 240, "xlmr-large": 200, "xlmr-large-f8": 200, "xlmr-large-512": 200,
          "xlmr-base": 150, "minilm-l6": 120, "bge-small-zh": 120, "qwen-1.5b-yes-no": 240, "one-pair-512": 90,
          "shared-prefix": 150, "http": 240, "qwen-7b-decode": 420, "two-gpus": 150}


class Failed(Exception):
    """A step cannot be done; the others go on."""

    def __init__(self, why, output=""):
        super().__init__(why)
        self.output = output  # what the program had printed by then


class Check:
    def __init__(self, args):
        self.args, self.deadline = args, 0
        self.work = pathlib.Path(args.work)
        self.work.mkdir(parents=True, exist_ok=True)
        self.out = {"machine": machine(args.commit), "rows": []}
        if args.resume and pathlib.Path(args.out).is_file():
            self.out["rows"] = json.loads(pathlib.Path(args.out).read_text())["rows"]
        self.rivals = {}

    # ---- running programs, within the step's time --------------------------------------------------------------------

    def left(self):
        left = self.deadline - time.monotonic()
        if left < 1:
            raise Failed("no time is left for this step")
        return left

    def run(self, command, env=None, check=True):
        """Its stdout; the process and its children end with the step's time."""
        print("$ " + " ".join(map(str, command)), file=sys.stderr, flush=True)
        name = pathlib.Path(str(command[0])).name
        # Files, not pipes: a worker that outlives its program would hold a pipe open.
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
            process = subprocess.Popen(list(map(str, command)), stdout=out, stderr=err, env={**os.environ, **(env or {})},
                                       start_new_session=True)
            try:
                process.wait(self.left())
                late = False
            except subprocess.TimeoutExpired:
                late = True
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
            out.seek(0), err.seek(0)
            out, err = out.read(), err.read()
        if late:
            raise Failed(f"{name} {command[1] if len(command) > 1 else ''}: out of time", out)
        if check and process.returncode:
            raise Failed(f"{name}: exit code {process.returncode}: {(err or out)[-800:]}", out)
        return out if check else (process.returncode, out + err)

    def program(self, name):
        folder = pathlib.Path(self.args.build)
        for path in (folder / name, folder / "app" / name, *folder.glob(f"tests/*/{name}"), folder / "bench" / name):
            if os.access(path, os.X_OK) and path.is_file():
                return path
        raise Failed(f"want the program {name} in {folder}, got none")

    def gpu_tests(self):
        """The programs of the tests labelled gpu; in a flat folder, those named so."""
        folder = pathlib.Path(self.args.build)
        if (folder / "CTestTestfile.cmake").is_file():
            listed = self.run(["ctest", "--test-dir", folder, "-L", "^gpu$", "-N"])
            names = [f"test_{name}" for name in re.findall(r"Test +#\d+: (\w+)", listed)]
        else:
            names = sorted(p.name for p in folder.glob("test_*gpu*") if os.access(p, os.X_OK))
        if not names:
            raise Failed(f"no test labelled gpu in {folder}")
        return [self.program(name) for name in names]

    # ---- what is measured --------------------------------------------------------------------------------------------

    def baseline(self, *command):
        script = pathlib.Path(self.args.baseline) / "hf_baseline.py"
        if not script.is_file():
            raise Failed(f"want {script}, got no such file: --baseline or BASELINE names its folder")
        return self.run([self.args.python, script, *command])

    def checkpoint(self, shape, tokenizer):
        folder = self.work / shape
        if not (folder / "made").is_file():
            self.baseline("checkpoint", shape, folder, "--tokenizer", pathlib.Path(self.args.tokenizers) / tokenizer)
            (folder / "made").touch()
        return folder

    def pairs(self, long=False):
        path = self.work / ("pairs-long.jsonl" if long else "pairs.jsonl")
        if not path.is_file():
            self.baseline("pairs", self.args.beir, path, "--count", 4096, *(["--long"] if long else []))
        return path

    def bench(self, folder, *more):
        """winnow bench's measurements: matrix rate, throughput by input, latency by count, decoding by streams."""
        out = {"throughput": {}, "latency": {}, "decode": {}, "lines": []}
        for line in self.run([self.program("winnow"), "bench", "-m", folder, "--json", *more]).splitlines():
            row = json.loads(line)
            out["lines"].append(row)
            kind = row["measure"]
            if kind in ("throughput", "latency", "decode"):
                out[kind][row[{"throughput": "input", "latency": "count", "decode": "streams"}[kind]]] = row
            else:
                out[kind] = row
        return out

    def rival(self, step, folder):
        """hf_baseline.py's lines; the same run of two rows is made once. One that fails leaves those that it printed."""
        key = (step.shape, step.rival, step.long, step.rival_dtype)
        if key not in self.rivals:
            text = self.baseline("run", folder, "--pairs", self.pairs(step.long), "--count", self.args.count, "--impl",
                                 step.rival, "--batch", "32,128", "--dtype", step.rival_dtype)
            self.rivals[key] = objects(text)
        return self.rivals[key]

    # Each step writes into its row as it goes: what was measured before a failure stays.

    def shape_row(self, row, step):
        folder = self.checkpoint(step.shape, step.tokenizer)
        arguments = [*step.ours, "--device", self.args.device, "--seconds", step.seconds]
        if step.measure != "p50":
            arguments += ["--pairs", self.pairs(step.long), "--max-length", 512]
        if "rerank" in step.ours:
            prompt = self.work / "prompt.json"
            prompt.write_text(json.dumps(PROMPT))
            arguments += ["--prompt-file", prompt]
        ours = self.bench(folder, *arguments)
        counted = ours["throughput"][step.input]
        row.update(matrix_tflops=ours["matrix_rate"]["tflops"], winnow=ours["lines"])
        if step.measure == "ratio":
            row.update(unit="pairs/s", ours=counted["per_s"])
        elif step.measure == "share":
            row.update(unit="share of the 8192^3 rate", ours=counted["share_of_matrix_rate"])
        else:
            row.update(unit="ms, p50", ours=ours["latency"][1]["p50_ms"])
        best = None
        if step.rival:
            try:
                lines = self.rival(step, folder)
            except Failed as failed:
                row.update(rival_lines=objects(failed.output))
                raise
            best = max((line for line in lines if "pairs_per_s" in line), key=lambda line: line["pairs_per_s"], default=None)
            row.update(rival_lines=lines, rival_gemm8192_tflops=lines[0].get("gemm8192_bf16_tflops"))
        if step.measure == "ratio":
            if not best:
                raise Failed("the rival printed no rate")
            row.update(rival=best["pairs_per_s"], ratio=row["ours"] / best["pairs_per_s"])
        elif step.measure == "share" and best:
            row.update(rival=best["share_of_gemm8192"])
            if row["ours"] is not None:
                row["ratio"] = row["ours"] / best["share_of_gemm8192"]

    # ---- the other steps ---------------------------------------------------------------------------------------------

    def cases(self, *before, after=()):
        """The GPU tests' programs behind a command; one that only says why it skips has tested nothing."""
        failed, output, total = [], {}, collections.Counter()
        for program in self.gpu_tests():
            code, text = self.run([*before, program, *after], check=False)
            output[program.name] = text[-1500:]
            counts = counts_of(text, "fail" if code else "run")
            total += counts
            if code or not counts["passed"]:
                failed.append(program.name)
        return {"ok": not failed, "failed": failed, "cases": dict(total), "programs": sorted(output), "output": output}

    def tests(self, row):
        row.update(self.cases())

    def sanitizer(self, tool):
        return self.cases("compute-sanitizer", "--tool", tool, "--error-exitcode", "9",
                          after=[f"--test-case={self.args.sanitizer_cases}"])

    def memcheck(self, row):
        row.update(self.sanitizer("memcheck"))

    def racecheck(self, row):
        row.update(self.sanitizer("racecheck"))

    def shared_prefix(self, row):
        row.update(unit="gain by the gain that counting promises", reach=0.95)
        program, folder = self.program("bench_prefix"), self.checkpoint("qwen2.5-1.5b", "qwen2.5")
        try:
            row["winnow"] = objects(self.run([program, folder, "0", self.args.device]))
        except Failed as failed:
            row["winnow"] = objects(failed.output)
            raise
        row["ours"] = min(line["share"] for line in row["winnow"])

    def http(self, row):
        """winnow serve under http_rerank.py; the rival is whatever RIVAL_URL serves, if anything does."""
        folder, pairs = self.checkpoint("xlmr-large", "xlm-roberta"), self.pairs()
        load = pathlib.Path(self.args.baseline) / "http_rerank.py"

        def ask(url, *more):
            text = self.run([self.args.python, load, url, "--shape", "jina", "--pairs", pairs, *more])
            return {line["clients"]: line for line in objects(text)}
        row.update(unit="pairs/s at 32 clients; p50_ms of one", reach=3.5, stretch=4, reach_p50_ms=40, stretch_p50_ms=30)
        port = free_port()
        with server([self.program("winnow"), "serve", "-m", f"model={folder}", "--port", port, "--dtype", "f16", "--device",
                     self.args.device], f"http://127.0.0.1:{port}/health", self.left()):
            ours = ask(f"http://127.0.0.1:{port}", "--route", "/v1/rerank")
        row.update(winnow=list(ours.values()), ours=ours[32]["pairs_per_s"], p50_ms=ours[1]["p50_ms"])
        if url := os.environ.get("RIVAL_URL"):
            rival = ask(url)
            row.update(rival=rival[32]["pairs_per_s"], ratio=row["ours"] / rival[32]["pairs_per_s"],
                       rival_lines=list(rival.values()))

    def qwen_7b_decode(self, row):
        """Decoding at 1k tokens against what the step's bytes take at the GPU's own copy rate."""
        folder = self.checkpoint("qwen2.5-7b", "qwen2.5")
        config = json.loads((folder / "config.json").read_text())
        copy = float(self.run([self.args.python, "-c", COPY_RATE])) * 1e9
        kv_token = 2 * 2 * config["num_hidden_layers"] * config["num_key_value_heads"] * (
            config["hidden_size"] // config["num_attention_heads"])
        row.update({"unit": "share of the byte roofline", "copy_gb_per_s": copy / 1e9, "reach": {"1": 0.85, "256": 0.8},
                    "stretch": {"1": 0.9, "256": 0.85}, "ours": {}, "winnow": []})
        for streams in (1, 256):
            result = self.bench(folder, "--dtype", "bf16", "--device", self.args.device, "--tokens", "1024", "--concurrency",
                                streams, "--seconds", 16, "--kv-cache", "40G")
            row["winnow"] += result["lines"]
            line = result["decode"][streams]
            embedding = 2 * config["vocab_size"] * config["hidden_size"]  # a row of it is read, not all
            step_bytes = result["model"]["weight_bytes"] - embedding + line["running"] * (line["context"]) * kv_token
            row["ours"][str(streams)] = line["tokens_per_s_a_stream"] * step_bytes / copy

    def two_gpus(self, row):
        row.update(unit="two GPUs over one", reach=1.95, rates=[], winnow=[])
        if len(self.out["machine"]["gpus"]) == 1:
            raise Failed("want two GPUs, got one")
        folder, pairs = self.checkpoint("xlmr-large", "xlm-roberta"), self.pairs()
        for device in ("cuda:0", "cuda:0,1"):
            result = self.bench(folder, "--dtype", "f16", "--pairs", pairs, "--max-length", 512, "--device", device, "--seconds",
                                12, "--concurrency", 8)
            row["winnow"] += result["lines"]
            row["rates"].append(result["throughput"]["text"]["per_s"])
        row["ours"] = row["rates"][1] / row["rates"][0]

    # ---- all of it ---------------------------------------------------------------------------------------------------

    def write(self):
        path = pathlib.Path(self.args.out)
        part = path.with_suffix(".part")
        part.write_text(json.dumps(self.out, indent=1) + "\n")
        part.replace(path)

    def limit(self, name):
        return self.args.limit.get(name, self.args.limit.get("", LIMITS[name]))

    def done(self, name):
        return any(row["row"] == name and row["ok"] for row in self.out["rows"])

    def step(self, name):
        begin = time.monotonic()
        self.deadline = begin + self.limit(name)
        row = {"row": name}
        try:
            spec = next((s for s in STEPS if s.name == name), None)
            if spec:
                row.update(reach=spec.reach, stretch=spec.stretch)
                self.shape_row(row, spec)
            else:
                getattr(self, name.replace("-", "_"))(row)
        except Failed as failed:
            row.update(ok=False, error=str(failed))
        except Exception as error:  # whatever it is, the other steps go on
            row.update(ok=False, error=f"{type(error).__name__}: {error}")
        row.setdefault("ok", True)
        row.update(took_s=round(time.monotonic() - begin, 1), clocks=clocks())
        self.out["rows"] = [r for r in self.out["rows"] if r["row"] != name] + [row]
        self.write()
        say = {k: row[k] for k in ("row", "ok", "ours", "rival", "ratio", "reach", "unit", "error", "failed", "took_s") if k in row}
        print(json.dumps(say), flush=True)
        return row["ok"]


@contextlib.contextmanager
def server(command, health, seconds):
    """A server that answers; it ends with the block."""
    process = subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        end = time.monotonic() + seconds
        while True:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(health, timeout=2).read()
                break
            if process.poll() is not None or time.monotonic() > end:
                raise Failed(f"{command[0]}: did not begin to answer")
            time.sleep(0.2)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()


def objects(text):
    """The JSON objects among the lines; the last may have been cut off."""
    out = []
    for line in text.splitlines():
        with contextlib.suppress(ValueError):
            out += [json.loads(line)] if line.startswith("{") else []
    return out


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def asked(*command):
    """A command's stdout, or nothing."""
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=30, cwd=ROOT).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return ""


def clocks():
    keys = "clocks.sm,clocks.mem,temperature.gpu,power.draw"
    return asked("nvidia-smi", f"--query-gpu={keys}", "--format=csv,noheader")


def machine(commit):
    keys = ["name", "driver_version", "clocks.max.sm", "clocks.max.mem", "power.limit", "memory.total"]
    gpus = [dict(zip(keys, map(str.strip, line.split(","))))
            for line in asked("nvidia-smi", f"--query-gpu={','.join(keys)}", "--format=csv,noheader").splitlines()]
    return {"gpus": gpus, "clocks": clocks(), "commit": commit or asked("git", "rev-parse", "--short=12", "HEAD"),
            "cpus": os.cpu_count(), "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}


def limits(text):
    """"110,xlmr-large=200" as seconds by step; of all others by "". """
    out = {}
    for part in text.split(","):
        name, _, seconds = part.rpartition("=")
        if name and name not in ORDER:
            raise argparse.ArgumentTypeError(f"no such step: {name}")
        try:
            out[name] = float(seconds)
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"want seconds, got {seconds}") from error
    return out


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that a program that runs ends with this one
    shared = pathlib.Path(os.environ.get("WINNOW_SHARED", ROOT.parent / "shared"))
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--build", default=ROOT / "build" / "cuda", help="the build folder, or a flat folder of programs")
    p.add_argument("--out", default="gpu_check.json")
    p.add_argument("--only", help="steps, with commas: " + ", ".join(ORDER))
    p.add_argument("--skip", default="", help="steps that are left out")
    p.add_argument("--limit", type=limits, default={}, metavar="S,STEP=S",
                   help="seconds for each step, and for named ones; without it as long as each usually needs")
    p.add_argument("--total", type=float, help="seconds for all: a step whose limit does not fit into what is left is not begun")
    p.add_argument("--resume", action="store_true", help="keep the rows of the file --out; steps done there are not done again")
    p.add_argument("--device", default="cuda:0")
    p.add_argument("--work", default=ROOT / ".cache" / "gpu_check", help="for checkpoints and pairs, tens of GB for all")
    p.add_argument("--baseline", default=os.environ.get("BASELINE", shared / "bench"), help="the folder of hf_baseline.py")
    p.add_argument("--tokenizers", default=shared / "data" / "tokenizers")
    p.add_argument("--beir", default=shared / "data" / "eval" / "scifact", help="a BEIR folder that pairs are made of")
    p.add_argument("--count", type=int, default=4096, help="pairs for the rival")
    p.add_argument("--python", default=sys.executable, help="one that has torch and transformers")
    p.add_argument("--sanitizer-cases", default="*", help="doctest's filter of cases under compute-sanitizer, which is slow")
    p.add_argument("--commit", help="where the machine has no git")
    args = p.parse_args()
    names = args.only.split(",") if args.only else ORDER
    if unknown := [n for n in [*names, *filter(None, args.skip.split(","))] if n not in ORDER]:
        p.error(f"no such step: {', '.join(unknown)}; there are {', '.join(ORDER)}")
    check = Check(args)
    names = [name for name in names if name not in args.skip.split(",") and not (args.resume and check.done(name))]
    end = time.monotonic() + args.total if args.total else float("inf")
    ok, left = [], []
    for name in names:
        fits = time.monotonic() + check.limit(name) <= end
        ok += [check.step(name)] if fits else []
        left += [] if fits else [name]
    if left:
        print(f"no time for {','.join(left)}: call again with --resume")
    print(f"{sum(ok)} of {len(ok)} steps done; {args.out}")
    sys.exit(0 if (ok or args.resume) and all(ok) and not left else 1)


if __name__ == "__main__":
    main()
