#!/bin/bash
# Makes the language model of the default model: word bigrams of what the training data say.
# usage: language_model.sh DATA OUT     (DATA: what prepare.sh made; OUT: the model's folder)
# Writes OUT/language_model with IRSTLM, which prepare.sh installs.
set -euo pipefail
if (($# != 2)); then
  sed -n '2,4s/^# //p' "$0" >&2
  exit 2
fi
recipe=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export IRSTLM=${IRSTLM:-/usr/lib/irstlm}
python3 -c 'import json, sys; print(*(json.loads(line)["text"] for line in sys.stdin), sep="\n")' \
  < "$1/train.jsonl" | "$IRSTLM/bin/add-start-end.sh" > "$work/texts"
# Modified shift-beta smoothing (Kneser and Ney 1995; Chen and Goodman 1998) with back-off.
"$IRSTLM/bin/tlm" -tr="$work/texts" -n=2 -lm=msb -bo=yes -o="$work/2gram.arpa" > "$work/log" 2>&1 ||
  { cat "$work/log" >&2; exit 1; }
mkdir -p "$2/language_model"
cp "$work/2gram.arpa" "$recipe/attrs.json" "$2/language_model"
