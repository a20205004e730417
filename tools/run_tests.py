#!/usr/bin/env python3
"""Builds and runs every test, stage by stage, and ends with the counts: `N passed, N failed, N skipped`.

Stages, in order: release (lint, unit, parity, end to end and example tests), demo, install, dev (the unit tests under
address and undefined sanitizers), tsan (base, engine, http), fuzz (each target for seconds), tidy (clang-tidy), cuda
(the GPUs' kernels compiled for one architecture, nothing run; skipped where there is no toolkit and none can be had).
A stage that fails does not stop the next. Counts are doctest's or unittest's own where a test prints them, else one a
test; a doctest case that cannot run says `skipped: why` and counts as skipped.
"""
import argparse
import collections
import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).parents[1]
Counts = collections.Counter
SKIPPED = re.compile(r"\bskipped: .*")  # doctest's MESSAGE puts the place before it
MODELS = ["ms-marco-minilm-l12", "bge-small-en", "all-minilm-l6", "smollm2-135m"]


def say(text):
    print(text, flush=True)


def run(*command, **more):
    """True when the command succeeds; its output goes through."""
    say("$ " + " ".join(map(str, command)))
    return subprocess.run(list(map(str, command)), **{"cwd": ROOT, **more}).returncode == 0


def one(name, ok):
    if not ok:
        say(f"FAILED: {name}")
    return Counts(passed=int(ok), failed=int(not ok))


# ---- counting -------------------------------------------------------------------------------------------------------


def counts_of(output, status):
    """What one ctest test counts for."""
    skipped = len(SKIPPED.findall(output))
    if found := re.search(r"\[doctest\] test cases: +\d+ \| +(\d+) passed \| +(\d+) failed", output):
        counts = Counts(passed=max(0, int(found[1]) - skipped), failed=int(found[2]), skipped=skipped)
    elif found := re.search(r"^Ran (\d+) tests? in .*\n\n(?:OK|FAILED)(.*)$", output, re.M):
        bad = sum(int(n) for n in re.findall(r"(?:failures|errors)=(\d+)", found[2]))
        skipped = sum(int(n) for n in re.findall(r"skipped=(\d+)", found[2]))
        counts = Counts(passed=max(0, int(found[1]) - bad - skipped), failed=bad, skipped=skipped)
    else:
        counts = Counts(passed=int(status == "run"), skipped=int(status in ("notrun", "disabled")))
    if status == "fail":
        counts["failed"] = max(counts["failed"], 1)  # crashed, or timed out
    return counts


def ctest(preset, jobs, *more):
    report = ROOT / "build" / preset / "junit.xml"
    report.unlink(missing_ok=True)
    run("ctest", "--preset", preset, "-j", jobs, "--output-junit", report, "--test-output-size-passed", 10 ** 6,
        "--test-output-size-failed", 10 ** 6, "--timeout", 900, *more)
    if not report.is_file():
        return one(f"ctest {preset}", False)
    total = Counts()
    for test in xml.etree.ElementTree.parse(report).getroot().iter("testcase"):
        output = test.findtext("system-out") or ""
        counts = counts_of(output, test.get("status"))
        for line in SKIPPED.findall(output):
            say(f"{preset}: {test.get('name')}: {line}")
        total += counts
    return total if sum(total.values()) else one(f"ctest {preset}: no test ran", False)


def build(preset, jobs, *settings, targets=()):
    """Compiles; a fresh folder is configured, an old one reconfigures itself when its lists change."""
    return run("cmake", "--preset", preset, *settings) and run(
        "cmake", "--build", ROOT / "build" / preset, "-j", jobs, *(["--target", *targets] if targets else []))


def targets_named(preset, pattern):
    listed = subprocess.run(["cmake", "--build", ROOT / "build" / preset, "--target", "help"], cwd=ROOT,
                            capture_output=True, text=True).stdout
    return sorted(set(re.findall(rf"^({pattern}): phony$", listed, re.M)))


# ---- stages ---------------------------------------------------------------------------------------------------------


def program():
    return ROOT / "build" / "release" / "app" / "winnow"


