"""OpenAI's generating routes, driven by the official client, and winnow chat and generate; with a real small model."""
import json
import math
import os
import pathlib
import socket
import subprocess
import tempfile
import threading
import unittest

import openai

from serving import Serving, examples, program, request_bytes

NAME = "smollm2-135m"
MODELS = pathlib.Path(os.environ.get("WINNOW_MODELS") or
                      pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") /
                      "winnow" / "models")
FOLDER = MODELS / NAME
HELLO = [{"role": "user", "content": "What is the capital of France?"}]
GREEDY = {"model": NAME, "temperature": 0, "max_tokens": 24}
SCHEMA = {"type": "object", "properties": {"name": {"type": "string", "maxLength": 20}, "age": {"type": "integer"}},
          "required": ["name", "age"], "additionalProperties": False}
TOOLS = [{"type": "function", "function": {"name": "weather", "description": "Tells the weather",
                                           "parameters": {"type": "object", "properties": {}}}}]


def setUpModule():
    if not FOLDER.is_dir():
        raise unittest.SkipTest(f"skipped: no {NAME} in {MODELS}")


class ServedTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.serving = Serving("--max-length", "1024", models=[(NAME, FOLDER)])
        cls.client = openai.OpenAI(base_url=cls.serving.url + "/v1", api_key="unused", max_retries=0, timeout=300)

    @classmethod
    def tearDownClass(cls):
        cls.client.close()
        cls.serving.__exit__()

    def chat(self, messages=HELLO, **more):
        return self.client.chat.completions.create(messages=messages, **(GREEDY | more))

    def stream(self, messages=HELLO, **more):
        with self.chat(messages, stream=True, **more) as chunks:
            return list(chunks)

    def text(self, chunks, index=0):
        return "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices
                       if choice.index == index)


