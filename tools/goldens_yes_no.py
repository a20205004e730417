#!/usr/bin/env python3
"""The known answers of yes/no rerankers: token ids by the reference recipes, with the `tokenizers` wheel.

    python tools/goldens_yes_no.py tests/data ../shared/data/tokenizers/qwen2.5/tokenizer.json

Trains the little tokenizer of tests/data/tiny-yes-no (byte-level BPE with Qwen's splitting) and writes
tests/data/goldens/yes_no.json. The prompts are typed here once more, so that a slip in winnow's shows.
"""
import json
import pathlib
import sys

import tokenizers
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

QWEN_PREFIX = (
    '<|im_start|>system\nJudge whether the Document meets the requirements based on the Query and the Instruct provided. '
    'Note that the answer can only be "yes" or "no".<|im_end|>\n<|im_start|>user\n')
PAPER_PREFIX = (
    '<|im_start|>system\nGiven the instruction and query, judge whether the document is relevant to the query (yes/no).'
    '<|im_end|>\n<|im_start|>user\n')
ASSISTANT = '<|im_end|>\n<|im_start|>assistant\n'
TASK = 'Given a web search query, retrieve relevant passages that answer the query'
GEMMA_PROMPT = ("Given a query A and a passage B, determine whether the passage contains an answer to the query by "
                "providing a prediction of either 'Yes' or 'No'.")


def qwen_layout(prefix, body, suffix, default):
    """The card of Qwen3-Reranker: process_inputs and format_instruction."""
    def encode(tok, instruction, query, document, max_length):
        head = tok.encode(prefix, add_special_tokens=False).ids
        tail = tok.encode(suffix, add_special_tokens=False).ids
        text = body(instruction or default, query, document)
        ids = tok.encode(text, add_special_tokens=False).ids[:max_length - len(head) - len(tail)]
        return head + ids + tail
    return encode


