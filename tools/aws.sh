#!/usr/bin/env bash
# Installs what builds the SAM application and what stands in for AWS in the tests, exactly as pinned beside this file:
#
#   .tools/aws        sam, cargo-lambda, zig (to build for the other architecture), cfn-lint
#   .tools/emulator   ministack, an emulator of AWS, and a client for it
#   the Rust target aarch64-unknown-linux-gnu
#
# What is there already, from the same pins, is left as it is. tools/prerequisites.sh says what this needs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

fail() {
  echo "aws.sh: $*" >&2
  exit 1
}

# python_environment NAME PINS PROGRAM: an environment whose stamp is the interpreter's version and the pins
python_environment() {
  local now
  now=$({ echo "$python_version" && cat "$2"; } | cksum)
  if [ -x ".tools/$1/bin/$3" ] && [ "$(cat ".tools/$1.stamp" 2>/dev/null)" = "$now" ]; then
    echo "$1: up to date"
    return
  fi
  # An environment without its stamp may still be the right one.
  if [ -x ".tools/$1/bin/$3" ] && installed "$1" "$2"; then
    echo "$1: as pinned"
  else
    echo "$1: installing"
    rm -rf ".tools/$1" ".tools/$1.stamp"
    "$python" -m venv ".tools/$1"
    ".tools/$1/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$2"
  fi
  echo "$now" >".tools/$1.stamp"
}

# installed NAME PINS: whether the environment holds the pinned packages and no others, with this interpreter
installed() {
  [ "$(".tools/$1/bin/python" --version 2>/dev/null)" = "$python_version" ] &&
    diff --brief <(grep --invert-match '^#' "$2" | LC_ALL=C sort) \
      <(".tools/$1/bin/python" -m pip freeze --disable-pip-version-check | LC_ALL=C sort) >/dev/null
}

rust_target() {
  if rustup target list --installed | grep --quiet --line-regexp "$1"; then
    echo "$1: up to date"
  else
    rustup target add "$1"
  fi
}

mkdir -p .tools
# Two at once would delete under each other; where there is no flock (macOS), do not run two.
if command -v flock >/dev/null; then
  exec 9>.tools/aws.lock
  flock 9
fi

python=$(command -v python3.11 || command -v python3) || fail "python3.11 is missing; tools/prerequisites.sh says how to get it"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || fail "Python 3.11 or newer is missing ($python is older, or does not run)"
command -v rustup >/dev/null || fail "rustup is missing; tools/prerequisites.sh says how to get it"
python_version=$("$python" --version)

python_environment aws tools/requirements-aws.txt sam
python_environment emulator tools/requirements-emulator.txt ministack
rust_target aarch64-unknown-linux-gnu
