#!/bin/sh
# What the command line gives to scripts: results on stdout, everything else on stderr.
#   examples/command_line.sh WINNOW RERANKER EMBEDDER    models by name or folder
set -eu
winnow=$1 reranker=$2 embedder=$3
data=$(dirname "$0")/data

echo "The three best documents, between tabs: rank, score, index, id, text"
"$winnow" rerank -m "$reranker" -q "How do honeybees survive the cold?" --top-n 3 "$data/documents.jsonl" | cut -f 1,2,4

echo "Every query's best document, from a JSON line a query"
"$winnow" rerank -m "$reranker" --queries "$data/queries.jsonl" --top-n 1 --jsonl "$data/documents.jsonl" |
  python3 -c 'import json, sys
for line in sys.stdin:
    answer = json.loads(line)
    print(answer["query"], "->", answer["results"][0]["id"])'

echo "A vector a line of stdin"
printf 'Bees dance.\nPandas eat bamboo.\n' | "$winnow" embed -m "$embedder" --json - | cut -c 1-60