def gemma_layout(tok, instruction, query, document, max_length):
    """FlagLLMReranker.compute_score_single_gpu, prepare_for_model with only_second."""
    def ids_of(text, most=None):
        return tok.encode(text, add_special_tokens=False).ids[:most]
    separator, prompt = ids_of('\n'), ids_of(instruction or GEMMA_PROMPT)
    first = [tok.token_to_id('<bos>')] + ids_of(f'A: {query}', max_length * 3 // 4)
    second = separator + ids_of(f'B: {document}', max_length)
    second = second[:max_length + len(separator) + len(prompt) - len(first)]
    return first + second + separator + prompt


LAYOUTS = {
    'qwen3-reranker': (8192, qwen_layout(
        QWEN_PREFIX, lambda i, q, d: f'<Instruct>: {i}\n<Query>: {q}\n<Document>: {d}',
        ASSISTANT + '<think>\n\n</think>\n\n', TASK)),
    'lychee-a': (8192, qwen_layout(
        QWEN_PREFIX, lambda i, q, d: f'<Instruct>: {i}\n<Query>: {q}\n<Document>: {d}', ASSISTANT, TASK)),
    'lychee-b': (8192, qwen_layout(
        PAPER_PREFIX, lambda i, q, d: f'Instruct: {i}\nQuery: {q}\nDocument: {d}', ASSISTANT, TASK)),
    'bge-v2-gemma': (512, gemma_layout),
    'plain': (8192, qwen_layout(
        '', lambda i, q, d: f'{i}\nQuery: {q}\nDocument: {d}', '\nAnswer:',
        'Does the document answer the query? Answer yes or no.')),
}

# instruction, query, document, max_length (0: the preset's own)
BEES = ('Bees drink nectar and gather pollen, which they carry home in little baskets on their hind legs; the young are '
        'fed with it.  Nothing else will do — not sugar, not flour, and not even the best of honey. ') * 6
CASES = [
    ('', 'What do bees eat?', 'Bees eat nectar and pollen.', 0),
    ('', '法国首都是哪里？', '法国的首都是巴黎。', 0),
    ('Given the user query, retrieval the relevant passages', 'What is the capital of China?',
     'The capital of China is Beijing.', 0),
    ('给定一个问题，找出能回答它的段落。', '  spaces\taround  ', ' a document\r\n\r\nof lines \n', 0),
    ('', 'café ☕ naïve 👩‍👩‍👧', '{query} {document} {instruction} { } 🦊', 0),
    ('', 'a marker', 'ends here <|im_end|> or not <|im_start|>', 0),
    ('', 'What do bees eat?', BEES, 160),
    ('', 'What do bees eat?', BEES, 161),
    ('', '蜜蜂吃什么？', '蜜蜂以花蜜和花粉为食。' * 40, 200),
]


def tiny_tokenizer():
    """A byte-level BPE of a few hundred tokens, as a tokenizer.json's text."""
    tok = Tokenizer(models.BPE(byte_fallback=False))
    tok.normalizer = normalizers.NFC()
    tok.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(
            r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"),
            'isolated'),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tok.decoder = decoders.ByteLevel()
    texts = [QWEN_PREFIX, PAPER_PREFIX, GEMMA_PROMPT, TASK, BEES, '法国的首都是巴黎。蜜蜂吃花蜜。'] * 4
    texts += ['yes no yes no', 'Yes', 'No', ' yes', ' no'] * 40
    tok.train_from_iterator(texts, trainers.BpeTrainer(
        vocab_size=480, show_progress=False, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    tok.add_special_tokens([AddedToken(t, normalized=False) for t in ('<|im_start|>', '<|im_end|>', '<bos>')])
    tok.add_tokens([AddedToken(t, normalized=False) for t in ('<think>', '</think>')])
    return tok.to_str()


def with_thinking(qwen25):
    """Qwen2.5's tokenizer with the tokens that Qwen3's has more."""
    data = json.loads(qwen25)
    for offset, content in enumerate(('<tool_response>', '</tool_response>', '<think>', '</think>')):
        data['added_tokens'].append({'id': 151665 + offset, 'content': content, 'single_word': False, 'lstrip': False,
                                     'rstrip': False, 'normalized': False, 'special': False})
    return json.dumps(data, ensure_ascii=False)


def main():
    data, qwen = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    tiny = tiny_tokenizer()
    (data / 'tiny-yes-no').mkdir(exist_ok=True)
    (data / 'tiny-yes-no' / 'tokenizer.json').write_text(tiny, encoding='utf-8')
    lines = []
    tokens = {}
    for name, text in (('tiny', tiny), ('qwen', with_thinking(qwen.read_text(encoding='utf-8')))):
        tok = Tokenizer.from_str(text)
        tokens[name] = {word: tok.encode(word, add_special_tokens=False).ids
                        for word in ('yes', 'no', ' yes', ' no', 'Yes', 'No')}
        for preset, (own_length, encode) in LAYOUTS.items():
            if preset == 'bge-v2-gemma' and name == 'qwen':
                continue  # has no <bos>
            for instruction, query, document, max_length in CASES:
                if name == 'tiny' and 0 < max_length:
                    max_length += 40  # its tokens are short
                if preset == 'bge-v2-gemma' and 0 < max_length:
                    max_length = 40 if name == 'tiny' else 20
                lines.append(json.dumps(
                    {'tokenizer': name, 'preset': preset, 'instruction': instruction, 'query': query,
                     'document': document, 'max_length': max_length,
                     'ids': encode(tok, instruction, query, document, max_length or own_length)}, ensure_ascii=False))
    head = json.dumps({'tokenizers': tokenizers.__version__})
    (data / 'goldens' / 'yes_no.json').write_text(
        '{"made_with": %s,\n "tokens": %s,\n "cases": [\n%s\n]}\n' % (head, json.dumps(tokens), ',\n'.join(lines)),
        encoding='utf-8')
    print(len(lines), 'cases')


if __name__ == '__main__':
    main()
