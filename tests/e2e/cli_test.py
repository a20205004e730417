#!/usr/bin/env python3
"""The command line as a user meets it: results on stdout, everything else on stderr, exit codes 0, 1 and 2.

Long because it is every command, one class each.
"""
import concurrent.futures
import contextlib
import fcntl
import json
import math
import os
import pty
import re
import shutil
import signal
import socket
import struct
import subprocess
import termios
import unicodedata
import unittest

from winnow_program import BIN, DOCUMENTS, MODELS, QUESTION, ROOT, ProgramTest, environment, get, needs, post

COMMANDS = ["rerank", "embed", "tokenize", "serve", "inspect", "pull", "models", "doctor", "bench", "completion"]
RERANKER, EMBEDDER = "ms-marco-minilm-l12", "bge-small-en"


class Usage(ProgramTest):
    def test_help_of_every_command_is_on_stdout_with_an_example(self):
        for command in COMMANDS:
            with self.subTest(command):
                done = self.succeeds(command, "--help")
                self.assertIn("Example:\n  ", done.out)
                self.assertRegex(done.out.split("Example:")[1], rf"winnow {command}\s")
        self.assertEqual(set(COMMANDS) - set(self.succeeds("--help").out.split()), set())

    def test_version(self):
        self.assertRegex(self.succeeds("--version").out, r"\Awinnow \d+\.\d+\.\d+\n\Z")

    def test_wrong_usage_is_one_line_and_2(self):
        for args, says in [
                ([], "subcommand"),
                (["rernk"], 'did you mean "rerank"?'),
                (["rerank", "--qery", "x"], 'did you mean "--query"?'),
                (["rerank", "d.txt"], "-q QUERY or --queries"),
                (["rerank", "-q", "x", "--json", "--jsonl", "d.txt"], "--json or --jsonl"),
                (["rerank", "-q", "x", "--dtype", "f64", "d.txt"], "f16"),
                (["rerank", "-q", "x", "--top-n", "none", "d.txt"], "--top-n"),
                (["rerank", "--queries", "q", "--json"], "--jsonl"),
                (["embed"], "TEXT"),
                (["embed", "a", "--json", "--npy"], "--json or --npy"),
                (["tokenize"], "--file"),
                (["serve", "--port", "70000"], "--port"),
                (["pull"], "MODEL"),
                (["inspect"], "FILE|MODEL"),
                (["completion", "tcsh"], "tcsh")]:
            with self.subTest(args=args):
                self.refuses(2, *args, says=[says, "--help)"])


class Errors(ProgramTest):
    def test_a_missing_file_is_named(self):
        self.refuses(1, "rerank", "-q", "x", "no.txt", says="no.txt: No such file")

    def test_a_model_that_is_not_here_comes_with_the_command_that_gets_it(self):
        self.refuses(1, "rerank", "-q", "x", "-", stdin=b"a\n", env={"WINNOW_MODELS": str(self.folder)},
                     says="winnow pull ms-marco-minilm-l12")
        self.refuses(1, "embed", "x", env={"WINNOW_MODELS": str(self.folder)}, says="winnow pull bge-small-en")

    def test_a_folder_without_a_model_is_named(self):
        (self.folder / "empty").mkdir()
        self.refuses(1, "rerank", "-q", "x", "-m", "./empty", "-", stdin=b"a\n", says="empty")

    def test_no_documents(self):
        self.refuses(1, "rerank", "-q", "x", "-", stdin=b"\n \n", says="stdin: want a document a line, got none")

    def test_a_bad_line_is_named(self):
        self.file("d.jsonl", '{"text": "a"}\n{"txt": "b"}\n')
        self.refuses(1, "rerank", "-q", "x", "d.jsonl", says="d.jsonl:2: missing key `text`")
        self.file("q.jsonl", "nonsense\n")
        self.refuses(1, "rerank", "--queries", "q.jsonl", "d.jsonl", says="q.jsonl:1: not JSON at byte 0")

    @needs(RERANKER)
    def test_a_cut_model_file_is_named(self):
        broken = self.folder / "broken"
        shutil.copytree(MODELS / RERANKER, broken)
        path = next(p for p in broken.rglob("*") if p.suffix in (".onnx", ".safetensors"))
        path.write_bytes(path.read_bytes()[:1_000_000])
        self.refuses(1, "rerank", "-q", "x", "-m", broken, "-", stdin=b"a\n", says=path.name)

    def test_an_unknown_setting_names_file_line_and_the_nearest(self):
        self.file("winnow.yaml", "host: localhost\nprot: 80\n")
        self.refuses(1, "rerank", "-q", "x", "-", stdin=b"a\n",
                     says='winnow.yaml:2: unknown key "prot", did you mean "port"?')
        self.file("other.yaml", "threads: many\n")
        self.refuses(1, "doctor", "--config", "other.yaml", says="other.yaml:1: threads: want an integer")

    def test_pull_of_an_unknown_name(self):
        self.refuses(1, "pull", "ms-marco-minilm-l13", says="ms-marco-minilm-l12", env={"HF_HUB_OFFLINE": "1"})


