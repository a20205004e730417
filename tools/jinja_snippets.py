"""Small templates, each one construct or one of its edges; chat_goldens.py records what jinja2 makes of them.

Long because it is a list.
"""

CONTEXT = {
    "n": 7, "z": 0, "f": 2.5, "neg": -3, "t": True, "no": False, "nil": None, "s": "Hello World", "empty": "",
    "u": "Grüße, 你好 👋 ÀÉ", "sp": "  pad\t\n", "l": [3, 1, 2], "e": [], "words": ["b", "A", "c", "B"],
    "d": {"b": 1, "A": 2, "items": "shadow", "k 1": None}, "ed": {}, "big": 123456789012,
    "nest": {"a": {"b": [10, {"c": "deep"}]}},
    "people": [{"name": "Ann", "age": 31, "tags": ["x"]}, {"name": "bob", "age": 5},
               {"name": "Cid", "age": 31, "tags": []}],
    "html": "<a href=\"x\">&'</a>", "j": {"q": "a\"b\\c/\n\t\x01é\u2028😀", "x": [1, 2.0, 1e100, True, None, {}], "y": []},
}

# One a line.
ONE_LINE = r'''
{{ n }} {{ f }} {{ t }} {{ no }} {{ nil }} {{ s }}|{{ missing }}|
{{ l }} {{ d }} {{ nest }} {{ (1, 'a') }} {{ (1,) }} {{ () }} {{ [] }} {{ {} }}
{{ 1.0 }} {{ 1e3 }} {{ 1.5e300 }} {{ 0.1 + 0.2 }} {{ 1e16 }} {{ 1e15 }} {{ 1e-4 }} {{ 1e-5 }} {{ 123456789.125 }} {{ -0.0 }}
{{ 1_000 }} {{ 0x1F }} {{ 0b101 }} {{ 0o17 }} {{ 1_0.5 }}
{{ 7 / 2 }} {{ 7 // 2 }} {{ -7 // 2 }} {{ 7 % 3 }} {{ -7 % 3 }} {{ 7 % -3 }} {{ 2 ** 10 }} {{ 2 ** -1 }} {{ 4 / 2 }}
{{ 7.5 // 2 }} {{ -7.5 % 2 }} {{ 7.5 % -2 }} {{ 2 ** 0.5 }} {{ 1 - 2 - 3 }} {{ 2 + 3 * 4 }} {{ (2 + 3) * 4 }}
{{ 2 ** 3 ** 2 }} {{ -2 ** 2 }} {{ - 2 + 5 }} {{ +3 }} {{ --3 }} {{ 3 - -3 }}
{{ t + t }} {{ t * 3 }} {{ -t }} {{ +t }} {{ t == 1 }} {{ no == 0 }} {{ 1 == 1.0 }} {{ '1' == 1 }}
{{ 1 / 0 }}
{{ 1 // 0 }}
{{ 1 % 0 }}
{{ 1.0 / 0 }}
{{ 'a' + 1 }}
{{ 1 + 'a' }}
{{ nil + 'a' }}
{{ missing + 'a' }}
{{ 'a' + missing }}
{{ [1] + [2] }} {{ (1,) + (2,) }} {{ [0] * 3 }} {{ 'ab' * 3 }} {{ 2 * 'x' }} {{ 'x' * 0 }} {{ 'x' * -1 }}
{{ [1] + (2,) }}
{{ 'a' ~ 1 ~ none ~ true ~ missing ~ 1.0 ~ [1] }}
{{ 1 ~ 2 + 3 }} {{ 1 + 2 ~ 3 }} {{ 2 * 3 ~ 4 }}
{{ 'a' 'b' "c" }}
{{ 'it\'s' }} {{ "q\"q" }} {{ 'tab\there' }} {{ 'nl\nx' }} {{ '\x41\u00e9\U0001F600\101' }} {{ '\q' }} {{ '\\n' }} {{ 'é' }}
{{ ["it's", 'q"', 'both\'"', 'nl\n', '\t', '\\', 'é你', '\x01', '\u200b', '\xa0'] }}
{{ 1 < 2 }} {{ 1 < 2 < 3 }} {{ 3 > 2 > 2 }} {{ 1 == 1 != 2 }} {{ 1 <= 1 }} {{ 2 >= 3 }} {{ 'a' < 'b' }} {{ [1, 2] < [1, 3] }}
{{ 'a' < 1 }}
{{ nil < 1 }}
{{ missing < 1 }}
{{ missing == missing2 }} {{ missing == none }} {{ missing != 1 }}
{{ 1 in l }} {{ 5 not in l }} {{ 'b' in d }} {{ 'zz' in d }} {{ 'lo' in s }} {{ 'x' in missing }} {{ '' in s }} {{ not 1 in l }}
{{ 1 in 'a1' }}
{{ 1 in nil }}
{{ [1] in [[1], 2] }} {{ none in [none] }} {{ 1.0 in l }} {{ true in [1] }}
{{ 1 and 2 }} {{ 0 and 2 }} {{ 0 or 'x' }} {{ '' or none }} {{ 1 or 2 }} {{ not 1 }} {{ not '' }} {{ not not 1 }} {{ missing or 'd' }}
{{ 1 or 2 and 0 }} {{ (1 or 2) and 0 }} {{ not 1 == 2 }} {{ true and not false }}
{{ 'y' if t else 'n' }} {{ 'y' if no else 'n' }} {{ 'y' if no }}| {{ 'a' if no else 'b' if no else 'c' }} {{ ('a' if t) ~ 'z' }}
{{ 'y' if e else 'n' }}{{ 'y' if ed else 'n' }}{{ 'y' if 0.0 else 'n' }}{{ 'y' if '0' else 'n' }}{{ 'y' if [0] else 'n' }}
{{ l[0] }} {{ l[-1] }} {{ l[5] }}| {{ s[0] }} {{ s[-1] }} {{ u[7] }} {{ u[-1] }} {{ s[99] }}|
{{ l[1:] }} {{ l[:1] }} {{ l[:-1] }} {{ l[::-1] }} {{ l[::2] }} {{ l[-2:] }} {{ l[5:] }} {{ l[:] }} {{ l[2:0:-1] }} {{ l[1:2] }}
{{ s[1:4] }} {{ s[::-1] }} {{ s[-5:] }} {{ u[2:8] }} {{ u[::-2] }} {{ s[:0] }}| {{ (1, 2, 3)[1:] }} {{ s[3:1] }}|
{{ l[::0] }}
{{ l['a':] }}
{{ d['b'] }} {{ d.b }} {{ d['nope'] }}| {{ d.nope }}| {{ d['k 1'] }} {{ d['A'] }} {{ d.items is string }} {{ d['items'] }}
{{ nest.a.b[1].c }} {{ nest['a']['b'][0] }} {{ nest.a.b.0 }} {{ nest.a.b.1.c }} {{ nest.x }}|
{{ nest.x.y }}
{{ missing.x }}
{{ missing['x'] }}
{{ missing[0] }}
{{ missing() }}
{{ s() }}
{{ nil.x }}| {{ n.x }}| {{ nil[0] }}| {{ n[0] }}|
{{ nil.x.y }}
{{ l.nope }}| {{ s.nope }}| {{ l['nope'] }}|
{{ {'a': 1, "b": [1, 2], 3: 'x', none: 4, 'a': 5} }} {{ {1: 2}[1] }} {{ {'a': {'b': 1}}.a.b }} {{ {} | length }}
{{ {[1]: 2} }}
{{ {(1, 2): 3}[(1, 2)] }} {{ {1.0: 'a'}[1] }} {{ {true: 'a'}[1] }}
{{ (1, 2) == (1, 2) }} {{ [1] == (1,) }} {{ {'a': 1} == {'a': 1.0} }} {{ 1, 2 }}
{{ [1, 2,] }} {{ (1, 2,) }} {{ {'a': 1,} }}
{% set x = 5 %}{{ x }}{% set x = x + 1 %}{{ x }}
{% set a, b = 1, 2 %}{{ a }}{{ b }}{% set (c, g) = [3, 4] %}{{ c }}{{ g }}{% set h = 1, 2 %}{{ h }}
{% set a, b = [1] %}
{% set a, b = 5 %}
{% set x %}  in {{ n }} side {% endset %}[{{ x }}]
{% set x | upper | trim %} abc {% endset %}[{{ x }}]
{% set x %}{% set y = 2 %}{% endset %}{{ y }}|
{% set ns = namespace(a=1, b='x') %}{% for i in l %}{% set ns.a = ns.a + i %}{% endfor %}{{ ns.a }}{{ ns.b }}{{ ns.c }}|{% set ns.c = 1 %}{{ ns.c }}
{% set ns = namespace({'a': 1}, b=2) %}{{ ns.a }}{{ ns.b }} {{ ns['a'] }} {{ ns }}
{% set d.x = 1 %}
{% set q.x = 1 %}
{% set ns = namespace() %}{% set ns._x = 1 %}
{% set x = 1 %}{% for i in [1, 2] %}{{ x }}{% set x = 9 %}{{ x }}{% endfor %}{{ x }}
{% for i in [1, 2] %}{% if i == 1 %}{% set y = i %}{% endif %}{{ y }}|{% endfor %}
{% if t %}{% set y = 1 %}{% endif %}{{ y }}
{% set n = 1 if n is defined else 2 %}{{ n }}
{% if n == 7 %}a{% elif n == 8 %}b{% else %}c{% endif %}{% if n == 8 %}a{% elif n == 7 %}b{% endif %}{% if no %}x{% else %}c{% endif %}
{% if missing %}a{% elif nil %}b{% elif [] %}c{% else %}d{% endif %}
{% for i in l %}{{ i }},{% endfor %}{% for i in e %}x{% else %}none{% endfor %}{% for i in l %}{% else %}none{% endfor %}
{% for i in missing %}x{% else %}undefined{% endfor %}
{% for i in nil %}x{% endfor %}
{% for i in 5 %}x{% endfor %}
{% for k in d %}{{ k }};{% endfor %}{% for c in 'aé你' %}{{ c }};{% endfor %}
{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}{% for k, v in d | items %}{{ k }}={{ v }};{% endfor %}
{% for (a, b), c in [((1, 2), 3)] %}{{ a }}{{ b }}{{ c }}{% endfor %}{% for a, b in [[1, 2], 'xy'] %}{{ a }}{{ b }}{% endfor %}
{% for a, b in [[1, 2, 3]] %}{% endfor %}
{% for i in range(3) %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }};{% endfor %}
{% for i in l %}{{ loop.previtem }}<{{ i }}>{{ loop.nextitem }};{{ loop.previtem is defined }}{% endfor %}
{% for i in l %}{% for j in [1, 2] %}{{ loop.index }}{{ loop.depth }}{{ loop.depth0 }}{% endfor %}{{ loop.index }}{{ loop.depth }};{% endfor %}
{% for i in [1, 2, 3, 4] %}{{ loop.cycle('a', 'b', 'c') }}{% endfor %}{% for i in [1, 1, 2] %}{{ loop.changed(i) }}{% endfor %}
{% for p in people if p.age > 10 %}{{ p.name }}{{ loop.index }}{{ loop.length }}{{ loop.last }}{% else %}no{% endfor %}
{% for p in people if p.age > 99 %}x{% else %}no{% endfor %}
{% for i in range(10) %}{% if i == 2 %}{% continue %}{% endif %}{% if i == 5 %}{% break %}{% endif %}{{ i }}{% endfor %}
{% for i in [1, 2] %}{% for j in [1, 2, 3] %}{% if j == 2 %}{% break %}{% endif %}{{ i }}{{ j }};{% endfor %}{% endfor %}
{% for i in [1] %}{% endfor %}{{ i }}|{{ loop }}|
{% for i in l if i != 1 %}{{ i }}{% endfor %}{% for i in l | sort %}{{ i }}{% endfor %}{% for i in l[::-1] %}{{ i }}{% endfor %}
{% for i in 1, 2 %}{{ i }}{% endfor %}{% for i in (1, 2) if t %}{{ i }}{% endfor %}
{% for i in [] %}{% set x = 1 %}{% else %}{% set x = 2 %}{{ x }}{% endfor %}{{ x }}|
{{ loop.index }}
{% macro m(a, b=2, c='x') %}[{{ a }}{{ b }}{{ c }}]{% endmacro %}{{ m(1) }}{{ m(1, 3) }}{{ m(c='z', a=0) }}{{ m() }}{{ m(1, 2, 3) }}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, 2) }}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(b=2) }}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, a=2) }}
{% macro m(a) %}{{ a }}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, 3, x=4) }}
{% macro m(a, b=a) %}{{ b }}{% endmacro %}{{ m(4) }}
{% macro m() %}{{ later }}{% endmacro %}{% set later = 3 %}{{ m() }}
{% set x = 1 %}{% macro m() %}{{ x }}{% set x = 2 %}{{ x }}{% endmacro %}{{ m() }}{{ x }}
{% macro m() %}{{ x }}{% endmacro %}{% for x in [1] %}{{ m() }}|{% endfor %}
{% macro fact(k) %}{{ 1 if k < 2 else k * (fact(k - 1) | int) }}{% endmacro %}{{ fact(5) }}
{% macro a() %}a{{ b() }}{% endmacro %}{% macro b() %}b{% endmacro %}{{ a() }}
{% macro m() %}  x  {% endmacro %}[{{ m() | trim }}] {{ m() == '  x  ' }} {{ m.name }} {{ m is callable }} {{ m is string }}
{% macro m() %}<{{ caller() }}>{% endmacro %}{% call m() %}body {{ n }}{% endcall %}
{% macro m() %}{% for i in [1, 2] %}{{ caller(i, 'k') }}{% endfor %}{% endmacro %}{% call(a, b) m() %}{{ a }}{{ b }};{% endcall %}
{% macro m() %}{{ caller is defined }}{% endmacro %}{{ m() }}
{% filter upper %}abc {{ s }}{% endfilter %}{% filter replace('a', 'b') | upper %}aac{% endfilter %}
{% with a = 1, b = n %}{{ a }}{{ b }}{% endwith %}{{ a }}| {% with %}{% set q = 1 %}{% endwith %}{{ q }}|
{% generation %}{{ s }}{% set gg = 1 %}{% endgeneration %}{{ gg }}|
{% raw %}{{ not }} {% this %} {# x #}{% endraw %}|{%- raw -%}  {{ a }}  {%- endraw -%}  |
{# comment {{ x }} {% y %} #}a{#- b -#} c
{% if t %}{% endif %}
{{ '{{' }} {{ '%}' }} {{ "}}" }} {{ {'a': {'b': 1}} }} { { } } {a} % # {}
{{ n is defined }} {{ missing is defined }} {{ missing is undefined }} {{ n is not defined }} {{ d.b is defined }} {{ d.x is defined }} {{ nil is defined }}
{{ nil is none }} {{ n is none }} {{ missing is none }} {{ n is not none }} {{ no is false }} {{ t is true }} {{ 1 is true }} {{ t is boolean }} {{ 1 is boolean }}
{{ n is number }} {{ f is number }} {{ t is number }} {{ s is number }} {{ n is integer }} {{ t is integer }} {{ f is integer }} {{ f is float }} {{ n is float }}
{{ s is string }} {{ l is string }} {{ d is mapping }} {{ l is mapping }} {{ s is mapping }} {{ missing is mapping }} {{ missing is string }}
{{ l is iterable }} {{ s is iterable }} {{ d is iterable }} {{ n is iterable }} {{ nil is iterable }} {{ missing is iterable }}
{{ l is sequence }} {{ s is sequence }} {{ d is sequence }} {{ n is sequence }} {{ missing is sequence }} {{ range(2) is sequence }} {{ d.items() is sequence }} {{ (1,) is sequence }}
{{ n is odd }} {{ n is even }} {{ n is divisibleby 7 }} {{ n is divisibleby(2) }} {{ 'abc' is lower }} {{ 'ABC' is upper }} {{ 'a1' is lower }} {{ '1' is lower }}
{{ n is eq 7 }} {{ n is equalto(7) }} {{ n is ne 7 }} {{ n is gt 3 }} {{ n is ge(7) }} {{ n is lt 3 }} {{ n is le 7 }} {{ n is greaterthan 6 }} {{ n is lessthan 6 }} {{ n is sameas 7 }}
{{ 1 is in [1, 2] }} {{ 'a' is in 'abc' }} {{ 3 is not in [1] }} {{ s is callable }} {{ range is callable }} {{ 'upper' is filter }} {{ 'nope' is filter }} {{ 'odd' is test }}
{{ not n is none }} {{ n is defined and s is string }} {{ n is none or t }} {{ n + 1 is odd }} {{ 'a' if n is defined else 'b' }} {{ n is number == true }}
{{ n is nope }}
{{ n | nope }}
{{ n is none is none }}
{{ html | e }} {{ html | escape | escape }} {{ html | safe }} {{ (html | safe) + '<b>' }} {{ '<b>' + (html | safe) }} {{ (html | safe) ~ '<b>' }}
{{ j | tojson }}
{{ j | tojson(indent=2) }}
{{ j | tojson(ensure_ascii=true) }}
{{ d | tojson(sort_keys=true) }} {{ d | tojson(separators=(',', ':')) }} {{ d | tojson(indent=1, separators=(', ', '=')) }} {{ [1, [2, []]] | tojson(indent=4) }}
{{ d | tojson(true, 2) }} {{ [1, 2] | tojson(indent='--') }} {{ [1] | tojson(indent=0) }} {{ [1] | tojson(indent=none) }}
{{ 1 | tojson }} {{ 1.0 | tojson }} {{ none | tojson }} {{ true | tojson }} {{ s | tojson }} {{ (1, 2) | tojson }} {{ {1: 2, none: 3, true: 4, 1.5: 5} | tojson }} {{ html | tojson }} {{ '' | tojson }}
{{ missing | tojson }}
{{ range(2) | tojson }}
{{ d.keys() | tojson }}
{{ d.items() | list | tojson }} {{ d.keys() | list | tojson }}
{{ sp | trim }}| {{ 'xxaxx' | trim('x') }} {{ 5 | trim }} {{ '\u3000a\xa0' | trim }}| {{ none | trim }} {{ 'abcba' | trim('ab') }}
{{ s | length }} {{ l | count }} {{ d | length }} {{ u | length }} {{ missing | length }} {{ range(4) | length }} {{ d.items() | length }}
{{ n | length }}
{{ nil | length }}
{{ missing | default('x') }} {{ nil | default('x') }} {{ '' | default('x') }}| {{ '' | default('x', true) }} {{ nil | d('x', boolean=true) }} {{ missing | default }}| {{ n | default(1) }} {{ d.x | default([]) }}
{{ s | upper }} {{ s | lower }} {{ s | capitalize }} {{ s | title }} {{ 'hello-wORLD (foo) bar_baz' | title }} {{ 'hELLO wORLD' | capitalize }} {{ 5 | upper }} {{ none | upper }}
{{ u | upper }} {{ u | lower }} {{ u | title }} {{ 'straße' | upper }} {{ 'éA' | capitalize }} {{ 'ǆ' | upper }} {{ 'ÿµ' | upper }}
{{ l | join }} {{ l | join(', ') }} {{ people | join('-', attribute='name') }} {{ 'abc' | join('.') }} {{ [] | join('x') }}| {{ [1, none, 'a', 1.0] | join(' ') }} {{ d | join('+') }} {{ missing | join(',') }}|
{{ l | first }} {{ l | last }} {{ s | first }} {{ s | last }} {{ [] | first }}| {{ d | first }} {{ [] | last }}| {{ d | last }}
{{ s | replace('l', 'L') }} {{ s | replace('l', 'L', 1) }} {{ 5 | replace(5, 6) }} {{ 'abc' | replace('', '-') }} {{ 'aaa' | replace('aa', 'b') }} {{ u | replace('你', 'x') }}
{{ people | map(attribute='name') | join(',') }} {{ people | map(attribute='tags', default='-') | list }} {{ people | map(attribute='tags.0') | join('|') }} {{ words | map('upper') | list }} {{ words | map('replace', 'b', 'q') | join }}
{{ people | map(attribute='x') | list }}
{{ words | map('nope') | list }}
{{ people | selectattr('age', 'gt', 10) | map(attribute='name') | list }} {{ people | selectattr('tags') | list | length }} {{ people | rejectattr('tags') | map(attribute='name') | join }} {{ people | selectattr('age', 'equalto', 5) | list }}
{{ people | selectattr('name', 'in', ['Ann', 'Cid']) | list | length }} {{ people | rejectattr('age', '==', 31) | list | length }} {{ people | selectattr('tags', 'defined') | list | length }} {{ people | selectattr('tags', 'undefined') | list | length }}
{{ l | select('odd') | list }} {{ l | reject('odd') | list }} {{ [0, 1, '', 'a'] | select | list }} {{ [0, 1] | reject | list }} {{ l | select('gt', 1) | list }} {{ words | select('in', ['A']) | list }} {{ l | reject('equalto', 1) | join }}
{% set g = l | select('odd') %}{{ g | list }}{{ g | list }}{% if g %}true{% endif %}
{{ l | map('string') | length }}
{{ (l | map('string'))[0] }}|
{{ l | map('string') | first }} {{ l | select('odd') | first }} {{ [] | select | first }}|
{{ l | list }} {{ 'abc' | list }} {{ d | list }} {{ range(3) | list }} {{ (1, 2) | list }} {{ missing | list }}
{{ 5 | list }}
{{ 5 | string }} {{ none | string }} {{ [1] | string }} {{ 1.0 | string ~ 'x' }} {{ missing | string }}|
{{ '42' | int }} {{ '4.9' | int }} {{ 'x' | int }} {{ 'x' | int(5) }} {{ 3.9 | int }} {{ -3.9 | int }} {{ '0x1F' | int(base=16) }} {{ '1F' | int(0, 16) }} {{ none | int }} {{ true | int }} {{ ' 12 ' | int }} {{ '1_000' | int }} {{ '-5' | int }} {{ '' | int }} {{ [] | int }} {{ '1e3' | int }}
{{ '4.5' | float }} {{ 'x' | float }} {{ 'x' | float(1.5) }} {{ 3 | float }} {{ none | float }} {{ '1e3' | float }} {{ ' 1 ' | float }} {{ 'inf' | float }} {{ '+2.5' | float }}
{{ -3 | abs }} {{ neg | abs }} {{ -2.5 | abs }} {{ true | abs }}
{{ 'a' | abs }}
{{ 2.5 | round }} {{ 3.5 | round }} {{ 2.675 | round(2) }} {{ 2.1 | round(method='ceil') }} {{ 2.9 | round(0, 'floor') }} {{ 3 | round }} {{ 1234.5678 | round(-2) }} {{ 2.345 | round(1, 'ceil') }} {{ -2.5 | round }} {{ 0.125 | round(2) }}
{{ l | sum }} {{ people | sum(attribute='age') }} {{ [0.5, 1] | sum }} {{ [[1], [2]] | sum(start=[]) }} {{ [] | sum }}
{{ l | sort }} {{ l | sort(reverse=true) }} {{ words | sort }} {{ words | sort(case_sensitive=true) }} {{ people | sort(attribute='age') | map(attribute='name') | join }} {{ people | sort(attribute='name', reverse=true) | map(attribute='name') | join }}
{{ [1, 'a'] | sort }}
{{ d | dictsort }} {{ {'b': 2, 'A': 3, 'c': 1} | dictsort }} {{ {'b': 2, 'A': 3, 'c': 1} | dictsort(by='value') }} {{ {'b': 2, 'A': 3} | dictsort(true) }} {{ {'b': 2, 'A': 3} | dictsort(reverse=true) }}
{{ ['a', 'A', 'b', 'a'] | unique | list }} {{ ['a', 'A', 'b'] | unique(true) | list }} {{ people | unique(attribute='age') | map(attribute='name') | join }} {{ [1, 1.0, 2] | unique | list }}
{{ l | reverse | list }} {{ s | reverse }} {{ u | reverse }} {% for i in l | reverse %}{{ i }}{% endfor %} {{ range(3) | reverse | list }}
{{ l | min }} {{ l | max }} {{ words | min }} {{ words | max }} {{ people | max(attribute='age') | tojson }} {{ [] | min }}|
{{ 'a\nb\n\nc' | indent }} {{ 'a\nb' | indent(2, true) }} {{ 'a\n\nb' | indent(2, blank=true) }} {{ 'a\nb' | indent('>>') }} {{ 'a\nb\n' | indent(1) }}| {{ '' | indent }}| {{ 'a\nb' | indent(width=3, first=True) }}
{{ [1, 2, 3] | batch(2) | list }} {{ [1, 2, 3] | batch(2, 'x') | list }} {{ 'ab' | center(6) }}| {{ 'a b c' | wordcount }} {{ '%s-%d' | format('a', 5) }}
{{ d | items | list }} {{ missing | items | list }}
{{ l | items | list }}
{{ d | attr('b') }}| {{ s | attr('nope') }}|
{{ sp.strip() }}| {{ sp.lstrip() }}| {{ sp.rstrip() }}| {{ 'xyx'.strip('x') }} {{ 'abcba'.lstrip('ab') }} {{ 'abcba'.rstrip('ab') }} {{ 'éaé'.strip('é') }} {{ 'a'.strip('') }} {{ 'a '.strip(none) }}|
{{ 'a,b,c'.split(',') }} {{ 'a,b,c'.split(',', 1) }} {{ ' a  b '.split() }} {{ 'a b c'.split(none, 1) }} {{ 'a,b,c'.rsplit(',', 1) }} {{ ''.split() }} {{ ''.split(',') }} {{ 'a,b'.split(sep=',') }} {{ 'a b c '.split(maxsplit=1) }} {{ 'abc'.split('x') }} {{ ' a b c '.rsplit(none, 1) }} {{ 'a,,b'.split(',') }} {{ 'a\u3000b'.split() }}
{{ 'a'.split('') }}
{{ '</think>x</think>y'.split('</think>')[-1].lstrip('\n') }} {{ 'abc'.split('b')[0] }}
{{ s.startswith('He') }} {{ s.endswith('ld') }} {{ s.startswith(('x', 'He')) }} {{ s.startswith('') }} {{ s.startswith('ell', 1) }} {{ s.endswith('Hel', 0, 3) }} {{ s.startswith('World', -5) }}
{{ s.startswith(1) }}
{{ s.replace('l', 'L') }} {{ s.replace('l', 'L', 2) }} {{ s.replace('', '.') }} {{ s.replace('zz', '') }}
{{ s.replace('l') }}
{{ s.upper() }} {{ s.lower() }} {{ s.title() }} {{ s.capitalize() }} {{ "it's a2b".title() }} {{ 'ÉCOLE'.lower() }}
{{ ', '.join(['a', 'b']) }} {{ '-'.join('abc') }} {{ ''.join([]) }}|
{{ ','.join([1]) }}
{{ s.find('o') }} {{ s.find('zz') }} {{ s.rfind('o') }} {{ u.find('好') }} {{ s.index('W') }} {{ s.count('l') }} {{ s.count('') }} {{ 'aaa'.count('aa') }}
{{ s.index('zz') }}
{{ '12'.isdigit() }} {{ ''.isdigit() }} {{ 'ab'.isalpha() }} {{ 'a1'.isalnum() }} {{ ' '.isspace() }} {{ 'AB'.isupper() }} {{ 'ab1'.islower() }} {{ '1'.isupper() }} {{ 'é'.isalpha() }} {{ '1.5'.isdigit() }}
{{ 'a\nb\r\nc'.splitlines() }} {{ 'a\nb'.splitlines(true) }} {{ 'a=b=c'.partition('=') }} {{ 'a=b=c'.rpartition('=') }} {{ 'abc'.partition('x') }} {{ 'abc'.removeprefix('a') }} {{ 'abc'.removesuffix('c') }}
{{ 'a'.ljust(3) }}| {{ 'a'.rjust(3, '*') }} {{ 'a'.center(4, '.') }} {{ 'ab'.center(5, '.') }} {{ '7'.zfill(3) }} {{ '-7'.zfill(4) }}
{{ '{} {}'.format(1, 'a') }} {{ '{0}{1}{0}'.format('a', 'b') }} {{ '{x}-{{y}}'.format(x=none) }} {{ 'plain'.format() }}
{{ '{} {}'.format(1) }}
{{ '%s is %d%%' % ('a', 5) }} {{ '%s' % 'x' }} {{ '%r' % 'x' }} {{ '%s' % [1] }}
{{ '%s %s' % 'a' }}
{{ d.keys() }} {{ d.values() }} {{ d.items() }} {{ d.keys() | list }} {{ d.get('b') }} {{ d.get('zz') }} {{ d.get('zz', 5) }} {{ d.get('k 1', 5) }} {{ ed.items() }} {{ 'b' in d.keys() }} {{ d.copy() }}
{{ d.get() }}
{{ d.get([1]) }}
{{ d.items()[0] }}|
{{ l.index(1) }} {{ l.count(1) }} {{ (1, 2).index(2) }} {{ l.copy() }}
{{ l.index(99) }}
{{ l.append(4) }}
{{ l.pop() }}
{{ d.update({'x': 1}) }}
{{ d.pop('b') }}
{% set _ = l.append is defined %}{{ _ }}
{{ s.__class__ }}
{{ range(5) }} {{ range(1, 5) | list }} {{ range(5, 0, -2) | list }} {{ range(0) | list }} {{ range(3)[1] }} {{ range(5)[1:3] | list }} {{ 2 in range(3) }} {{ range(1, 9, 3) }}
{{ range(1000000) }}
{{ range(1, 5, 0) }}
{{ range() }}
{{ dict(a=1, b='x') }} {{ dict({'a': 1}, b=2) }} {{ dict() }}
{{ raise_exception('own words: ' ~ n) }}
{% if no %}{{ raise_exception('never') }}{% endif %}fine
{{ strftime_now is defined }} {{ raise_exception is callable }} {{ namespace is defined }}
{{ s | upper | lower | title }} {{ s.split(' ')[0] | upper }} {{ -1 | abs }} {{ 'a' ~ 'b' | upper }} {{ ('a' ~ 'b') | upper }} {{ 1 + 2 | string | length }}
{{ n | string + 'x' }} {{ l | length + 1 }} {{ l | length == 3 }} {{ l | length > 2 and t }} {{ not l | length }} {{ (l | length) - 1 }} {{ l | length - 1 }}
{{ messages | length if messages is defined else 'none' }} {{ l[l | length - 1] }} {{ l[n - 5] }} {{ people[0]['name'][0] }} {{ people[-1].tags | length }}
{{ [1, 2][true] }} {{ 'abc'[no] }} {{ l[1.0] }}|
{{ {'a': 1}['a'] if {'a': 1} else 0 }} {{ {'k': s}['k'].split()[1].upper()[1:] }} {{ [d, d][1].b }}
{{ true }} {{ True }} {{ none }} {{ None }} {{ false }} {{ False }} {{ TRUE }}|
{% if no %}{{ s | nope }}{% endif %}{% if no and s is nope %}{% endif %}ok
{{ nil | selectattr('a') | list }} {{ nil | map('upper') | list }} {{ 0 | select | list }}
{{ big * 1000 }} {{ 9223372036854775807 }} {{ 9223372036854775807 + 0 }}
{% include 'x' %}
{% extends 'x' %}
{% do l %}
{% if %}x{% endif %}
{% if t %}x
{% endif %}
{% for i l %}{% endfor %}
{% endfor %}
{{ }}
{{ 1 + }}
{{ (1 }}
{{ 1) }}
{{ 'abc }}
{{ a b }}
{{ {1: } }}
{{ [1 2] }}
{{ s | }}
{{ x is }}
{{ . }}
{{ 1.x }}
{{ $ }}
{{ s!
{% set %}
{% set 1 = 2 %}
{% set true = 2 %}
{% break %}
{# open
{% raw %} open
{% macro m %}{% endmacro %}
{% macro m(a=1, b) %}{% endmacro %}
{% if t %}a{% else %}b{% else %}c{% endif %}
{% unknown %}
{{ l[] }}
{{ l[1:2:3:4] }}
{{ f(a=1, 2) }}
{{ 'x' if }}
{{ not }}
plain text only, { and } and % alone {
{{ u }}{{ '\u4f60' == '你' }}
{{ "a" -}}   b
{{ "a" }}   {{- "b" }}
é {{ "é" }} 你
'''


