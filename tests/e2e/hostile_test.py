"""Clients that are slow, gone, too many or malicious, and the end of the server."""
import json
import threading
import time
import unittest

from serving import EMBEDDER, RERANKER, Serving, busy_body, read_answer, request_bytes

SMALL = {"query": "cat", "texts": ["the cat sat"]}


def in_background(work):
    """Runs work in a thread; the result is a call that waits for what it returned."""
    box = []
    thread = threading.Thread(target=lambda: box.append(work()))
    thread.start()

    def result():
        thread.join()
        return box[0]

    return result


class HostileTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.serving = Serving("--client-timeout-ms", 700, "--payload-limit-bytes", 1000000, models=[RERANKER])

    @classmethod
    def tearDownClass(cls):
        cls.serving.__exit__()

    def tearDown(self):
        self.assertEqual(self.serving.post("/rerank", SMALL).status, 200)  # whatever happened, it still serves

    def answers_to(self, data):
        """All answers to these bytes until the server closes."""
        with self.serving.connect() as raw, raw.makefile("rb") as stream:
            raw.sendall(data)
            answers = []
            while (answer := read_answer(stream)) is not None:
                answers.append(answer)
            return answers

    def test_pipelined_requests_are_answered_in_order(self):
        bodies = [{"query": "cat", "texts": ["dogs"] * n} for n in (50, 1, 9)]
        data = b"".join(request_bytes("/rerank", body) for body in bodies[:2])
        data += b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n"
        data += request_bytes("/rerank", bodies[2], "Connection: close")
        answers = self.answers_to(data)
        self.assertEqual([answer.status for answer in answers], [200] * 4)
        self.assertEqual([len(answers[i].json) for i in (0, 1, 3)], [50, 1, 9])

    def test_pipelined_garbage_is_400_and_the_end(self):
        answers = self.answers_to(request_bytes("/rerank", SMALL) + b"\x16\x03\x01 garbage\r\n\r\n" +
                                  request_bytes("/rerank", SMALL))
        self.assertEqual([answer.status for answer in answers], [200, 400])
        self.assertEqual(answers[1].headers["connection"], "close")

    def test_what_is_no_request_is_400(self):
        for data in (b"hello\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
                     b"POST /rerank HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
                     b"POST /rerank HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
                     b"POST /rerank HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"):
            self.assertEqual([answer.status for answer in self.answers_to(data)], [400], data)

    def test_a_large_head_is_431(self):
        data = b"GET /health HTTP/1.1\r\nX-Long: " + b"a" * 100000
        self.assertEqual([answer.status for answer in self.answers_to(data)], [431])

    def test_a_large_body_is_413_told_or_not(self):
        told = b"POST /rerank HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 99999999\r\n\r\n{"
        self.assertEqual([answer.status for answer in self.answers_to(told)], [413])
        chunk = b"8000\r\n" + b"a" * 0x8000 + b"\r\n"
        chunked = b"POST /rerank HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk * 40
        self.assertEqual([answer.status for answer in self.answers_to(chunked)], [413])
        whole = self.serving.post("/rerank", {"query": "cat", "texts": ["a" * 1100000]})
        self.assertEqual(whole.status, 413)
        self.assertIn("1000000", whole.json["error"])

    def test_chunked_bodies_and_100_continue_are_served(self):
        body = json.dumps(SMALL).encode()
        head = b"POST /rerank HTTP/1.1\r\nContent-Type: application/json\r\nConnection: close\r\n"
        chunked = head + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
        self.assertEqual([answer.status for answer in self.answers_to(chunked)], [200])
        with self.serving.connect() as raw, raw.makefile("rb") as stream:
            raw.sendall(head + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body))
            self.assertEqual(read_answer(stream).status, 100)
            raw.sendall(body)
            self.assertEqual(read_answer(stream).status, 200)

    def test_a_slow_body_and_a_slow_head_are_408(self):
        for data in (b"POST /rerank HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{",
                     b"POST /rerank HT"):
            start = time.monotonic()
            self.assertEqual([answer.status for answer in self.answers_to(data)], [408])
            self.assertGreater(time.monotonic() - start, 0.6)

    def test_an_invalid_timeout_header_is_400(self):
        answer = self.serving.post("/rerank", SMALL, {"X-Request-Timeout-Ms": "soon"})
        self.assertEqual(answer.status, 400)
        self.assertIn("X-Request-Timeout-Ms", answer.json["error"])