class Chat(ServedTest):
    def test_a_plain_answer_knows_its_model_reason_and_tokens(self):
        answer = self.chat()
        self.assertTrue(answer.choices[0].message.content)
        self.assertEqual(answer.choices[0].message.role, "assistant")
        self.assertIn(answer.choices[0].finish_reason, ("stop", "length"))
        self.assertTrue(answer.id.startswith("chatcmpl-"))
        self.assertEqual((answer.object, answer.model), ("chat.completion", NAME))
        self.assertGreater(answer.usage.prompt_tokens, 10)
        self.assertLessEqual(answer.usage.completion_tokens, 24)
        self.assertEqual(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens)

    def test_a_stream_says_what_the_plain_answer_says(self):
        plain = self.chat()
        chunks = self.stream(stream_options={"include_usage": True})
        self.assertEqual(self.text(chunks), plain.choices[0].message.content)
        self.assertEqual(chunks[0].choices[0].delta.role, "assistant")
        self.assertEqual({(c.id, c.created, c.model, c.object) for c in chunks},
                         {(chunks[0].id, chunks[0].created, NAME, "chat.completion.chunk")})
        self.assertEqual([c.choices[0].finish_reason for c in chunks if c.choices and c.choices[0].finish_reason],
                         [plain.choices[0].finish_reason])
        self.assertEqual(chunks[-1].choices, [])
        self.assertEqual(chunks[-1].usage.completion_tokens, plain.usage.completion_tokens)
        self.assertTrue(all(c.usage is None for c in chunks[:-1]))
        counts = [c.usage.completion_tokens for c in self.stream(
            stream_options={"include_usage": True, "continuous_usage_stats": True})]
        self.assertEqual(counts, sorted(counts))

    def test_n_choices_and_seeds(self):
        def texts(seed, **more):
            answer = self.chat(n=3, seed=seed, temperature=1.0, **more)
            self.assertEqual([choice.index for choice in answer.choices], [0, 1, 2])
            return [choice.message.content for choice in answer.choices]
        self.assertEqual(texts(7), texts(7))
        self.assertNotEqual(texts(7), texts(8))
        self.assertGreater(len(set(texts(7))), 1)
        chunks = self.stream(n=3, seed=7, temperature=1.0)
        self.assertEqual([self.text(chunks, i) for i in range(3)], texts(7))

    def test_stop_strings_end_the_text_before_them(self):
        whole = self.chat().choices[0].message.content
        stop = whole[len(whole) // 2:][:4]
        cut = self.chat(stop=["never said", stop]).choices[0]
        self.assertEqual(cut.message.content, whole[:whole.index(stop)])
        self.assertEqual(cut.finish_reason, "stop")
        self.assertEqual(self.text(self.stream(stop=stop)), cut.message.content)

    def test_max_tokens_is_a_limit_and_says_so(self):
        answer = self.chat(max_completion_tokens=3)
        self.assertEqual((answer.usage.completion_tokens, answer.choices[0].finish_reason), (3, "length"))

    def test_logprobs(self):
        answer = self.chat(logprobs=True, top_logprobs=3, max_tokens=5)
        content = answer.choices[0].logprobs.content
        self.assertEqual(len(content), answer.usage.completion_tokens)
        for token in content:
            self.assertLessEqual(token.logprob, 0)
            self.assertEqual(bytes(token.bytes).decode(errors="replace"), token.token)
            best = [entry.logprob for entry in token.top_logprobs]
            self.assertEqual((len(best), best), (3, sorted(best, reverse=True)))
            self.assertAlmostEqual(best[0], token.logprob, places=6)  # temperature 0 takes the best
            self.assertLessEqual(sum(map(math.exp, best)), 1.0001)
        streamed = [token.token for chunk in self.stream(logprobs=True, max_tokens=5) for choice in chunk.choices
                    if choice.logprobs for token in choice.logprobs.content]
        self.assertEqual(streamed, [token.token for token in content])

    def test_json_that_parses(self):
        answer = self.chat([{"role": "user", "content": "Give me a person."}], max_tokens=100,
                           response_format={"type": "json_schema", "json_schema": {"name": "p", "schema": SCHEMA}})
        person = json.loads(answer.choices[0].message.content)
        self.assertEqual(set(person), {"name", "age"})
        self.assertIsInstance(person["age"], int)

    def test_tools_and_content_parts_are_taken(self):
        answer = self.chat([{"role": "developer", "content": "Be short."},
                            {"role": "user", "content": [{"type": "text", "text": "Hi"}]}], tools=TOOLS,
                           tool_choice="auto", user="u", store=False)
        self.assertIsNotNone(answer.choices[0].finish_reason)
        parts = self.chat([{"role": "user", "content": [{"type": "text", "text": HELLO[0]["content"]}]}])
        self.assertEqual(parts.choices[0].message.content, self.chat().choices[0].message.content)

    def test_errors_before_a_stream_are_the_client_s_own(self):
        with self.assertRaises(openai.NotFoundError) as caught:
            self.chat(model="gpt-4")
        self.assertEqual(caught.exception.code, "model_not_found")
        for wrong in [{"temperature": 3}, {"n": 0}, {"messages": []}, {"logit_bias": {"99999999": 1}},
                      {"stream": True, "top_p": 2}]:
            with self.assertRaises(openai.BadRequestError, msg=wrong) as caught:
                self.client.chat.completions.create(**({"messages": HELLO} | GREEDY | wrong))
            self.assertEqual(caught.exception.type, "invalid_request_error")
        with self.assertRaises(openai.BadRequestError):
            self.chat([{"role": "user", "content": "word " * 2000}])
        with self.assertRaises(openai.UnprocessableEntityError) as caught:
            self.chat(tools=TOOLS, tool_choice="required")
        self.assertEqual(caught.exception.param, "tool_choice")
        self.assertEqual(self.serving.post("/v1/embeddings", {"input": "a"}).status, 424)

    def test_thirty_two_streams_at_once_say_what_each_says_alone(self):
        questions = [[{"role": "user", "content": f"Tell me about the number {i}."}] for i in range(32)]
        alone = [self.chat(q, max_tokens=12).choices[0].message.content for q in questions]
        together, failed = [None] * 32, []

        def ask(i):
            try:
                together[i] = self.text(self.stream(questions[i], max_tokens=12))
            except Exception as error:  # told below, in the test's own thread
                failed.append(error)
        threads = [threading.Thread(target=ask, args=(i,)) for i in range(32)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failed, [])
        self.assertEqual(together, alone)

    def test_a_client_that_leaves_frees_its_place(self):
        body = {"messages": HELLO, "model": NAME, "stream": True, "ignore_eos": True, "temperature": 0}
        with self.serving.connect() as client:
            client.sendall(request_bytes("/v1/chat/completions", body))
            with client.makefile("rb") as answer:
                while b"content" not in answer.readline():
                    pass
            self.serving.wait_for_metric("vllm:num_requests_running", lambda running: running == 1)
            client.shutdown(socket.SHUT_RDWR)
        self.serving.wait_for_metric("vllm:num_requests_running", lambda running: running == 0)
        self.serving.wait_for_metric("winnow_requests_in_hand", lambda requests: requests == 0)

    def test_metrics_count_what_was_generated(self):
        before = self.serving.metric("vllm:generation_tokens_total")
        tokens = self.chat(max_tokens=5).usage.completion_tokens
        self.assertEqual(self.serving.metric("vllm:generation_tokens_total") - before, tokens)
        for name in ["vllm:prompt_tokens_total", "vllm:time_to_first_token_seconds_count",
                     "vllm:e2e_request_latency_seconds_count", "vllm:request_success_total"]:
            self.assertGreater(self.serving.metric(name), 0, name)
        self.assertEqual(self.serving.metric("vllm:num_requests_waiting"), 0)


class Completions(ServedTest):
    def complete(self, prompt, **more):
        return self.client.completions.create(prompt=prompt, **(GREEDY | more))

    def test_texts_ids_and_lists_of_them(self):
        one = self.complete("The sky is").choices[0].text
        self.assertTrue(one)
        ids = self.serving.post("/tokenize", {"prompt": "The sky is", "model": NAME}).json["tokens"]
        self.assertEqual(self.complete(ids).choices[0].text, one)
        both = self.complete(["The sky is", "Bees eat"], n=2)
        self.assertEqual([choice.index for choice in both.choices], [0, 1, 2, 3])
        self.assertEqual([choice.text for choice in both.choices[:2]], [one, one])
        self.assertEqual(self.complete([ids, ids]).choices[1].text, one)
        self.assertEqual(self.complete("The sky is", echo=True).choices[0].text, "The sky is" + one)
        with self.complete(["The sky is", "Bees eat"], stream=True) as chunks:
            texts = {0: "", 1: ""}
            for chunk in chunks:
                texts[chunk.choices[0].index] += chunk.choices[0].text
        self.assertEqual(texts[0], one)
        self.assertEqual(texts[1], both.choices[2].text)

    def test_logprobs_and_defaults(self):
        answer = self.client.completions.create(prompt="The sky is", model=NAME, temperature=0, logprobs=2,
                                                extra_body={"ignore_eos": True})
        logprobs = answer.choices[0].logprobs
        self.assertEqual((answer.usage.completion_tokens, len(logprobs.tokens)), (16, 16))
        self.assertEqual("".join(logprobs.tokens), answer.choices[0].text)
        self.assertEqual(logprobs.text_offset[:2], [0, len(logprobs.tokens[0])])

    def test_the_description_s_examples_are_served(self):
        document = self.serving.get("/openapi.json").json
        wanted = {"/v1/chat/completions", "/v1/completions", "/decode", "/detokenize", "/tokenize"}
        served = {path: self.serving.ask(method, path, body).status
                  for method, path, body in examples(document) if path in wanted}
        self.assertEqual(served, dict.fromkeys(wanted, 200))

    def test_tokens_go_there_and_back(self):
        ids = self.serving.post("/tokenize", {"messages": HELLO, "model": NAME}).json
        self.assertEqual((ids["count"], ids["max_model_len"]), (len(ids["tokens"]), 1024))
        text = self.serving.post("/detokenize", {"tokens": ids["tokens"], "model": NAME}).json["prompt"]
        self.assertIn(HELLO[0]["content"], text)
        self.assertEqual(self.client.models.retrieve(NAME).id, NAME)


class Commands(unittest.TestCase):
    def winnow(self, *args, stdin="", code=0):
        done = subprocess.run([program(), *map(str, args)], input=stdin, capture_output=True, text=True, timeout=300,
                              env=os.environ | {"XDG_CONFIG_HOME": "/nonexistent"}, cwd=self.folder)
        self.assertEqual(done.returncode, code, done.stderr)
        return done

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def test_generate_continues_one_text_and_many_in_order(self):
        greedy = [FOLDER, "--temperature", 0, "--max-tokens", 8]
        one = self.winnow("generate", *greedy, "The sky is").stdout
        self.assertTrue(one.strip())
        self.assertEqual(self.winnow("generate", *greedy, "-", stdin="The sky is\n").stdout, one)
        prompts = ["The sky is", "Bees eat", "The sky is", "Paris"]
        (self.folder / "prompts.txt").write_text("\n".join(prompts))
        lines = [json.loads(line) for line in self.winnow("generate", *greedy, "--file", "prompts.txt", "--format",
                                                          "jsonl", "--logprobs", 1).stdout.splitlines()]
        self.assertEqual([line["prompt"] for line in lines], prompts)
        self.assertEqual(lines[0]["text"] + "\n", one)
        self.assertEqual(lines[0]["text"], lines[2]["text"])
        self.assertEqual(len(lines[0]["logprobs"]), lines[0]["usage"]["completion_tokens"])
        ids = [token["id"] for token in lines[0]["logprobs"]]
        raw = subprocess.run([program(), "tokenize", "-m", FOLDER, "The sky is", "--json"], capture_output=True,
                             text=True, check=True).stdout
        prompt_ids = " ".join(map(str, json.loads(raw)["ids"]))
        self.assertEqual(self.winnow("generate", *greedy, "--raw", prompt_ids).stdout.split(), [str(i) for i in ids])

    def test_generate_samples_by_seed_and_stops(self):
        sampled = [FOLDER, "The sky is", "--max-tokens", 8, "--n", 2, "--format", "jsonl"]
        texts = [self.winnow("generate", *sampled, "--seed", seed).stdout for seed in (1, 1, 2)]
        self.assertEqual(texts[0], texts[1])
        self.assertNotEqual(texts[0], texts[2])
        done = self.winnow("generate", FOLDER, "The capital of France is", "--temperature", 0, "--stop", "Paris")
        self.assertEqual(done.stdout, " \n")

    def test_generate_json_by_a_schema(self):
        (self.folder / "schema.json").write_text(json.dumps(SCHEMA))
        out = self.winnow("generate", FOLDER, "--chat", "Give me a person.", "--json-schema", "schema.json",
                          "--temperature", 0, "--max-tokens", 100).stdout
        self.assertEqual(set(json.loads(out)), {"name", "age"})

    def test_chat_answers_lines_and_obeys_commands(self):
        script = ("My name is Ada.\\\nRemember it.\n/stats\n/save talk.json\n/undo\n/undo\n/set temperature 0\n"
                  "/load talk.json\n/retry\n/quit\nnever read\n")
        done = self.winnow("chat", FOLDER, "--temperature", 0, "--max-tokens", 12, stdin=script, code=1)
        self.assertIn("nothing was asked yet", done.stderr)  # the second /undo
        self.assertRegex(done.stderr, r"prompt \d+ tokens .* new tokens in .* tokens/s")
        talk = json.loads((self.folder / "talk.json").read_text())["messages"]
        self.assertEqual([turn["role"] for turn in talk], ["user", "assistant"])
        self.assertEqual(talk[0]["content"], "My name is Ada.\nRemember it.")
        first, again = talk[1]["content"] + "\n", done.stdout
        self.assertEqual(again, first + first)

    def test_what_is_no_generator_is_refused(self):
        embedder = pathlib.Path(__file__).parents[1] / "data" / "tiny-bert-embedder-mean"
        for command in ("chat", "generate"):
            done = self.winnow(command, embedder, stdin="a", code=1)
            self.assertIn("want a generator", done.stderr)
            self.assertEqual(done.stderr.count("\n"), 1)


if __name__ == "__main__":
    unittest.main()
