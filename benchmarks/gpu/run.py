#!/usr/bin/env python3
"""Builds, checks and times the model on a GPU machine, in one call that ends in time.

usage: run.py [--device cuda:0] [--only build,operators,...] [--seconds 540] [--out FOLDER]
              [--work FOLDER] [--packages FOLDER] [--layers 24] [--quick] [--jobs N]
       run.py --table RESULTS...

Stages, in this order; each has a limit, which grows with --seconds, and what is left of those:
  build      library, CUDA plug-in, tests and model runner, against this Python's PyTorch
  operators  every operator against its float64 twin
  model      logits of the whole model against transformers in float64
  timing     ceilings of the device; ours, transformers eager and SDPA
  compile    transformers through torch.compile
  tests      the native tests, and those of whole models on the device (CUDA only)
  sanitizer  the operators and some models under compute-sanitizer, memcheck and racecheck (CUDA only)

Results are appended to OUT/<device>-<date>-gpu.jsonl as they come; at the end, also of a run that is
out of time, the report of them is printed and written beside it, with the log of all commands and
what the kernels use of a GPU. What is built and the model stay in the work folder for the next call.
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

import work

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent

SECONDS = 540.0
LIMITS = {  # seconds of stages in a run of SECONDS
    "build": 300, "operators": 90, "model": 150, "timing": 260, "compile": 180, "tests": 180,
    "sanitizer": 240,
}  # fmt: skip
LEAST = 10  # seconds below which no stage is begun
TO_START = 30  # what the programs of a stage need before they begin to measure, and to end

# The tests' program as several processes at once, each with its share of the tests.
MOST_SHARDS = 8
IN_SHARDS = """
for ((i = 0; i < GTEST_TOTAL_SHARDS; ++i)); do
  GTEST_SHARD_INDEX=$i "$0" --gtest_brief=1 & shards+=($!)
