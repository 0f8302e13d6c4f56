#!/usr/bin/env python3
"""Speaks the sentences of texts.py with many voices of espeak-ng, flite and festival.

usage: synthesize.py --texts texts.tsv --out DIR [--jobs 2] [--seconds 150]

Sentence number i becomes a file in DIR/synthetic (16 kHz, mono, 16 bit). Which voice speaks it, how
fast, how high and with which size of the vocal tract depends on the seed and i alone. What exists
is skipped, so that a stopped run goes on where it was; --seconds stops one on purpose (status 3).

Size: a sentence is spoken slower and lower by a factor and played back faster by the same factor.
What remains is a shift of the formants, as from a shorter or longer vocal tract: it makes many
voices from the few that were recorded from people.
"""

import argparse
import collections
import concurrent.futures
import hashlib
import os
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import time

# One sentence to be spoken. `split` is train, dev or test; `pitch` is in Hz (espeak-ng: 0 to 99).
Item = collections.namedtuple(
    "Item", "path text spoken split engine voice speaker tempo pitch size"
)

FESTIVAL_BATCH = 60  # sentences a process: starting festival takes as long as a few sentences

ESPEAK_ACCENTS = {
    "en-us": 50, "en-us-nyc": 8, "en-gb": 12, "en-gb-x-rp": 10, "en-gb-x-gbclan": 5,
    "en-gb-x-gbcwmd": 5, "en-gb-scotland": 5, "en-029": 5,
}  # fmt: skip
# Without whispers, robots and monsters.
ESPEAK_VARIANTS = (
    "m1 m2 m3 m4 m5 m6 m8 f1 f2 f3 f5 Alex Alicia Andrea Andy Annie Denis Diogo Gene Gene2 Henrique"
    " Hugo Jacky Lee Marco Michael Mike Nguyen adam anika antonio aunty benjamin boris caleb david"
    " ed edward edward2 grandma grandpa gustave iven iven2 iven3 iven4 john kaukovalta klatt klatt2"
    " klatt4 linda marcelo max michel miguel norbert pablo paul pedro quincy rob robert sandro"
    " shelby steph steph3 travis victor zac"
).split()

# (engine, voice): share of the training sentences, own pitch in Hz or 0 where it cannot be set,
# sizes. Each size counts as a speaker.
MALE_SIZES = (0.94, 1.0, 1.06, 1.12, 1.18, 1.24)
FEMALE_SIZES = (0.82, 0.87, 0.92, 0.97, 1.02, 1.08)
RECORDED_VOICES = {
    ("flite", "kal16"): (6, 100, MALE_SIZES),
    ("flite", "awb"): (13, 130, MALE_SIZES),
    ("flite", "rms"): (17, 0, MALE_SIZES),
    ("flite", "slt"): (13, 165, FEMALE_SIZES),
    ("festival", "kal_diphone"): (9, 105, MALE_SIZES),
    ("festival", "cmu_us_slt_arctic_hts"): (14, 0, FEMALE_SIZES),
}
ESPEAK_SHARE = 28

# Voices that no training sentence has, for the test of unseen synthetic voices.
HELD_OUT_RECORDED = {("festival", "ked_diphone"): (65, 105, MALE_SIZES)}
HELD_OUT_ESPEAK_VARIANTS = "m7 f4 Mario belinda steph2".split()
HELD_OUT_ESPEAK_SHARE = 35


