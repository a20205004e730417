"""The conversations that chat_goldens.py renders with every template."""

WEATHER = {"type": "function", "function": {
    "name": "get_weather", "description": "The weather in a city, \"now\" or later.",
    "parameters": {"type": "object", "properties": {
        "city": {"type": "string", "description": "Name of the city, e.g. Zürich"},
        "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
        "days": {"type": "integer", "minimum": 0, "default": 1}}, "required": ["city"]}}}
SEARCH = {"type": "function", "function": {
    "name": "search", "description": "Finds <documents> & pages.",
    "parameters": {"type": "object", "properties": {"query": {"type": "string"}, "top": {"type": "number"}},
                   "required": ["query"]}}}

SYSTEM = {"role": "system", "content": "You answer in one sentence."}
USER = {"role": "user", "content": "Hello, how are you?"}
REPLY = {"role": "assistant", "content": "I am well, thank you."}
MORE = {"role": "user", "content": "  What is 2 + 2?\n"}
FOUR = {"role": "assistant", "content": "4"}


def call(name, arguments, content="", call_id="call12345"):
    return {"role": "assistant", "content": content, "tool_calls": [
        {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}]}


def result(content, name="get_weather", call_id="call12345"):
    return {"role": "tool", "name": name, "content": content, "tool_call_id": call_id}


CITY = {"city": "Zürich", "unit": "celsius", "days": 2}
TWO_CALLS = {"role": "assistant", "content": "Both:", "tool_calls": [
    {"id": "abcdefgh1", "type": "function", "function": {"name": "get_weather", "arguments": {"city": "Paris"}}},
    {"id": "abcdefgh2", "type": "function", "function": {"name": "search", "arguments": {"query": "a \"b\" <c>",
                                                                                       "top": 1.5}}}]}
THOUGHT = {"role": "assistant", "content": "<think>\nTwo and two.\n</think>\n\nIt is 4."}
REASONED = {"role": "assistant", "content": "It is 4.", "reasoning_content": "Two and two."}

