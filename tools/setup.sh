#!/usr/bin/env bash
# Installs what building (build), testing (test) or benchmarking (bench) needs and is not there yet.
# SPDX-License-Identifier: Apache-2.0
#
#   tools/setup.sh build|test|bench [--check]      --check only says what is missing; exit 1 if anything is
#
# Debian packages come through apt-get; Python packages go into build/venv, oneDNN and NVRTC into build/deps, so that all
# but the Debian packages leaves with build/. Running it again costs a tenth of a second; an interrupted run is repaired,
# because a stamp in build/stamps is written only after its step.
set -euo pipefail
cd "$(dirname "$0")/.."

build_packages=(
  g++ cmake ninja-build ccache lld git python3 python3-venv
  libprotozero-dev libcli11-dev libspdlog-dev libfmt-dev nlohmann-json3-dev libxxhash-dev libzstd-dev zlib1g-dev libstb-dev
  libboost-context-dev
)
test_packages=(
  libgtest-dev libgmock-dev libbenchmark-dev clang clang-format clang-tidy libclang-rt-14-dev llvm
  graphviz pkg-config fonts-dejavu-core
)
bench_packages=(valgrind)

die() {
  echo "setup: $*" >&2
  exit 1
}

missing_packages() {
  local package
  for package in "$@"; do
    [[ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" == installed ]] || echo "$package"
  done
}

as_root() {
  if [[ $EUID -eq 0 ]]; then
    "$@"
  else
    sudo "$@"
  fi
}

install_debian_packages() {
  local missing
  command -v dpkg-query >/dev/null || die "this script knows Debian 12 only; install the equivalents of: $*"
  mapfile -t missing < <(missing_packages "$@")
  [[ ${#missing[@]} -gt 0 ]] || return 0
  echo "setup: missing Debian packages: ${missing[*]}"
  [[ $check_only == no ]] || exit 1
  if [[ $EUID -ne 0 ]] && ! command -v sudo >/dev/null; then
    die "these need root and there is no sudo; run as root: apt-get install --no-install-recommends ${missing[*]}"
  fi
  export DEBIAN_FRONTEND=noninteractive
  as_root dpkg --configure -a >build/stamps/apt.log 2>&1 || true  # what an interrupted run left
  as_root apt-get update -qq
  as_root apt-get install -y -qq --no-install-recommends "${missing[@]}" >>build/stamps/apt.log 2>&1 ||
    { tail -n 20 build/stamps/apt.log >&2; die "apt-get failed; the whole log is build/stamps/apt.log"; }
}

# step NAME FILES... -- COMMAND: runs COMMAND unless build/stamps/NAME holds the same hash of FILES already.
step() {
  local name=$1 files=() hash
  shift
  while [[ $1 != -- ]]; do
    files+=("$1")
    shift
  done
  shift
  hash=$(cat /dev/null "${files[@]}" | sha256sum)
  [[ -f build/stamps/$name && "$(cat "build/stamps/$name")" == "$hash" ]] && return 0
  [[ $check_only == no ]] || die "$name is not installed; run tools/setup.sh $what"
  echo "setup: $name"
  "$@"
  echo "$hash" >"build/stamps/$name"
}

make_venv() {
  rm -f build/stamps/python-*
  python3 -m venv --clear build/venv
  # pip brings certificates of its own; where the administrator has added some to the system's, those are needed too.
  local certificates=/etc/ssl/certs/ca-certificates.crt
  [[ ! -s $certificates ]] || printf '[global]\ncert = %s\n' "$certificates" >build/venv/pip.conf
}

pip() {
  build/venv/bin/python -m pip --disable-pip-version-check --quiet --retries 5 "$@"
}

install_onednn() {
  local wheels=build/deps/wheels new=build/deps/onednn.new
  rm -rf "$new"
  mkdir -p "$wheels" "$new"
  pip download --no-deps --only-binary=:all: --require-hashes --dest "$wheels" -r tools/requirements-onednn.txt
  # The wheel holds the 54 MB library three times under three names: keep one, link two.
  build/venv/bin/python - "$wheels" "$new" <<'PYTHON'
import pathlib, sys, zipfile
wheels, new = map(pathlib.Path, sys.argv[1:])
for wheel in sorted(wheels.glob("onednn*.whl")):
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.namelist():
            folder, marker, path = member.partition(".data/data/")
            if not marker or path.endswith(("libdnnl.so", "libdnnl.so.3")):
                continue
            target = new / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(archive.read(member))
(new / "lib/libdnnl.so.3").symlink_to("libdnnl.so.3.2")
(new / "lib/libdnnl.so").symlink_to("libdnnl.so.3")
PYTHON
  rm -rf build/deps/onednn
  mv "$new" build/deps/onednn
  rm -rf "$wheels"
}

# NVRTC compiles kernels for CUDA targets; of its wheel only two libraries are needed.
install_nvrtc() {
  local wheels=build/deps/wheels-nvrtc new=build/deps/nvrtc.new
  rm -rf "$new" "$wheels"
  mkdir -p "$wheels" "$new/lib"
  pip download --no-deps --only-binary=:all: --require-hashes --dest "$wheels" -r tools/requirements-nvrtc.txt
  build/venv/bin/python - "$wheels" "$new/lib" <<'PYTHON'
import pathlib, sys, zipfile
wheels, new = map(pathlib.Path, sys.argv[1:])
for wheel in wheels.glob("nvidia_cuda_nvrtc*.whl"):
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.namelist():
            name = member.rpartition("/")[2]
            if name == "libnvrtc.so.12" or name.startswith("libnvrtc-builtins.so"):
                (new / name).write_bytes(archive.read(member))
PYTHON
  rm -rf build/deps/nvrtc
  mv "$new" build/deps/nvrtc
  rm -rf "$wheels"
}

what=${1:-}
check_only=no
[[ ${2:-} == --check ]] && check_only=yes
case $what in
  build) packages=("${build_packages[@]}") ;;
  test) packages=("${build_packages[@]}" "${test_packages[@]}") ;;
  bench) packages=("${build_packages[@]}" "${test_packages[@]}" "${bench_packages[@]}") ;;
  *) die "usage: tools/setup.sh build|test|bench [--check]" ;;
esac

mkdir -p build/stamps build/deps
exec 9>build/stamps/lock
flock 9  # two runs at once wait for each other
install_debian_packages "${packages[@]}"
[[ -x build/venv/bin/python ]] || rm -f build/stamps/venv
step venv -- make_venv
[[ -f build/deps/onednn/lib/libdnnl.so.3.2 ]] || rm -f build/stamps/onednn
step onednn tools/requirements-onednn.txt -- install_onednn
[[ -f build/deps/nvrtc/lib/libnvrtc.so.12 ]] || rm -f build/stamps/nvrtc
step nvrtc tools/requirements-nvrtc.txt -- install_nvrtc
case $what in
  test) step python-test tools/requirements-test.txt -- pip install -r tools/requirements-test.txt ;;
  bench)
    step python-bench tools/requirements-bench.txt tools/requirements-test.txt -- \
      pip install -r tools/requirements-bench.txt
    ;;
esac