def share_of(text):
    """A number in [0, 1) that depends on the text alone."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") / 2**64


def split_of(index, text):
    """Sentences of four words and more are in one split only; short ones may be in several."""
    draw = share_of(text if text.count(" ") > 2 else f"{index} {text}")
    return "test" if draw < 0.04 else "dev" if draw < 0.06 else "train"


def plan(lines, seed):
    """Assigns a voice to each (kind, text, spoken)."""
    items = []
    for index, (_, text, spoken) in enumerate(lines):
        rng = random.Random(f"{seed} {index}")
        split = split_of(index, text)
        recorded = HELD_OUT_RECORDED if split == "test" else RECORDED_VOICES
        variants = HELD_OUT_ESPEAK_VARIANTS if split == "test" else ESPEAK_VARIANTS
        espeak = HELD_OUT_ESPEAK_SHARE if split == "test" else ESPEAK_SHARE
        choices = list(recorded) + [("espeak", None)]
        weights = [share for share, _, _ in recorded.values()] + [espeak]
        engine, voice = rng.choices(choices, weights)[0]
        tempo = rng.uniform(0.8, 1.25)
        if engine == "espeak":
            accent = rng.choices(list(ESPEAK_ACCENTS), list(ESPEAK_ACCENTS.values()))[0]
            variant = rng.choice(variants)
            voice, pitch, size = f"{accent}+{variant}", rng.randint(35, 65), rng.uniform(0.92, 1.1)
            speaker = f"espeak-{accent}-{variant}"
        else:
            _, hertz, sizes = recorded[engine, voice]
            size = rng.choice(sizes)
            # People with a short vocal tract speak higher, too; the exponent spans male to female.
            pitch = hertz * size**2.5 * rng.uniform(0.85, 1.2)
            speaker = f"{engine}-{voice}-{round(100 * size)}"
        path = f"synthetic/{index // 1000:02d}/{index:05d}.wav"
        items.append(Item(path, text, spoken, split, engine, voice, speaker, tempo, pitch, size))
    return items


def run(command):
    result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if result.returncode:
        message = result.stderr.decode(errors="replace").strip()
        raise RuntimeError(f"{command}: exit status {result.returncode}, expected 0: {message}")


def letters(item, first, last):
    """The sentence with the names of letters spelt as this engine says them."""
    names = {"A": first, "Z": last}
    return re.sub(r"\b[A-Z]\b", lambda m: names.get(m.group(), m.group().lower()), item.spoken)


def espeak(item, raw):
    words_per_minute = round(165 * item.tempo / item.size)
    # 50 is the voice's own pitch. Playback raises it by the size, of which most is taken off here:
    # who has a short vocal tract speaks a little higher, too.
    pitch = max(0, min(99, round(50 + (item.pitch - 50) / item.size - 60 * (item.size - 1))))
    text = letters(item, "[['eI]]", "zee")
    run(
        [
            "espeak-ng",
            "-v",
            item.voice,
            "-s",
            str(words_per_minute),
            "-p",
            str(pitch),
            "-w",
            raw,
            text,
        ]
    )


def flite(item, raw):
    command = [
        "flite",
        "-voice",
        item.voice,
        "--setf",
        f"duration_stretch={item.size / item.tempo:.3f}",
    ]
    if item.pitch:
        spread = 0.1 * item.pitch / item.size
        command += ["--setf", f"int_f0_target_mean={item.pitch / item.size:.1f}"]
        command += ["--setf", f"int_f0_target_stddev={spread:.1f}"]
    run(command + ["-o", raw, "-t", letters(item, "ay", "zee")])


def festival(items, raws, folder):
    """Speaks several sentences in one process."""
    scheme = []
    for item, raw in zip(items, raws):
        text = letters(item, "ay", "zee")
        scheme.append(f"(voice_{item.voice})")
        if item.pitch:
            mean, spread = item.pitch / item.size, 0.12 * item.pitch / item.size
            scheme.append(
                f"(set! int_lr_params '((target_f0_mean {mean:.1f}) (target_f0_std {spread:.1f})"
                " (model_f0_mean 170) (model_f0_std 34)))"
            )
            scheme.append(f"(Parameter.set 'Duration_Stretch {item.size / item.tempo:.3f})")
        else:  # an HTS voice: its own parameter of speed, and no stretch left from the one before
            scheme.append("(Parameter.set 'Duration_Stretch 1.0)")
            scheme.append(
                "(set! hts_engine_params (append hts_engine_params"
                f' \'(("-r" {item.tempo / item.size:.3f}))))'
            )
        scheme.append(f'(utt.save.wave (utt.synth (Utterance Text "{text}")) "{raw}" \'riff)')
    script = os.path.join(folder, "batch.scm")
    pathlib.Path(script).write_text("\n".join(scheme) + "\n")
    run(["festival", "-b", script])


def finish(item, raw, out):
    """Plays back faster by the size, resamples, and puts the file in place in one step."""
    target = out / item.path
    target.parent.mkdir(parents=True, exist_ok=True)
    part = f"{raw}.16k.wav"
    # -D: no dither, so that the same input gives the same file
    run(
        [
            "sox",
            "-V1",
            "-D",
            raw,
            "-b",
            "16",
            "-c",
            "1",
            part,
            "speed",
            f"{item.size:.4f}",
            "rate",
            "16k",
            "norm",
            "-3",
        ]
    )
    os.replace(part, target)


def speak(items, out):
    """Makes the files of one batch: several sentences of festival, or one of another engine."""
    with tempfile.TemporaryDirectory(dir=out) as folder:
        raws = [os.path.join(folder, f"{n}.wav") for n in range(len(items))]
        if items[0].engine == "festival":
            festival(items, raws, folder)
        for item, raw in zip(items, raws):
            if item.engine == "espeak":
                espeak(item, raw)
            elif item.engine == "flite":
                flite(item, raw)
            finish(item, raw, out)


def batches(items):
    waiting = [item for item in items if item.engine == "festival"]
    for start in range(0, len(waiting), FESTIVAL_BATCH):
        yield waiting[start : start + FESTIVAL_BATCH]
    singles = [item for item in items if item.engine != "festival"]
    for start in range(0, len(singles), FESTIVAL_BATCH):
        yield singles[start : start + FESTIVAL_BATCH]


def claim(out, items):
    """Files are skipped by their number alone: refuses a folder that was begun with other items."""
    stamp = out / "synthetic.sha256"
    digest = hashlib.sha256(repr(items).encode()).hexdigest()
    if not stamp.exists():
        stamp.write_text(digest + "\n")
    elif stamp.read_text().strip() != digest:
        raise SystemExit(
            f"{out} holds speech of other sentences or another seed; expected a new folder"
        )


def read_lines(path):
    with open(path, encoding="utf-8") as lines:
        return [tuple(line.rstrip("\n").split("\t")) for line in lines]


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--texts", required=True, help="output of texts.py")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="folder of the data set")
    parser.add_argument(
        "--seed", type=int, default=2026, help="of the voices (default %(default)s)"
    )
    parser.add_argument(
        "--jobs", type=int, default=2, help="processes at once (default %(default)s)"
    )
    parser.add_argument(
        "--seconds", type=float, default=0, help="stop after so long (default: never)"
    )
    arguments = parser.parse_args()
    start = time.monotonic()
    arguments.out.mkdir(parents=True, exist_ok=True)
    items = plan(read_lines(arguments.texts), arguments.seed)
    claim(arguments.out, items)
    missing = [item for item in items if not (arguments.out / item.path).exists()]
    done = len(items) - len(missing)
    late = False
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        running = set()
        work = batches(missing)
        while True:
            late = late or 0 < arguments.seconds < time.monotonic() - start
            batch = None if late else next(work, None)
            if batch is not None:
                future = pool.submit(speak, batch, arguments.out)
                future.count = len(batch)
                running.add(future)
            if not running:
                break
            if batch is None or len(running) >= arguments.jobs:
                ended, running = concurrent.futures.wait(running, return_when="FIRST_COMPLETED")
                for future in ended:
                    future.result()
                    done += future.count
                print(
                    f"\r{done} of {len(items)} sentences, {time.monotonic() - start:.0f} s",
                    end="",
                    file=sys.stderr,
                )
    print(file=sys.stderr)
    return 0 if done == len(items) else 3


if __name__ == "__main__":
    sys.exit(main())