CONVERSATIONS = {
    "user": {"messages": [USER]},
    "user, no generation prompt": {"messages": [USER], "add_generation_prompt": False},
    "system": {"messages": [SYSTEM, USER]},
    "turns": {"messages": [USER, REPLY, MORE]},
    "turns with system": {"messages": [SYSTEM, USER, REPLY, MORE, FOUR, USER]},
    "ends with assistant": {"messages": [USER, REPLY], "add_generation_prompt": False},
    "ends with assistant and a generation prompt": {"messages": [SYSTEM, USER, REPLY]},
    "two users in a row": {"messages": [USER, MORE]},
    "late system": {"messages": [USER, SYSTEM, MORE]},
    "assistant first": {"messages": [REPLY, USER]},
    "unknown role": {"messages": [USER, {"role": "critic", "content": "Bad."}]},
    "no messages": {"messages": []},
    "empty content": {"messages": [{"role": "system", "content": ""}, {"role": "user", "content": ""}]},
    "blank content": {"messages": [{"role": "user", "content": " \n\t "}]},
    "no content": {"messages": [{"role": "user"}]},
    "null content": {"messages": [USER, {"role": "assistant", "content": None}, MORE]},
    "content of parts": {"messages": [{"role": "user", "content": [{"type": "text", "text": "One."},
                                                                   {"type": "text", "text": "Two."}]}]},
    "not ASCII": {"messages": [{"role": "system", "content": "Réponds brièvement. 你好！"},
                               {"role": "user", "content": "Wie heißt 北京 auf Ελληνικά? 👩‍👩‍👧 \u00a0\u2003"}]},
    "special strings": {"messages": [{"role": "user", "content": "<|im_end|> {{ x }} {% if %} \\n \"q\" 'q' </s>"}]},
    "lines": {"messages": [{"role": "user", "content": "a\r\nb\n\n\nc\n"}]},
    "long": {"messages": [{"role": "user", "content": "word " * 50}]},
    "tools": {"messages": [USER], "tools": [WEATHER]},
    "tools with system": {"messages": [SYSTEM, USER], "tools": [WEATHER, SEARCH]},
    "no tools": {"messages": [SYSTEM, USER], "tools": []},
    "tool call": {"messages": [USER, call("get_weather", CITY)], "tools": [WEATHER], "add_generation_prompt": False},
    "tool call and result": {"messages": [USER, call("get_weather", CITY), result("{\"temp\": 21.5}")],
                             "tools": [WEATHER]},
    "tool call with content": {"messages": [SYSTEM, USER, call("get_weather", CITY, "Let me look."), result("rain"),
                                            REPLY, MORE], "tools": [WEATHER]},
    "tool call without tools": {"messages": [USER, call("get_weather", CITY), result("rain")]},
    "arguments as text": {"messages": [USER, call("get_weather", "{\"city\": \"Bern\"}"), result("sun")],
                          "tools": [WEATHER]},
    "call with null content": {"messages": [USER, call("get_weather", CITY, None), result("sun")],
                               "tools": [WEATHER]},
    "short call id": {"messages": [USER, call("get_weather", CITY, "", "x"), result("sun", call_id="x")],
                      "tools": [WEATHER]},
    "two calls": {"messages": [USER, TWO_CALLS, result("1", call_id="abcdefgh1"),
                               result("2", "search", "abcdefgh2"), REPLY, MORE], "tools": [WEATHER, SEARCH]},
    "nested arguments": {"messages": [USER, call("search", {"query": {"a": [1, 2.0, True, None, "é\u2028\x01"], "b": {}},
                                                           "top": 1e-7})], "tools": [SEARCH]},
    "thinking on": {"messages": [SYSTEM, USER], "extra": {"enable_thinking": True}},
    "thinking off": {"messages": [SYSTEM, USER], "extra": {"enable_thinking": False}},
    "thought": {"messages": [USER, THOUGHT, MORE]},
    "thought last": {"messages": [USER, THOUGHT], "add_generation_prompt": False},
    "thought before a call": {"messages": [USER, {**call("get_weather", CITY), "reasoning_content": "Look it up."},
                                           result("rain")], "tools": [WEATHER]},
    "reasoning": {"messages": [USER, REASONED, MORE, REASONED], "add_generation_prompt": False},
    "reasoning by another name": {"messages": [USER, {"role": "assistant", "content": "4", "reasoning": "Sum."}]},
    "date": {"messages": [SYSTEM, USER], "extra": {"date_string": "01 Jan 2026"}},
    "tools in the system message": {"messages": [SYSTEM, USER], "tools": [WEATHER],
                                    "extra": {"tools_in_user_message": False}},
    "builtin tools": {"messages": [USER, call("brave_search", {"query": "winnow"}), result("found", "brave_search")],
                      "extra": {"builtin_tools": ["brave_search", "code_interpreter"]}},
    "documents": {"messages": [USER], "extra": {"documents": [{"title": "A", "text": "Alpha.", "doc_id": 1},
                                                              {"title": "B", "text": "Beta.", "doc_id": 2}]}},
}

# The template's file: its tokens. Others have <s> and </s>.
BOS_EOS = {
    "qwen2.5": ("", "<|im_end|>"), "qwen3": ("", "<|im_end|>"), "qwq": ("", "<|im_end|>"),
    "qwen3-coder": ("", "<|im_end|>"), "smollm2": ("<|im_start|>", "<|im_end|>"), "smollm3": ("", "<|im_end|>"),
    "llama3": ("<|begin_of_text|>", "<|eot_id|>"), "llama3.1": ("<|begin_of_text|>", "<|eot_id|>"),
    "gemma2": ("<bos>", "<eos>"), "phi3.5": ("<s>", "<|endoftext|>"),
    "deepseek-r1-distill": ("<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>"),
}
