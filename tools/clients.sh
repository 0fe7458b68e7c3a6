#!/usr/bin/env bash
# Installs the clients that examples/ and the tests use, exactly as pinned there:
#
#   .tools/py3x, .tools/py1x            Python environments with openai 3.x and 1.x
#   examples/{node,typescript}/node_modules
#   .tools/bin/go-{chat,embeddings,stream}
#
# What is there already, from the same pins, is left as it is. tools/prerequisites.sh says what this needs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

need() { # a command that must be there
  command -v "$1" >/dev/null || fail "$1 is missing; tools/prerequisites.sh says how to get it"
}
fail() {
  echo "clients.sh: $*" >&2
  exit 1
}

# A checksum over the names and contents of files, and over the words before "--".
digest() { # WORD… -- FILE…
  local words=()
  while [ "$1" != -- ]; do
    words+=("$1")
    shift
  done
  shift
  { printf '%s\n' "${words[@]}" "$@" && cat "$@"; } | cksum
}

# fresh NAME DIGEST RESULT: whether NAME was installed from this digest and is still there
fresh() {
  if [ -e "$3" ] && [ "$(cat ".tools/$1.stamp" 2>/dev/null)" = "$2" ]; then
    echo "$1: up to date"
    return
  fi
  rm -f ".tools/$1.stamp"
  echo "$1: installing"
  return 1
}
stamp() { echo "$2" >".tools/$1.stamp"; }

python_environment() { # name, pins
  local now
  now=$(digest "$python_version" -- "$2")
  fresh "$1" "$now" ".tools/$1/bin/python" && return
  rm -rf ".tools/$1"
  "$python" -m venv ".tools/$1"
  ".tools/$1/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$2"
  stamp "$1" "$now"
}

node_packages() { # name, folder
  local now
  now=$(digest "$node_version" -- "$2/package.json" "$2/package-lock.json" "$2/.npmrc")
  fresh "$1" "$now" "$2/node_modules/.package-lock.json" && return
  need npm
  # Nothing here needs install scripts, so none may run.
  (cd "$2" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
  stamp "$1" "$now"
}

go_programs() {
  local now name
  now=$(digest "$go_version" -- examples/go/go.mod examples/go/go.sum examples/go/*/*.go)
  fresh go "$now" .tools/bin/go-stream && return
  mkdir -p .tools/bin
  for name in chat embeddings stream; do
    (cd examples/go && GOFLAGS=-mod=readonly GOTOOLCHAIN=local go build -buildvcs=false -trimpath -o "../../.tools/bin/go-$name" "./$name")
  done
  stamp go "$now"
}

mkdir -p .tools
# Two at once would delete under each other; where there is no flock (macOS), do not run two.
if command -v flock >/dev/null; then
  exec 9>.tools/clients.lock
  flock 9
fi

python=$(command -v python3.11 || command -v python3) || fail "python3.11 is missing; tools/prerequisites.sh says how to get it"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || fail "Python 3.11 or newer is missing ($python is older, or does not run)"
need node
need go
python_version=$("$python" --version)
node_version=$(node --version)
go_version=$(go version)

python_environment py3x examples/python/requirements-3.txt
python_environment py1x examples/python/requirements-1.txt
node_packages node examples/node
node_packages typescript examples/typescript
go_programs
