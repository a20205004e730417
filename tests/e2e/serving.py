"""A running `winnow serve` for a test, and small clients of it that need nothing but Python."""
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.parse

DATA = pathlib.Path(__file__).parents[1] / "data"
RERANKER, EMBEDDER, CLASSIFIER = "tiny-bert-reranker", "tiny-bert-embedder-mean", "tiny-bert-classifier"
PATIENCE_S = 120  # for what must come; only a failure waits for it


def program():
    found = os.environ.get("WINNOW_BIN")
    if not found:
        raise unittest.SkipTest("skipped: WINNOW_BIN names no program")
    return found


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)


class Serving:
    """`winnow serve`, on a free port unless told. Models are folders of tests/data by name, or (name, folder)."""

    def __init__(self, *flags, models=(RERANKER, EMBEDDER, CLASSIFIER), port=0):
        command = [program(), "serve", "--port", str(port)]
        for model in models:
            name, folder = model if isinstance(model, tuple) else (model, DATA / model)
            command += ["-m", f"{name}={folder}"]
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen([*command, *map(str, flags)], stdout=subprocess.PIPE, stderr=self.errors,
                                        text=True)
        self.url = self.process.stdout.readline().strip()  # printed once the models are warm
        if not self.url.startswith("http://"):
            self.process.wait(PATIENCE_S)
            errors = self.stderr()
            self.__exit__()
            raise AssertionError(f"exit {self.process.returncode}: {errors}")
        self.host, self.port = urllib.parse.urlsplit(self.url).netloc.split(":")
        self.port = int(self.port)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE_S)
        self.process.stdout.close()
        self.errors.close()

    def stderr(self):
        self.errors.seek(0)
        return self.errors.read().decode(errors="replace")

    def ask(self, method, path, body=None, headers=None):
        """One request on a connection of its own; a body that is not bytes goes as JSON."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=PATIENCE_S)
        headers = dict(headers or {})
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        if body is not None:
            headers.setdefault("Content-Type", "application/json")
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def get(self, path, headers=None):
        return self.ask("GET", path, headers=headers)

    def post(self, path, body, headers=None):
        return self.ask("POST", path, body, headers)

    def connect(self):
        return socket.create_connection((self.host, self.port), timeout=PATIENCE_S)

    def metric(self, name, **labels):
        """The sum of a metric's samples that have these labels."""
        total = 0.0
        for line in self.get("/metrics").body.decode().splitlines():
            found = re.match(r"([a-z0-9_:]+)(?:\{(.*)\})? (\S+)$", line)
            if found and found[1] == name and all(f'{k}="{v}"' in (found[2] or "") for k, v in labels.items()):
                total += float(found[3])
        return total

    def wait_for_metric(self, name, wanted, **labels):
        end = time.monotonic() + PATIENCE_S
        while not wanted(self.metric(name, **labels)):
            if time.monotonic() > end:
                raise AssertionError(f"{name} {labels} is {self.metric(name, **labels)}")
            time.sleep(0.01)

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)

    def wait(self):
        return self.process.wait(PATIENCE_S)


def examples(document):
    """The requests that an OpenAPI document shows: method, path and body."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("example")
            if body is not None:
                yield method.upper(), path, body


def request_bytes(path, body, *headers):
    """A POST as it goes over the wire."""
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
    lines = [f"POST {path} HTTP/1.1", "Host: test", "Content-Type: application/json", f"Content-Length: {len(body)}",
             *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def read_answer(stream):
    """The next answer of a socket's file; None at its end."""
    head = stream.readline()
    if not head:
        return None
    headers = {}
    while (line := stream.readline().strip()):
        key, _, value = line.decode().partition(":")
        headers[key.lower()] = value.strip()
    return Answer(int(head.split()[1]), headers, stream.read(int(headers.get("content-length", 0))))


def busy_body():
    """A rerank request that keeps the tiny reranker busy for a while: thousands of texts of its longest length."""
    return {"query": "a b c", "texts": [f"{i} " + "the cat sat on a mat " * 30 for i in range(6000)]}
