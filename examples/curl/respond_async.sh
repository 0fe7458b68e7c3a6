#!/usr/bin/env bash
# Hand in a request, poll its job, fetch the result.
set -euo pipefail

question="What is the capital of Norway?"
headers=$(mktemp)
trap 'rm -f "$headers"' EXIT

call() {
  curl --silent --show-error --fail-with-body --header "Authorization: Bearer $OPENAI_API_KEY" "$@"
}

# 202: the job is stored, and its address is in the Location header.
call --dump-header "$headers" \
  --header "Content-Type: application/json" \
  --header "Prefer: respond-async" \
  --data "{\"model\": \"gpt-4.1-mini\", \"messages\": [{\"role\": \"user\", \"content\": \"$question\"}]}" \
  "$OPENAI_BASE_URL/chat/completions" | python3 -m json.tool

location=$(tr -d '\r' <"$headers" | grep --ignore-case "^location:" | cut -d " " -f 2 || true)
if [ -z "$location" ] || ! head -n 1 "$headers" | grep --quiet " 202"; then
  echo "expected a 202 with a Location, got: $(cat "$headers")" >&2
  exit 1
fi

job="${OPENAI_BASE_URL%/v1}$location"
while true; do
  status=$(call "$job" | python3 -c 'import json, sys; print(json.load(sys.stdin)["status"])')
  echo "$location is $status"
  case $status in
    done) break ;;
    failed | cancelled | expired) exit 1 ;;
  esac
  sleep 1
done

result=$(call "$job/result")
echo "$result" | python3 -m json.tool

# The simulated model must have echoed the question. OFFPEAK_CHECK=0 turns this off, for a real model.
if [ "${OFFPEAK_CHECK:-1}" != 0 ] && [[ $result != *"echo: $question"* ]]; then
  echo "expected the answer to contain: echo: $question" >&2
  exit 1
fi
