#!/usr/bin/env python3
"""Opens a model folder of w2vbert with transformers, in Python, and compares what both hear.

usage: verify_transformers.py [--model FOLDER] [RECORDING...]

FOLDER is what w2vbert finetune wrote, or pack.sh (default: the default model); recordings are 16 kHz
WAV of one channel and 16 bits (default: those of this module). Needs torch and transformers. Runs
java/cli/target/w2vbert, or the command that the environment variable W2VBERT names. Prints both texts
of each recording, by the best path; the status is 1 if a text differs, or transformers misses or does
not know a parameter.
"""

import argparse
import pathlib
import sys
import wave

import measure
import numpy
import torch
import transformers


def read_wave(path):
    with wave.open(str(path)) as file:
        form = file.getframerate(), file.getnchannels(), file.getsampwidth()
        if form != (16000, 1, 2):
            raise ValueError(f"{path}: expected 16000 Hz, 1 channel, 2 bytes; got {form}")
        words = numpy.frombuffer(file.readframes(file.getnframes()), "<i2")
    return words.astype(numpy.float32) / 32768


def open_model(folder):
    """Processor, model and the names that file and model do not share."""
    processor = transformers.AutoProcessor.from_pretrained(folder)
    model, report = transformers.Wav2Vec2BertForCTC.from_pretrained(folder, output_loading_info=True)
    different = [f"{kind}: {name}" for kind, names in report.items() for name in names]
    return processor, model.float().eval(), different


def transcribe(processor, model, path):
    inputs = processor(read_wave(path), sampling_rate=16000, return_tensors="pt")
    with torch.inference_mode():
        best = model(**inputs).logits.argmax(-1)
    return processor.batch_decode(best)[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", type=pathlib.Path, default=measure.MODEL)
    parser.add_argument("recordings", nargs="*", type=pathlib.Path)
    arguments = parser.parse_args()
    recordings = arguments.recordings or sorted(measure.RECORDINGS.glob("**/*.wav"))
    processor, model, different = open_model(arguments.model)
    print(f"{type(processor).__name__}, {type(processor.tokenizer).__name__}, ", end="")
    print(f"{type(processor.feature_extractor).__name__}, {type(model).__name__}")
    for line in different:
        print(line)
    measure.MODEL = arguments.model
    ours = measure.w2vbert("transcribe", "--best-path", *recordings)
    for path, transcript in zip(recordings, ours, strict=True):
        text = transcribe(processor, model, path)
        same = text == transcript["text"]
        different += [] if same else [path]
        print(f"{path.name}\t{'same' if same else 'DIFFERENT'}\t{text}\t{transcript['text']}")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
