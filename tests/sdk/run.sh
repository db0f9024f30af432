#!/usr/bin/env bash
# Runs the vendors' own SDKs, unmodified, against the fake vendors of the testkit. Needs python3 with
# its venv module, and a package index the first time.
set -euo pipefail
cd "$(dirname "$0")/../.."

target=${CARGO_TARGET_DIR:-target}
environment=$target/sdk-venv
requirements=tests/sdk/requirements.txt

# Made anew whenever the requirements change.
if ! cmp -s "$requirements" "$environment/requirements.txt"; then
    python3 -m venv --clear "$environment"
    "$environment/bin/pip" install --quiet --disable-pip-version-check --requirement "$requirements"
    cp "$requirements" "$environment/requirements.txt"
fi

cargo build --quiet --locked -p voice-testkit --bin fakes
fakes=$(realpath "$target")/debug/fakes

# They run until their standard input closes, which it does at the latest when this script ends.
coproc FAKES { exec "$fakes" --key sk-fake --model fake-chat --model fake-chat-mini; }
read -r -t 30 addresses <&"${FAKES[0]}"

# An environment of its own: no proxy, no real key, and no address but the fakes'.
failed=0
for checks in check_openai.py check_deepgram.py; do
    printf -- '-- %s\n' "$checks"
    env -i PATH="$PATH" LANG=C.UTF-8 \
        FAKES_PROGRAM="$fakes" FAKES_ADDRESSES="$addresses" FAKES_KEY=sk-fake FAKES_MODEL=fake-chat \
        "$environment/bin/python" -B "tests/sdk/$checks" || failed=1
done
exit "$failed"
