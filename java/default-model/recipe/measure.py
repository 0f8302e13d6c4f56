#!/usr/bin/env python3
"""Measures the model in the resources of this module: what it hears, and how often it is wrong.

usage: measure.py [--data DATA]

Writes the transcripts of the recordings that lie in the repository to recordings/transcripts.jsonl,
which the tests compare with. With --data, the folder that prepare.sh made, it also judges the model
by the test sets and writes the table into README.md and into the model's card. Runs
java/cli/target/w2vbert, or the command that the environment variable W2VBERT names.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

MODULE = pathlib.Path(__file__).resolve().parent.parent
MODEL = MODULE / "src/main/resources/io/github/w2vbert/model/en"
RECORDINGS = MODULE / "recordings"
W2VBERT = os.environ.get("W2VBERT", str(MODULE.parent / "cli/target/w2vbert"))

BEGIN, END = "<!-- evaluation -->", "<!-- end of evaluation -->"

# name, manifest, which of its lines
SETS = (
    ("people never heard, numbers and commands", "test-human", lambda line: line["inVocabulary"]),
    ("people never heard, all recordings", "test-human", lambda line: True),
    ("prompts never heard, of the training prompts' speaker", "test-asterisk", lambda line: True),
    ("synthetic voices never heard", "test-synthetic", lambda line: True),
)


def read_lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def write_lines(path, lines):
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


def w2vbert(command, *arguments):
    """The JSON values that the command prints."""
    run = [W2VBERT, command, "--model", str(MODEL), "--json", *map(str, arguments)]
    printed = subprocess.run(run, check=True, stdout=subprocess.PIPE, encoding="utf-8").stdout
    return [json.loads(line) for line in printed.splitlines()]


def record_transcripts():
    path = RECORDINGS / "transcripts.jsonl"
    lines = read_lines(path)
    heard = w2vbert("transcribe", *(RECORDINGS / line["audio"] for line in lines))
    for line, transcript in zip(lines, heard, strict=True):
        line["transcript"] = transcript["text"]
        mark = "" if line["transcript"] == line["text"] else "   expected: " + line["text"]
        print(f"{line['audio']}: {line['transcript']}{mark}")
    write_lines(path, lines)


def judge(data, manifest, wanted):
    """The lines of a manifest that are wanted, how the model does on them, and by the best path."""
    lines = [line for line in read_lines(data / f"{manifest}.jsonl") if wanted(line)]
    for line in lines:
        line["audio"] = str((data / line["audio"]).resolve())
    with tempfile.TemporaryDirectory() as folder:
        chosen = pathlib.Path(folder, "manifest.jsonl")
        write_lines(chosen, lines)
        (result,) = w2vbert("evaluate", "--data", chosen)
        (best_path,) = w2vbert("evaluate", "--best-path", "--data", chosen)
    return lines, result, best_path


def row(name, lines, result, best_path):
    """A row of the table."""
    words, characters = result["WER"], result["CER"]
    speakers = len({line["speaker"] for line in lines})
    errors = " + ".join(str(words[kind]) for kind in ("substitutions", "deletions", "insertions"))
    return (
        f"| {name} | {speakers} | {len(lines)} | {result['seconds']:.0f} s"
        f" | **{100 * words['rate']:.1f} %** | {errors} of {words['of']}"
        f" | {100 * characters['rate']:.1f} % | {100 * best_path['WER']['rate']:.1f} %"
        f" | {100 * best_path['CER']['rate']:.1f} % |"
    )


def replace_table(text, rows):
    """The text with these rows between its marks."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"expected {BEGIN} and {END}")
    table = [
        "| recordings | speakers | utterances | audio | WER | substituted + deleted + inserted | CER"
        " | WER, best path | CER, best path |",
        "|---|---:|---:|---:|---:|---|---:|---:|---:|",
        *rows,
    ]
    return before + begin + "\n" + "\n".join(table) + "\n" + end + after


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=pathlib.Path, help="folder of the data set")
    data = parser.parse_args().data
    record_transcripts()
    if data is None:
        return
    rows = [row(name, *judge(data, manifest, wanted)) for name, manifest, wanted in SETS]
    print("\n".join(rows))
    for path in (MODULE / "README.md", MODEL / "README.md"):
        text = replace_table(path.read_text(encoding="utf-8"), rows)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
