"""The closing line of `make test` counts what the tests themselves say."""
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "tools"))
from run_tests import counts_of, ptxas_findings  # noqa: E402


class CountsTest(unittest.TestCase):
    def counts(self, output, status="run"):
        counts = counts_of(output, status)
        return counts["passed"], counts["failed"], counts["skipped"]

    def test_doctest_cases_are_counted_one_by_one(self):
        output = ("[doctest] test cases:  12 |  11 passed | 1 failed | 0 skipped\n"
                  "[doctest] assertions: 900 | 899 passed | 1 failed |\n")
        self.assertEqual(self.counts(output, "fail"), (11, 1, 0))

    def test_a_doctest_case_that_says_it_skipped_did_not_pass(self):
        output = ("parity_test.cpp:12: MESSAGE: skipped: no model in /models\n\n"
                  "[doctest] test cases: 3 | 3 passed | 0 failed | 0 skipped\n")
        self.assertEqual(self.counts(output), (2, 0, 1))

    def test_unittest_is_counted_with_its_skips(self):
        output = "....s\n----\nRan 5 tests in 0.010s\n\nOK (skipped=1)\n"
        self.assertEqual(self.counts(output), (4, 0, 1))
        output = "..FE\n----\nRan 4 tests in 0.010s\n\nFAILED (failures=1, errors=1)\n"
        self.assertEqual(self.counts(output, "fail"), (2, 2, 0))

    def test_any_other_test_counts_for_one(self):
        self.assertEqual(self.counts("fine"), (1, 0, 0))
        self.assertEqual(self.counts("broken", "fail"), (0, 1, 0))
        self.assertEqual(self.counts("", "notrun"), (0, 0, 1))

    def test_a_crash_after_the_summary_is_a_failure(self):
        output = "[doctest] test cases: 2 | 2 passed | 0 failed | 0 skipped\n==12==ERROR: LeakSanitizer\n"
        self.assertEqual(self.counts(output, "fail"), (2, 1, 0))


NINJA = """[7/9] Building CUDA object src/ops/CMakeFiles/winnow_ops.dir/cuda/gemm.cu.o
ptxas info    : Compiling entry function '_Z4gemm' for 'sm_90a'
ptxas info    : Function properties for _Z4gemm
    {gemm}
ptxas info    : Used 168 registers, used 1 barriers
[8/9] Building CUDA object src/ops/CMakeFiles/winnow_ops.dir/cuda/norms.cu.o
ptxas info    : Function properties for _Z5norms
    {norms}
{note}
"""
CLEAN = "0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads"


class PtxasTest(unittest.TestCase):
    def findings(self, gemm=CLEAN, norms=CLEAN, note="", may_spill=()):
        return ptxas_findings(NINJA.format(gemm=gemm, norms=norms, note=note), may_spill)

    def test_files_without_a_complaint_are_seen(self):
        self.assertEqual(self.findings(), ([], {"cuda/gemm.cu", "cuda/norms.cu"}))

    def test_spills_and_local_memory_are_findings_of_their_file_and_function(self):
        spill = "16 bytes stack frame, 24 bytes spill stores, 24 bytes spill loads"
        self.assertEqual(self.findings(gemm=spill)[0], [("cuda/gemm.cu", "_Z4gemm", spill)])
        frame = "64 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads"
        self.assertEqual(self.findings(norms=frame)[0], [("cuda/norms.cu", "_Z5norms", frame)])

    def test_a_file_that_says_why_may_spill(self):
        spill = "16 bytes stack frame, 24 bytes spill stores, 24 bytes spill loads"
        self.assertEqual(self.findings(gemm=spill, may_spill=("cuda/gemm.cu",))[0], [])

    def test_products_one_after_the_other_are_a_finding(self):
        note = "ptxas info    : (C7510) Potential Performance Loss: wgmma.mma_async instructions are serialized due to x"
        (finding,) = self.findings(note=note, may_spill=("cuda/gemm.cu", "cuda/norms.cu"))[0]
        self.assertEqual(finding[0], "cuda/norms.cu")
        self.assertIn("C7510", finding[2])


if __name__ == "__main__":
    unittest.main()