done
for shard in "${shards[@]}"; do wait "$shard" || status=1; done
exit "${status:-0}"
"""

FOR_PYTHON = {"PYTHONDONTWRITEBYTECODE": "1", "HF_HUB_OFFLINE": "1"}

# Models for the sanitizer, which is slow: each kind of positions, an adapter, a head, half types.
SANITIZED = ":".join(
    ["Golden/CudaModelTest.GivesTheRecordedResults/" + name
     for name in ("model_relative_key_mask", "model_relative_mask", "model_rotary_mask",
                  "adapter_ffn_proj_x2", "xvector_weighted")]
    + ["Golden/ChosenCudaModelTest.HalfTypesGiveNearlyTheRecordedResults/ctc_sum",
       "CudaEndToEndTest.SamplesBecomeTheRecordedTokens"]
)  # fmt: skip


class Stopped(Exception):
    """A stage that failed; says why in a few words."""


class Run:
    def __init__(self, arguments):
        self.arguments = arguments
        self.end = time.monotonic() + arguments.seconds
        self.work = arguments.work.resolve()
        self.build = self.work / "cmake"
        self.cuda = arguments.device != "cpu"
        self.work.mkdir(parents=True, exist_ok=True)
        arguments.out.mkdir(parents=True, exist_ok=True)
        self.machine = self.ask_machine()
        name = self.machine.get("device") or " ".join(self.machine["processor"].split()[:2])
        name += time.strftime(" %Y-%m-%d-%H%M-gpu") + ("" if self.cuda else "-script-on-cpu")
        self.base = arguments.out.resolve() / re.sub(r"[^A-Za-z0-9.-]+", "-", name)
        self.results_file = f"{self.base}.jsonl"
        self.results = work.Results(self.results_file)
        facts = {key: value for key, value in self.machine.items() if key != "libtorch"}
        self.results.write("machine", **facts, layers=self.layers(), date=time.strftime("%F %R"))

    def layers(self):
        return self.arguments.layers or (2 if self.arguments.quick else 24)

    def ask_machine(self):
        command = [sys.executable, str(HERE / "machine.py"), self.arguments.device]
        asked = subprocess.run(command, stdout=subprocess.PIPE)
        if asked.returncode != 0:
            sys.exit(f"run.py: PyTorch cannot use the device {self.arguments.device}, see above")
        return json.loads(asked.stdout)

    def call(self, command, limit, **environment):
        """Runs a program, its output in the log; returns that output. Raises Stopped."""
        log_path = f"{self.base}.log"
        with open(log_path, "ab") as log:
            log.write(f"$ {' '.join(map(str, command))}\n".encode())
            log.flush()
            begin = log.tell()
            try:
                process = subprocess.Popen(
                    list(map(str, command)), stdin=subprocess.DEVNULL, stdout=log,
                    stderr=subprocess.STDOUT, cwd=ROOT, env={**os.environ, **environment},
                    start_new_session=True,
                )  # fmt: skip
            except OSError as error:
                raise Stopped(f"{command[0]}: {error.strerror}") from error
            try:
                status = process.wait(limit)
            except subprocess.TimeoutExpired:
                status = None
            finally:
                if process.poll() is None:  # its children, too
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
        with open(log_path, "rb") as log:
            log.seek(begin)
            output = log.read().decode(errors="replace")
        if status is None:
            raise Stopped(f"stopped after {limit:.0f} s")
        if status != 0:
            print(output[-1500:], flush=True)
            raise Stopped(f"{pathlib.Path(command[0]).name}: status {status}")
        return output

    def python(self, script, limit, *options):
        return self.call([sys.executable, HERE / script, *options], limit, **FOR_PYTHON)

    # The stages: each returns a note for the report or raises Stopped.

    def run_build(self, limit):
        end = time.monotonic() + limit
        defines = {
            "CMAKE_BUILD_TYPE": "Release",
            "LIBTORCH_ROOT": self.machine["libtorch"],
            "W2VBERT_BENCHMARKS": "ON",
            "CMAKE_DISABLE_FIND_PACKAGE_benchmark": "ON",  # the runner alone
            "W2VBERT_CUDA": "ON" if self.cuda else "OFF",
        }
        packages = self.arguments.packages.resolve()
        if packages.is_dir():
            defines["CMAKE_PREFIX_PATH"] = packages / "usr"
        if self.cuda:
            defines["W2VBERT_CUDA_ARCHITECTURES"] = f"{self.machine['capability']}-real"
            defines["CMAKE_CUDA_COMPILER"] = shutil.which("nvcc") or "/usr/local/cuda/bin/nvcc"
        configure = ["cmake", "-G", "Ninja", "-S", ROOT / "native", "-B", self.build]
        configure += [f"-D{name}={value}" for name, value in defines.items()]
        note = ""
        try:
            self.call([*configure, "-DW2VBERT_TESTS=ON"], limit)
        except Stopped:
            note = "without GoogleTest: no native tests"
            self.call([*configure, "-DW2VBERT_TESTS=OFF"], limit)
        targets = ["w2vbert", "w2vbert_model_runner"]
        targets += ["w2vbert_cuda"] if self.cuda else []
        if not note:
            targets += ["w2vbert_tests", *(["w2vbert_cuda_device_tests"] if self.cuda else [])]
        jobs = ["--parallel", self.arguments.jobs]
        command = ["cmake", "--build", self.build, *jobs, "--target", *targets, "--", "-k", "0"]
        self.call(command, max(1.0, end - time.monotonic()))
        if self.cuda:
            note = "; ".join(filter(None, [note, self.keep_resources()]))
        return note

    def keep_resources(self):
        """What nvcc reported of the kernels, in one file."""
        path = pathlib.Path(f"{self.base}.resources.txt")
        reports = sorted((self.build / "cuda_resources").glob("*.txt"))
        texts = [f"{each.stem}\n{each.read_text(encoding='utf-8')}" for each in reports]
        path.write_text("\n".join(texts), encoding="utf-8")
        return f"registers and spills: {path.name}"

    def common(self):
        options = ["--build", self.build, "--results", self.results_file]
        return [*options, "--device", self.arguments.device]

    def model_folder(self, limit):
        folder = self.work / f"model-{self.layers()}"
        if not (folder / "preprocessor_config.json").exists():  # written last
            self.python("models.py", limit, folder, self.layers())
        return ["--model", folder, "--work", self.work / "clips"]

    def run_operators(self, limit):
        return last_line(self.python("operators.py", limit, *self.common()))

    def run_model(self, limit):
        end = time.monotonic() + limit
        folder = self.model_folder(limit)
        left = end - time.monotonic()
        seconds = ["--seconds", max(1.0, left - TO_START)]
        self.python("logits.py", left, *self.common(), *folder, *seconds,
                    *self.dtypes("float32", "bfloat16", "float16"))  # fmt: skip

    def dtypes(self, *names):
        """The CPU computes in one type only, some devices in float8, too."""
        if not self.cuda:
            names = ("float32",)
        elif self.has_float8():
            names += ("float8",)
        return ["--dtypes", ",".join(names)]

    def has_float8(self):
        return 90 <= self.machine["capability"] < 110  # as LibTorch 2.10

    def time_with(self, limit, *options):
        end = time.monotonic() + limit
        folder = self.model_folder(limit)
        left = end - time.monotonic()
        options = [*options, *(["--quick"] if self.arguments.quick else [])]
        seconds = ["--seconds", max(1.0, left - TO_START)]
        self.python("timing.py", left, *self.common(), *folder, *seconds,
                    *self.dtypes("bfloat16", "float32", "float16"), *options)  # fmt: skip

    def run_timing(self, limit):
        self.time_with(limit)

    def run_compile(self, limit):
        self.time_with(limit, "--compile")

    def run_tests(self, limit):
        end = time.monotonic() + limit
        program = self.test_program("w2vbert_tests")
        shards = str(min(self.arguments.jobs, MOST_SHARDS))
        output = self.call(["bash", "-c", IN_SHARDS, program], limit, GTEST_TOTAL_SHARDS=shards)
        passed, skipped = count_tests(output)
        note = f"{passed} passed, {skipped} skipped"
        if self.cuda:
            program = self.test_program("w2vbert_cuda_device_tests")
            chosen = [] if self.has_float8() else ["--gtest_filter=-*Float8*"]
            output = self.call([program, "--gtest_brief=1", *chosen],
                               max(1.0, end - time.monotonic()))  # fmt: skip
            note += f"; {count_on_device(output)} passed on the device"
        return note

    def test_program(self, name):
        program = self.build / name
        if not program.exists():
            raise Stopped(f"{name} is not built")
        return program

    def run_sanitizer(self, limit):
        if not self.cuda:
            return "nothing to run on the CPU"
        sanitizer = shutil.which("compute-sanitizer") or "/usr/local/cuda/bin/compute-sanitizer"
        end = time.monotonic() + limit
        # LibTorch's cache of memory would hide what lies behind an array.
        environment = {"PYTORCH_NO_CUDA_MEMORY_CACHING": "1", **FOR_PYTHON}
        options = self.common()
        options[3] = self.work / "sanitized.jsonl"
        operators = [sys.executable, HERE / "operators.py", *options, "--small"]
        models = [self.build / "w2vbert_cuda_device_tests", f"--gtest_filter={SANITIZED}"]
        runs = [(tool, program) for tool in ("memcheck", "racecheck")
                for program in (operators, models)]  # fmt: skip
        passed, summaries = True, []
        for index, (tool, program) in enumerate(runs):
            left = (end - time.monotonic()) / (len(runs) - index)
            prefix = [sanitizer, "--tool", tool, "--error-exitcode", "9"]
            prefix += self.our_kernels(sanitizer)
            what = f"{tool} of {'models' if program is models else 'operators'}"
            try:
                output = self.call([*prefix, *program], left, **environment)
                if program is models:
                    count_on_device(output)
                found = re.findall(r"[A-Z]+ SUMMARY: .*", output)[-1:]
                summaries += [f"{what}: {each}" for each in found]
            except Stopped as stopped:
                passed = False
                summaries.append(f"{what}: {stopped}")
        if not passed:
            raise Stopped("; ".join(summaries))
        return "; ".join(summaries)

    def our_kernels(self, sanitizer):
        """The option by which this version leaves out LibTorch's kernels."""
        for option in ("--kernel-regex", "--kernel-name"):
            if re.search(rf"{option}\b", self.call([sanitizer, "--help"], LEAST)):
                return [option, "kns=w2vbert"]
        return []

    def run(self, stages):
        passed = True
        for stage in stages:
            left = self.end - time.monotonic()
            begin = time.monotonic()
            good, note = False, "out of time: not begun"
            if left > LEAST:
                print(f"{stage} ...", flush=True)
                try:
                    limit = LIMITS[stage] * max(1.0, self.arguments.seconds / SECONDS)
                    note = getattr(self, f"run_{stage}")(min(limit, left - 5)) or ""
                    good = True
                except Stopped as stopped:
                    note = str(stopped)
            passed &= good
            seconds = time.monotonic() - begin
            self.results.write("run", name=stage, seconds=seconds, passed=good, note=note)
            report = write_report(self.base, [self.results_file], self.cuda)
        print(report)
        return passed


