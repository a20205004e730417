#!/bin/sh
# Reranks over HTTP with curl alone.
#   winnow serve -m ms-marco-minilm-l12 &
#   examples/rerank_curl.sh http://localhost:3000 ms-marco-minilm-l12
set -eu
url=$1 model=$2
curl --silent --show-error --fail "$url/v1/rerank" -H 'Content-Type: application/json' -d '{
  "model": "'"$model"'",
  "query": "What do pandas eat?",
  "documents": ["Paris is in France.", "Bamboo, mostly: the giant panda eats it for half of the day.", "Bees dance."],
  "top_n": 2
}'
echo