def release(args):
    python = subprocess.run([ROOT / "tools" / "test_env.sh"], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    if python.returncode:
        return one("tools/test_env.sh", False)
    settings = ["-DWINNOW_TESTS=ON", "-DWINNOW_BENCH=ON", f"-DWINNOW_PYTHON_TESTS={python.stdout.strip()}"]
    if not build("release", args.jobs, *settings):
        return one("build release", False)
    counts = one("build release", True)
    if "WINNOW_MODELS" not in os.environ:
        counts += one("winnow pull", run(program(), "pull", *MODELS, stdout=subprocess.DEVNULL))
    return counts + ctest("release", args.jobs)


def demo(args):
    return one("make demo", run("make", "--no-print-directory", "demo", f"JOBS={args.jobs}"))


def install(args):
    with tempfile.TemporaryDirectory() as prefix:
        ok = run("make", "--no-print-directory", "install", f"PREFIX={prefix}", f"JOBS={args.jobs}")
        return one("make install, and the installed program runs",
                   ok and run(pathlib.Path(prefix) / "bin" / "winnow", "--version", cwd=prefix))


def dev(args):
    """Sanitizers are for our own code: the Python tests and the real models run in release."""
    if not build("dev", args.jobs, "-DWINNOW_TESTS=ON"):
        return one("build dev", False)
    return one("build dev", True) + ctest("dev", args.jobs, "-L", "unit")


def tsan(args):
    rooms = [room for room in ("base", "engine", "http") if (ROOT / "tests" / room / "CMakeLists.txt").exists()]
    if not build("tsan", args.jobs, "-DWINNOW_TESTS=ON", targets=[f"test_{room}" for room in rooms]):
        return one("build tsan", False)
    return one("build tsan", True) + ctest("tsan", args.jobs, "-R", f"^({'|'.join(rooms)})$")


def fuzz_one(binary, corpus, seconds):
    """The kept corpus is only read: what the run finds goes into a folder of its own."""
    with tempfile.TemporaryDirectory() as found:
        done = subprocess.run([binary, f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=2048",
                               "-max_len=65536", "-print_final_stats=1", f"-artifact_prefix={found}/", found, corpus],
                              cwd=ROOT, capture_output=True, text=True, errors="replace")
        runs = re.search(r"number_of_executed_units: (\d+)", done.stderr)
        ok = done.returncode == 0 and runs is not None and int(runs[1]) > 0
        for artifact in [] if ok else sorted(pathlib.Path(found).glob("*-*")):
            kept = ROOT / "build" / "fuzz" / f"{binary.name}-{artifact.name}"
            shutil.copy(artifact, kept)
            done.stderr += f"\nthe input is kept: {kept.relative_to(ROOT)}"
        return ok, int(runs[1]) if runs else 0, done.stderr


def fuzz(args):
    if not build("fuzz", args.jobs):
        return one("build fuzz", False)
    binaries = [ROOT / "build" / "fuzz" / "tests" / "fuzz" / t for t in targets_named("fuzz", r"fuzz_\w+")]
    counts = one("build fuzz", bool(binaries))
    corpora = ROOT / "tests" / "fuzz" / "corpus"
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        work = {b: pool.submit(fuzz_one, b, corpora / b.name.removeprefix("fuzz_"), args.fuzz_seconds)
                for b in binaries}
        for binary, result in work.items():
            ok, runs, output = result.result()
            say(f"{binary.name}: {runs} inputs in {args.fuzz_seconds} s, {'no finding' if ok else 'FAILED'}")
            if not ok:
                say(output[-6000:])
            counts += one(binary.name, ok)
    return counts


def tidy(args):
    """clang-tidy over src and app, with the checks of .clang-tidy; not over what only a CUDA build compiles."""
    if not run("cmake", "--preset", "fuzz"):  # clang's own flags: a compile_commands.json that it knows
        return one("configure for clang-tidy", False)
    compiled = {entry["file"] for entry in json.loads((ROOT / "build" / "fuzz" / "compile_commands.json").read_text())}
    sources = sorted(str(p) for folder in ("src", "app") for p in (ROOT / folder).rglob("*.cpp") if str(p) in compiled)

    def check(source):
        done = subprocess.run(["clang-tidy", "--quiet", "-p", ROOT / "build" / "fuzz", source], cwd=ROOT,
                              capture_output=True, text=True)
        return done.returncode == 0, source, done.stdout
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        bad = [(source, output) for ok, source, output in pool.map(check, sources) if not ok]
    for source, output in bad:
        say(f"{os.path.relpath(source, ROOT)}:\n{output}")
    return one(f"clang-tidy over {len(sources)} sources", not bad)


# ---- the GPUs' kernels, compiled ------------------------------------------------------------------------------------

KERNELS = re.compile(r"Building CUDA object \S*?CMakeFiles/\S+?\.dir/(\S+\.cu)\.o")


def ptxas_findings(log, may_spill=()):
    """What ptxas -v complained of in the output of a build: (file, function, what); and the files it spoke of.
    Products that it puts one after the other (C75xx), spills, and local memory of a kernel's own. may_spill: endings
    of files that say why theirs do."""
    found, file, function, seen = [], "", "", set()
    for line in log.splitlines():
        if begin := KERNELS.search(line):
            file, function = begin[1], ""
            seen.add(file)
        if begin := re.search(r"(?:Compiling entry function|Function properties for) '?(\w+)", line):
            function = begin[1]
        if note := re.search(r"\(C75\d\d\)[^\n]*", line):
            found.append((file, function, note[0]))
        if frame := re.search(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads", line):
            if any(map(int, frame.groups())) and not file.endswith(tuple(may_spill)):
                found.append((file, function, frame[0]))
    return found, seen


def may_spill():
    """The kernel files that say `ptxas: may spill, because ...`."""
    files = (ROOT / "src" / "ops" / "cuda").glob("*.cu")
    return tuple(f"cuda/{f.name}" for f in files if re.search(r"// ptxas: may spill, because \w+", f.read_text()))


def cuda_toolkit():
    """Its environment and CMake; or the exit code of tools/cuda_toolkit.sh."""
    done = subprocess.run([ROOT / "tools" / "cuda_toolkit.sh"], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    made = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
    return (made, None) if done.returncode == 0 else (None, done.returncode)


def gpu_tests(folder):
    """The targets of the tests labelled gpu."""
    listed = subprocess.run(["ctest", "--test-dir", folder, "-L", "^gpu$", "-N"], cwd=ROOT, capture_output=True, text=True)
    return [f"test_{name}" for name in re.findall(r"Test +#\d+: (\w+)", listed.stdout)]


def cuda(args):
    """The GPUs' kernels and their tests, compiled for Hopper alone; ptxas has nothing to say of them."""
    made, code = cuda_toolkit()
    if code == 3:
        say("cuda: skipped: no CUDA toolkit is installed, and the Python package index cannot be reached")
        return Counts(skipped=1)
    if code is not None:
        return one("tools/cuda_toolkit.sh", False)
    folder, env = ROOT / "build" / "cuda", {**os.environ, "WINNOW_CUDA_TOOLKIT": made["WINNOW_CUDA_TOOLKIT"]}
    if not run(made["WINNOW_CMAKE"], "--preset", "cuda", "-DWINNOW_CUDA_ARCHITECTURES=90a-real", "-DWINNOW_TESTS=ON",
               "-DWINNOW_BENCH=OFF", "-DCMAKE_CUDA_FLAGS=-Xptxas=-v", env=env):
        return one("configure cuda", False)
    for kernel in folder.rglob("*.cu.o"):  # ptxas speaks when it compiles; ccache remembers its words
        kernel.unlink()
    tests = gpu_tests(folder)
    command = [made["WINNOW_CMAKE"], "--build", folder, "-j", str(args.jobs), "--target", "winnow", *tests, "--", "-k", "0"]
    say("$ " + " ".join(map(str, command)))
    done = subprocess.run(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    findings, seen = ptxas_findings(done.stdout, may_spill())
    if done.returncode:
        say(done.stdout[-6000:])
    for file, function, what in findings:
        say(f"{file}: {function}: {what}")
    counts = one(f"build cuda, {len(tests)} gpu tests", done.returncode == 0)
    for file in sorted(seen):
        counts += one(f"{file}: products side by side, no spills", not any(f == file for f, _, _ in findings))
    return counts + (Counts() if seen else one("cuda: ptxas spoke of no kernel", False))


STAGES = [release, demo, install, dev, tsan, fuzz, tidy, cuda]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--jobs", type=int, default=os.cpu_count())
    p.add_argument("--fuzz-seconds", type=int, default=10)
    p.add_argument("--only", nargs="+", choices=[s.__name__ for s in STAGES], help="these stages alone")
    args = p.parse_args()
    shared = ROOT.parent / "shared"
    if "WINNOW_SHARED" not in os.environ and shared.is_dir():
        os.environ["WINNOW_SHARED"] = str(shared)
    total, times = Counts(), []
    for stage in STAGES:
        if args.only and stage.__name__ not in args.only:
            continue
        say(f"\n==== {stage.__name__}: {(stage.__doc__ or '').splitlines()[0] if stage.__doc__ else ''}")
        begin = time.monotonic()
        counts = stage(args)
        total += counts
        times.append(f"{stage.__name__}: {counts['passed']} passed, {counts['failed']} failed, "
                     f"{counts['skipped']} skipped, {time.monotonic() - begin:.0f} s")
    say("\n" + "\n".join(times))
    say(f"{total['passed']} passed, {total['failed']} failed, {total['skipped']} skipped")
    sys.exit(1 if total["failed"] or not total["passed"] else 0)


if __name__ == "__main__":
    main()
