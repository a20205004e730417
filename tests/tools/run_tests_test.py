"""The closing line of `make test` counts what the tests themselves say."""
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "tools"))
from run_tests import counts_of  # noqa: E402


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


if __name__ == "__main__":
    unittest.main()
