#!/bin/sh
# What `make demo` shows once winnow is built: fetch the default models, rerank a question, say how to serve.
#   tools/demo.sh WINNOW    the program
set -eu
winnow=$1
documents=examples/data/documents.jsonl
question=${QUESTION:-"How do bees tell each other where food is?"}

"$winnow" pull ms-marco-minilm-l12 bge-small-en all-minilm-l6 >/dev/null

echo
echo "\$ winnow rerank -m ms-marco-minilm-l12 -q \"$question\" --top-n 10 $documents"
"$winnow" rerank -m ms-marco-minilm-l12 -q "$question" --top-n 10 "$documents"

cat <<EOF

Serve it:     $winnow serve -m ms-marco-minilm-l12 -m bge-small-en
and ask it:   curl -s localhost:3000/v1/rerank -H 'Content-Type: application/json' \\
                -d '{"model": "ms-marco-minilm-l12", "query": "What do pandas eat?",
                     "documents": ["Giant pandas eat almost nothing but bamboo.", "Paris is in France."]}'
Its pages:    http://localhost:3000/docs
Install it:   make install PREFIX=/usr/local
EOF
