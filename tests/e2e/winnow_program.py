"""Runs the program itself. WINNOW_BIN is its path; WINNOW_MODELS the folder that `winnow pull` fills."""
import contextlib
import os
import pathlib
import subprocess
import tempfile
import unittest
import urllib.request

ROOT = pathlib.Path(__file__).parents[2]
BIN = os.environ.get("WINNOW_BIN", str(ROOT / "build" / "release" / "app" / "winnow"))
MODELS = pathlib.Path(os.environ.get("WINNOW_MODELS") or
                      pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") /
                      "winnow" / "models")
DOCUMENTS = ROOT / "examples" / "data" / "documents.jsonl"
QUESTION = "How do bees tell each other where food is?"


def needs(*models):
    """Skips a test where a model is not on this machine."""
    absent = [m for m in models if not (MODELS / m).is_dir()]
    return unittest.skipIf(absent, f"no {', '.join(absent)} in {MODELS}; winnow pull gets them")


def environment(**more):
    env = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "COLUMNS", "XDG_CONFIG_HOME")}
    return env | {"WINNOW_MODELS": str(MODELS), "XDG_CONFIG_HOME": "/nonexistent", "TERM": "xterm"} | more


class Done:
    def __init__(self, code, out, err):
        self.code, self.bytes, self.out, self.err = code, out, out.decode(errors="replace"), err.decode()


class ProgramTest(unittest.TestCase):
    """A test in an empty folder of its own."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def winnow(self, *args, stdin=b"", env=None, **more):
        done = subprocess.run([BIN, *map(str, args)], input=stdin, capture_output=True, cwd=self.folder,
                              env=environment(**(env or {})), timeout=300, **more)
        return Done(done.returncode, done.stdout, done.stderr)

    def succeeds(self, *args, **more):
        done = self.winnow(*args, **more)
        self.assertEqual((done.code, done.err), (0, ""), done.out)
        return done

    def refuses(self, code, *args, says=(), **more):
        """One line on stderr, nothing on stdout."""
        done = self.winnow(*args, **more)
        self.assertEqual((done.code, done.out), (code, ""), done.err)
        self.assertRegex(done.err, r"\Awinnow[^\n]*\n\Z")
        for text in [says] if isinstance(says, str) else says:
            self.assertIn(text, done.err)
        return done

    def file(self, name, content):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    @contextlib.contextmanager
    def serving(self, *args, env=None):
        """A server on a free port: yields the process and its address, and ends it."""
        server = subprocess.Popen([BIN, "serve", "--port", "0", *map(str, args)], cwd=self.folder, text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(**(env or {})))
        try:
            address = server.stdout.readline().strip()
            if not address.startswith("http://"):
                server.kill()
                self.fail(f"want an address on stdout, got {address!r}: {server.communicate()[1]}")
            yield server, address
        finally:
            if server.poll() is None:
                server.kill()
            server.communicate()


def get(url):
    with urllib.request.urlopen(url, timeout=60) as answer:
        return answer.status, answer.read()


def post(url, body):
    request = urllib.request.Request(url, body.encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.read()