class Inspect(ProgramTest):
    DATA = ROOT / "tests" / "data"

    def test_an_unverified_prompt_is_called_so(self):
        for name, prompt in (("lychee-rerank-mini", "lychee-a, unverified"), ("Qwen3-Reranker-tiny", "qwen3-reranker")):
            folder = self.folder / name
            shutil.copytree(self.DATA / "tiny-qwen3", folder)
            self.assertIn(prompt, self.succeeds("inspect", folder).out.split("prompt", 1)[1].splitlines()[0])
            plan = json.loads(self.succeeds("inspect", folder, "--json").out)["plan"]
            self.assertEqual((plan["prompt"], plan["task"]), (prompt, "reranker"))
        plan = json.loads(self.succeeds("inspect", self.DATA / "tiny-qwen3", "--json").out)["plan"]
        self.assertIsNone(plan["prompt"])
        settings = self.file("p.yaml", b"prompt: lychee-b\n")
        env = {"WINNOW_MODELS": str(self.folder / "none"), "HF_HUB_CACHE": str(self.folder / "none")}
        self.assertIn("lychee-b, unverified", self.succeeds("doctor", "--config", settings, env=env).out)

    def test_a_gguf_file_says_what_is_in_it(self):
        found = json.loads(self.succeeds("inspect", self.DATA / "weights" / "tiny_llama.gguf", "--json").out)
        self.assertEqual(found["format"], "gguf 3")
        self.assertEqual(found["plan"]["architecture"], "LlamaForCausalLM")
        self.assertEqual(found["plan"]["task"], "generator")
        self.assertTrue(found["plan"]["known"])
        self.assertEqual(found["plan"]["tokenizer"], "in the file: gpt2, 8 tokens")
        self.assertEqual(found["plan"]["chat_template"], "in the file")
        self.assertEqual(found["totals"]["q4_k"], {"tensors": 1, "parameters": 8192, "bytes": 4608})
        self.assertEqual(found["metadata"]["llama.rope.freq_base"], 500000)
        self.assertEqual(found["metadata"]["tokenizer.ggml.tokens"][:3], ["<s>", "</s>", "t0"])
        self.assertEqual(len(found["tensors"]), 16)
        self.assertIn({"name": "blk.0.attn_k.weight", "dtype": "q5_k", "shape": [16, 256], "bytes": 2816}, found["tensors"])

    def test_folders_and_files_of_each_format(self):
        for place, form, task in [("tiny-bert-reranker", "safetensors", "reranker"),
                                  ("tiny-bert-reranker-int8", "onnx", "reranker"),
                                  ("tiny-bert-classifier", "safetensors", "classifier"),
                                  ("tiny-bert-embedder-mean", "safetensors", "embedder"),
                                  ("tiny-qwen3", "safetensors", "generator"),
                                  ("weights/torch_mixed.bin", "pytorch", None),
                                  ("weights/torch_sharded.bin.index.json", "pytorch, in shards", None)]:
            with self.subTest(place):
                found = json.loads(self.succeeds("inspect", self.DATA / place, "--json").out)
                self.assertEqual((found["format"], found["plan"]["task"]), (form, task))
                self.assertEqual(found["plan"]["known"], task is not None)

    def test_text_begins_with_the_plan(self):
        lines = self.succeeds("inspect", self.DATA / "tiny-bert-reranker").out.splitlines()
        self.assertRegex(lines[0], r"\Afile +/.*model.safetensors\Z")
        self.assertIn("architecture   BertForSequenceClassification", lines)
        self.assertTrue(any(re.match(r"tokenizer +tokenizer.json, 368 tokens\Z", line) for line in lines))

    def test_long_arrays_are_shown_by_their_beginning(self):
        tokens = b"".join(struct.pack("<Q", 1) + b"x" for _ in range(100))
        key = lambda name, kind: struct.pack("<Q", len(name)) + name + struct.pack("<I", kind)
        gguf = (b"GGUF" + struct.pack("<IQQ", 3, 0, 2) + key(b"general.architecture", 8) + struct.pack("<Q", 4) + b"bert" +
                key(b"tokenizer.ggml.tokens", 9) + struct.pack("<IQ", 8, 100) + tokens)
        found = json.loads(self.succeeds("inspect", self.file("m.gguf", gguf), "--json").out)
        self.assertEqual(found["metadata"]["tokenizer.ggml.tokens"], {"count": 100, "first": ["x"] * 8})
        self.assertIn("want one of llama, qwen2, qwen3, got `bert`", found["plan"]["why_not"])
        self.assertFalse(found["plan"]["known"])

    def test_what_cannot_be_read_is_refused_with_the_byte(self):
        self.refuses(1, "inspect", self.file("m.gguf", b"GGUF\3"), says="m.gguf: at byte 4")
        self.refuses(1, "inspect", self.file("m.h5", b"x"), says="want a folder or a file")
        self.refuses(1, "inspect", "no.gguf", says="no.gguf")

    @needs("smollm2-135m")
    def test_smollm2(self):
        found = json.loads(self.succeeds("inspect", "smollm2-135m", "--json").out)
        self.assertEqual({t: row["tensors"] for t, row in found["totals"].items()}, {"f32": 61, "q4_1": 210, "q8_0": 1})
        self.assertEqual(sum(row["parameters"] for row in found["totals"].values()), 134515008)
        self.assertEqual(found["plan"]["tokenizer"], "in the file: gpt2/smollm, 49152 tokens")


