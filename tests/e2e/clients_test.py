"""The official openai and cohere clients, and Jina's shape, against `winnow serve`."""
import base64
import unittest
import uuid

import cohere
import numpy as np
import openai
from cohere.core.api_error import ApiError

from serving import EMBEDDER, RERANKER, Serving

DOCUMENTS = ["the cat sat", "on a mat", "dogs"]


class OpenaiTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.serving = Serving()
        cls.client = openai.OpenAI(base_url=cls.serving.url + "/v1", api_key="unused", max_retries=0)

    @classmethod
    def tearDownClass(cls):
        cls.client.close()
        cls.serving.__exit__()

    def test_embeddings_equal_tei_s_bit_for_bit_in_both_formats(self):
        expected = np.float32(self.serving.post("/embed", {"inputs": DOCUMENTS}).json)
        default = self.client.embeddings.create(model=EMBEDDER, input=DOCUMENTS)  # the client asks for base64
        floats = self.client.embeddings.create(model=EMBEDDER, input=DOCUMENTS, encoding_format="float")
        for answer in (default, floats):
            self.assertEqual([item.index for item in answer.data], [0, 1, 2])
            np.testing.assert_array_equal(np.float32([item.embedding for item in answer.data]), expected)
            self.assertEqual(answer.object, "list")
            self.assertEqual(answer.model, EMBEDDER)
            self.assertGreater(answer.usage.prompt_tokens, 6)
            self.assertEqual(answer.usage.total_tokens, answer.usage.prompt_tokens)

    def test_base64_is_little_endian_float32(self):
        answer = self.serving.post("/embeddings", {"input": "a", "model": EMBEDDER, "encoding_format": "base64"}).json
        vector = np.frombuffer(base64.b64decode(answer["data"][0]["embedding"], validate=True), "<f4")
        np.testing.assert_array_equal(vector, np.float32(self.serving.post("/embed", {"inputs": "a"}).json[0]))

    def test_embeddings_take_ids_and_dimensions(self):
        tokens = self.serving.post("/tokenize", {"inputs": "dogs", "add_special_tokens": False,
                                                 "model": EMBEDDER}).json[0]
        ids = [token["id"] for token in tokens]
        by_ids = self.client.embeddings.create(model=EMBEDDER, input=[ids], dimensions=16)
        by_text = self.client.embeddings.create(model=EMBEDDER, input="dogs", dimensions=16)
        self.assertEqual(len(by_ids.data[0].embedding), 16)
        self.assertEqual(by_ids.data[0].embedding, by_text.data[0].embedding)

    def test_models_are_listed_and_retrieved(self):
        names = [model.id for model in self.client.models.list()]
        self.assertIn(EMBEDDER, names)
        self.assertIn(RERANKER, names)
        self.assertEqual(self.client.models.retrieve(RERANKER).owned_by, "winnow")

    def test_errors_are_the_client_s_own(self):
        with self.assertRaises(openai.NotFoundError) as caught:
            self.client.embeddings.create(model="text-embedding-3-small", input="a")
        self.assertEqual(caught.exception.body["code"], 404)
        with self.assertRaises(openai.NotFoundError):
            self.client.models.retrieve("nobody")
        with self.assertRaises(openai.UnprocessableEntityError) as caught:
            self.client.embeddings.create(model=EMBEDDER, input="a", dimensions=4096)
        self.assertEqual(set(caught.exception.body), {"message", "code", "type"})
        with self.assertRaises(openai.BadRequestError):
            self.client.embeddings.create(model=EMBEDDER, input=["a", ""])
        with self.assertRaises(openai.APIStatusError) as caught:
            self.client.embeddings.create(model=RERANKER, input="a")
        self.assertEqual(caught.exception.status_code, 424)

    def test_a_wrong_key_is_an_authentication_error(self):
        with Serving("--api-key", "secret", models=[EMBEDDER]) as serving:
            with openai.OpenAI(base_url=serving.url + "/v1", api_key="wrong", max_retries=0) as client:
                with self.assertRaises(openai.AuthenticationError):
                    client.embeddings.create(model=EMBEDDER, input="a")
            with openai.OpenAI(base_url=serving.url + "/v1", api_key="secret", max_retries=0) as client:
                client.embeddings.create(model=EMBEDDER, input="a")


class CohereTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.serving = Serving()
        cls.client = cohere.ClientV2(api_key="unused", base_url=cls.serving.url)

    @classmethod
    def tearDownClass(cls):
        cls.serving.__exit__()

    def tei_ranks(self, documents):
        ranks = self.serving.post("/rerank", {"query": "cat", "texts": documents}).json
        return [(rank["index"], rank["score"]) for rank in ranks]

    def test_v2_ranks_as_tei_does(self):
        answer = self.client.rerank(model=RERANKER, query="cat", documents=DOCUMENTS)
        self.assertEqual([(r.index, r.relevance_score) for r in answer.results], self.tei_ranks(DOCUMENTS))
        uuid.UUID(answer.id)
        self.assertEqual(answer.meta.api_version.version, "2")
        self.assertEqual(answer.meta.billed_units.search_units, 1)

    def test_v2_top_n_and_max_tokens_per_doc(self):
        answer = self.client.rerank(model=RERANKER, query="cat", documents=DOCUMENTS, top_n=2)
        self.assertEqual([(r.index, r.relevance_score) for r in answer.results], self.tei_ranks(DOCUMENTS)[:2])
        cut = self.client.rerank(model=RERANKER, query="cat", documents=["a b c d e f g"], max_tokens_per_doc=3)
        self.assertEqual(cut.results[0].relevance_score, self.tei_ranks(["a b c"])[0][1])

    def test_v1_client_reads_v1(self):
        client = cohere.Client(api_key="unused", base_url=self.serving.url)
        answer = client.rerank(model=RERANKER, query="cat", documents=["dogs", {"text": "the cat sat"}],
                               return_documents=True)
        for result in answer.results:
            self.assertEqual(result.document.text, ["dogs", "the cat sat"][result.index])
        self.assertEqual(answer.meta.api_version.version, "1")

    def test_errors_are_the_client_s_own(self):
        with self.assertRaises(cohere.NotFoundError) as caught:
            self.client.rerank(model="rerank-v3.5", query="cat", documents=DOCUMENTS)
        self.assertIn("rerank-v3.5", caught.exception.body["message"])
        with self.assertRaises(cohere.BadRequestError):
            self.client.rerank(model=RERANKER, query="cat", documents=[])
        with self.assertRaises(cohere.BadRequestError) as caught:
            self.client.rerank(model=RERANKER, query="cat", documents=["a", ""])
        self.assertIn("documents[1]", caught.exception.body["message"])
        with self.assertRaises(cohere.UnprocessableEntityError) as caught:
            self.client.rerank(model=EMBEDDER, query="cat", documents=["a"])
        self.assertEqual(set(caught.exception.body), {"id", "message"})

    def test_a_wrong_key_is_unauthorized(self):
        with Serving("--api-key", "secret", models=[RERANKER]) as serving:
            client = cohere.ClientV2(api_key="wrong", base_url=serving.url)
            with self.assertRaises(cohere.UnauthorizedError) as caught:
                client.rerank(model=RERANKER, query="cat", documents=["a"])
            self.assertIn("key", caught.exception.body["message"])

    def test_strict_mode_refuses_unknown_fields_as_cohere_does(self):
        body = {"model": RERANKER, "query": "cat", "documents": ["a"], "top_k": 3}
        self.assertEqual(self.serving.post("/v2/rerank", body).status, 200)
        with Serving("--strict", models=[RERANKER]) as serving:
            answer = serving.post("/v2/rerank", body)
            self.assertEqual(answer.status, 422)
            self.assertEqual(answer.json["message"], "unknown field: parameter 'top_k' is not a valid field")


class JinaTest(unittest.TestCase):
    def test_jina_s_shape_with_ids_and_documents_by_default(self):
        body = {"query": {"text": "cat"},
                "documents": [{"text": "dogs", "id": "d1"}, {"text": "the cat sat", "id": 2}, "on a mat"]}
        with Serving("--return-documents") as serving:
            answer = serving.post("/v1/rerank", body).json
        self.assertEqual(answer["object"], "list")
        self.assertEqual(answer["model"], RERANKER)
        self.assertGreater(answer["usage"]["total_tokens"], 9)
        by_index = {result["index"]: result for result in answer["results"]}
        self.assertEqual([by_index[i].get("id") for i in range(3)], ["d1", 2, None])
        self.assertEqual([by_index[i]["document"]["text"] for i in range(3)], ["dogs", "the cat sat", "on a mat"])

    def test_a_lone_surrogate_fails_the_request_and_is_named(self):
        with Serving(models=[RERANKER]) as serving:
            answer = serving.post("/v1/rerank", b'{"query":"cat","documents":["a","b\\udfff"]}')
        self.assertEqual(answer.status, 422)
        self.assertIn("documents[1]", answer.json["message"])


if __name__ == "__main__":
    unittest.main()
