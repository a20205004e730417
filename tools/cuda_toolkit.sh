#!/bin/sh
# Finds a CUDA toolkit, or makes one of Python wheels where none is installed, and prints two lines for `eval`:
#   WINNOW_CUDA_TOOLKIT=...   its folder: bin/nvcc, include, lib64
#   WINNOW_CMAKE=...          a CMake that knows this toolkit
#   tools/cuda_toolkit.sh [FOLDER]   where to make it, default .cache/cuda; quick when it is there already
# An installed toolkit of version 13 is taken: that of WINNOW_CUDA_TOOLKIT, of nvcc in PATH, or /usr/local/cuda.
# Exit codes: 1 failed, 3 there is none and the Python package index cannot be reached.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
folder=${1:-$root/.cache/cuda}
requirements=$root/tools/cuda_requirements.txt

# The toolkit that holds this nvcc, if it is of version 13 or newer; else nothing.
toolkit_of() {
  [ -x "$1" ] || return 0
  version=$("$1" --version 2>/dev/null | sed -n 's/.*release \([0-9]*\)\..*/\1/p')
  [ "${version:-0}" -lt 13 ] || (cd "$(dirname "$(readlink -f "$1")")/.." && pwd)
}

# The first of the two that is CMake 4 or newer; else nothing.
cmake_of() {
  for cmake in "$@"; do
    version=$("$cmake" --version 2>/dev/null | sed -n 's/^cmake version \([0-9]*\)\..*/\1/p')
    [ "${version:-0}" -lt 4 ] || { command -v "$cmake"; return 0; }
  done
}

# Installs the lines of cuda_requirements.txt that match, in an environment of its own.
install() {
  mkdir -p "$folder"
  [ -x "$folder/venv/bin/pip" ] || python3 -m venv "$folder/venv" >&2
  grep -E "$1" "$requirements" >"$folder/wanted.txt"
  cmp -s "$folder/wanted.txt" "$folder/installed.txt" && return 0
  echo "installing $2 from the Python package index into $folder" >&2
  if ! "$folder/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --require-hashes \
    --only-binary :all: -r "$folder/wanted.txt" >"$folder/pip.log" 2>&1; then
    cat "$folder/pip.log" >&2
    if grep -Eq 'DO NOT MATCH|No space left' "$folder/pip.log"; then exit 1; fi
    if grep -Eq 'NewConnectionError|ConnectTimeout|ReadTimeout|ProxyError|Name or service|name resolution|Could not fetch' \
      "$folder/pip.log"; then
      echo "cuda_toolkit: no CUDA toolkit is installed, and the Python package index cannot be reached" >&2
      exit 3
    fi
    exit 1
  fi
  mv "$folder/wanted.txt" "$folder/installed.txt"  # last: a broken install is made anew
}

toolkit=
for nvcc in ${WINNOW_CUDA_TOOLKIT:+"$WINNOW_CUDA_TOOLKIT/bin/nvcc"} "$(command -v nvcc || true)" /usr/local/cuda/bin/nvcc; do
  [ -n "$toolkit" ] || toolkit=$(toolkit_of "$nvcc")
done
cmake=$(cmake_of cmake "$folder/venv/bin/cmake")
if [ -z "$toolkit" ]; then
  install '^(nvidia|cmake)' "a CUDA toolkit (about 1.3 GB)"
  toolkit=$(echo "$folder"/venv/lib/python3.*/site-packages/nvidia/cu13)
  # What the wheels leave out: the folder's usual name, and the names that a linker looks for.
  [ -e "$toolkit/lib64" ] || ln -s lib "$toolkit/lib64"
  for library in "$toolkit"/lib/*.so.*; do
    short=${library%%.so.*}.so
    [ -e "$short" ] || ln -s "$(basename "$library")" "$short"
  done
elif [ -z "$cmake" ]; then
  install '^cmake' "CMake 4"
fi
[ -n "$cmake" ] || cmake=$(cmake_of "$folder/venv/bin/cmake")
if [ ! -x "$toolkit/bin/nvcc" ] || [ -z "$cmake" ]; then
  echo "cuda_toolkit: want $toolkit/bin/nvcc and a CMake 4, got not both: remove $folder and try again" >&2
  exit 1
fi
echo "WINNOW_CUDA_TOOLKIT=$toolkit"
echo "WINNOW_CMAKE=$cmake"
