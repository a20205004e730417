#!/usr/bin/env python3
"""Checks what no compiler checks: rooms, formatting, sizes, tests that no target builds, public functions without a
comment, forgotten markers. Prints one line a finding and fails when there is one. Takes seconds.

A file above 500 lines or a function above 60 needs its reason: a comment that says "Long because ..." in the file's
first 12 lines, or above or inside the function. No reason excuses a file above 800 lines.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(os.environ.get("WINNOW_LINT_ROOT") or pathlib.Path(__file__).parents[1])
FOLDERS = ("src", "app", "tests", "bench", "examples", "tools", "cmake")
REASON = re.compile(r"Long because \w+", re.I)
CONTROL = re.compile(r"\b(if|for|while|switch|catch|namespace|class|struct|union|enum|extern|else|do|try)\b")


def files(*endings):
    """Tracked and new files, not ignored ones; without git, all of the folders."""
    git = subprocess.run(["git", "-C", ROOT, "ls-files", "-co", "--exclude-standard", *FOLDERS, "*.txt"],
                         capture_output=True, text=True)
    names = git.stdout.splitlines() if git.returncode == 0 else [
        str(p.relative_to(ROOT)) for folder in FOLDERS for p in (ROOT / folder).rglob("*")]
    paths = sorted({ROOT / n for n in names if n.endswith(endings)})
    return [p for p in paths if p.is_file() and "tests/data/" not in str(p) and "/corpus/" not in str(p)]


def name(path):
    return str(path.relative_to(ROOT))


def blank_out(text):
    """The C++ text with comments, strings and characters turned to spaces, line by line as long as before."""
    token = re.compile(r'//[^\n]*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'', re.S)
    return token.sub(lambda m: re.sub(r"[^\n]", " ", m[0]), re.sub(r"(?<=\d)'(?=\d)", "_", text))


# ---- sizes ----------------------------------------------------------------------------------------------------------


def check_file_sizes():
    for path in files(".h", ".cpp", ".py", ".cmake", ".sh", "CMakeLists.txt"):
        lines = path.read_text(encoding="utf-8").splitlines()
        limit = 120 if path == ROOT / "CMakeLists.txt" else 800
        if len(lines) > limit:
            yield f"{name(path)}: {len(lines)} lines, want at most {limit}"
        elif len(lines) > 500 and not REASON.search("\n".join(lines[:12])):
            yield f"{name(path)}: {len(lines)} lines without a reason"


def cpp_functions(text):
    """(first line, last line) of each outermost function body, counted from 1. Approximate: it reads braces."""
    blank, kinds, begin = blank_out(text), [], 0
    for i, c in enumerate(blank):
        if c in ";}":
            begin = i + 1
        if c == "{":
            head = blank[begin:i]
            callable_ = re.search(r"\)\s*(const|noexcept|override|final|&|->[^;{]*|:[^;{]*)*\s*$", head)
            inside = "function" in kinds
            kinds.append("function" if callable_ and not inside and not CONTROL.match(head.strip()) else "other")
            if kinds[-1] == "function":
                start = begin + len(head) - len(head.lstrip())
            if not inside and kinds[-1] == "other":
                begin = i + 1
        elif c == "}" and kinds:
            if kinds.pop() == "function":
                yield blank.count("\n", 0, start) + 1, blank.count("\n", 0, i) + 1


def python_functions(text):
    lines = text.splitlines()
    for i, line in enumerate(lines):
        if found := re.match(r"(\s*)def ", line):
            end = i + 1
            while end < len(lines) and (not lines[end].strip() or lines[end].startswith(found[1] + " ")
                                        or lines[end].startswith(found[1] + ")")):
                end += 1
            while not lines[end - 1].strip():
                end -= 1
            yield i + 1, end


def check_function_sizes():
    for path in files(".h", ".cpp", ".py"):
        text = path.read_text(encoding="utf-8")
        lines = text.splitlines()
        for first, last in (python_functions if path.suffix == ".py" else cpp_functions)(text):
            if last - first + 1 > 60 and not REASON.search("\n".join(lines[max(0, first - 8):last])):
                yield f"{name(path)}:{first}: a function of {last - first + 1} lines without a reason"


# ---- tests that run -------------------------------------------------------------------------------------------------


def check_built():
    """Every source, test and example is named by a CMakeLists.txt in its folder or above it."""
    lists = {p.parent: p.read_text(encoding="utf-8") for p in files("CMakeLists.txt")}
    examples = [p for p in files(".py", ".sh") if p.parent == ROOT / "examples"]
    for path in files(".cpp", "_test.py", "_test.sh") + examples:
        above = [lists[folder] for folder in path.parents if folder in lists and folder != ROOT]
        words = [re.escape(str(path.relative_to(folder))) for folder in path.parents if folder in lists]
        words.append(re.escape(re.sub(r"_(fuzz|test|bench)$", "", path.stem)) + r"(?![\w.])")
        words.append(re.escape(path.stem) + r"(?![\w.])")
        words += [re.escape(f"{path.relative_to(folder).parent}/*{path.suffix}") for folder in path.parents if folder in lists]
        if path == ROOT / "tests" / "main.cpp":
            continue  # cmake/Rooms.cmake adds it to every test binary
        if not any(re.search(r"(?<!\w)(?<!\w/)" + word, text) for text in above for word in words):
            yield f"{name(path)}: no target builds it"


def check_corpora():
    for path in files("_fuzz.cpp"):
        corpus = path.parent / "corpus" / path.stem.removesuffix("_fuzz")
        if not corpus.is_dir() or not any(corpus.iterdir()):
            yield f"{name(path)}: no corpus in {name(corpus)}"


def check_markers():
    marker = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
    dead_test = re.compile(r"^\s*(//|#)\s*(TEST_CASE|SUBCASE|CHECK|REQUIRE|winnow_test|winnow_fuzz|add_test|def test_)"
                           r"\w*\s*\(|^\s*#\s*if\s+0\b|doctest::skip\(")
    for path in files(".h", ".cpp", ".py", ".cmake", ".sh", "CMakeLists.txt"):
        if path.name in ("lint.py", "lint_test.py"):
            continue  # they name what they look for
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if found := marker.search(line):
                yield f"{name(path)}:{number}: {found[0]}: do it, or file it as an issue"
            if dead_test.search(line) and "): " not in line:  # "# winnow_test(ROOM SOURCES...): one ..." documents
                yield f"{name(path)}:{number}: a test that does not run: repair it or delete it"
            if path.suffix == ".py" and len(line) > 140:
                yield f"{name(path)}:{number}: {len(line)} columns, want at most 140"


# ---- comments of public functions -----------------------------------------------------------------------------------


def paragraphs(text):
    """Blocks of lines between blank ones: (first line number, lines, whether they are private)."""
    block, first, private = [], 1, False
    for number, line in enumerate(text.splitlines() + [""], 1):
        if re.match(r"\s*(private|protected):", line):
            private = True
        elif re.match(r"\s*public:|^(class|struct)\b|^};", line):
            private = False
        if line.strip():
            first, block = (first, block) if block else (number, [])
            block.append((line, private))
        elif block:
            yield first, block
            block = []


DECLARATION = re.compile(r"^\s*(?:\[\[\w+\]\]\s*|(?:template\s*<[^>]*>|virtual|static|inline|constexpr|explicit)\s+)*"
                         r"(?!return\b|using\b|friend\b|typedef\b|namespace\b|else\b|throw\b|delete\b|new\b)"
                         r"[A-Za-z_][\w:<>,*& ]*[\w>*&]\s+[*&]?([a-z_]\w*)\(")
EXEMPT = re.compile(r"\boverride\b|= default;|= delete;|\boperator\b|~\w+\(|\(\) const( = 0)?;|\{ return .*; \}$"
                    r"|^HttpResponse (get|post)_")


def uncommented(text):
    """(line, name) of the first function of each public paragraph without a comment; accessors and routes aside,
    whose file says what they answer."""
    inside = {n for a, b in cpp_functions(text) for n in range(a + 1, b + 1)}
    silent, speaking = [], 0
    for first, block in paragraphs(text):
        found = [(first + i, m[1]) for i, (line, private) in enumerate(block)
                 if (m := DECLARATION.match(line)) and not private and first + i not in inside
                 and not EXEMPT.search(line)]
        if found and any("//" in line for line, _ in block):
            speaking += 1
        elif found:
            silent.append(found[0])
    return silent if speaking or len(silent) > 1 else []  # the file's own opening comment speaks of its only paragraph


def check_comments():
    """In a room's header, a paragraph that declares a public function has a comment: above it, or at a line's end."""
    for path in files(".h"):
        if path.parent.parent == ROOT / "src":  # folders inside a room are its own business
            for number, function in uncommented(path.read_text(encoding="utf-8")):
                yield f"{name(path)}:{number}: {function} is public and has no comment"


# ---- other programs -------------------------------------------------------------------------------------------------


def check_rooms():
    run = subprocess.run([sys.executable, ROOT / "tools" / "check_rooms.py"], capture_output=True, text=True)
    if run.returncode:
        yield from (run.stdout + run.stderr).splitlines()


def check_format():
    program = shutil.which("clang-format-14")
    if not program:
        yield "clang-format-14 is missing: tools/install_deps.sh test installs it"
        return
    sources = files(".h", ".cpp")
    run = subprocess.run([program, "--dry-run", *map(str, sources)], capture_output=True, text=True)
    bad = sorted(set(re.findall(r"^(\S+?):\d+:\d+: warning: code should be clang-formatted", run.stderr, re.M)))
    for path in bad:
        yield f"{os.path.relpath(path, ROOT)}: not as clang-format-14 writes it: make format"


CHECKS = [check_rooms, check_format, check_file_sizes, check_function_sizes, check_built, check_corpora, check_markers,
          check_comments]


def main():
    found = [line for check in CHECKS for line in check()]
    print("\n".join(found) or f"lint: {len(CHECKS)} checks, nothing found")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
