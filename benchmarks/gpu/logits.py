#!/usr/bin/env python3
"""Compares the logits of the whole model with those of transformers in float64.

usage: logits.py --build FOLDER --model FOLDER --work FOLDER --results FILE [--device cuda:0]
                 [--dtypes float32,bfloat16,float16] [--seconds 120]

transformers computes in each type with its eager attention and with SDPA. Ours passes in float32 if
no logit is off by more than 1e-4 of the logits' root mean square, otherwise if its root mean square
error is at most twice the smaller one of transformers in the same type; and if its tokens are those
of its own logits. The status is 1 if it does not pass.
"""

import argparse
import pathlib
import sys
import time

import torch

import models
import work

FLOAT32_BOUND = 1e-4
CASES = {"5 s": [5.0], "ragged, 4 clips": [2.0, 5.0, 0.3, 3.21]}


def reference(arguments, cases, dtype, attention):
    """{case: logits}"""
    peer = models.Transformers(arguments.model, arguments.device, dtype)
    peer.use(attention)
    return {name: peer.valid_logits(clips) for name, clips in cases.items()}


def compare(arguments, results, deadline):
    cases = {
        name: [models.noise(seconds, 10 + i) for i, seconds in enumerate(clips)]
        for name, clips in CASES.items()
    }
    truth = reference(arguments, cases, "float64", "eager")
    passed = True
    for dtype in arguments.dtypes.split(","):
        best = {name: float("inf") for name in cases}
        for attention in ("eager", "sdpa"):
            for name, logits in reference(arguments, cases, dtype, attention).items():
                rms, largest = models.errors(logits, truth[name])
                best[name] = min(best[name], rms)
                results.write("model", who=f"transformers {attention}", dtype=dtype, case=name,
                              rms=rms, largest=largest)  # fmt: skip
        passed &= ours(arguments, results, cases, truth, best, dtype, deadline)
    return passed


def ours(arguments, results, cases, truth, best, dtype, deadline):
    program = arguments.build / "benchmarks/w2vbert_model_runner"
    options = models.our_options(arguments.build, arguments.device, dtype) | {"calls": 0}
    passed, seen = True, set()
    try:
        for name, answer, logits, tokens in models.run_ours(
            program, arguments.model, arguments.work, cases, options,
            max(30.0, deadline - time.monotonic()),
        ):
            rms, largest = models.errors(logits, truth[name])
            seen.add(name)
            good = largest <= FLOAT32_BOUND if dtype == "float32" else rms <= 2 * best[name]
            same = models.collapse(logits, answer["time"]) == (tokens.tolist(), answer["tokens"])
            failure = {} if same else {"failure": "its tokens are not those of its logits"}
            results.write("model", who="w2vbert", dtype=dtype, case=name, rms=rms, largest=largest,
                          passed=good and same, **failure)  # fmt: skip
            passed &= good and same
    except (models.Failure, TimeoutError) as failure:
        for name in cases.keys() - seen:
            results.write("model", who="w2vbert", dtype=dtype, case=name, passed=False,
                          failure=str(failure))  # fmt: skip
        passed = False
    return passed


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--model", type=pathlib.Path, required=True)
    parser.add_argument("--work", type=pathlib.Path, required=True)
    parser.add_argument("--results", required=True, help="file that results are appended to")
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument("--dtypes", default="float32,bfloat16,float16")
    parser.add_argument("--seconds", type=float, default=120.0, help="after which ours is stopped")
    arguments = parser.parse_args()
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    deadline = time.monotonic() + arguments.seconds
    with torch.inference_mode():
        return 0 if compare(arguments, work.Results(arguments.results), deadline) else 1


if __name__ == "__main__":
    sys.exit(main())
