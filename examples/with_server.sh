#!/bin/sh
# Runs a command against a server of its own on a free port, which ends with it; {} in the command is the server's URL.
#   examples/with_server.sh WINNOW "MODEL..." COMMAND [ARGUMENT...]
set -eu
winnow=$1 models=$2
shift 2
flags=
for model in $models; do flags="$flags -m $model"; done
address=$(mktemp)
"$winnow" serve --port 0 $flags >"$address" &  # prints its URL on stdout once every model is warm
server=$!
trap 'kill $server 2>/dev/null; wait $server 2>/dev/null || true; rm -f "$address"' EXIT
while [ ! -s "$address" ]; do
  kill -0 $server 2>/dev/null || { echo "the server did not start" >&2; exit 1; }
  sleep 0.1
done
url=$(cat "$address")
for argument; do
  shift
  [ "$argument" = "{}" ] && argument=$url
  set -- "$@" "$argument"
done
"$@"
