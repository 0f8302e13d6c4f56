#!/bin/bash
# Trains the default model on the data that prepare.sh made.
# usage: train.sh DATA OUT [OPTION...]     (options of `w2vbert finetune`)
# A stopped run goes on where it was. Needs `mvn package`; Java's options are W2VBERT_JAVA_OPTS.
set -euo pipefail
if (($# < 2)); then
  sed -n '2,4s/^# //p' "$0" >&2
  exit 2
fi
recipe=$(cd "$(dirname "$0")" && pwd)
data=$1 out=$2
shift 2
# A model as small learns fastest from two batches at a time, each on one thread.
export W2VBERT_JAVA_OPTS=${W2VBERT_JAVA_OPTS:--Xmx3g -Dw2vbert.threads=2 -Dw2vbert.concurrency=2}
"${W2VBERT:-$recipe/../../cli/target/w2vbert}" finetune --config "$recipe/config.json" --task ctc \
  --train "$data/train-weighted.jsonl" --eval "$data/dev.jsonl" --out "$out" \
  --batch-seconds 24 --batch-size 64 --accumulate 2 --epochs 17 \
  --learning-rate 1.5e-3 --schedule cosine --warmup 0.08 --weight-decay 0.01 --average 0.998 \
  --speeds 0.85,0.92,1,1.08,1.16 --noise 0.4 --reverb 0.3 --telephone 0.25 --snr 8,30 \
  --decay 0.1,0.6 --seed 1 --checkpoint-every 300 --resume "$@"
"$recipe/language_model.sh" "$data" "$out"