class Completion(ProgramTest):
    def test_scripts_are_valid_in_their_shells(self):
        for shell in ["bash", "zsh", "fish"]:
            script = self.succeeds("completion", shell).bytes
            self.assertIn(b"rerank", script)
            if shutil.which(shell):
                checked = subprocess.run([shell, "-n"], input=script, capture_output=True)
                self.assertEqual((checked.returncode, checked.stderr), (0, b""), shell)

    def complete(self, *words):
        script = self.succeeds("completion", "bash").out
        script += f'COMP_WORDS=({" ".join(words)}); COMP_CWORD={len(words) - 1}; _winnow; echo "${{COMPREPLY[@]}}"\n'
        done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, cwd=self.folder,
                              env=environment(PATH=f"{self.folder}:/usr/bin:/bin"))
        self.assertEqual(done.stderr, "")
        return done.stdout.split()

    def test_bash_completes_commands_flags_choices_and_files(self):
        self.assertEqual(self.complete("winnow", "rer"), ["rerank"])
        self.assertEqual(self.complete("winnow", "rerank", "--que"), ["--query", "--queries"])
        self.assertEqual(self.complete("winnow", "rerank", "--dtype", "f"), ["f32", "f16", "f8"])
        self.file("docs.txt", "a")
        self.assertIn("docs.txt", self.complete("winnow", "inspect", "doc"))
        self.assertEqual(self.complete("winnow", "rerank", "doc"), ["docs.txt"])

    def test_bash_completes_the_models_that_are_here(self):
        (self.folder / "winnow").symlink_to(BIN)
        names = self.succeeds("models", "--names").out.split()
        if not names:
            self.skipTest(f"no model in {MODELS}")
        self.assertEqual(self.complete("winnow", "rerank", "-m", names[0]), [names[0]])


