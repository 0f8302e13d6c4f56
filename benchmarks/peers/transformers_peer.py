#!/usr/bin/env python3
"""Hugging Face transformers on PyTorch as a peer of `benchmarks/run peers`:

    W2VBERT_PEER_COMMAND="python3 benchmarks/peers/transformers_peer.py" benchmarks/run peers

It speaks the protocol of benchmarks/README.md. No test of this project runs it, since it needs
`torch` and `transformers` for Python.
"""

import json
import os
import sys
import time

import torch
import transformers

TOLERANCE = 1e-4  # of float32 logits, relative root mean square


def read_batch(path, lengths):
    """Padded features and mask, as users of the model must give them."""
    width = os.path.getsize(path) // 4 // sum(lengths)
    frames = torch.from_file(path, size=sum(lengths) * width, dtype=torch.float32)
    rows = frames.reshape(-1, width).split(lengths)
    features = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
    mask = torch.arange(max(lengths)).unsqueeze(0) < torch.tensor(lengths).unsqueeze(1)
    return features, mask.long()


def main():
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # answers alone belong on standard output
    model = None

    def answer(**fields):
        answers.write(json.dumps(fields) + "\n")

    answer(ready=True)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if "open" in request:
                start = time.perf_counter()
                torch.set_num_threads(request["threads"])
                folder = request["open"]
                model = transformers.Wav2Vec2BertForCTC.from_pretrained(folder).eval()
                answer(
                    engine=f"transformers {transformers.__version__}, PyTorch {torch.__version__}",
                    weight_bytes=os.path.getsize(os.path.join(folder, "model.safetensors")),
                    tolerance=TOLERANCE,
                    seconds=time.perf_counter() - start,
                )
                continue
            lengths = request["lengths"]
            features, mask = read_batch(request["input"], lengths)
            seconds = []
            with torch.inference_mode():
                for _ in range(request["run"]):
                    start = time.perf_counter()
                    logits = model(input_features=features, attention_mask=mask).logits
                    seconds.append(time.perf_counter() - start)
            if "logits" in request:
                valid = torch.cat([row[:n] for row, n in zip(logits, lengths)])
                valid.numpy().tofile(request["logits"])
            answer(seconds=seconds)
        except Exception as error:  # the other side decides what it means
            answer(error=repr(error))


if __name__ == "__main__":
    main()
