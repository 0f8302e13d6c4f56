#!/usr/bin/env python3
"""Compares the texts of asterisk.tsv with what a speech recogniser hears in the prompts.

usage: verify_asterisk.py --audio DIR/asterisk --work FOLDER [--seconds 150]

Needs the Debian packages pocketsphinx and pocketsphinx-en-us (used for this check only: no training
text comes from them). Every prompt that is not dropped is recognised twice:
  open    with a general language model; `distance` is the edit distance between the phones of what
          was heard and those of the text, divided by the latter's count;
  closed  with a grammar of the texts in the same folder, of which it must choose the right one.
Prints a line a prompt: confirmed by what, name, characters a second, distance, text, both results.
A prompt is confirmed when the closed result is its text, or when the distance is at most a quarter;
prompts of digits/ and letters/ also by their name, which is what Asterisk says with them.
The exit status is 1 when one is not. --seconds stops in between (status 3); what was recognised
stays in the work folder, and the next run goes on.
"""

import argparse
import collections
import pathlib
import re
import sys
import time
import wave

import synthesize

MODEL = pathlib.Path("/usr/share/pocketsphinx/model/en-us")
CHUNK = 20  # prompts a process
CONFIRMING_DISTANCE = 0.25
# Pronunciations that the recogniser's dictionary lacks.
EXTRA = {
    "binaural": "B AY N AO R AH L", "caret": "K AE R AH T", "dahdi": "D AA D IY",
    "digium": "D IH JH IY AH M", "prepend": "P R IY P EH N D",
    "prepending": "P R IY P EH N D IH NG",
    "rerecord": "R IY R IH K AO R D", "semicolon": "S EH M IY K OW L AH N",
    "undelete": "AH N D IH L IY T", "undeleted": "AH N D IH L IY T IH D",
    "unistim": "Y UW N IH S T IH M",
    "unmute": "AH N M Y UW T", "unmuted": "AH N M Y UW T IH D", "waldo's": "W AO L D OW Z",
}  # fmt: skip


def read_dictionary():
    phones = {}
    for line in (MODEL / "cmudict-en-us.dict").read_text().splitlines():
        word, _, sound = line.partition(" ")
        if "(" not in word:
            phones[word] = sound.split()
    phones["a"] = "EY".split()  # the letter: the article hardly matters here
    return phones | {word: sound.split() for word, sound in EXTRA.items()}


def distance(left, right):
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        previous, row[0] = row[0], i
        for j, b in enumerate(right, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (a != b))
    return row[-1]


def write_grammar(texts, path):
    """A finite-state grammar of whole sentences."""
    lines, state = [], 2
    for text in texts:
        words = text.split()
        at = 0
        for index, word in enumerate(words):
            last = index == len(words) - 1
            to = 1 if last else state
            state += not last
            weight = 1 / len(texts) if at == 0 else 1
            lines.append(f"TRANSITION {at} {to} {weight:.6f} {word}")
            at = to
    head = ["FSG_BEGIN prompts", f"NUM_STATES {state}", "START_STATE 0", "FINAL_STATE 1"]
    path.write_text("\n".join(head + lines + ["FSG_END"]) + "\n")


def recognise(names, audio, work, kind, search, deadline):
    """Returns {name: heard}; ends the program with status 3 after the deadline."""
    heard = {}
    for start in range(0, len(names), CHUNK):
        result = work / f"{kind}.{start:04d}.hyp"
        if not result.exists():
            if time.monotonic() > deadline:
                sys.exit(3)
            control, part = work / "control", work / "part"
            control.write_text("\n".join(names[start : start + CHUNK]) + "\n")
            synthesize.run(
                ["pocketsphinx_batch", "-adcin", "yes", "-cepdir", str(audio), "-cepext", ".wav"]
                + [
                    "-adchdr",
                    "44",
                    "-ctl",
                    str(control),
                    "-hyp",
                    str(part),
                    "-hmm",
                    str(MODEL / "en-us"),
                ]
                + ["-dict", str(work / "dictionary"), "-logfn", str(work / "log"), *search]
            )
            part.replace(result)
        for line in result.read_text().splitlines():
            text, name = re.fullmatch(r"(.*)\((\S+) -?\d+\)", line).groups()
            heard[name] = text.strip()
    return heard


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--audio", type=pathlib.Path, required=True, help="prompts as 16 kHz WAV")
    parser.add_argument(
        "--work", type=pathlib.Path, required=True, help="folder of results; new when texts change"
    )
    parser.add_argument("--seconds", type=float, default=1e9, help="stop after so long")
    arguments = parser.parse_args()
    deadline = time.monotonic() + arguments.seconds
    work = arguments.work
    work.mkdir(parents=True, exist_ok=True)

    rows = synthesize.read_lines(pathlib.Path(__file__).with_name("asterisk.tsv"))[1:]
    texts = {name: text for name, text, dropped in rows if not dropped}
    phones = read_dictionary()
    dictionary = (MODEL / "cmudict-en-us.dict").read_text()
    dictionary += "".join(f"{word} {sound}\n" for word, sound in EXTRA.items())
    (work / "dictionary").write_text(dictionary)

    names = list(texts)
    folders = collections.defaultdict(list)
    for name in names:
        folders[name.rpartition("/")[0] or "top"].append(name)
    closed = {}
    for folder, members in folders.items():
        grammar = work / f"{folder}.fsg"
        write_grammar(sorted({texts[name] for name in members}), grammar)
        search = ["-fsg", str(grammar)]
        kind = f"closed-{folder}"
        closed |= recognise(members, arguments.audio, work, kind, search, deadline)
    search = ["-lm", str(MODEL / "en-us.lm.bin")]
    heard = recognise(names, arguments.audio, work, "open", search, deadline)
    unconfirmed = 0
    for name, text in texts.items():
        said, chosen = heard.get(name, ""), closed.get(name, "")
        target = [phone for word in text.split() for phone in phones[word]]
        found = [
            phone for word in said.split() for phone in phones.get(re.sub(r"\(.*", "", word), ["?"])
        ]
        apart = distance(found, target) / len(target)
        verdict = "+".join(
            ["closed"] * (chosen == text) + ["open"] * (apart <= CONFIRMING_DISTANCE)
        )
        if not verdict and name.startswith(("digits/", "letters/")):
            verdict = "name"
        unconfirmed += not verdict
        with wave.open(str(arguments.audio / f"{name}.wav")) as recording:
            rate = len(text) * recording.getframerate() / recording.getnframes()
        print(
            verdict or "NOT CONFIRMED",
            name,
            f"{rate:.1f}",
            f"{apart:.2f}",
            text,
            said,
            chosen,
            sep="\t",
        )
    print(f"{len(texts) - unconfirmed} of {len(texts)} confirmed", file=sys.stderr)
    return 1 if unconfirmed else 0


if __name__ == "__main__":
    sys.exit(main())
