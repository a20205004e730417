"""tools/gpu_check.py with programs that only pretend: what it asks of them, what it keeps, and that a step that fails or
hangs leaves the others alone."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest

TOOL = pathlib.Path(__file__).parents[2] / "tools" / "gpu_check.py"
sys.path.insert(0, str(TOOL.parent))
import gpu_check  # noqa: E402

WINNOW = """#!/bin/sh
echo "$@" >> "$LOG"
echo '{"measure":"model","weight_bytes":1000}'
echo '{"measure":"matrix_rate","tflops":700}'
echo '{"measure":"throughput","input":"ids","per_s":300.0,"share_of_matrix_rate":0.7}'
echo '{"measure":"throughput","input":"text","per_s":290.0,"share_of_matrix_rate":0.69}'
echo '{"measure":"text_over_ids","ratio":0.97}'
echo '{"measure":"latency","count":1,"p50_ms":1.8}'
"""
# As app/bench_report.cpp writes a generator's: 40 tokens a second of each stream, 256 of them being 200 at once.
GENERATOR = """#!/bin/sh
echo "$@" >> "$LOG"
streams=$(echo "$*" | sed 's/.*--concurrency \\([0-9]*\\).*/\\1/')
running=$streams; [ $streams = 256 ] && running=200
echo '{"measure":"model","weight_bytes":1000000}'
echo '{"measure":"texts","count":64}'
echo '{"measure":"matrix_rate","tflops":700}'
echo '{"measure":"throughput","input":"ids","per_s":30.0,"share_of_matrix_rate":0.5}'
echo '{"measure":"latency","count":1,"p50_ms":9}'
echo '{"measure":"decode","streams":'$streams',"running":'$running',"context":1024,"tokens_per_s":8000,"tokens_per_s_a_stream":40}'
"""
TWO_GPUS = """#!/bin/sh
echo "$@" >> "$LOG"
rate=290; case "$*" in *cuda:0,1*) [ -e "$LOG.broken" ] && exit 1; rate=580;; esac
echo '{"measure":"throughput","input":"text","per_s":'$rate'}'
"""
# As bench/rerank/prefix_bench.cpp.
PREFIX = """#!/bin/sh
echo prefix "$@" >> "$LOG"
echo '{"documents":40,"beginning":100,"gain":1.4,"promised":1.43,"share":0.98}'
echo '{"documents":40,"beginning":200,"gain":2.6,"promised":2.86,"share":0.91}'
"""
SMI = """#!/bin/sh
case "$*" in *clocks.sm*) echo "1980 MHz";; *) for i in $GPUS; do echo "GPU $i, 1, 2, 3, 4, 5"; done;; esac
"""

BASELINE = """
import json, os, pathlib, sys
with open(os.environ["LOG"], "a") as log: print("hf", *sys.argv[1:], file=log)
if sys.argv[1] == "checkpoint":
    pathlib.Path(sys.argv[3]).mkdir(parents=True)
    config = {"num_hidden_layers": 2, "num_key_value_heads": 2, "num_attention_heads": 4, "hidden_size": 64, "vocab_size": 1000}
    (pathlib.Path(sys.argv[3]) / "config.json").write_text(json.dumps(config))
if sys.argv[1] == "pairs": pathlib.Path(sys.argv[3]).write_text("{}")
if sys.argv[1] == "run":
    print(json.dumps({"pairs": 4, "gemm8192_bf16_tflops": 690}))
    print(json.dumps({"impl": "transformers sorted", "pairs_per_s": 150.0, "share_of_gemm8192": 0.4}), flush=True)
    if "HANG" in os.environ:
        print('{"impl": "transf', end="", flush=True)
        import time
        time.sleep(60)
    print(json.dumps({"impl": "transformers compile", "pairs_per_s": 200.0, "share_of_gemm8192": 0.5}))
