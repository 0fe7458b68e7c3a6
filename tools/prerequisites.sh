#!/usr/bin/env bash
# Checks that this machine has what building and testing Offpeak needs; one line for each thing that is missing.
set -euo pipefail

missing=0
lacks() { # name, how to get it
  echo "missing: $1. $2"
  missing=1
}

# at_least 1.95.0 1.94.1: whether the first version is not below the second
at_least() {
  local have=() want=() i
  IFS=. read -ra have <<<"$1"
  IFS=. read -ra want <<<"$2"
  for i in 0 1 2; do
    if ((10#${have[i]:-0} != 10#${want[i]:-0})); then
      ((10#${have[i]:-0} > 10#${want[i]:-0}))
      return
    fi
  done
}

# version COMMAND ARGUMENT…: the first number like 1, 1.2 or 1.2.3 in what the command prints; nothing if it cannot run.
# Maven prints a colour before it, even to a pipe.
version() {
  { "$@" 2>/dev/null || true; } | sed $'s/\033\\[[0-9;]*m//g' | grep --only-matching --extended-regexp '[0-9]+(\.[0-9]+){0,2}' | head -n 1 || true
}

# needs WANTED NAME HOW COMMAND ARGUMENT…
needs() {
  local wanted=$1 name=$2 how=$3 have
  shift 3
  have=$(version "$@")
  if [ -z "$have" ]; then
    lacks "$name $wanted or newer" "$how"
  elif ! at_least "$have" "$wanted"; then
    lacks "$name $wanted or newer (this is $have)" "$how"
  fi
}

rustup="Install rustup (https://rustup.rs); it reads rust-toolchain.toml by itself."
needs 1.94.1 cargo "$rustup" cargo --version
needs 1.94.1 rustc "$rustup" rustc --version
needs 1.25 rustup "https://rustup.rs; functions for arm64 are built with a target that it installs." rustup --version

python=$(command -v python3.11 || echo python3)
needs 3.11 Python "Debian, Ubuntu: apt-get install python3.11 python3.11-venv; macOS: brew install python@3.11." "$python" --version
if at_least "$(version "$python" --version)" 3.11 && ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
  lacks "the venv module of $python" "Debian, Ubuntu: apt-get install python3.11-venv (of the same version as $python)."
fi

needs 20.0 Node "https://nodejs.org, or your system's package nodejs." node --version
needs 9.0 npm "It comes with Node; on Debian and Ubuntu: apt-get install npm." npm --version
needs 1.26 Go "https://go.dev/dl, or your system's package golang; OpenAI's SDK for Go asks for the newest." go version
needs 17 JDK "Debian, Ubuntu: apt-get install openjdk-17-jdk-headless; macOS: brew install openjdk." javac -version
needs 3.6 Maven "Debian, Ubuntu: apt-get install maven; macOS: brew install maven." mvn --version

if ! command -v cc >/dev/null && ! command -v gcc >/dev/null && ! command -v clang >/dev/null; then
  lacks "a C compiler" "Debian, Ubuntu: apt-get install build-essential; macOS: xcode-select --install."
fi
needs 3.81 make "Debian, Ubuntu: apt-get install make; macOS: xcode-select --install." make --version
needs 7.76 curl "Your system's package curl." curl --version

if [ "$missing" = 0 ]; then
  echo "everything is here"
fi
exit "$missing"
