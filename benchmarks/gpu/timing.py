#!/usr/bin/env python3
"""Times the whole model beside transformers.

usage: timing.py --build FOLDER --model FOLDER --work FOLDER --results FILE [--device cuda:0] [--quick]
                 [--dtypes bfloat16,float32,float16] [--seconds 200] [--compile]

First the ceilings: the product of two 8192 x 8192 matrices of random numbers in each type, and a
copy of 2 GiB. Then each case, ours and transformers with eager attention and SDPA; with --compile only
transformers through torch.compile. Times are given for outputs that are right: the logits of a case
are compared with those of transformers in float32; in other types they may be twice as far off as its
own. What does not fit in memory or time says so.
"""

import argparse
import json
import pathlib
import statistics
import sys
import time

import torch

import models
import work

FLOAT32_BOUND = 1e-3  # a root mean square error; transformers' own float32 is the other side
COMPILED_BOUND = {  # fusions round elsewhere
    "float32": 1e-3, "float16": 0.1, "bfloat16": 0.5, "float8": 0.5,
}  # fmt: skip
RAGGED = [5.0, 11.7, 8.3, 14.9, 6.1, 9.6, 13.2, 7.4]  # seconds

CASES = {f"{seconds} s": [float(seconds)] for seconds in (1, 5, 8, 10, 30, 60)}
CASES |= {"8 clips of 5 to 15 s": RAGGED, "32 clips of 5 to 15 s": RAGGED * 4, "600 s": [600.0]}
QUICK = {"1 s": [1.0], "3 clips of 0.5 to 2 s": [0.5, 2.0, 1.3]}
COMPILED = ("8 s", "1 s", "32 clips of 5 to 15 s", "30 s")  # the most telling first
OURS_ALONE = ("600 s",)  # transformers would hold 16 heads of 30,000 x 30,000 scores, and more

WARM_UP = 3


class Clock:
    """Times calls: by events on the device, or by the host's clock."""

    def __init__(self, device):
        self.cuda = torch.device(device).type == "cuda"

    def host_ms(self, body):
        start = time.perf_counter()
        body()
        if self.cuda:
            torch.cuda.synchronize()
        return (time.perf_counter() - start) * 1e3

    def device_ms(self, body):
        if not self.cuda:
            return self.host_ms(body)
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        torch.cuda.synchronize()
        start.record()
        body()
        end.record()
        end.synchronize()
        return start.elapsed_time(end)


def repeat(measure, body, calls, seconds):
    """Warm, then so many times, or fewer once they have taken so many seconds."""
    times, end = [], time.monotonic() + seconds
    for _ in range(WARM_UP):
        measure(body)
        if time.monotonic() > end:
            break
    while len(times) < calls and (not times or time.monotonic() < end):
        times.append(measure(body))
    return times


def product(size, device, dtype):
    """A call that multiplies two matrices of random numbers."""
    a, b = (torch.randn(size, size, device=device).to(models.DTYPES[dtype]) for _ in range(2))
    if dtype == "float8":
        rows, columns = models.round_rows(a), models.round_rows(b)
        return lambda: models.multiply_rows(*rows, *columns)
    out = torch.empty_like(a)
    return lambda: torch.mm(a, b, out=out)


def measure_ceilings(results, device, dtypes, quick):
    clock = Clock(device)
    size = 1024 if quick else 8192
    for dtype in dtypes:
        times = repeat(clock.device_ms, product(size, device, dtype), 10, 5.0)
        rate = 2 * size**3 / (statistics.median(times) * 1e-3)
        results.write("ceiling", what="flops", dtype=dtype, per_second=rate, times_ms=times)
    count = 1 << (26 if quick else 31)
    source = torch.randint(256, (count,), device=device, dtype=torch.uint8)
    target = torch.empty_like(source)
    times = repeat(clock.device_ms, lambda: target.copy_(source), 10, 5.0)
    rate = 2 * count / (statistics.median(times) * 1e-3)
    for dtype in dtypes:
        results.write("ceiling", what="bytes", dtype=dtype, per_second=rate, times_ms=times)
    del source, target
    if clock.cuda:
        torch.cuda.empty_cache()


def failure_of(error):
    if isinstance(error, torch.cuda.OutOfMemoryError):
        return "out of memory"
    if isinstance(error, models.Failure):
        return str(error)
    return f"{type(error).__name__}: {error}".strip()[:200]


