"""TEI's routes, asked by huggingface_hub's InferenceClient and field by field."""
import math
import struct
import unittest

import numpy as np
from huggingface_hub import InferenceClient
from huggingface_hub.errors import HfHubHTTPError

from serving import CLASSIFIER, EMBEDDER, RERANKER, Serving, examples

TEXTS = ["the cat sat", "on a mat", "a b c d e f", "dogs"]


class TeiTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.serving = Serving()

    @classmethod
    def tearDownClass(cls):
        cls.serving.__exit__()

    def post(self, path, body):
        answer = self.serving.post(path, body)
        self.assertEqual(answer.status, 200, answer.body)
        return answer.json

    def refused(self, path, body, status, error_type, words):
        answer = self.serving.post(path, body)
        self.assertEqual(answer.status, status, answer.body)
        self.assertEqual(set(answer.json), {"error", "error_type"})
        self.assertEqual(answer.json["error_type"], error_type)
        self.assertIn(words, answer.json["error"])

    # ---- huggingface_hub ----

    def test_feature_extraction_gives_unit_vectors(self):
        client = InferenceClient(model=self.serving.url + "/embed")
        one = client.feature_extraction("the cat sat")
        self.assertEqual(one.shape[0], 1)
        self.assertAlmostEqual(float(np.linalg.norm(one)), 1, places=5)
        raw = client.feature_extraction("the cat sat", normalize=False, truncate=True, truncation_direction="left")
        np.testing.assert_allclose(raw / np.linalg.norm(raw), one, atol=1e-6)

    def test_feature_extraction_on_the_root_finds_the_embedder_among_several_models(self):
        with Serving(models=[EMBEDDER]) as serving:
            vector = InferenceClient(model=serving.url).feature_extraction("the cat sat")
        expected = self.post("/embed", {"inputs": "the cat sat"})
        np.testing.assert_array_equal(vector, np.float32(expected))

    def test_sentence_similarity(self):
        for path in ("/similarity", ""):
            client = InferenceClient(model=self.serving.url + path)
            scores = client.sentence_similarity("the cat sat", ["the cat sat", "dogs"])
            self.assertAlmostEqual(scores[0], 1, places=5)
            self.assertLess(scores[1], 0.9999)

    def test_text_classification(self):
        client = InferenceClient(model=self.serving.url + "/predict")
        first = client.text_classification("the cat sat")
        expected = self.post("/predict", {"inputs": "the cat sat"})
        self.assertEqual((first.label, first.score), (expected[0]["label"], expected[0]["score"]))

    def test_inference_client_raises_for_an_error(self):
        client = InferenceClient(model=self.serving.url + "/embed")
        with self.assertRaises(HfHubHTTPError) as caught:
            client.feature_extraction("")
        self.assertEqual(caught.exception.response.status_code, 400)

    # ---- field by field ----

    def test_rerank_sorts_and_has_no_wrapper(self):
        ranks = self.post("/rerank", {"query": "cat", "texts": TEXTS, "return_text": True})
        self.assertEqual(sorted(r["index"] for r in ranks), [0, 1, 2, 3])
        self.assertEqual([r["score"] for r in ranks], sorted((r["score"] for r in ranks), reverse=True))
        for rank in ranks:
            self.assertEqual(set(rank), {"index", "score", "text"})
            self.assertEqual(rank["text"], TEXTS[rank["index"]])
        plain = self.post("/rerank", {"query": "cat", "texts": TEXTS})
        self.assertEqual(plain, [{"index": r["index"], "score": r["score"]} for r in ranks])

    def test_rerank_scores_are_sigmoids_of_raw_scores(self):
        scores = {r["index"]: r["score"] for r in self.post("/rerank", {"query": "cat", "texts": TEXTS})}
        raw = {r["index"]: r["score"] for r in self.post("/rerank", {"query": "cat", "texts": TEXTS,
                                                                     "raw_scores": True})}
        for index, score in scores.items():
            self.assertAlmostEqual(score, 1 / (1 + math.exp(-raw[index])), places=6)

    def test_a_pair_has_the_same_bits_alone_and_among_others(self):
        texts = TEXTS + [f"{i} the cat sat on a mat " * (i % 9) + "b" for i in range(60)]
        among = {r["index"]: r["score"] for r in self.post("/rerank", {"query": "cat", "texts": texts,
                                                                       "raw_scores": True})}
        for index, text in enumerate(texts):
            alone = self.post("/rerank", {"query": "cat", "texts": [text], "raw_scores": True})
            self.assertEqual(struct.pack("<f", alone[0]["score"]), struct.pack("<f", among[index]))

    def test_a_bad_text_gets_its_own_error_and_its_neighbours_their_scores(self):
        good = self.post("/rerank", {"query": "cat", "texts": ["the cat sat", "dogs"]})
        scores = {0: good[0]["score"] if good[0]["index"] == 0 else good[1]["score"],
                  4: good[0]["score"] if good[0]["index"] == 1 else good[1]["score"]}
        body = b'{"query":"cat","texts":["the cat sat","","a\xff","b\\ud800","dogs"]}'
        ranks = self.post("/rerank", body)
        self.assertEqual({r["index"]: r["score"] for r in ranks[:2]}, scores)
        self.assertEqual([(r["index"], r["error_type"]) for r in ranks[2:]],
                         [(1, "Empty"), (2, "Tokenizer"), (3, "Tokenizer")])
        for rank in ranks[2:]:
            self.assertEqual(set(rank), {"index", "error", "error_type"})

    def test_a_text_too_long_is_cut_or_refused_as_asked(self):
        texts = ["the cat sat", "the cat sat " * 500]
        cut = self.post("/rerank", {"query": "cat", "texts": texts})
        self.assertTrue(all("score" in r for r in cut))
        refused = self.post("/rerank", {"query": "cat", "texts": texts, "truncate": False})
        self.assertEqual((refused[1]["index"], refused[1]["error_type"]), (1, "Validation"))
        self.assertIn("128", refused[1]["error"])
        self.refused("/embed", {"inputs": texts[1], "truncate": False}, 422, "Validation", "Input validation error: ")

    def test_rerank_with_nothing_left_is_422(self):
        self.refused("/rerank", {"query": "cat", "texts": ["", ""]}, 422, "Empty", "texts[0]")

    def test_embed_takes_texts_ids_and_both(self):
        tokens = self.post("/tokenize", {"inputs": "the cat sat", "add_special_tokens": False,
                                         "model": EMBEDDER})[0]
        ids = [token["id"] for token in tokens]
        text, from_ids = self.post("/embed", {"inputs": ["the cat sat", ids]})
        self.assertEqual(text, from_ids)
        self.assertEqual(self.post("/embed", {"inputs": ids}), [text])
        self.assertEqual(self.post("/embed", {"inputs": "the cat sat"}), [text])

    def test_embed_cuts_to_dimensions_and_normalises_after(self):
        full = np.array(self.post("/embed", {"inputs": "the cat sat"})[0])
        cut = np.array(self.post("/embed", {"inputs": "the cat sat", "dimensions": 8})[0])
        np.testing.assert_allclose(cut, full[:8] / np.linalg.norm(full[:8]), atol=1e-6)
        self.refused("/embed", {"inputs": "a", "dimensions": 100000}, 422, "Validation", "dimensions")
        self.refused("/embed", {"inputs": "a", "dimensions": 0}, 422, "Validation", "dimensions")

    def test_embed_refuses_ids_outside_the_vocabulary(self):
        self.refused("/embed", {"inputs": [1, 999999]}, 422, "Validation", "999999")

    def test_embed_fails_as_a_whole_and_names_the_input(self):
        self.refused("/embed", {"inputs": ["a", ""]}, 400, "Empty", "input 1")
        self.refused("/embed", {"inputs": "a", "prompt_name": "query"}, 422, "Validation", "prompt")

    def test_similarity_equals_the_cosine_of_the_embeddings(self):
        vectors = np.array(self.post("/embed", {"inputs": TEXTS}))
        scores = self.post("/similarity", {"inputs": {"source_sentence": TEXTS[0], "sentences": TEXTS[1:]}})
        np.testing.assert_allclose(scores, vectors[1:] @ vectors[0], atol=1e-5)

    def test_predict_takes_a_text_a_pair_and_a_batch(self):
        text = self.post("/predict", {"inputs": "the cat sat"})
        pair = self.post("/predict", {"inputs": ["the cat sat", "dogs"]})
        batch = self.post("/predict", {"inputs": [["the cat sat"], ["the cat sat", "dogs"]]})
        self.assertEqual(batch, [text, pair])
        self.assertEqual(len(text), 3)
        self.assertAlmostEqual(sum(p["score"] for p in text), 1, places=5)
        self.assertEqual([p["score"] for p in pair], sorted((p["score"] for p in pair), reverse=True))

    def test_predict_serves_a_reranker_by_name(self):
        rank = self.post("/rerank", {"query": "cat", "texts": ["dogs"]})[0]
        prediction = self.post("/predict", {"inputs": ["cat", "dogs"], "model": RERANKER})
        self.assertEqual([p["score"] for p in prediction], [rank["score"]])

    def test_tokenize_and_decode_round_trip(self):
        one, two = self.post("/tokenize", {"inputs": ["the cat sat", "on a mat"]})
        self.assertTrue(one[0]["special"] and one[-1]["special"])
        self.assertIsNone(one[0]["start"])
        for token in one[1:-1]:
            self.assertEqual(token["text"], "the cat sat"[token["start"]:token["stop"]])
        ids = [[token["id"] for token in tokens] for tokens in (one, two)]
        self.assertEqual(self.post("/decode", {"ids": ids}), ["the cat sat", "on a mat"])
        self.assertEqual(self.post("/decode", {"ids": ids[0]}), ["the cat sat"])
        self.assertIn("[CLS]", self.post("/decode", {"ids": ids[0], "skip_special_tokens": False})[0])
        self.refused("/decode", {"ids": [999999]}, 422, "Validation", "999999")

    def test_the_root_and_invocations_follow_the_body(self):
        body = {"query": "cat", "texts": TEXTS}
        for path in ("/", "/invocations"):
            self.assertEqual(self.post(path, body), self.post("/rerank", body))
            self.assertEqual(self.post(path, {"inputs": "a", "model": EMBEDDER}), self.post("/embed", {"inputs": "a"}))
            self.assertEqual(self.post(path, {"inputs": "a", "model": CLASSIFIER}),
                             self.post("/predict", {"inputs": "a"}))

    def test_info_health_and_metrics(self):
        info = self.serving.get("/info").json
        self.assertEqual(info["model_id"], RERANKER)
        self.assertEqual(list(info["model_type"]), ["reranker"])
        self.assertEqual(info["max_input_length"], 128)
        self.assertTrue(info["auto_truncate"])
        for path in ("/health", "/", "/ping"):
            self.assertEqual(self.serving.get(path).status, 200)
            head = self.serving.ask("HEAD", path)
            self.assertEqual((head.status, head.body), (200, b""))
        before = self.serving.metric("te_predict_success")
        self.post("/rerank", {"query": "cat", "texts": TEXTS})
        self.assertEqual(self.serving.metric("te_predict_success"), before + len(TEXTS))
        self.assertGreater(self.serving.metric("winnow_tokens_total", model=RERANKER), 0)
        self.assertGreater(self.serving.metric("winnow_batches_total", model=RERANKER), 0)
        for name in ("tokenize", "queue", "compute"):
            self.assertGreater(self.serving.metric(f"winnow_{name}_seconds_count", model=RERANKER), 0)

    def test_answers_carry_their_times(self):
        answer = self.serving.post("/rerank", {"query": "cat", "texts": ["dogs", "h\u00e9"]})
        self.assertEqual(answer.headers["x-compute-type"], "cpu")
        self.assertEqual(answer.headers["x-compute-characters"], "9")
        self.assertGreater(int(answer.headers["x-compute-tokens"]), 6)
        for name in ("x-compute-time", "x-total-time", "x-tokenization-time", "x-queue-time", "x-inference-time"):
            self.assertGreaterEqual(int(answer.headers[name]), 0)

    def test_bad_requests_have_teis_statuses(self):
        self.refused("/rerank", b'{"query":', 400, "Validation", "not JSON")
        self.refused("/rerank", b"[1]", 422, "Validation", "want an object")
        self.refused("/rerank", {"query": 5, "texts": ["a"]}, 422, "Validation", "query: want string, got number")
        self.refused("/rerank", {"query": "a", "texts": {}}, 422, "Validation", "texts")
        self.refused("/rerank", {"query": "a", "texts": []}, 400, "Empty", "`texts` cannot be empty")
        self.refused("/rerank", {"query": "", "texts": ["a"]}, 400, "Empty", "query")
        self.refused("/rerank", {"texts": ["a"]}, 422, "Validation", "missing key `query`")
        self.refused("/embed", {"inputs": []}, 400, "Empty", "`inputs` cannot be empty")
        self.refused("/rerank", {"query": "a", "texts": ["a"] * 10001}, 422, "Validation",
                     "batch size 10001 > maximum allowed batch size 10000")
        self.refused("/rerank", b"[" * 100000, 400, "Validation", "not JSON")
        self.assertEqual(self.serving.post("/rerank", b"{}", {"Content-Type": "text/plain"}).status, 415)
        self.assertEqual(self.serving.get("/nothing").status, 404)
        wrong = self.serving.get("/rerank")
        self.assertEqual((wrong.status, wrong.headers["Allow"]), (405, "POST"))

    def test_a_model_of_another_kind_is_424(self):
        self.refused("/rerank", {"query": "a", "texts": ["a"], "model": EMBEDDER}, 424, "Backend",
                     "model is not a re-ranker model")
        self.refused("/embed", {"inputs": "a", "model": RERANKER}, 424, "Backend", "model is not an embedding model")

    def test_an_unknown_model_is_served_by_the_default_and_warned_of(self):
        self.assertEqual(self.post("/rerank", {"query": "a", "texts": ["a"], "model": "no such"}),
                         self.post("/rerank", {"query": "a", "texts": ["a"]}))
        self.assertIn("no such", self.serving.stderr())

    def test_ten_thousand_texts_are_one_request(self):
        ranks = self.post("/rerank", {"query": "cat", "texts": [f"{i % 97} cat" for i in range(10000)]})
        self.assertEqual(sorted(r["index"] for r in ranks), list(range(10000)))
        same = {}
        for rank in ranks:
            same.setdefault(rank["index"] % 97, set()).add(rank["score"])
        self.assertTrue(all(len(scores) == 1 for scores in same.values()))

    def test_the_description_is_served_and_named(self):
        document = self.serving.get("/openapi.json").json
        self.assertEqual(document, self.serving.get("/api-doc/openapi.json").json)
        page = self.serving.get("/docs")
        self.assertEqual((page.status, page.headers["Content-Type"]), (200, "text/html; charset=utf-8"))
        elsewhere = {"/decode", "/v1/chat/completions", "/v1/completions"}  # real vocabularies: chat_test.py
        with Serving(models=(RERANKER, EMBEDDER, CLASSIFIER, "tiny-bge-m3")) as serving:  # one of each kind
            for method, path, example in examples(document):
                if path not in elsewhere:
                    self.assertEqual(serving.ask(method, path, example).status, 200, (path, example))