def count_tests(output):
    """How many tests of programs passed, and how many were skipped."""
    found = re.findall(r"\[  (PASSED|SKIPPED) +\] (\d+) test", output)
    return [sum(int(n) for kind, n in found if kind == wanted) for wanted in ("PASSED", "SKIPPED")]


def count_on_device(output):
    """How many passed; here, where a device is, none may be skipped."""
    passed, skipped = count_tests(output)
    if skipped or not passed:
        raise Stopped(f"on the device {passed} passed, {skipped} skipped")
    return passed


def last_line(output):
    return output.strip().splitlines()[-1]


def write_report(base, files, cuda):
    results = [result for file in files for result in work.read_results(file)]
    report = work.report(results)
    if not cuda:
        report = "A check of the script on a CPU: none of its times means anything.\n\n" + report
    pathlib.Path(f"{base}.md").write_text(report, encoding="utf-8")
    return report


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument("--only", default=",".join(LIMITS), help="stages, separated by commas")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="for everything")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "benchmarks/results")
    parser.add_argument("--work", type=pathlib.Path, default=ROOT / "benchmarks/target/gpu")
    parser.add_argument("--packages", type=pathlib.Path, default=ROOT / "target/packages",
                        help="unpacked Debian packages that the machine lacks")  # fmt: skip
    parser.add_argument("--layers", type=int, help="of the model (default 24, with --quick 2)")
    parser.add_argument("--quick", action="store_true", help="small cases: a check of the script")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="of the build")
    parser.add_argument("--table", nargs="+", metavar="RESULTS", help="only print their report")
    arguments = parser.parse_args()
    if arguments.table:
        print(work.report([each for file in arguments.table for each in work.read_results(file)]))
        return 0
    stages = [stage for stage in LIMITS if stage in arguments.only.split(",")]
    unknown = set(arguments.only.split(",")) - set(stages)
    if unknown:
        parser.error(f"unknown stages {', '.join(sorted(unknown))}; there are {', '.join(LIMITS)}")
    return 0 if Run(arguments).run(stages) else 1


if __name__ == "__main__":
    sys.exit(main())
