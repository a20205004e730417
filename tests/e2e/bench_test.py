#!/usr/bin/env python3
"""winnow bench on tiny models: what it prints, that its numbers hang together, and what it refuses."""
import json
import os
import pathlib
import unittest

from winnow_program import ROOT, ProgramTest

DATA = ROOT / "tests" / "data"
STORIES = pathlib.Path(os.environ.get("WINNOW_SHARED", ROOT.parent / "shared")) / "data" / "models" / "stories260K"
needs_stories = unittest.skipUnless(STORIES.is_dir(), f"no {STORIES}")


class Bench(ProgramTest):
    def measures(self, model, *args):
        done = self.succeeds("bench", "-m", DATA / model, "--json", "--seconds", "0.6", "--threads", "1", *args)
        rows = [json.loads(line) for line in done.out.splitlines()]
        return {kind: [r for r in rows if r["measure"] == kind] for kind in {r["measure"] for r in rows}}

    def check_throughput(self, rows, unit):
        (rate,) = rows["matrix_rate"]
        self.assertGreater(rate["tflops"], 1e-4)
        ids, text = rows["throughput"]
        self.assertEqual([ids["input"], text["input"]], ["ids", "text"])
        for row in (ids, text):
            self.assertEqual(row["unit"], unit)
            self.assertAlmostEqual(row["per_s"] / row["tokens_per_s"], row["count"] / row["tokens"], places=6)
            self.assertAlmostEqual(row["share_of_matrix_rate"], row["tflops"] / rate["tflops"], places=6)
            self.assertLessEqual(row["least_per_s"], row["per_s"])
            self.assertLessEqual(row["per_s"], row["most_per_s"])
        self.assertTrue(0.1 < rows["text_over_ids"][0]["ratio"] < 3, rows["text_over_ids"])

    def test_a_reranker_is_measured_on_built_in_pairs(self):
        rows = self.measures("tiny-bert-reranker")
        self.assertEqual(rows["model"][0]["kind"], "reranker")
        self.assertEqual(rows["texts"][0]["source"], "built in")
        self.check_throughput(rows, "pairs")
        self.assertEqual([r["count"] for r in rows["latency"]], [1, 10, 100])
        for row in rows["latency"]:
            self.assertGreaterEqual(row["requests"], 1)
            self.assertEqual(row["p99_ms"] is None, row["requests"] < 100)
            if row["p99_ms"] is not None:
                self.assertLessEqual(row["p50_ms"], row["p90_ms"])
                self.assertLessEqual(row["p90_ms"], row["p99_ms"])
        self.assertLess(rows["latency"][0]["p50_ms"], rows["latency"][2]["p50_ms"])

    def test_pairs_of_a_file_are_what_is_measured(self):
        pairs = self.file("pairs.jsonl", '{"query": "bees", "document": "honey"}\n\n{"query": "bees", "document": "the bees"}\n')
        rows = self.measures("tiny-bert-reranker", "--pairs", pairs)
        self.assertEqual(rows["texts"][0]["source"], str(pairs))
        self.assertEqual(rows["texts"][0]["count"], 2)

    def test_tokens_sets_the_length_of_built_in_texts(self):
        texts = self.measures("tiny-bert-reranker", "--tokens", "24", "--documents", "3")["texts"][0]
        self.assertTrue(20 <= texts["least_tokens"] <= texts["most_tokens"] <= 28, texts)

    def test_embedders_and_classifiers_are_measured_on_texts(self):
        for model, kind in [("tiny-bert-embedder-mean", "embedder"), ("tiny-bert-classifier", "classifier")]:
            with self.subTest(model):
                rows = self.measures(model)
                self.assertEqual(rows["model"][0]["kind"], kind)
                self.check_throughput(rows, "texts")

    @needs_stories
    def test_a_generator_is_measured_reading_and_writing(self):
        rows = self.measures(STORIES, "--tokens", "12")
        self.assertEqual(rows["model"][0]["kind"], "generator")
        self.check_throughput(rows, "prompts")
        self.assertEqual([r["what"] for r in rows["latency"]], ["first token"])
        self.assertEqual([r["streams"] for r in rows["decode"]], [1, 8, 32, 256])
        for row in rows["decode"]:
            self.assertGreater(row["tokens_per_s"], 0)
            self.assertAlmostEqual(row["tokens_per_s_a_stream"] * row["running"] / row["tokens_per_s"], 1, places=6)

    @needs_stories
    def test_streams_that_find_no_room_wait_for_those_that_did(self):
        # 272 pages: not two for each of 256 streams.
        rows = self.measures(STORIES, "--tokens", "12")["decode"]
        self.assertTrue(32 < rows[-1]["running"] < 256, rows[-1])

    @needs_stories
    def test_prompts_of_any_length_are_written_on_until_the_end(self):
        # The longest leave no room for as many tokens as the shortest: their texts end earlier.
        texts = self.file("texts.txt", "Once\n" + "Once upon a time there was a bee. " * 80 + "\n")
        for row in self.measures(STORIES, "--texts", texts)["decode"]:
            self.assertGreater(row["tokens_per_s"], 0)
            self.assertTrue(200 < row["context"] < 300, row)

    @needs_stories
    def test_concurrency_is_a_generators_streams(self):
        rows = self.measures(STORIES, "--tokens", "12", "--concurrency", "3")
        self.assertEqual([(r["streams"], r["running"]) for r in rows["decode"]], [(3, 3)])

    def test_without_json_it_is_a_table(self):
        done = self.succeeds("bench", "-m", DATA / "tiny-bert-reranker", "--seconds", "0.3")
        for text in ("matrix rate", "pairs/s", "TFLOP/s", "token ids in", "text / ids", "p99", "100 documents"):
            self.assertIn(text, done.out)

    def test_files_of_the_wrong_kind_are_refused_by_their_flag(self):
        texts = self.file("texts.txt", "bees\n")
        self.refuses(2, "bench", "--pairs", texts, "--texts", texts, says="not both")
        self.refuses(1, "bench", "-m", DATA / "tiny-bert-reranker", "--texts", texts, says="--pairs with a reranker")
        self.refuses(1, "bench", "-m", DATA / "tiny-bert-embedder-mean", "--pairs", texts, says="want --texts")
        if STORIES.is_dir():
            self.refuses(1, "bench", "-m", STORIES, "--pairs", texts, says="want --texts")
        self.refuses(1, "bench", "-m", DATA / "tiny-bert-reranker", "--pairs", texts, says="texts.txt:1")
        self.refuses(1, "bench", "-m", DATA / "tiny-bert-reranker", "--pairs", "absent", says="absent")


if __name__ == "__main__":
    unittest.main()