class TeiOptionsTest(unittest.TestCase):
    def test_truncation_can_be_off_for_the_server_and_on_for_a_request(self):
        with Serving("--no-auto-truncate", models=[RERANKER]) as serving:
            body = {"query": "cat", "texts": ["the cat sat " * 500]}
            self.assertEqual(serving.post("/rerank", body).status, 422)
            self.assertEqual(serving.post("/rerank", {**body, "truncate": True}).status, 200)
            self.assertFalse(serving.get("/info").json["auto_truncate"])

    def test_a_key_guards_the_models_and_nothing_else(self):
        with Serving("--api-key", "secret", models=[EMBEDDER]) as serving:
            body = {"inputs": "a"}
            for headers in ({}, {"Authorization": "Bearer wrong!"}, {"Authorization": "secret"}):
                answer = serving.post("/embed", body, headers)
                self.assertEqual((answer.status, answer.body), (401, b""))
            self.assertEqual(serving.post("/embed", body, {"Authorization": "Bearer secret"}).status, 200)
            self.assertEqual(serving.get("/info").status, 401)
            self.assertIn("message", serving.post("/v1/rerank", {}).json)
            for path in ("/health", "/", "/ping", "/metrics", "/docs", "/openapi.json"):
                self.assertEqual(serving.get(path).status, 200)


if __name__ == "__main__":
    unittest.main()
