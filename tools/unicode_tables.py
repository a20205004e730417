#!/usr/bin/env python3
"""Writes src/text/unicode_tables.inc and regex_classes.inc: the Unicode facts that the `tokenizers` wheel works with.

The wheel's crates carry Unicode tables of several ages (its punctuation and marks are older than its letters), so no
Unicode library of one version agrees with it. Every fact is asked of the wheel itself, code point by code point:
run once when the wheel's tables change, and commit the result. Takes about a minute.
"""
import argparse
import pathlib
import unicodedata

import tokenizers
from tokenizers import normalizers, pre_tokenizers

ALL = [c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]
HANGUL = range(0xAC00, 0xD7A4)
NFD, NFC, NFKD = (getattr(normalizers, name)().normalize_str for name in ("NFD", "NFC", "NFKD"))


def bert(**on):
    off = dict(clean_text=False, handle_chinese_chars=False, strip_accents=False, lowercase=False)
    return normalizers.BertNormalizer(**{**off, **on}).normalize_str


def where(test):
    return [c for c in ALL if test(chr(c))]


def classes():
    """name -> code points."""
    clean, chinese, strip = bert(clean_text=True), bert(handle_chinese_chars=True), bert(strip_accents=True)
    split, words = pre_tokenizers.BertPreTokenizer().pre_tokenize_str, pre_tokenizers.Whitespace().pre_tokenize_str
    marks = normalizers.StripAccents().normalize_str
    pieces = {c: len(split(f"a{chr(c)}b")) for c in ALL}
    cleaned = {c: clean(f"a{chr(c)}b") for c in ALL}
    spaces = [c for c in ALL if pieces[c] == 2]
    # What cleaning turns into a space is white space that it does not remove first.
    removed = [c for c in ALL if cleaned[c] == "ab"]
    assert {c for c in ALL if cleaned[c] == "a b"} == set(spaces) - set(removed)
    whole = {c: NFD(chr(c)) == chr(c) for c in ALL}
    return {
        "Removed": removed,
        "Space": spaces,
        "Punctuation": [c for c in ALL if pieces[c] == 3],
        "Chinese": where(lambda c: chinese(c) == f" {c} "),
        "NonspacingMark": [c for c in ALL if whole[c] and strip(chr(c)) == ""],
        "CombiningMark": where(lambda c: marks(c) == ""),
        "Word": where(lambda c: len(words(f"a{c}b")) == 1),
    }


def regex_classes():
    """name -> code points: what the wheel's regular expressions and its Digits pre-tokenizer say of each."""
    text = "".join(map(chr, ALL))

    def kept(splitter):
        spans = (span for _, span in splitter.pre_tokenize_str(text))
        return [ALL[i] for start, end in spans for i in range(start, end)]

    matched = lambda pattern: kept(pre_tokenizers.Split(tokenizers.Regex(pattern), "removed", invert=True))
    numeric = pre_tokenizers.Digits(individual_digits=True)
    return {
        "Letter": matched(r"\p{L}"),
        "Number": matched(r"\p{N}"),
        "RegexSpace": matched(r"\s"),
        "Digit": [c for c in ALL if len(numeric.pre_tokenize_str(f"a{chr(c)}a")) == 3],
    }


def combining_classes():
    """code point -> canonical combining class, found by how NFD orders it beside marks of known class."""
    after = lambda a, b: a != b and NFD(f"a{a}{b}") == f"a{b}{a}"  # a has a higher class than b, and neither 0
    orders = lambda c: NFD(c) == c and (after("\u0345", c) or after(c, "\u0315"))  # classes 240 and 232
    known = {}
    for c in ALL:
        if orders(chr(c)):
            known.setdefault(unicodedata.combining(chr(c)), chr(c))
    found = {}
    for c in ALL:
        if orders(chr(c)):
            same = [v for v, k in known.items() if not after(chr(c), k) and not after(k, chr(c))]
            assert len(same) == 1, (hex(c), same)
            found[c] = same[0]
    return found