class Inventory(ProgramTest):
    def test_models_of_an_empty_cache(self):
        env = {"WINNOW_MODELS": str(self.folder / "none"), "HF_HUB_CACHE": str(self.folder / "none")}
        done = self.winnow("models", "--json", env=env)
        self.assertEqual((done.code, json.loads(done.out)), (0, {"models": []}))
        done = self.winnow("models", env=env)
        self.assertEqual((done.code, done.out), (0, ""))
        self.assertIn("winnow pull ms-marco-minilm-l12", done.err)

    @needs(RERANKER)
    def test_models_have_names_sizes_and_folders(self):
        models = {m["name"]: m for m in json.loads(self.succeeds("models", "--json").out)["models"]}
        self.assertGreater(models[RERANKER]["bytes"], 30_000_000)
        self.assertTrue(models[RERANKER]["folder"].endswith(RERANKER))
        self.assertEqual(models[RERANKER]["source"], "winnow")

    def test_doctor_names_what_is_missing_and_how_to_get_it(self):
        report = json.loads(self.succeeds("doctor", "--json", env={"WINNOW_MODELS": str(self.folder)}).out)
        self.assertIn("winnow pull ms-marco-minilm-l12", [m["how"] for m in report["missing"]])
        self.assertGreaterEqual(report["cpus"], 1)
        self.assertGreater(report["memory_bytes"], 0)
        self.assertTrue(report["kernels"]["linear f32"])
        self.assertIn("avx2", report["features"])
        text = self.succeeds("doctor").out
        for row in ["cpu", "features", "kernel", "memory", "cache", "missing"]:
            self.assertRegex(text, rf"(?m)^{row} +\S")


