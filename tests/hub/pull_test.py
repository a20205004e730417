"""pull against a hub on loopback: what it stores, what it refuses, what it survives.

Usage: pull_test.py PULL_DRIVER [unittest's arguments]. The standard library alone; huggingface_hub, where this Python
has it, reads the cache that pull filled.
"""
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from hub_server import COMMIT, Hub, git_sha1  # noqa: E402

DRIVER = None
WEIGHTS = bytes(i * 7919 % 251 for i in range(300_000))
FILES = {
    "config.json": b'{"model_type": "bert"}',
    "tokenizer.json": b'{"model": {}}',
    "1_Pooling/config.json": b'{"pooling_mode_mean_tokens": true}',
    "added_tokens.json": b"",
    "model.safetensors": WEIGHTS,
    "pytorch_model.bin": b"not wanted",
    "README.md": b"not wanted",
}
WANTED = sorted(set(FILES) - {"pytorch_model.bin", "README.md"})


class PullTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="winnow-pull-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.cache = self.folder / "hub"
        self.repository = self.cache / "models--org--tiny"
        self.snapshot = self.repository / "snapshots" / COMMIT
        self.hub = Hub(FILES, large={"model.safetensors"})
        self.addCleanup(self.hub.close)

    def environment(self, **more):
        keep = {k: v for k, v in os.environ.items()
                if not k.startswith("HF_") and k.lower() not in ("http_proxy", "https_proxy", "all_proxy")}
        return keep | {"HF_ENDPOINT": self.hub.url() + "/", "HF_HUB_CACHE": str(self.cache),
                       "HF_TOKEN_PATH": str(self.folder / "token"),
                       "WINNOW_MODELS": str(self.folder / "models")} | more

    def start(self, *arguments, **variables):
        return subprocess.Popen([DRIVER, *arguments], env=self.environment(**variables), text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def pull(self, *arguments, **variables):
        """The folder, after success."""
        process = self.start(*(arguments or ["org/tiny"]), **variables)
        out, error = process.communicate(timeout=60)
        self.assertEqual((process.returncode, error), (0, ""))
        return pathlib.Path(out.rstrip("\n"))

    def fail_pull(self, *arguments, **variables):
        """The error's text; an error is one line, exit 1 and nothing on stdout."""
        process = self.start(*(arguments or ["org/tiny"]), **variables)
        out, error = process.communicate(timeout=60)
        self.assertEqual((process.returncode, out, error.count("\n")), (1, "", 1), error)
        return error

    def blob(self, path):
        return self.repository / "blobs" / self.hub.etag(path)

    def incomplete(self, path):
        return self.blob(path).with_name(self.hub.etag(path) + ".incomplete")

    def assert_whole(self):
        for path in WANTED:
            self.assertEqual((self.snapshot / path).read_bytes(), FILES[path], path)
        self.assertEqual(sorted(b.name for b in (self.repository / "blobs").iterdir()),
                         sorted({self.hub.etag(path) for path in WANTED}))

    def assert_nothing_final(self, path="model.safetensors"):
        self.assertFalse(self.blob(path).exists())
        self.assertFalse(self.snapshot.exists())
        self.assertFalse((self.repository / "refs" / "main").exists())

    # What it stores.

    def test_fills_the_standard_layout_with_the_wanted_files_alone(self):
        self.assertEqual(self.pull(), self.snapshot)
        self.assert_whole()
        self.assertEqual((self.repository / "refs" / "main").read_text(), COMMIT)
        found = sorted(str(p.relative_to(self.snapshot)) for p in self.snapshot.rglob("*") if not p.is_dir())
        self.assertEqual(found, WANTED)
        for path in WANTED:
            link = os.readlink(self.snapshot / path)
            self.assertEqual(link, "../../" + "../" * path.count("/") + "blobs/" + self.hub.etag(path))
        self.assertEqual(sorted(p.name for p in self.repository.iterdir()), ["blobs", "refs", "snapshots"])

    def test_a_second_pull_downloads_nothing(self):
        self.pull()
        self.hub.forget()
        self.pull()
        self.assertEqual(self.hub.requests("cdn"), [])
        self.assertEqual([r[2] for r in self.hub.requests("hub", "GET")],
                         ["/api/models/org/tiny/revision/main"])

    def test_a_commit_that_is_there_asks_nobody(self):
        self.assertEqual(self.pull("org/tiny@" + COMMIT), self.snapshot)
        self.assertFalse((self.repository / "refs" / "main").exists())
        self.hub.forget()
        self.assertEqual(self.pull("org/tiny@" + COMMIT), self.snapshot)
        self.assertEqual(self.hub.requests(), [])

    def test_a_revision_with_slashes_is_one_part_of_the_request_and_a_path_of_refs(self):
        self.assertEqual(self.pull("org/tiny@refs/pr/1"), self.snapshot)
        self.assertEqual((self.repository / "refs/refs/pr/1").read_text(), COMMIT)

    def test_a_new_commit_takes_only_what_changed(self):
        self.pull()
        self.hub.commit = "f" * 40
        self.hub.files["config.json"] = b'{"model_type": "bert", "new": 1}'
        self.hub.forget()
        self.assertEqual(self.pull(), self.snapshot.with_name("f" * 40))
        self.assertEqual(self.hub.requests("cdn"), [])
        self.assertEqual((self.repository / "refs" / "main").read_text(), "f" * 40)
        self.assertEqual((self.snapshot / "config.json").read_bytes(), FILES["config.json"])

    def test_huggingface_hub_finds_what_was_pulled(self):
        self.pull()
        try:
            import huggingface_hub
        except ImportError:
            self.skipTest("this Python has no huggingface_hub")
        found = huggingface_hub.snapshot_download("org/tiny", cache_dir=self.cache, local_files_only=True)
        self.assertEqual(pathlib.Path(found).resolve(), self.snapshot.resolve())
        file = huggingface_hub.hf_hub_download("org/tiny", "1_Pooling/config.json", cache_dir=self.cache,
                                               local_files_only=True)
        self.assertEqual(pathlib.Path(file).read_bytes(), FILES["1_Pooling/config.json"])
        report = huggingface_hub.scan_cache_dir(self.cache)
        self.assertEqual((len(report.repos), report.warnings), (1, []))

    def test_huggingface_hubs_own_download_is_taken_as_it_is(self):
        try:
            import huggingface_hub  # noqa: F401
        except ImportError:
            self.skipTest("this Python has no huggingface_hub")
        code = ("import huggingface_hub as h; "
                "h.snapshot_download('org/tiny', allow_patterns=['*.json', 'model.safetensors'])")
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=120,
                       env=self.environment(HF_HUB_DISABLE_XET="1", HF_HUB_DISABLE_TELEMETRY="1"))
        self.assertEqual(self.pull("--offline", "org/tiny"), self.snapshot)
        self.hub.forget()
        self.pull()
        self.assertEqual(self.hub.requests("cdn"), [])

    # The token.

    def test_the_token_goes_to_the_hub_and_not_to_the_cdn(self):
        self.hub.token = "hf_secret"
        self.pull(HF_TOKEN="hf_secret")
        self.assertTrue(all(r[3].get("Authorization") == "Bearer hf_secret" for r in self.hub.requests("hub")))
        self.assertGreater(len(self.hub.requests("cdn")), 0)
        for request in self.hub.requests("cdn"):
            self.assertNotIn("hf_secret", str(request))

    def test_the_token_is_read_from_its_file(self):
        self.hub.token = "hf_file"
        (self.folder / "token").write_text("hf_file\n")
        self.pull()

    def test_without_a_token_401_says_what_to_do(self):
        self.hub.token = "hf_secret"
        error = self.fail_pull()
        self.assertIn("network: pull org/tiny: want the list of revision main from " + self.hub.url(), error)
        self.assertIn("got HTTP 401 (Access is restricted.)", error)
        self.assertIn("HF_TOKEN", error)
        error = self.fail_pull(HF_TOKEN="hf_wrong")
        self.assertIn("the token in use may not read it", error)
        self.assertNotIn("hf_wrong", error)
        self.assertEqual(len(self.hub.requests()), 2)  # not tried again

    def test_a_token_with_a_line_break_is_refused_and_not_shown(self):
        error = self.fail_pull(HF_TOKEN="hf_a\r\nX-Evil: 1")
        self.assertIn("invalid_argument: HF_TOKEN", error)
        self.assertNotIn("hf_a", error)

    # What breaks and heals.

    def test_a_cut_connection_is_resumed_where_it_broke(self):
        self.hub.cuts["model.safetensors"] = [100_000, 50_000]
        self.pull()
        self.assert_whole()
        self.assertEqual([r[3].get("Range") for r in self.hub.requests("cdn", "GET")],
                         [None, "bytes=100000-", "bytes=150000-"])

    def test_a_pull_that_gave_up_is_resumed_by_the_next(self):
        self.hub.cuts["model.safetensors"] = [100_000]
        error = self.fail_pull("--attempts", "1", "org/tiny")
        self.assertIn("network: pull org/tiny: want model.safetensors from", error)
        self.assertIn("run it again to resume", error)
        self.assertNotIn("s3cret", error)
        self.assert_nothing_final()
        self.assertEqual(self.incomplete("model.safetensors").stat().st_size, 100_000)
        self.hub.forget()
        self.pull()
        self.assert_whole()
        self.assertEqual([r[3].get("Range") for r in self.hub.requests("cdn", "GET")], ["bytes=100000-"])

    def test_a_killed_pull_leaves_nothing_final_and_is_resumed(self):
        self.hub.stall["model.safetensors"] = 120_000
        process = self.start("org/tiny")
        deadline = time.monotonic() + 30
        part = self.incomplete("model.safetensors")
        while not (part.exists() and part.stat().st_size == 120_000) and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        self.assert_nothing_final()
        self.hub.stall.clear()
        self.hub.forget()
        self.pull()
        self.assert_whole()
        self.assertEqual([r[3].get("Range") for r in self.hub.requests("cdn", "GET")], ["bytes=120000-"])

    def test_a_server_without_ranges_sends_it_all_again(self):
        self.hub.cuts["model.safetensors"] = [100_000]
        self.hub.ranges = False
        self.pull()
        self.assert_whole()

    def test_a_connection_that_is_always_cut_ends(self):
        self.hub.cuts["model.safetensors"] = [1000] * 100
        self.fail_pull()
        self.assertEqual(len(self.hub.requests("cdn", "GET")), 3)
        self.assert_nothing_final()

    def test_503_is_tried_again(self):
        self.hub.statuses = [("/api/models", 503, {"Retry-After": "0"}), ("/resolve/", 503, {}),
                             ("/file/", 500, {}), ("/file/", 429, {})]
        self.pull()
        self.assert_whole()

    def test_the_wait_is_as_long_as_the_server_asks(self):
        self.hub.statuses = [("/api/models", 429, {"Retry-After": "1"})]
        start = time.monotonic()
        self.pull()
        self.assertGreaterEqual(time.monotonic() - start, 1.0)

    def test_503_forever_ends_after_the_attempts(self):
        self.hub.statuses = [("/api/models", 503, {})] * 100
        self.assertIn("got HTTP 503", self.fail_pull("--attempts", "4", "org/tiny"))
        self.assertEqual(len(self.hub.requests()), 4)

    def test_two_pulls_at_once_download_once(self):
        self.hub.files["model.safetensors"] = FILES["model.safetensors"]
        both = [self.start("org/tiny"), self.start("org/tiny")]
        for process in both:
            out, error = process.communicate(timeout=60)
            self.assertEqual((process.returncode, error), (0, ""))
            self.assertEqual(out.strip(), str(self.snapshot))
        self.assert_whole()
        self.assertEqual(len(self.hub.requests("cdn", "GET")), 1)

    # What is refused.

    def test_a_corrupted_file_is_an_error_and_leaves_nothing(self):
        for path in ("model.safetensors", "tokenizer.json"):
            with self.subTest(path):
                body = bytearray(FILES[path])
                body[5] ^= 1
                self.hub.sent_bodies = {path: bytes(body)}
                error = self.fail_pull()
                kind = "SHA-256" if path in self.hub.large else "git SHA-1"
                self.assertIn("corrupt: pull: %s: want %s %s, got " % (path, kind, self.hub.etag(path)), error)
                self.assert_nothing_final(path)
                self.assertFalse(self.incomplete(path).exists())
                shutil.rmtree(self.repository)

    def test_a_wrong_beginning_is_thrown_away_and_the_file_fetched_anew(self):
        part = self.incomplete("model.safetensors")
        part.parent.mkdir(parents=True)
        for left_over in (b"x" * 1000, b"x" * (len(WEIGHTS) + 5), b"x" * len(WEIGHTS)):
            part.write_bytes(left_over)
            self.pull()
            self.assert_whole()
            shutil.rmtree(self.repository / "snapshots")
            self.blob("model.safetensors").unlink()

    def test_more_bytes_than_were_announced_are_corrupt(self):
        self.hub.sent_bodies = {"model.safetensors": WEIGHTS + b"more"}
        self.assertIn("corrupt: pull org/tiny: model.safetensors: want 300000 bytes, got more", self.fail_pull())
        self.assert_nothing_final()
        self.assertFalse(self.incomplete("model.safetensors").exists())

    def test_fewer_bytes_than_were_announced_are_an_error(self):
        self.hub.sent_bodies = {"model.safetensors": WEIGHTS[:-1]}
        self.fail_pull()
        self.assert_nothing_final()

    def test_a_listing_that_leads_out_of_the_folder_is_corrupt(self):
        for name in ("../../../evil", "/tmp/evil", "1_x/../../config.json"):
            with self.subTest(name):
                self.hub.extra_names = [name]
                self.assertIn("which would leave its folder", self.fail_pull())
                self.assertFalse(self.repository.exists())

    def test_an_etag_that_is_no_hash_is_corrupt(self):
        for etag in ('"../../../evil"', '"abc"', '""'):
            with self.subTest(etag):
                self.hub.headers["model.safetensors"] = {"X-Linked-Etag": etag}
                self.assertIn("want an ETag that is a SHA-256 or a git SHA-1", self.fail_pull())
        self.assert_nothing_final()

    def test_a_commit_that_is_no_hash_or_another_is_corrupt(self):
        self.hub.headers["model.safetensors"] = {"X-Repo-Commit": "f" * 40}
        self.assertIn("want it of commit " + COMMIT, self.fail_pull())
        self.hub.commit = "../../evil"
        self.assertIn("want sha of 40 hex digits", self.fail_pull())
        self.assertFalse((self.folder / "evil").exists())

    def test_what_does_not_exist_is_not_found_with_the_nearest_name(self):
        error = self.fail_pull("org/bge-small-en-v1.5")
        self.assertIn("not_found: ", error)
        self.assertIn("HTTP 404 (Repository not found)", error)
        self.assertIn("winnow pull bge-small-en", error)
        self.assertIn("not_found: ", self.fail_pull("org/tiny@nosuch"))
        self.assertIn("not_found: pull bge-smal: ", self.fail_pull("bge-smal"))

    def test_a_repository_without_weights_is_unsupported(self):
        del self.hub.files["model.safetensors"], self.hub.files["pytorch_model.bin"]
        self.assertIn("unsupported: pull: want weights", self.fail_pull())

    def test_an_endless_redirect_ends(self):
        self.hub.statuses = [("/resolve/", 302, {"Location": self.hub.url() + "/org/tiny/resolve/x"}),
                             *[("/resolve/x", 302, {"Location": "/org/tiny/resolve/x"})] * 50]
        self.assertIn("more than 10 redirects", self.fail_pull())
        self.assertLess(len(self.hub.requests()), 15)

    def test_a_redirect_to_a_file_of_this_machine_is_refused(self):
        self.hub.statuses = [("/file/", 302, {"Location": "file:///etc/hostname"})] * 10
        self.assertIn("network: ", self.fail_pull())
        self.assert_nothing_final()

    # Offline, unreachable, full.

    def test_offline_asks_nobody(self):
        for arguments, variables in ((["--offline", "org/tiny"], {}), (["org/tiny"], {"HF_HUB_OFFLINE": "1"})):
            error = self.fail_pull(*arguments, **variables)
            self.assertIn("not_found: pull org/tiny: want all its files in %s because offline mode is on" % self.cache,
                          error)
        error = self.fail_pull("--offline", "bge-small-en")
        self.assertIn("not_found: pull bge-small-en: want it in", error)
        self.assertEqual(self.hub.requests(), [])
        self.pull()
        self.hub.forget()
        self.assertEqual(self.pull("--offline", "org/tiny"), self.snapshot)
        self.assertEqual(self.pull(HF_HUB_OFFLINE="true"), self.snapshot)
        self.assertEqual(self.hub.requests(), [])

    def test_an_unreachable_hub_is_a_network_error(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            error = self.fail_pull(HF_ENDPOINT="http://127.0.0.1:%d" % free.getsockname()[1])
        self.assertIn("network: pull org/tiny", error)
        self.assertIn("--offline", error)
        self.assertIn("invalid_argument: HF_ENDPOINT", self.fail_pull(HF_ENDPOINT="nowhere"))

    def test_a_file_that_may_not_grow_is_an_io_error_and_is_resumed_later(self):
        error = self.fail_pull("--file-limit", "100000", "org/tiny")
        self.assertIn("io: write %s: File too large" % self.incomplete("model.safetensors"), error)
        self.assert_nothing_final()
        self.hub.forget()
        self.pull()
        self.assert_whole()
        self.assertEqual(self.hub.requests("cdn", "GET")[0][3].get("Range"), "bytes=100000-")

    def test_a_full_disk_is_an_io_error(self):
        self.cache.mkdir()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", str(self.cache)],
                                 capture_output=True)
        if mounted.returncode != 0:
            self.skipTest("mounting a small tmpfs is not allowed here")
        self.addCleanup(subprocess.run, ["umount", str(self.cache)])
        self.assertIn("io: write %s: want " % self.repository, self.fail_pull())
        self.assert_nothing_final()
        # A server that does not say the size: only the write can tell.
        self.hub.headers["model.safetensors"] = {"X-Linked-Size": "unknown"}
        error = self.fail_pull()
        self.assertIn("No space left on device; free some space and run it again", error)
        self.assert_nothing_final()

    def test_a_folder_that_may_not_be_written_is_an_io_error(self):
        self.cache.write_text("a file")
        self.assertIn("io: ", self.fail_pull())


class ServerTest(unittest.TestCase):
    def test_git_names_blobs_as_the_server_does(self):
        self.assertEqual(git_sha1(b"hello\n"), "ce013625030ba8dba906f756967f9e9ca394464a")


if __name__ == "__main__":
    DRIVER = sys.argv.pop(1)
    unittest.main(verbosity=1)