"""


class GpuCheck(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.program("winnow", WINNOW)
        (self.folder / "hf_baseline.py").write_text(BASELINE)
        self.log = self.folder / "log"
        self.log.touch()

    def program(self, name, text):
        path = self.folder / name
        path.write_text(text)
        path.chmod(0o755)

    def check(self, *args, code=0, **variables):
        out = self.folder / "out.json"
        done = subprocess.run([sys.executable, TOOL, "--build", self.folder, "--baseline", self.folder, "--work", self.folder / "work",
                               "--out", out, *map(str, args)], capture_output=True, text=True, timeout=60,
                              env={**os.environ, "LOG": str(self.log), **variables})
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return {row["row"]: row for row in json.loads(out.read_text())["rows"]} if out.exists() else done.stderr

    def test_a_row_is_ours_by_the_best_rival_with_both_matrix_rates(self):
        row = self.check("--only", "xlmr-large")["xlmr-large"]
        self.assertEqual((row["ours"], row["rival"], row["ratio"], row["reach"]), (300.0, 200.0, 1.5, 1.5))
        self.assertEqual((row["matrix_tflops"], row["rival_gemm8192_tflops"]), (700, 690))

    def test_rows_that_begin_with_text_count_text(self):
        self.assertEqual(self.check("--only", "minilm-l6")["minilm-l6"]["ours"], 290.0)

    def test_a_share_and_a_latency_are_rows_too(self):
        rows = self.check("--only", "xlmr-large-512,one-pair-512")
        self.assertEqual(rows["xlmr-large-512"]["ours"], 0.7)
        self.assertEqual(rows["one-pair-512"]["ours"], 1.8)

    def test_checkpoints_pairs_and_a_rivals_run_are_made_once(self):
        self.check("--only", "xlmr-large,xlmr-large-f8")
        log = self.log.read_text().splitlines()
        self.assertEqual([line.split()[1] for line in log if line.startswith("hf")], ["checkpoint", "pairs", "run"])
        self.assertEqual(sum(line.startswith("bench") for line in log), 2)
        self.check("--only", "xlmr-large")
        self.assertEqual(self.log.read_text().count("hf checkpoint"), 1)

    def test_a_rival_that_hangs_leaves_our_rate_and_the_lines_it_had_printed(self):
        row = self.check("--only", "xlmr-large", "--limit", 4, code=1, HANG="1")["xlmr-large"]
        self.assertIn("out of time", row["error"])
        self.assertEqual((row["ours"], row["matrix_tflops"]), (300.0, 700))
        self.assertEqual([line.get("pairs_per_s") for line in row["rival_lines"]], [None, 150.0])
        self.assertNotIn("ratio", row)

    def test_an_answer_of_another_form_fails_its_step_alone(self):
        self.program("winnow", WINNOW.replace('"per_s":300.0', '"per_s":null'))
        rows = self.check("--only", "xlmr-large,minilm-l6", code=1)
        self.assertIn("TypeError", rows["xlmr-large"]["error"])
        self.assertTrue(rows["minilm-l6"]["ok"])

    def test_a_shared_prefix_is_as_good_as_its_worst_shape(self):
        self.program("bench_prefix", PREFIX)
        row = self.check("--only", "shared-prefix")["shared-prefix"]
        self.assertEqual((row["ours"], row["reach"], len(row["winnow"])), (0.91, 0.95, 2))
        self.assertIn(f"prefix {self.folder / 'work' / 'qwen2.5-1.5b'} 0 cuda:0", self.log.read_text())
        self.program("bench_prefix", PREFIX + "exit 3\n")
        self.assertEqual(len(self.check("--only", "shared-prefix", code=1)["shared-prefix"]["winnow"]), 2)

    def test_decoding_is_a_share_of_what_a_step_reads_by_the_copy_rate(self):
        self.program("winnow", GENERATOR)
        self.program("python", '#!/bin/sh\n[ "$1" = -c ] && echo 2000 || exec python3 "$@"\n')
        row = self.check("--only", "qwen-7b-decode", "--python", self.folder / "python")["qwen-7b-decode"]
        self.assertEqual(row["copy_gb_per_s"], 2000)
        # weights but the embedding, and of each stream that runs 1024 tokens' keys and values: 2 x 2 bytes, 2 layers, 2 heads of 16
        for streams, running in (("1", 1), ("256", 200)):
            self.assertAlmostEqual(row["ours"][streams], 40 * (1000000 - 2 * 1000 * 64 + running * 1024 * 256) / 2e12)
        asked = [line for line in self.log.read_text().splitlines() if line.startswith("bench")]
        for word in ("--dtype bf16", "--tokens 1024", "--kv-cache 40G", "--device cuda:0"):
            self.assertIn(word, asked[0])

    def test_two_gpus_are_measured_over_one_and_one_stays_when_two_fail(self):
        self.program("winnow", TWO_GPUS)
        self.program("nvidia-smi", SMI)
        path = f"{self.folder}:{os.environ['PATH']}"
        row = self.check("--only", "two-gpus", PATH=path, GPUS="0 1")["two-gpus"]
        self.assertEqual((row["ours"], row["rates"]), (2.0, [290, 580]))
        (self.folder / "log.broken").touch()
        row = self.check("--only", "two-gpus", code=1, PATH=path, GPUS="0 1")["two-gpus"]
        self.assertEqual((row["rates"], row["ok"]), ([290], False))
        row = self.check("--only", "two-gpus", code=1, PATH=path, GPUS="0")["two-gpus"]
        self.assertEqual((row["rates"], row["error"]), ([], "want two GPUs, got one"))

    def test_every_step_has_a_limit_that_fits_ten_minutes_and_xlmr_large_time_for_its_rivals_compiling(self):
        self.assertEqual(set(gpu_check.LIMITS), set(gpu_check.ORDER))
        self.assertLess(max(gpu_check.LIMITS.values()), 600)
        for name in ("xlmr-large", "xlmr-large-f8", "xlmr-large-512"):
            self.assertGreaterEqual(gpu_check.LIMITS[name], 200)

    def test_a_limit_may_be_one_steps_own(self):
        self.assertIn("no such step: other", self.check("--limit", "other=3", code=2))
        self.program("winnow", "#!/bin/sh\ncase \"$*\" in *xlmr-large*) sleep 6;; *) sleep 2;; esac\n" + WINNOW)
        rows = self.check("--only", "xlmr-large,minilm-l6", "--limit", "50,xlmr-large=1.5", code=1)
        self.assertEqual([rows[name]["ok"] for name in ("xlmr-large", "minilm-l6")], [False, True])

    def test_steps_that_do_not_fit_the_total_are_left_and_done_by_the_next_call(self):
        steps = ("--only", "minilm-l6,xlmr-large", "--limit", "30,xlmr-large=500", "--resume")
        self.assertEqual(list(self.check(*steps, "--total", 100, code=1)), ["minilm-l6"])
        before = self.log.read_text().count("minilm-l6")
        self.assertEqual(list(self.check(*steps, "--total", 550)), ["minilm-l6", "xlmr-large"])
        self.assertEqual(self.log.read_text().count("minilm-l6"), before)

    def test_a_failed_step_is_done_again_and_stands_once(self):
        self.program("winnow", "#!/bin/sh\nexit 1\n")
        self.check("--only", "xlmr-large", "--resume", code=1)
        self.program("winnow", WINNOW)
        self.assertTrue(self.check("--only", "xlmr-large", "--resume")["xlmr-large"]["ok"])
        self.assertEqual(len(json.loads((self.folder / "out.json").read_text())["rows"]), 1)

    def test_a_program_ends_with_the_check_that_is_told_to_end(self):
        self.program("winnow", '#!/bin/sh\necho $$ > "$LOG.pid"\nexec sleep 60\n')
        process = subprocess.Popen([sys.executable, TOOL, "--build", self.folder, "--baseline", self.folder, "--work",
                                    self.folder / "work", "--out", self.folder / "out.json", "--only", "one-pair-512"],
                                   env={**os.environ, "LOG": str(self.log)}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        pid = self.folder / "log.pid"
        end = time.monotonic() + 30
        while not (pid.exists() and pid.read_text().strip()) and time.monotonic() < end:
            time.sleep(0.05)
        process.terminate()
        self.assertEqual(process.wait(10), 143)
        self.assertFalse(pathlib.Path("/proc", pid.read_text().strip()).exists())

    def test_a_failed_step_says_why_and_the_next_goes_on(self):
        self.program("winnow", "#!/bin/sh\ncase \"$*\" in *f8*) echo no f8 here >&2; exit 1;; esac\n" + WINNOW)
        rows = self.check("--only", "xlmr-large-f8,xlmr-large", code=1)
        self.assertIn("no f8 here", rows["xlmr-large-f8"]["error"])
        self.assertTrue(rows["xlmr-large"]["ok"])

    def test_a_step_that_hangs_ends_with_its_time(self):
        self.program("winnow", "#!/bin/sh\nsleep 60\n")
        rows = self.check("--only", "xlmr-large", "--limit", 3, code=1)
        self.assertIn("out of time", rows["xlmr-large"]["error"])
        self.assertLess(rows["xlmr-large"]["took_s"], 10)

    def test_gpu_tests_of_a_flat_folder_are_those_named_so(self):
        self.program("test_ops_gpu", "#!/bin/sh\nexit 0\n")
        self.assertEqual(self.check("--only", "tests")["tests"]["programs"], ["test_ops_gpu"])
        self.program("test_models_gpu", "#!/bin/sh\necho broken\nexit 1\n")
        self.assertEqual(self.check("--only", "tests", code=1)["tests"]["failed"], ["test_models_gpu"])

    def test_a_gpu_test_that_only_skips_is_a_failure(self):
        self.program("test_gpu", "#!/bin/sh\necho 'x.cpp:1: MESSAGE: skipped: no GPU here'\n"
                                 "echo '[doctest] test cases: 1 | 1 passed | 0 failed | 0 skipped'\n")
        row = self.check("--only", "tests", code=1)["tests"]
        self.assertEqual((row["failed"], row["cases"]["skipped"]), (["test_gpu"], 1))

    def test_the_sanitizer_stands_before_the_gpu_tests(self):
        self.program("test_gpu", "#!/bin/sh\nexit 0\n")
        self.program("compute-sanitizer", '#!/bin/sh\necho "$@" >> "$LOG"\n')
        os.environ["PATH"] = f"{self.folder}:{os.environ['PATH']}"
        self.check("--only", "racecheck", "--sanitizer-cases", "*norm*")
        self.assertIn("--tool racecheck --error-exitcode 9", self.log.read_text())
        self.assertIn("--test-case=*norm*", self.log.read_text())

    def test_no_test_is_a_failure(self):
        self.assertIn("no test labelled gpu", self.check("--only", "tests", code=1)["tests"]["error"])

    def test_a_step_that_does_not_exist_is_refused(self):
        self.assertIn("no such step: nothing", self.check("--only", "nothing", code=2))


if __name__ == "__main__":
    unittest.main()