def check_hangul():
    for c in HANGUL:
        i = c - 0xAC00
        parts = [0x1100 + i // 588, 0x1161 + i % 588 // 28] + ([0x11A7 + i % 28] if i % 28 else [])
        assert NFD(chr(c)) == NFKD(chr(c)) == "".join(map(chr, parts)) and NFC(NFD(chr(c))) == chr(c)


def ranges(points, value=lambda c: 0):
    """[first, last, value] of consecutive code points of one value."""
    out = []
    for c in points:
        if out and out[-1][1] == c - 1 and out[-1][2] == value(c):
            out[-1][1] = c
        else:
            out.append([c, c, value(c)])
    return out


def lower_ranges():
    """[first, last, step, delta], and the code points whose lower case is more than one."""
    lower = normalizers.Lowercase().normalize_str
    pairs = [(c, [ord(x) for x in lower(chr(c))]) for c in ALL if lower(chr(c)) != chr(c)]
    out, longer = [], []
    for c, to in pairs:
        if len(to) != 1:
            longer.append((c, to))
            continue
        delta = to[0] - c
        if out and out[-1][3] == delta and c - out[-1][1] in (1, 2) and out[-1][2] in (0, c - out[-1][1]):
            out[-1][2] = c - out[-1][1]
            out[-1][1] = c
        else:
            out.append([c, c, 0, delta])
    return [[a, b, step or 1, delta] for a, b, step, delta in out], longer


def table(out, kind, name, rows, why):
    out.append(f"// {why}\nconstexpr {kind} {name}[] = {{")
    line = "   "
    for row in rows:
        item = " " + (row if isinstance(row, str) else "{" + ", ".join(map(str, row)) + "}") + ","
        if len(line) + len(item) > 100:
            out.append(line)
            line = "   "
        line += item
    out += [line, "};", ""]


def flat(rows):
    """code point, count, then what it becomes."""
    return [str(x) for c, to in rows for x in (c, len(to), *to)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = pathlib.Path(__file__).parents[1] / "src/text/unicode_tables.inc"
    parser.add_argument("--out", type=pathlib.Path, default=default, help="regex_classes.inc is written beside it")
    args = parser.parse_args()
    check_hangul()
    head = [f"// Generated by tools/unicode_tables.py from tokenizers {tokenizers.__version__}; do not edit.", ""]
    out = list(head)
    for name, points in regex_classes().items():
        table(out, "CodePointRange", f"k{name}", [r[:2] for r in ranges(points)], f"{len(points)} code points.")
    args.out.with_name("regex_classes.inc").write_text("\n".join(out))
    out = list(head)
    for name, points in classes().items():
        table(out, "CodePointRange", f"k{name}", [r[:2] for r in ranges(points)], f"{len(points)} code points.")
    marks = combining_classes()
    table(out, "MarkRange", "kMarks", ranges(marks, marks.get), "Canonical combining classes other than 0.")
    lower, longer = lower_ranges()
    table(out, "CaseRange", "kLower", lower, "Lower case: every step-th code point moves by delta.")
    table(out, "char32_t", "kLowerLong", flat(longer), "Lower case of more than one: code point, count, those.")
    canonical = [(c, [ord(x) for x in NFD(chr(c))]) for c in ALL if c not in HANGUL and NFD(chr(c)) != chr(c)]
    compat = [(c, [ord(x) for x in NFKD(chr(c))]) for c in ALL if c not in HANGUL and NFKD(chr(c)) != NFD(chr(c))]
    table(out, "char32_t", "kCanonical", flat(canonical), "NFD without Hangul: code point, count, those.")
    table(out, "char32_t", "kCompatible", flat(compat), "NFKD where it is not NFD: code point, count, those.")
    pairs = []
    for c, to in canonical:
        text = "".join(map(chr, to))
        if len(to) > 1 and NFC(text) == chr(c):
            first = NFC(text[:-1])
            assert len(first) == 1, hex(c)
            pairs.append([ord(first), to[-1], c])
    table(out, "Composition", "kCompositions", sorted(pairs), "NFC without Hangul: first, second, composed.")
    args.out.write_text("\n".join(out))


if __name__ == "__main__":
    main()
