#!/usr/bin/env bash
# One call that waits for its answer, with curl's own retries.
set -euo pipefail

question="Why is the sea salty?"
answer=$(mktemp)
trap 'rm -f "$answer"' EXIT

# The gateway holds the call; when that takes too long it answers 503 with Retry-After, and curl comes back.
# The Idempotency-Key makes all these tries one job: to the gateway, two calls without it are two questions.
status=$(curl --silent --show-error \
  --retry 1000 \
  --write-out "%{http_code}" \
  --output "$answer" \
  --header "Authorization: Bearer $OPENAI_API_KEY" \
  --header "Content-Type: application/json" \
  --header "Idempotency-Key: sea-$(date +%s)-$$" \
  --data "{\"model\": \"gpt-4.1-mini\", \"messages\": [{\"role\": \"user\", \"content\": \"$question\"}]}" \
  "$OPENAI_BASE_URL/chat/completions")

python3 -m json.tool "$answer"
if [ "$status" != 200 ]; then
  echo "expected 200, got $status" >&2
  exit 1
fi

# The simulated model must have echoed the question. OFFPEAK_CHECK=0 turns this off, for a real model.
if [ "${OFFPEAK_CHECK:-1}" != 0 ] && ! grep --quiet --fixed-strings "echo: $question" "$answer"; then
  echo "expected the answer to contain: echo: $question" >&2
  exit 1
fi