@needs(RERANKER)
class Rerank(ProgramTest):
    def test_the_demo_question_is_answered(self):
        rows = [line.split("\t") for line in self.succeeds("rerank", "-q", QUESTION, DOCUMENTS).out.splitlines()]
        self.assertEqual(len(rows), len(DOCUMENTS.read_text().splitlines()))
        self.assertEqual(rows[0][0], "1")
        self.assertEqual(rows[0][3], "dance-waggle")
        self.assertGreater(float(rows[0][1]), 0.8)
        scores = [float(row[1]) for row in rows]
        self.assertEqual(scores, sorted(scores, reverse=True))

    def test_json_is_the_object_of_v1_rerank(self):
        answer = json.loads(self.succeeds("rerank", "-q", QUESTION, "--json", "--top-n", "3", DOCUMENTS).out)
        self.assertEqual(len(answer["results"]), 3)
        self.assertEqual(answer["model"], RERANKER)
        best = answer["results"][0]
        self.assertEqual(set(best), {"index", "relevance_score", "id"})
        self.assertEqual((best["index"], best["id"]), (0, "dance-waggle"))
        self.assertGreater(answer["usage"]["total_tokens"], 72 * 20)

    def test_lines_and_stdin_and_a_title(self):
        texts = "Bees eat nectar.\n\nParis is in France.\n".encode()
        answer = json.loads(self.succeeds("rerank", "-q", "What do bees eat?", "--json", stdin=texts).out)
        self.assertEqual([r["index"] for r in answer["results"]], [0, 1])
        self.assertNotIn("id", answer["results"][0])
        whole = self.succeeds("rerank", "-q", "q", "--json", stdin=b"Bees. They eat nectar.\n")
        parts = self.succeeds("rerank", "-q", "q", "--json", stdin=b'{"title":"Bees.","text":"They eat nectar."}\n')
        self.assertEqual(*(json.loads(d.out)["results"][0]["relevance_score"] for d in (whole, parts)))

    def test_raw_scores_are_logits(self):
        def scores(*flags):
            return [r["relevance_score"] for r in json.loads(
                self.succeeds("rerank", "-q", QUESTION, "--json", *flags, DOCUMENTS).out)["results"]]
        for score, logit in zip(scores(), scores("--raw-scores")):
            self.assertAlmostEqual(score, 1 / (1 + math.exp(-logit)), places=6)

    def test_threads_and_batches_change_no_bit(self):
        def scores(*args, stdin):
            out = self.succeeds("rerank", "-q", QUESTION, *args, "-", stdin=stdin).out
            return {line.split("\t")[3]: line.split("\t")[1] for line in out.splitlines()}
        lines = DOCUMENTS.read_bytes().splitlines(keepends=True)
        whole = scores("--threads", "1", stdin=b"".join(lines))
        self.assertEqual(whole, scores("--threads", "2", stdin=b"".join(reversed(lines))))
        for line in lines[:3]:
            alone = scores(stdin=line)
            self.assertEqual(alone, {key: whole[key] for key in alone})

    def test_dtype_and_max_length_reach_the_model(self):
        def best(*flags):
            return self.succeeds("rerank", "-q", QUESTION, *flags, DOCUMENTS).out.split("\t")[1]
        self.assertNotEqual(best("--dtype", "f32"), best("--dtype", "int8"))
        self.assertNotEqual(best(), best("--max-length", "24"))

    def test_many_queries(self):
        queries = DOCUMENTS.parent / "queries.jsonl"
        lines = self.succeeds("rerank", "--queries", queries, DOCUMENTS, "--jsonl", "--top-n", "2").out.splitlines()
        answers = [json.loads(line) for line in lines]
        self.assertEqual([(a["query_id"], a["results"][0]["id"]) for a in answers],
                         [("food-place", "dance-waggle"), ("queen", "food-royal"), ("winter", "food-winter"),
                          ("tomato", "plant-tomato"), ("hornet", "ill-heatball")])
        self.assertEqual(answers[0]["query"], QUESTION)
        own = self.file("own.jsonl", '{"query": "What do bees eat?", "documents": ["Paris.", "Bees eat nectar."]}\n'
                        '{"query": "Where is Paris?", "id": 7, "documents": [{"text": "In France.", "id": "f"}]}\n')
        rows = [row.split("\t") for row in self.succeeds("rerank", "--queries", own).out.splitlines()]
        self.assertEqual([(r[0], r[1], r[4], r[5]) for r in rows],
                         [("0", "1", "", "Bees eat nectar."), ("0", "2", "", "Paris."), ("7", "1", "f", "In France.")])

    def test_a_bad_document_is_named_and_its_neighbours_are_ranked(self):
        done = self.winnow("rerank", "-q", "bees", "-", stdin=b"Bees.\n\xff\xfe\nWasps.\n")
        self.assertEqual(done.code, 1)
        self.assertEqual([line.split("\t")[4] for line in done.out.splitlines()], ["Bees.", "Wasps."])
        self.assertRegex(done.err, r"\Awinnow rerank: no score for stdin:2: [^\n]+\n\Z")

    def test_an_empty_query_is_refused(self):
        self.refuses(1, "rerank", "-q", "", "-", stdin=b"a\n", says="query")

    def test_a_reader_that_leaves_is_no_error(self):
        pipe = subprocess.Popen(f"{BIN} rerank -q bees - | head -n 1; exit ${{PIPESTATUS[0]}}", shell=True,
                                executable="/bin/bash", cwd=self.folder, env=environment(), stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        out, err = pipe.communicate(b"".join(b"%d %s\n" % (i, b"bees " * 400) for i in range(60)))
        self.assertEqual((pipe.returncode, err, out.count(b"\n")), (0, b"", 1))

    def test_a_full_disk_is_an_error(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([BIN, "rerank", "-q", "bees", "-"], input=b"Bees.\n", stdout=full,
                                  stderr=subprocess.PIPE, env=environment(), cwd=self.folder)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"No space left", done.stderr)

    def test_settings_choose_the_model_and_flags_beat_them(self):
        self.file("winnow.yaml", f"models:\n  - mine: {MODELS / RERANKER}\nreranker: mine\ndtype: int8\n")
        def best(*flags):
            return self.succeeds("rerank", "-q", QUESTION, *flags, DOCUMENTS).out.split("\t")[1]
        by_file, by_flag = best(), best("--dtype", "f32")
        self.assertNotEqual(by_file, by_flag)
        (self.folder / "winnow.yaml").unlink()
        self.assertEqual(by_flag, best("--dtype", "f32"))
        self.file("winnow.yaml", "reranker: ./no-such-folder\n")
        self.refuses(1, "rerank", "-q", "x", "-", stdin=b"a\n", says="no-such-folder")
        self.assertEqual(by_flag, best("--dtype", "f32", "-m", RERANKER))


@needs(RERANKER)
class Terminal(ProgramTest):
    def on_terminal(self, *args, columns=80, **env):
        """What a terminal of that width gets from stdout, and another one from stderr."""
        ends = []
        for _ in range(2):
            master, slave = pty.openpty()
            fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
            ends.append((master, slave))
        process = subprocess.Popen([BIN, *map(str, args)], stdin=subprocess.DEVNULL, stdout=ends[0][1],
                                   stderr=ends[1][1], cwd=self.folder, env=environment(**env))
        texts = []
        for _, slave in ends:
            os.close(slave)
        with concurrent.futures.ThreadPoolExecutor() as pool:
            for text in pool.map(self.read_all, [master for master, _ in ends]):
                texts.append(text.decode().replace("\r\n", "\n"))
        return (process.wait(), *texts)

    @staticmethod
    def read_all(master):
        text = b""
        with contextlib.suppress(OSError):  # EIO: the program has closed its side
            while piece := os.read(master, 65536):
                text += piece
        os.close(master)
        return text

    def test_a_table_with_coloured_bars_cut_to_the_width(self):
        code, out, err = self.on_terminal("rerank", "-q", QUESTION, DOCUMENTS)
        self.assertEqual(code, 0)
        lines = out.splitlines()
        self.assertRegex(lines[0], r"rank +score +id +text")
        self.assertRegex(lines[1], r"^ +1 +0\.[89]\d{3}  \x1b\[32m█+.*\x1b\[0m  dance-waggle +The waggle dance.*…$")
        self.assertRegex(lines[-1], r"^ +72 +0\.0\d{3}  \x1b\[31m")
        for line in lines:
            self.assertLessEqual(len(re.sub(r"\x1b\[\d*m", "", line)), 80)
        narrow = self.on_terminal("rerank", "-q", QUESTION, DOCUMENTS, "--top-n", "3", columns=60)[1]
        self.assertEqual([len(re.sub(r"\x1b\[\d*m", "", line)) for line in narrow.splitlines()[1:]], [60] * 3)

    def test_chinese_takes_two_columns(self):
        self.file("d.txt", "蜜蜂用舞蹈告诉同伴食物在哪里" * 10 + "\n")
        line = self.on_terminal("rerank", "-q", "bees", "d.txt", NO_COLOR="1")[1].splitlines()[1]
        wide = sum(unicodedata.east_asian_width(c) == "W" for c in line)
        self.assertIn(len(line) + wide, (79, 80))

    def test_no_colour_where_it_is_not_wanted(self):
        for env in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
            out = self.on_terminal("rerank", "-q", QUESTION, DOCUMENTS, "--top-n", "2", **env)[1]
            self.assertNotIn("\x1b", out)
            self.assertIn("█", out)

    def test_long_work_has_a_progress_bar_on_stderr(self):
        many = self.file("many.txt", (QUESTION + " And what do they eat in the winter?\n") * 4000)
        _, out, err = self.on_terminal("rerank", "-q", QUESTION, many, "--threads", "1", "--json", "--top-n", "1")
        self.assertRegex(err, r"rerank \[#*\.*\] \d+ of 4000 pairs, \d+/s")
        self.assertEqual(len(json.loads(out)["results"]), 1)

    def test_bytes_do_not_go_to_a_terminal(self):
        code, out, err = self.on_terminal("embed", "a", "--npy")
        self.assertEqual((code, out), (2, ""))
        self.assertIn("--out FILE", err)


@needs(EMBEDDER)
class Embed(ProgramTest):
    def vectors(self, *args, **more):
        return [item["embedding"] for item in json.loads(self.succeeds("embed", "--json", *args, **more).out)["data"]]

    def npy(self, data):
        """NumPy's format, version 1.0, read by hand."""
        self.assertEqual(data[:8], b"\x93NUMPY\x01\x00")
        (length,) = struct.unpack("<H", data[8:10])
        header = eval(data[10:10 + length], {"__builtins__": {}})  # a dict literal
        self.assertEqual((header["descr"], header["fortran_order"], (10 + length) % 64), ("<f4", False, 0))
        rows, columns = header["shape"]
        values = struct.unpack(f"<{rows * columns}f", data[10 + length:])
        return [list(values[i * columns:(i + 1) * columns]) for i in range(rows)]

    def test_json_is_the_object_of_v1_embeddings(self):
        answer = json.loads(self.succeeds("embed", "Bees eat nectar.", "Paris.", "--json").out)
        self.assertEqual((answer["object"], answer["model"]), ("list", EMBEDDER))
        self.assertEqual([(d["object"], d["index"], len(d["embedding"])) for d in answer["data"]],
                         [("embedding", 0, 384), ("embedding", 1, 384)])
        self.assertGreater(answer["usage"]["prompt_tokens"], 6)
        for item in answer["data"]:
            self.assertAlmostEqual(sum(x * x for x in item["embedding"]), 1, places=5)

    def test_npy_has_the_same_floats_as_json(self):
        texts = b"Bees eat nectar.\nParis.\n"
        json_vectors = self.vectors("-", stdin=texts)
        self.assertEqual(self.npy(self.succeeds("embed", "--npy", "-", stdin=texts).bytes),
                         [[struct.unpack("<f", struct.pack("<f", x))[0] for x in v] for v in json_vectors])

    def test_out_is_a_file(self):
        self.file("texts.txt", "a\nb\nc\n")
        done = self.succeeds("embed", "--file", "texts.txt", "--npy", "--out", "v.npy")
        self.assertEqual(done.out, "")
        self.assertEqual(len(self.npy((self.folder / "v.npy").read_bytes())), 3)
        self.assertEqual(sorted(p.name for p in self.folder.iterdir()), ["texts.txt", "v.npy"])
        self.refuses(1, "embed", "a", "--out", "no/v.npy", says="no/v.npy")

    def test_plain_output_is_a_vector_a_line(self):
        out = self.succeeds("embed", "a", "b").out
        self.assertEqual([[float(x) for x in line.split()] for line in out.splitlines()], self.vectors("a", "b"))

    def test_dimensions_prompt_and_length(self):
        self.assertEqual(len(self.vectors("a", "--dimensions", "64")[0]), 64)
        self.refuses(1, "embed", "a", "--dimensions", "400", says="384")
        self.assertEqual(self.vectors("bees", "--prompt", "query: "), self.vectors("query: bees"))
        norm = math.sqrt(sum(x * x for x in self.vectors("bees", "--no-normalize")[0]))
        self.assertGreater(abs(norm - 1), 1e-3)

    def test_a_text_that_is_not_utf8_is_named(self):
        self.file("texts.txt", b"a\n\xff\n")
        self.refuses(1, "embed", "--file", "texts.txt", says="texts.txt:2: want UTF-8")

    def test_a_file_name_as_text_is_noted(self):
        self.file("texts.txt", "a\n")
        done = self.winnow("embed", "texts.txt")
        self.assertEqual(done.code, 0)
        self.assertIn("--file texts.txt", done.err)


@needs(RERANKER)
class Tokenize(ProgramTest):
    def test_json_of_a_text(self):
        got = json.loads(self.succeeds("tokenize", "Bees, naïve", "--json").out)
        self.assertEqual(got, {"ids": [101, 13734, 1010, 15743, 102],
                               "tokens": ["[CLS]", "bees", ",", "naive", "[SEP]"],
                               "offsets": [[0, 0], [0, 4], [4, 5], [6, 11], [0, 0]], "type_ids": [0, 0, 0, 0, 0]})

    def test_a_pair_has_two_types_and_max_length_cuts_it(self):
        got = json.loads(self.succeeds("tokenize", "bees", "--pair", "nectar and pollen", "--json").out)
        self.assertEqual(got["type_ids"], [0, 0, 0] + [1] * (len(got["ids"]) - 3))
        cut = json.loads(self.succeeds("tokenize", "bees", "--pair", "nectar and pollen", "--json",
                                       "--max-length", "5").out)
        self.assertEqual(len(cut["ids"]), 5)

    def test_a_file_gives_a_json_line_for_each_line_also_the_empty_ones(self):
        self.file("t.txt", "bees\n\nwasps")
        lines = [json.loads(line) for line in self.succeeds("tokenize", "--file", "t.txt").out.splitlines()]
        self.assertEqual([len(line["ids"]) > 2 for line in lines], [True, False, True])
        self.assertEqual(self.succeeds("tokenize", "-f", "-", stdin=b"bees\n").out.count("\n"), 1)
        self.file("bad.txt", b"bees\n\xff\n")
        done = self.winnow("tokenize", "-f", "bad.txt")
        self.assertEqual(done.code, 1)
        self.assertIn("bad.txt:2: want UTF-8", done.err)

    def test_columns(self):
        rows = [line.split("\t") for line in self.succeeds("tokenize", "bees").out.splitlines()]
        self.assertEqual(rows, [["101", "[CLS]", "0", "0", "0"], ["13734", "bees", "0", "4", "0"],
                                ["102", "[SEP]", "0", "0", "0"]])


class Serve(ProgramTest):
    def test_a_port_in_use_is_named(self):
        if not (MODELS / RERANKER).is_dir():
            self.skipTest(f"no {RERANKER} in {MODELS}")
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            done = self.winnow("serve", "-m", RERANKER, "--port", port)
        self.assertEqual((done.code, done.out), (1, ""))
        self.assertIn(str(port), done.err.splitlines()[-1])

    @needs(RERANKER, EMBEDDER)
    def test_it_serves_what_the_command_line_prints_and_drains_on_sigterm(self):
        with self.serving("-m", RERANKER, "-m", f"mine={MODELS / EMBEDDER}") as (server, address):
            self.assertEqual(get(address + "/health")[0], 200)
            names = [m["id"] for m in json.loads(get(address + "/v1/models")[1])["data"]]
            self.assertEqual(names, [RERANKER, "mine"])
            documents = [json.loads(line) for line in DOCUMENTS.read_text().splitlines()]
            body = {"model": RERANKER, "query": QUESTION,
                    "documents": [{"text": d["title"] + " " + d["text"], "id": d["id"]} for d in documents]}
            served = json.loads(post(address + "/v1/rerank", json.dumps(body)))
            printed = json.loads(self.succeeds("rerank", "-q", QUESTION, "--json", DOCUMENTS).out)
            self.assertEqual(served["results"], printed["results"])
            self.assertEqual(set(served), set(printed))
            server.send_signal(signal.SIGTERM)
            self.assertEqual(server.wait(timeout=60), 0)

    @needs(RERANKER)
    def test_settings_and_their_limits_reach_the_server(self):
        self.file("winnow.yaml", f"models: [{RERANKER}]\nport: 1\nlimits:\n  max_client_batch_size: 1\n")
        with self.serving() as (_, address):  # the flag --port 0 beats the file
            one = {"query": "q", "texts": ["a"]}
            self.assertEqual(len(json.loads(post(address + "/rerank", json.dumps(one)))), 1)
            with self.assertRaises(Exception) as refused:
                post(address + "/rerank", json.dumps(one | {"texts": ["a", "b"]}))
            self.assertEqual(refused.exception.code, 422)

    @needs(RERANKER)
    def test_one_name_is_one_model(self):
        done = self.winnow("serve", "-m", RERANKER, "-m", RERANKER, "--port", "0")
        self.assertEqual((done.code, done.out), (1, ""))
        self.assertIn("twice", done.err.splitlines()[-1])


if __name__ == "__main__":
    unittest.main()
