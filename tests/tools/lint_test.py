"""Each check of tools/lint.py finds what was planted, and leaves the same without it alone."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

LINT = pathlib.Path(__file__).parents[2] / "tools" / "lint.py"
GOOD = {
    "src/ROOMS": "base:\ntext: base\n",
    "src/base/CMakeLists.txt": "winnow_room(base\n  SOURCES error.cpp)\n",
    "src/base/error.h": "// Errors.\n#pragma once\n\n// Throws.\nvoid fail(int code);\n\n// Returns.\nint give(int code);\n",
    "src/base/error.cpp": '#include "base/error.h"\n\nvoid fail(int code) { throw code; }\n',
    "tests/base/CMakeLists.txt": "winnow_test(base error_test.cpp)\n",
    "tests/base/error_test.cpp": "int main() { return 0; }\n",
    "tests/fuzz/CMakeLists.txt": "winnow_fuzz(json base)\n",
    "tests/fuzz/json_fuzz.cpp": "int fuzz() { return 0; }\n",
    "tests/fuzz/corpus/json/one.json": "{}",
    ".clang-format": "BasedOnStyle: Google\nColumnLimit: 100\n",
}


def body(lines):
    return "void long_one() {\n" + "  int x;\n" * lines + "}\n"


class LintTest(unittest.TestCase):
    def lint(self, **planted):
        """Lints a small tree, with these files put into it; -> (exit code, output)."""
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for name, text in (GOOD | planted.get("files", {})).items():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(text)
            (root / "tools").mkdir()
            shutil.copy(LINT.parent / "check_rooms.py", root / "tools")
            done = subprocess.run([sys.executable, LINT], capture_output=True, text=True,
                                  env=os.environ | {"WINNOW_LINT_ROOT": folder})
            return done.returncode, done.stdout + done.stderr

    def finds(self, name, text, want):
        code, output = self.lint(files={name: text})
        self.assertEqual(code, 1, output)
        self.assertIn(want, output)
        self.assertEqual(len(output.strip().splitlines()), 1, output)

    def test_a_good_tree_passes(self):
        code, output = self.lint()
        self.assertEqual((code, output), (0, "lint: 8 checks, nothing found\n"))

    def test_an_upward_include_is_found(self):
        self.finds("src/base/error.cpp", '#include "text/tokenizer.h"\n', "base may not include text")

    def test_unformatted_code_is_found(self):
        self.finds("src/base/error.cpp", "void  fail( int code ){throw code;}\n", "src/base/error.cpp: not as clang-format")

    def test_a_file_above_500_lines_needs_a_reason(self):
        self.finds("src/base/error.cpp", "int x;\n" * 501, "501 lines without a reason")
        code, output = self.lint(files={"src/base/error.cpp": "// Long because it is a table.\n" + "int x;\n" * 501})
        self.assertEqual(code, 0, output)

    def test_no_reason_excuses_a_file_above_800_lines(self):
        self.finds("src/base/error.cpp", "// Long because it is a table.\n" + "int x;\n" * 800, "want at most 800")

    def test_a_function_above_60_lines_needs_a_reason(self):
        self.finds("src/base/error.cpp", body(59), "src/base/error.cpp:1: a function of 61 lines")
        for text in (body(58), "// Long because it is a list of cases.\n" + body(70)):
            code, output = self.lint(files={"src/base/error.cpp": text})
            self.assertEqual(code, 0, output)

    def test_a_long_member_function_with_an_initialiser_is_found(self):
        text = "struct Thing {\n  Thing() : x_(0) {\n" + "    x_ = 1;\n" * 70 + "  }\n  int x_;\n};\n"
        self.finds("src/base/error.cpp", text, "src/base/error.cpp:2: a function of 72 lines")

    def test_a_long_class_of_short_functions_is_fine(self):
        text = "struct Thing {\n" + "".join(f"  int f{i}() {{ return {i}; }}\n" for i in range(90)) + "};\n"
        code, output = self.lint(files={"src/base/error.cpp": text})
        self.assertEqual(code, 0, output)

    def test_a_test_that_no_target_builds_is_found(self):
        self.finds("tests/base/lost_test.cpp", "int x;\n", "tests/base/lost_test.cpp: no target builds it")

    def test_an_example_that_no_test_runs_is_found(self):
        self.finds("examples/lost.sh", "exit 0\n", "examples/lost.sh: no target builds it")

    def test_a_test_named_only_as_part_of_another_is_found(self):
        self.finds("tests/base/or_test.cpp", "int x;\n", "tests/base/or_test.cpp: no target builds it")

    def test_a_fuzz_target_without_a_corpus_is_found(self):
        code, output = self.lint(files={"tests/fuzz/CMakeLists.txt": "winnow_fuzz(json base)\nwinnow_fuzz(xml base)\n",
                                        "tests/fuzz/xml_fuzz.cpp": "int x;\n"})
        self.assertEqual(code, 1)
        self.assertIn("tests/fuzz/xml_fuzz.cpp: no corpus", output)

    def test_a_forgotten_marker_is_found(self):
        self.finds("src/base/error.cpp", "int x;  // TO" + "DO: more\n", "do it, or file it as an issue")

    def test_a_commented_out_test_is_found(self):
        self.finds("tests/base/error_test.cpp", "// TEST_CASE(\"x\") {}\n", "a test that does not run")
        self.finds("tests/base/CMakeLists.txt", "winnow_test(base error_test.cpp)\n# winnow_test(more more_test.cpp)\n",
                   "a test that does not run")

    def test_a_public_function_without_a_comment_is_found(self):
        text = GOOD["src/base/error.h"] + "\nint silent(int code);\n"
        self.finds("src/base/error.h", text, "silent is public and has no comment")

    def test_accessors_overrides_and_private_functions_need_no_comment(self):
        text = GOOD["src/base/error.h"] + (
            "\nclass Thing {\n public:\n  int size() const;\n\n  void run(int x) override;\n\n private:\n"
            "  int inner(int x);\n};\n")
        code, output = self.lint(files={"src/base/error.h": text})
        self.assertEqual(code, 0, output)


if __name__ == "__main__":
    unittest.main()
