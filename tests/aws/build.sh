#!/usr/bin/env bash
# Builds the application with `sam build` in a fast profile: for this machine's architecture into .aws-sam/tests, which
# the tests deploy, and for the other one into .aws-sam/other, which they do not.
#
#   tests/aws/build.sh [host|other]        both without a word
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

case "$(uname -m)" in
  x86_64) host=x86_64 other=arm64 ;;
  aarch64 | arm64) host=arm64 other=x86_64 ;;
  *)
    echo "build.sh: neither x86_64 nor arm64: $(uname -m)" >&2
    exit 1
    ;;
esac
export PATH="$PWD/.tools/aws/bin:$PATH" SAM_CLI_TELEMETRY=0 SAM_BUILD_MODE=debug

build() { # architecture, folder
  sam build --build-dir ".aws-sam/$2" --parameter-overrides "Architecture=$1"
}

if [ "${1:-host}" = host ]; then
  features="$PWD/tests/aws/cargo-lambda.toml"
  CARGO_LAMBDA_GLOBAL="$features" build "$host" tests
  # The agent of instances is no function: the template's user data takes it from the bucket.
  [ "$host" = x86_64 ] && flag=--x86-64 || flag=--arm64
  (cd functions/gpu-agent && CARGO_LAMBDA_GLOBAL="$features" cargo lambda build "$flag" --bin gpu-agent)
  # What a debugger would need is three quarters of them, and would be uploaded.
  strip --strip-debug .aws-sam/tests/*Function/bootstrap
fi
if [ "${1:-other}" = other ]; then
  # Only to see that it builds: nothing of it ever runs.
  CARGO_INCREMENTAL=0 CARGO_PROFILE_DEV_OPT_LEVEL=0 CARGO_PROFILE_DEV_DEBUG=0 build "$other" other
fi
