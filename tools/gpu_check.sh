#!/bin/sh
# On a machine with a GPU: the tests that need one, compute-sanitizer, the benchmark and the rival in one go; see
# tools/gpu_check.py, which does it, or: tools/gpu_check.sh --help
exec python3 "$(dirname "$0")/gpu_check.py" "$@"