# Templates of several lines: white space control is about lines.
BLOCKS = [
    "x {# multi\nline #}\nd", "{{ \"a\\\nb\" }}",
    "a\n{# c #}\nb", "a\n  {# c #}\nb", "a\n  {#- c -#}\nb", "a  {%- if t -%}  b  {%- endif -%}  c",
    "a\n  {% if t %}\n  b\n  {% endif %}\nc", "a\n  {%+ if t %}\nb\n{% endif +%}\nc", "a\n  {% if t +%}\n b{% endif %}\n\nc",
    "{{ 1 }}\n{{- 2 }}\n{{ 3 -}}\n{{ 4 }}\n  {{ 5 }}\n", "{% for i in [1, 2] %}\n  - {{ i }}\n{% endfor %}\nend\n\n",
    "{%- for i in [1, 2] %}\n\n  - {{ i }}\n{%- endfor %}\n\nend", "{% if t -%}\n\n   a\n\n{%- endif %}\nb",
    "{% set x = 1 %}   {% set y = 2 %}\n\t{% if t %}tab{% endif %}\n", "a\r\nb\r\n{% if t %}\r\nc{% endif %}\r", "\n", "",
    "\n\n", "a\n", "{{ 1 }}\n", "{% if t %}\n\n{% endif %}\n\n", "  {{ 1 }}  {% if t %}  {% endif %}  ", "{# a #}\n\n{# b #}\nx",
    "x  {# a #}  \ny", "{% raw %}\n  a {{ b }}\n{% endraw %}\nc", "  {% raw %}  a\n  {% endraw %}  c",
    "{%- raw -%}\n a \n{%- endraw -%}\n c", "{{ \"a\nb\" }}", "{{\n  1\n  +\n  2\n}}", "{% set x = [\n  1,\n  2\n] %}{{ x }}",
    "{%- macro m(a) -%}\n  [{{ a }}]\n{%- endmacro -%}\n{{ m(1) }}\n{{ m(2) }}", "{% if t %}a{% endif %}\n{% if t %}b{% endif %}\n\n{% if no %}{% endif %}\nc",
    "a {%- if t %} b {%- endif %} c", "a {% if t -%} b {% endif -%} c", "\u00a0{% if t %}x{% endif %}", "x\n\u00a0\t{% if t %}x{% endif %}",
    "x\n\u3000{%- if t %}x{% endif %}", "{%if t%}a{%endif%}{{n}}", "{%-if t-%}a{%-endif-%}", "{{-n-}}", "{{+n}}", "a\n{{+n}}",
    "a\n   {%+set x=1%}\nb", "{% set x %}\n a\n{% endset %}\n[{{ x }}]", "{# {# #} #}", "{{ '#}' }}{# '#}", "a{#b#}{#c#}\n\nd",
    "{% if t %}\n{% if t %}\n  a\n{% endif %}\n{% endif %}\n", "{{ n }}\n\n\n", "  \n  {% if t %}\n  \n  {% endif %}\n  ",
    "{% for x in l %}{{ x }}\n{% endfor %}", "{% for x in l -%}\n  {{ x }}\n{%- if not loop.last %},{% endif -%}\n{% endfor %}",
    "{% generation %}\na\n{% endgeneration %}\nb", "{% call m() %}{% endcall %}", "{% filter trim %}\n a \n{% endfilter %}\nb",
    "{% if s.startswith('He') and\n   n > 3 %}\nyes\n{% endif %}", "{{ {'a':\n1}.a }}", "a{% if no %}{% elif t %}\nb{% endif %}",
]

SNIPPETS = ONE_LINE.strip("\n").split("\n") + BLOCKS
