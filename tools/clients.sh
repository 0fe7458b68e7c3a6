#!/usr/bin/env bash
# Installs the clients that examples/ and the tests use, exactly as pinned there:
#
#   .tools/py3x, .tools/py1x            Python environments with openai 3.x and 1.x
#   examples/{node,typescript}/node_modules
#   .tools/node7x                       examples/node with openai 7.x, and a Node new enough for it
#   .tools/bin/go-{chat,embeddings,stream}     with sashabaranov/go-openai
#   .tools/bin/go-{batch,uploads,background,webhooks}
#   .tools/bin/java-{batch,uploads,background,webhooks}, and beside them .tools/java
#   .tools/bin/rust-{batch,uploads,background,webhooks}, built in .tools/rust
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

# Modules look for packages where they lie, so those of examples/node are copied.
node_7() {
  local now
  now=$(digest "$node_version" -- examples/node/7x/package.json examples/node/7x/package-lock.json examples/node/7x/.npmrc examples/node/*.mjs)
  fresh node7x "$now" .tools/node7x/node && return
  need npm
  rm -rf .tools/node7x
  mkdir .tools/node7x
  cp examples/node/7x/package.json examples/node/7x/package-lock.json examples/node/7x/.npmrc examples/node/*.mjs .tools/node7x
  # This npm's own Node may be too old for the packages, which npm says aloud; theirs is among them.
  (cd .tools/node7x && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
  if [ -x .tools/node7x/node_modules/.bin/node ]; then
    ln -s node_modules/.bin/node .tools/node7x/node
  elif node -e 'process.exit(Number(process.versions.node.split(".")[0]) < 22 ? 1 : 0)'; then
    ln -s "$(command -v node)" .tools/node7x/node
  else
    fail "Node 22 or newer is missing, and npm has none for this machine"
  fi
  stamp node7x "$now"
}

go_programs() {
  local now name
  now=$(digest "$go_version" -- examples/go/go.mod examples/go/go.sum examples/go/*/*.go)
  fresh go "$now" .tools/bin/go-webhooks && return
  for name in chat embeddings stream "${programs[@]}"; do
    (cd examples/go && GOFLAGS=-mod=readonly GOTOOLCHAIN=local go build -buildvcs=false -trimpath -ldflags=-s -o "../../.tools/bin/go-$name" "./$name")
  done
  stamp go "$now"
}

# Maven fetches the libraries, and no more: its own way to compile would fetch as much again.
java_programs() {
  local now name class
  now=$(digest "$java_version" -- examples/java/pom.xml examples/java/libraries.sha256 examples/java/*.java)
  fresh java "$now" .tools/bin/java-webhooks && return
  need mvn
  rm -rf .tools/java/lib .tools/java/classes
  mvn --batch-mode --quiet --no-transfer-progress --strict-checksums --file examples/java/pom.xml \
    "-Dmaven.repo.local=$PWD/.tools/java/repository" \
    dependency:copy-dependencies -DincludeScope=runtime "-DoutputDirectory=$PWD/.tools/java/lib"
  diff examples/java/libraries.sha256 <(cd .tools/java/lib && LC_ALL=C && sha256 *.jar) ||
    fail "the Java libraries are not those of examples/java/libraries.sha256"
  javac --release 17 -classpath '.tools/java/lib/*' -d .tools/java/classes examples/java/*.java
  for name in "${programs[@]}"; do
    class=$(tr '[:lower:]' '[:upper:]' <<<"${name:0:1}")${name:1}
    cat >".tools/bin/java-$name" <<EOF
#!/usr/bin/env bash
# tools/clients.sh wrote this. A short program wants a quick start, not fast code.
java=\$(dirname "\${BASH_SOURCE[0]}")/../java
exec java -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -classpath "\$java/lib/*:\$java/classes" $class "\$@"
EOF
    chmod +x ".tools/bin/java-$name"
  done
  stamp java "$now"
}
sha256() { # FILE…
  if command -v sha256sum >/dev/null; then sha256sum "$@"; else shasum -a 256 "$@"; fi
}

rust_programs() {
  local now name
  now=$(digest "$rust_version" -- examples/rust/Cargo.toml examples/rust/Cargo.lock examples/rust/src/*.rs examples/rust/src/*/*.rs)
  fresh rust "$now" .tools/bin/rust-webhooks && return
  cargo build --locked --quiet --manifest-path examples/rust/Cargo.toml --target-dir .tools/rust
  for name in "${programs[@]}"; do
    cp ".tools/rust/debug/$name" ".tools/bin/rust-$name"
  done
  stamp rust "$now"
}

mkdir -p .tools/bin
# Two at once would delete under each other; where there is no flock (macOS), do not run two.
if command -v flock >/dev/null; then
  exec 9>.tools/clients.lock
  flock 9
fi

python=$(command -v python3.11 || command -v python3) || fail "python3.11 is missing; tools/prerequisites.sh says how to get it"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || fail "Python 3.11 or newer is missing ($python is older, or does not run)"
need node
need go
need javac
need cargo
# What each official SDK other than Python's and Node's is tried with.
programs=(batch uploads background webhooks)
python_version=$("$python" --version)
node_version=$(node --version)
go_version=$(go version)
java_version=$(javac -version)
rust_version=$(rustc --version)

python_environment py3x examples/python/requirements-3.txt
python_environment py1x examples/python/requirements-1.txt
node_packages node examples/node
node_packages typescript examples/typescript
node_7
go_programs
java_programs
rust_programs
