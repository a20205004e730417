#!/bin/sh
# Makes .cache/venv from tests/requirements.txt, unless it is there already, and prints its Python. Only the Python
# tests need it: `cmake -DWINNOW_PYTHON_TESTS="$(tools/test_env.sh)"`.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
venv=$root/.cache/venv
if ! cmp -s "$root/tests/requirements.txt" "$venv/requirements.txt"; then
  rm -rf "$venv"
  mkdir -p "$root/.cache"
  python3 -m venv "$venv" >&2
  echo "installing the Python test packages of tests/requirements.txt into .cache/venv" >&2
  "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$root/tests/requirements.txt" >&2
  cp "$root/tests/requirements.txt" "$venv/requirements.txt"  # last: a broken install is made anew
fi
echo "$venv/bin/python"
