#!/usr/bin/env python3
"""Makes tests/data/chat_templates/goldens.json and tests/data/jinja_snippets.json: what transformers' own renderer makes
of chat templates and of small pieces of Jinja. Needs transformers and jinja2; winnow's tests need neither. A further
small template is a further {"template": "..."} in jinja_snippets.json, and `make`.

  chat_goldens.py make                         both files
  chat_goldens.py compare --driver PROGRAM     no file: says where winnow's render_driver differs, on the same inputs
          [--templates DIR]                    ... and on every DIR/*.jinja, for templates that are not ours to commit
"""
import argparse
import json
import pathlib
import platform
import subprocess
import sys

import jinja2
import transformers
from chat_cases import BOS_EOS, CONVERSATIONS
from transformers.utils.chat_template_utils import _compile_jinja_template, render_jinja_template

DATA = pathlib.Path(__file__).parents[1] / "tests" / "data"
TEMPLATES = DATA / "chat_templates"
SNIPPETS = json.loads((DATA / "jinja_snippets.json").read_text(encoding="utf-8"))


def outcome(make):
    """{"text"}, or the error's type and words; any exception, since jinja2 lets Python's own through."""
    try:
        return {"text": make()}
    except Exception as e:  # noqa: BLE001
        return {"error": type(e).__name__, "says": str(e)}


def render_chat(template, bos, eos, case):
    special = {k: v for k, v in (("bos_token", bos), ("eos_token", eos)) if v}
    return render_jinja_template(
        conversations=[case["messages"]], tools=case.get("tools"), chat_template=template,
        add_generation_prompt=case.get("add_generation_prompt", True), **special, **case.get("extra", {}))[0][0]


def chat_lines(folder):
    for path in sorted(folder.glob("*.jinja")):
        bos, eos = BOS_EOS.get(path.stem, ("<s>", "</s>"))
        for name, case in CONVERSATIONS.items():
            template = path.read_text(encoding="utf-8")
            yield {"name": f"{path.stem}: {name}", "template": template, "bos": bos, "eos": eos, "input": case,
                   **outcome(lambda: render_chat(template, bos, eos, case))}


def snippet_lines():
    context = SNIPPETS["context"]
    for snippet in (case["template"] for case in SNIPPETS["cases"]):
        yield {"name": snippet, "template": snippet, "context": context,
               **outcome(lambda: _compile_jinja_template(snippet).render(**context))}


def compare(driver, lines):
    lines = list(lines)
    sent = "".join(json.dumps({k: line[k] for k in ("template", "bos", "eos", "input", "context") if k in line}) + "\n"
                   for line in lines)
    answers = subprocess.run([driver], input=sent, capture_output=True, text=True, check=True).stdout.split("\n")
    wrong = 0
    for line, answer in zip(lines, answers):
        got = json.loads(answer)
        if ("text" in got) == ("text" in line) and got.get("text") == line.get("text"):
            continue
        wrong += 1
        print(f"{line['name']!r}\n  jinja2: {str(line.get('text', line.get('error')))!r} {line.get('says', '')}"
              f"\n  winnow: {got.get('text', got.get('error'))!r}")
    print(f"{len(lines)} renderings, {sum('text' in line for line in lines)} texts, {wrong} differ")
    return wrong


def one_a_line(path, head, lines):
    body = ",\n".join(json.dumps(line, ensure_ascii=False) for line in lines)
    top = json.dumps(head, ensure_ascii=False)[:-1]
    path.write_text(f'{top},\n"cases": [\n{body}\n]}}\n', encoding="utf-8")


def make():
    versions = {"transformers": transformers.__version__, "jinja2": jinja2.__version__,
                "python": platform.python_version(), "script": "tools/chat_goldens.py"}
    cases = [{"template": line["name"].split(": ")[0], "bos": line["bos"], "eos": line["eos"],
              "conversation": line["name"].split(": ", 1)[1],
              **{k: line[k] for k in ("text", "error", "says") if k in line}} for line in chat_lines(TEMPLATES)]
    one_a_line(TEMPLATES / "goldens.json", {"made_with": versions, "conversations": CONVERSATIONS}, cases)
    one_a_line(DATA / "jinja_snippets.json", {"made_with": versions, "context": SNIPPETS["context"]},
               [{k: line[k] for k in ("template", "text", "error") if k in line} for line in snippet_lines()])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("make", "compare"))
    parser.add_argument("--driver")
    parser.add_argument("--templates", type=pathlib.Path)
    args = parser.parse_args()
    if args.command == "make":
        return make()
    wrong = compare(args.driver, snippet_lines()) + compare(args.driver, chat_lines(TEMPLATES))
    if args.templates:
        wrong += compare(args.driver, chat_lines(args.templates))
    return sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
