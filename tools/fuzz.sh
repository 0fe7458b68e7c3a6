#!/usr/bin/env bash
# Runs each fuzz target for a while, 60 s by default: tools/fuzz.sh [SECONDS [TARGET…]]
#
# Needs a nightly compiler (rustup toolchain install nightly); cargo-fuzz is installed into .tools/. What was found is
# left in fuzz/corpus/ and fuzz/artifacts/; a crash is repeated with: cargo +nightly fuzz run TARGET ARTIFACT
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

version=0.13.2
toolchain=${FUZZ_TOOLCHAIN:-nightly}
cargo=${CARGO:-cargo}
seconds=${1:-60}
shift || true
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(body headers input lines)

if ! rustc "+$toolchain" --version >/dev/null 2>&1; then
  echo "fuzz.sh: the toolchain $toolchain is missing; rustup toolchain install $toolchain" >&2
  exit 1
fi
if [ "$(.tools/bin/cargo-fuzz --version 2>/dev/null)" != "cargo-fuzz $version" ]; then
  "$cargo" install cargo-fuzz --version "$version" --locked --root .tools
fi
# The compiler that the repository pins would be chosen otherwise.
export RUSTUP_TOOLCHAIN=$toolchain PATH="$PWD/.tools/bin:$PATH"

"$cargo" fuzz build
[ "$seconds" -gt 0 ] || exit 0
for target in "${targets[@]}"; do
  mkdir -p "fuzz/corpus/$target"
  echo "fuzzing $target for $seconds s"
  "$cargo" fuzz run "$target" "fuzz/corpus/$target" "fuzz/seeds/$target" -- \
    -max_total_time="$seconds" -max_len=16384 -timeout=20 -rss_limit_mb=2048 -print_funcs=0 -print_final_stats=1
done
