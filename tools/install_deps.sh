#!/bin/sh
# Installs, from the distribution's packages, what is missing on Debian 12 or Ubuntu 24.04.
#   tools/install_deps.sh build   what building and running winnow needs
#   tools/install_deps.sh test    that, and what `make test` needs: clang for fuzzing and lint, doctest, Python
# Says what it installs; silent and quick when nothing is missing. Needs root or sudo only when something is.
set -eu

kind=${1:-build}
case $kind in
  build | test) ;;
  *) echo "usage: $0 [build|test]" >&2; exit 2 ;;
esac

. /etc/os-release
case "$ID-${VERSION_ID:-}" in
  debian-12) boost=1.81 clang=14 ;;  # the default of Debian 12, 1.74, is older than cmake/Deps.cmake wants
  ubuntu-24.04) boost=1.83 clang=18 ;;
  *)
    echo "install_deps: want Debian 12 or Ubuntu 24.04, got ${PRETTY_NAME:-$ID}; install what cmake/Deps.cmake" \
      "names and go on with: cmake --preset release && cmake --build --preset release" >&2
    command -v cmake >/dev/null && command -v ninja >/dev/null && exit 0  # CMake will name what is missing
    exit 1 ;;
esac

packages="g++ cmake ninja-build pkg-config ccache libboost$boost-dev libyaml-cpp-dev libcli11-dev libspdlog-dev
  libarchive-dev libcurl4-openssl-dev libssl-dev libutf8proc-dev libonig-dev prometheus-cpp-dev ca-certificates python3 python3-pip"
if [ "$kind" = test ]; then
  packages="$packages doctest-dev clang libclang-rt-$clang-dev clang-format-14 clang-tidy curl python3-venv"
fi

missing=
for package in $packages; do
  status=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$status" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

sudo=
if [ "$(id -u)" != 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "install_deps: these packages are missing, and there is neither root nor sudo to install them:$missing" >&2
    exit 1
  fi
  sudo=sudo
fi
echo "installing from the distribution:$missing" >&2
log=$(mktemp)
quietly() {
  if ! $sudo env DEBIAN_FRONTEND=noninteractive "$@" >"$log" 2>&1 </dev/null; then
    cat "$log" >&2
    echo "install_deps: failed: $*" >&2
    exit 1
  fi
}
quietly apt-get -q update
quietly apt-get -q -y --no-install-recommends install $missing
rm -f "$log"