class Timing:
    def __init__(self, arguments):
        self.arguments = arguments
        self.results = work.Results(arguments.results)
        self.deadline = time.monotonic() + arguments.seconds
        self.clock = Clock(arguments.device)
        self.calls = 3 if arguments.quick else 20
        self.case_seconds = 10 if arguments.quick else 2  # for each way of each case
        self.cases = {
            name: [models.noise(seconds, 20 + i) for i, seconds in enumerate(clips)]
            for name, clips in (QUICK if arguments.quick else CASES).items()
        }
        config = json.loads((arguments.model / "config.json").read_text(encoding="utf-8"))
        self.layers = config["num_hidden_layers"]
        self.truth = {}  # transformers' logits in float32
        self.passed = True

    def left(self):
        return self.deadline - time.monotonic()

    def write(self, who, dtype, case, **fields):
        self.results.write("timing", who=who, dtype=dtype, case=case, **fields)
        if "failure" in fields:
            print(f"{who} {dtype} {case}: {fields['failure']}", flush=True)

    def peer_logits(self, dtype):
        peer = models.Transformers(self.arguments.model, self.arguments.device, dtype)
        peer.use("sdpa")
        logits = {}
        for name, clips in self.cases.items():
            if name in OURS_ALONE:
                continue
            try:
                logits[name] = peer.valid_logits(clips)
            except torch.cuda.OutOfMemoryError:
                print(f"{dtype} {name}: not compared, transformers is out of memory", flush=True)
        del peer
        self.forget()
        return logits

    def bounds(self, dtype):
        """What our root mean square error may be, by case."""
        if dtype == "float32":
            return dict.fromkeys(self.truth, FLOAT32_BOUND)
        theirs = self.peer_logits(dtype)
        common = theirs.keys() & self.truth.keys()
        return {name: 2 * models.errors(theirs[name], self.truth[name])[0] for name in common}

    def forget(self):
        if self.clock.cuda:
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()

    def peers(self, dtype):
        """transformers with both kinds of attention."""
        peer = models.Transformers(self.arguments.model, self.arguments.device, dtype)
        for attention in ("sdpa", "eager"):
            peer.use(attention)
            for name in (each for each in self.cases if each not in OURS_ALONE):
                self.time_peer(peer, f"transformers {attention}", dtype, name)

    def compiled(self, dtype):
        """Whole graphs, with CUDA graphs where they apply; each shape is compiled for itself."""
        peer = models.Transformers(self.arguments.model, self.arguments.device, dtype)
        for name in QUICK if self.arguments.quick else COMPILED:
            peer.use("sdpa")
            expected = peer.valid_logits(self.cases[name])
            torch.compiler.reset()
            peer.compile("reduce-overhead")
            self.time_peer(peer, "torch.compile", dtype, name, expected)

    def time_peer(self, peer, who, dtype, name, expected=None):
        if self.left() <= 0:
            self.write(who, dtype, name, failure="out of time")
            return
        self.forget()
        clips = self.cases[name]
        try:
            if expected is not None:
                rms, _ = models.errors(peer.valid_logits(clips), expected)
                if not rms <= COMPILED_BOUND[dtype]:
                    raise models.Failure(f"logits off by {rms:.1e}")
            features = peer.features(clips)
            model_ms = repeat(self.clock.device_ms, lambda: peer.logits(*features), self.calls,
                              self.case_seconds)  # fmt: skip
            whole_ms = repeat(self.clock.host_ms, lambda: peer.tokens(clips), self.calls,
                              self.case_seconds)  # fmt: skip
        except Exception as error:  # out of memory, or what the compiler cannot do
            self.write(who, dtype, name, failure=failure_of(error))
            return
        fields = {}
        if self.clock.cuda:
            fields["peak_bytes"] = torch.cuda.max_memory_reserved()
        self.write(who, dtype, name, features_to_logits_ms=model_ms, samples_to_tokens_ms=whole_ms,
                   **fields)  # fmt: skip

    def ours(self, dtype, bounds):
        """In the order of the cases: they grow, so that the peak of memory is the last one's."""
        arguments = self.arguments
        options = models.our_options(arguments.build, arguments.device, dtype)
        options |= {"warm-up": WARM_UP, "calls": self.calls, "seconds": self.case_seconds}
        program = arguments.build / "benchmarks/w2vbert_model_runner"
        seen = set()
        try:
            for name, answer, logits, tokens in models.run_ours(
                program, arguments.model, arguments.work, self.cases, options, max(5.0, self.left())
            ):
                wrong = self.what_is_wrong(bounds, name, answer, logits, tokens)
                seen.add(name)
                if wrong:
                    self.passed = False
                    self.write("w2vbert", dtype, name, failure=wrong)
                    continue
                keys = ("time", "vocabulary", "samples_to_tokens_ms", "features_to_logits_ms")
                keys += ("peak_bytes", "graphs", "graph_problem")
                fields = {key: answer[key] for key in keys if key in answer}
                if answer.get("graph_problem"):
                    self.passed = False
                    print(f"w2vbert {dtype} {name}: no graph: {answer['graph_problem']}", flush=True)
                fields |= {"layers": self.layers, "compared": name in bounds}
                self.write("w2vbert", dtype, name, **fields)
        except (models.Failure, TimeoutError) as failure:
            self.passed = False
            for name in self.cases:
                if name not in seen:
                    self.write("w2vbert", dtype, name, failure=str(failure))

    def what_is_wrong(self, bounds, name, answer, logits, tokens):
        if not bool(torch.isfinite(logits).all()):
            return "logits that are not finite"
        if models.collapse(logits, answer["time"]) != (tokens.tolist(), answer["tokens"]):
            return "tokens that are not those of its logits"
        if name not in bounds:
            return None
        rms, _ = models.errors(logits, self.truth[name])
        bound = bounds[name]
        return None if rms <= bound else f"logits off by {rms:.1e}, at most {bound:.1e}"

    def run(self):
        dtypes = self.arguments.dtypes.split(",")
        if self.arguments.compile:
            for dtype in dtypes:
                self.compiled(dtype)
            return True
        measure_ceilings(self.results, self.arguments.device, dtypes, self.arguments.quick)
        self.truth = self.peer_logits("float32")
        for dtype in dtypes:
            self.ours(dtype, self.bounds(dtype))
            self.peers(dtype)
            self.forget()
        return self.passed


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--model", type=pathlib.Path, required=True)
    parser.add_argument("--work", type=pathlib.Path, required=True)
    parser.add_argument("--results", required=True, help="file that results are appended to")
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument("--dtypes", default="bfloat16,float32,float16")
    parser.add_argument("--seconds", type=float, default=200.0, help="after which nothing is begun")
    parser.add_argument("--quick", action="store_true", help="small cases: a check of this script")
    parser.add_argument("--compile", action="store_true")
    arguments = parser.parse_args()
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    torch.manual_seed(3)
    # Graphs that replay do not go well with tensors of the inference mode.
    with torch.no_grad() if arguments.compile else torch.inference_mode():
        return 0 if Timing(arguments).run() else 1


if __name__ == "__main__":
    sys.exit(main())
