#!/bin/bash
# Makes a trained model the default model: float16 weights into the resources of this module, the
# curves beside its README.md, and the transcripts that the tests expect.
# usage: pack.sh OUT     (what train.sh made)
# Needs `mvn package`, and again afterwards, for the command to have the new model.
set -euo pipefail
if (($# != 1)); then
  sed -n '2,5s/^# //p' "$0" >&2
  exit 2
fi
module=$(cd "$(dirname "$0")/.." && pwd)
model=$module/src/main/resources/io/github/w2vbert/model/en
# What belongs to no model of the trainer, the card and the licence, stays.
"${W2VBERT:-$module/../cli/target/w2vbert}" convert --model "$1" -o "$model" --dtype float16 --force
cp "$1/curves.html" "$module/curves.html"
"$module/recipe/measure.py"
