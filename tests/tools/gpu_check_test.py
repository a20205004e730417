"""tools/gpu_check.py with programs that only pretend: what it asks of them, what it keeps, and that a step that fails or
hangs leaves the others alone."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

TOOL = pathlib.Path(__file__).parents[2] / "tools" / "gpu_check.py"

WINNOW = """#!/bin/sh
echo "$@" >> "$LOG"
echo '{"measure":"model","weight_bytes":1000}'
echo '{"measure":"matrix_rate","tflops":700}'
echo '{"measure":"throughput","input":"ids","per_s":300.0,"share_of_matrix_rate":0.7}'
echo '{"measure":"throughput","input":"text","per_s":290.0,"share_of_matrix_rate":0.69}'
echo '{"measure":"text_over_ids","ratio":0.97}'
echo '{"measure":"latency","count":1,"p50_ms":1.8}'
"""

BASELINE = """
import json, os, pathlib, sys
with open(os.environ["LOG"], "a") as log: print("hf", *sys.argv[1:], file=log)
if sys.argv[1] == "checkpoint": pathlib.Path(sys.argv[3]).mkdir(parents=True)
if sys.argv[1] == "pairs": pathlib.Path(sys.argv[3]).write_text("{}")
if sys.argv[1] == "run":
    print(json.dumps({"pairs": 4, "gemm8192_bf16_tflops": 690}))
    print(json.dumps({"impl": "transformers sorted", "pairs_per_s": 150.0, "share_of_gemm8192": 0.4}))
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

    def check(self, *args, code=0):
        out = self.folder / "out.json"
        done = subprocess.run([sys.executable, TOOL, "--build", self.folder, "--baseline", self.folder, "--work", self.folder / "work",
                               "--out", out, *map(str, args)], capture_output=True, text=True, timeout=60,
                              env={**os.environ, "LOG": str(self.log)})
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