class BusyTest(unittest.TestCase):
    def test_a_full_server_is_429_with_retry_after_and_recovers(self):
        with Serving("--max-concurrent-requests", 1, models=[RERANKER]) as serving:
            long = in_background(lambda: serving.post("/rerank", busy_body()))
            serving.wait_for_metric("winnow_requests_in_hand", lambda n: n == 1)
            refused = serving.post("/rerank", SMALL)
            self.assertEqual(refused.status, 429)
            self.assertEqual(refused.json["error_type"], "Overloaded")
            self.assertEqual(refused.headers["Retry-After"], "1")
            self.assertIn("Retry-After", serving.post("/v1/rerank", SMALL).headers)
            self.assertEqual(serving.get("/health").status, 200)
            self.assertEqual(long().status, 200)
            for _ in range(20):
                self.assertEqual(serving.post("/rerank", SMALL).status, 200)
            self.assertEqual(serving.metric("te_request_failure", err="overloaded"), 2)

    def test_a_disconnect_drops_the_waiting_work(self):
        with Serving(models=[RERANKER]) as serving:
            with serving.connect() as raw:
                raw.sendall(request_bytes("/rerank", busy_body()))
                serving.wait_for_metric("winnow_queued_sequences", lambda n: n > 0)
            serving.wait_for_metric("winnow_requests_in_hand", lambda n: n == 0)
            self.assertGreater(serving.metric("winnow_dropped_sequences_total"), 0)
            self.assertEqual(serving.metric("winnow_queued_sequences"), 0)
            self.assertEqual(serving.metric("te_request_failure", err="dropped"), 1)
            self.assertEqual(serving.post("/rerank", SMALL).status, 200)

    def test_a_request_past_its_deadline_is_504(self):
        with Serving("--request-timeout-ms", 60000, models=[RERANKER]) as serving:
            answer = serving.post("/rerank", busy_body(), {"X-Request-Timeout-Ms": "1"})
            self.assertEqual(answer.status, 504)
            self.assertEqual(answer.json["error_type"], "Overloaded")
            self.assertEqual(serving.post("/rerank", SMALL).status, 200)

    def test_a_small_request_does_not_wait_for_a_large_one(self):
        with Serving(models=[RERANKER]) as serving:
            long = in_background(lambda: serving.post("/rerank", busy_body()))
            serving.wait_for_metric("winnow_queued_sequences", lambda n: n > 0)
            self.assertEqual(serving.post("/rerank", SMALL).status, 200)
            self.assertGreater(serving.metric("winnow_queued_sequences"), 0)  # the large one is not done
            self.assertEqual(long().status, 200)


class EndTest(unittest.TestCase):
    def test_sigterm_finishes_what_is_in_hand_and_accepts_no_more(self):
        with Serving(models=[RERANKER]) as serving:
            with serving.connect() as idle, idle.makefile("rb") as stream:
                idle.sendall(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
                self.assertEqual(read_answer(stream).status, 200)
                long = in_background(lambda: serving.post("/rerank", busy_body()))
                serving.wait_for_metric("winnow_requests_in_hand", lambda n: n == 1)
                serving.terminate()
                self.assertIsNone(read_answer(stream))  # an idle connection is closed at once
                with self.assertRaises(ConnectionError):
                    while True:
                        serving.connect().close()
                self.assertIsNone(serving.process.poll())
                answer = long()
            self.assertEqual(answer.status, 200)
            self.assertEqual(len(answer.json), 6000)
            self.assertEqual(answer.headers["Connection"], "close")
            self.assertEqual(serving.wait(), 0)

    def test_a_drain_without_patience_answers_503(self):
        with Serving("--drain-timeout-ms", 0, models=[RERANKER]) as serving:
            long = in_background(lambda: serving.post("/rerank", busy_body()))
            serving.wait_for_metric("winnow_queued_sequences", lambda n: n > 0)
            serving.terminate()
            self.assertEqual(long().status, 503)
            self.assertEqual(serving.wait(), 0)

    def test_an_idle_server_ends_at_once(self):
        with Serving(models=[EMBEDDER]) as serving:
            start = time.monotonic()
            serving.terminate()
            self.assertEqual(serving.wait(), 0)
            self.assertLess(time.monotonic() - start, 20)

    def test_a_port_in_use_is_one_clear_line_and_exit_1(self):
        with Serving(models=[EMBEDDER]) as serving:
            with self.assertRaises(AssertionError) as caught:
                Serving(models=[EMBEDDER], port=serving.port)
            self.assertIn("exit 1: ", str(caught.exception))
            self.assertIn(f"127.0.0.1:{serving.port}", str(caught.exception))


if __name__ == "__main__":
    unittest.main()
