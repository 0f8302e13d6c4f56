#!/usr/bin/env python3
"""The model that both sides run, its audio, and a call of each side.

usage: models.py FOLDER LAYERS      writes the model
"""

import json
import pathlib
import selectors
import subprocess
import sys
import time

import numpy
import torch
import transformers

import work

transformers.utils.logging.disable_progress_bar()

DTYPES = {name: getattr(torch, name) for name in work.DTYPE_BYTES}
DTYPES["float8"] = torch.bfloat16  # but for products
FLOAT8_LAYERS = {"intermediate_dense", "output_dense", "linear_q", "linear_k", "pointwise_conv1"}
VOCABULARY = 64


def write_model(folder, layers, seed=1):
    """A checkpoint of the real shape with `layers` layers, weights drawn from the seed.

    transformers initialises every bias with 0 and every norm with 1, and its attention would weigh
    all keys nearly alike: biases and norms are drawn too, and what makes scores and logits is scaled
    so that their standard deviations are 1 to 3.
    """
    torch.manual_seed(seed)
    config = transformers.Wav2Vec2BertConfig(
        num_hidden_layers=layers, vocab_size=VOCABULARY, layerdrop=0.0, apply_spec_augment=False
    )
    model = transformers.Wav2Vec2BertForCTC(config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("norm.weight"):
                parameter.normal_(1.0, 0.1)
            elif name.endswith(".bias"):
                parameter.normal_(0.0, 0.1)
            elif name.endswith(("linear_q.weight", "linear_k.weight")):
                parameter.mul_(2.0)
            elif name.endswith("distance_embedding.weight"):
                parameter.normal_(0.0, 0.5)
            elif name == "lm_head.weight":
                parameter.mul_(4.0)
    model.save_pretrained(folder)
    transformers.SeamlessM4TFeatureExtractor().save_pretrained(folder)


def noise(seconds, seed):
    """A clip whose loudness and colour change, float32 at 16 kHz."""
    generator = numpy.random.default_rng(seed)
    count = round(seconds * 16000)
    white = generator.standard_normal(count + 16)
    taps = generator.standard_normal((16, 1 + count // 4000))
    blocks = numpy.repeat(taps / 4, 4000, axis=1)[:, :count]
    colour = sum(blocks[k] * white[k : k + count] for k in range(16))
    loudness = 0.05 + 0.04 * numpy.sin(numpy.arange(count) / 1600)
    return (colour * loudness).astype(numpy.float32)


def round_rows(x):
    """float8 with the largest of a row at 448, and what the rows are to be multiplied by."""
    scales = x.abs().amax(-1, keepdim=True).float() / 448
    scales = torch.where(scales == 0, 1.0, scales)
    return (x / scales).clamp(-448, 448).to(torch.float8_e4m3fn), scales


def multiply_rows(a, a_scales, b, b_scales, bias=None):
    """a @ b.mT of rounded rows, in bfloat16."""
    return torch._scaled_mm(a, b.mT, a_scales, b_scales.mT, bias=bias, out_dtype=torch.bfloat16)


class Float8Layer(torch.nn.Module):
    """A linear layer, or a convolution of kernel 1, in float8."""

    def __init__(self, layer):
        super().__init__()
        self.channels_first = isinstance(layer, torch.nn.Conv1d)
        self.weight, self.scales = round_rows(layer.weight.detach().flatten(1))
        self.bias = layer.bias

    def forward(self, x):
        rows = x.mT if self.channels_first else x
        y = multiply_rows(*round_rows(rows.flatten(0, -2)), self.weight, self.scales, self.bias)
        y = y.unflatten(0, rows.shape[:-1])
        return y.mT if self.channels_first else y


def use_float8(model):
    """The layers that are float8 in ours."""
    for module in list(model.wav2vec2_bert.encoder.modules()):
        for name, layer in list(module.named_children()):
            if name in FLOAT8_LAYERS:
                setattr(module, name, Float8Layer(layer))


class Transformers:
    """Wav2Vec2BertForCTC as its users call it: padded features and a mask."""

    def __init__(self, folder, device, dtype):
        self.device, self.dtype = torch.device(device), DTYPES[dtype]
        self.extractor = transformers.SeamlessM4TFeatureExtractor.from_pretrained(folder)
        self.model = transformers.Wav2Vec2BertForCTC.from_pretrained(folder, dtype=self.dtype)
        self.model = self.model.to(self.device).eval()
        if dtype == "float8":
            use_float8(self.model)
        self.call = self.model

    def use(self, attention):
        """eager or sdpa"""
        self.model.set_attn_implementation(attention)
        self.call = self.model

    def compile(self, mode):
        self.call = torch.compile(self.model, mode=mode)

    def features(self, clips):
        batch = self.extractor(clips, sampling_rate=16000, return_tensors="pt")
        features = batch.input_features.to(self.device, self.dtype)
        return features, batch.attention_mask.to(self.device)

    def logits(self, features, mask):
        return self.call(input_features=features, attention_mask=mask).logits

    def tokens(self, clips):
        """The best token of every frame, on the host."""
        return self.logits(*self.features(clips)).argmax(-1).cpu()

    def valid_logits(self, clips):
        """Of all clips one after another, without padding: float64 on the host."""
        features, mask = self.features(clips)
        logits = self.logits(features, mask).double().cpu()
        return torch.cat([row[:n] for row, n in zip(logits, mask.sum(-1).tolist())])

    def synchronize(self):
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)


class Failure(Exception):
    """What a program wrote before it failed."""


# As DeviceOptions.DEFAULT_GRAPH_BUCKETS of the Java library.
GRAPH_BUCKETS = (50, 100, 150, 200, 250, 300, 400, 500, 750, 1000, 1500)


def our_options(build, device, dtype):
    """The options of w2vbert_model_runner: on what, in which type, and the libraries that takes."""
    options = {"device": device, "dtype": dtype, "threads": torch.get_num_threads()}
    if torch.device(device).type == "cuda":
        libtorch = pathlib.Path(torch.__file__).parent
        options["torch-cuda"] = libtorch / "lib/libtorch_cuda.so"
        options["plugin"] = pathlib.Path(build, "libw2vbert_cuda.so").resolve()
        options["graphs"] = ",".join(map(str, GRAPH_BUCKETS))
    return options


def run_ours(program, folder, work_folder, cases, options, limit):
    """Calls w2vbert_model_runner; yields (name, answer, logits, tokens) as they come.

    cases: {name: clips}; options: its command line's; limit: seconds after which it is stopped.
    """
    work_folder = pathlib.Path(work_folder)
    work_folder.mkdir(parents=True, exist_ok=True)
    lines, names = [], {}
    for index, (name, clips) in enumerate(cases.items()):
        names[f"case{index}"] = name
        paths = []
        for place, clip in enumerate(clips):
            paths.append(work_folder / f"case{index}-{place}.f32")
            clip.tofile(paths[-1])
        lines.append("\t".join([f"case{index}", *map(str, paths)]))
    (work_folder / "cases").write_text("\n".join(lines) + "\n", encoding="utf-8")
    command = [str(program), str(folder), str(work_folder / "cases"), str(work_folder)]
    for name, value in options.items():
        command += [f"--{name}", str(value)]
    errors = work_folder / "errors"
    deadline = time.monotonic() + limit
    with open(errors, "wb") as error_file:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=error_file, bufsize=0
        )  # unbuffered, so that waiting for a line waits for all that is to be read
        try:
            for answer in lines_until(process.stdout, deadline):
                answer = json.loads(answer)
                path = work_folder / answer["case"]
                logits = numpy.fromfile(f"{path}.logits", numpy.float32)
                logits = torch.from_numpy(logits).reshape(-1, answer["vocabulary"]).double()
                tokens = numpy.fromfile(f"{path}.tokens", numpy.int32)
                yield names[answer["case"]], answer, logits, tokens
            try:
                status = process.wait(max(10.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired as expired:
                raise TimeoutError("out of time: the program did not end") from expired
        finally:
            process.kill()
            process.wait()
    if status != 0:
        raise Failure(errors.read_text(errors="replace").strip()[-500:] or f"status {status}")


def lines_until(stream, deadline):
    """The lines of a pipe; TimeoutError when the next one has not come by then."""
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        while True:
            if not selector.select(max(0.0, deadline - time.monotonic())):
                raise TimeoutError("out of time")
            line = stream.readline()
            if not line:
                return
            yield line


def collapse(logits, counts, blank=0):
    """Greedy CTC of logits of utterances of these lengths: ids of all, numbers of each."""
    ids, numbers = [], []
    for rows in logits.split(counts):
        best = torch.unique_consecutive(rows.argmax(-1))
        own = best[best != blank].tolist()
        ids += own
        numbers.append(len(own))
    return ids, numbers


def errors(actual, expected):
    """Root mean square and largest of the differences, by the expected values' root mean square."""
    if actual.shape != expected.shape:
        raise Failure(f"logits {list(actual.shape)}, expected {list(expected.shape)}")
    scale = expected.square().mean().sqrt()
    difference = actual - expected
    rms, largest = difference.square().mean().sqrt(), difference.abs().max()
    return (rms / scale).item(), (largest / scale).item()


if __name__ == "__main__":
    write_model(sys.argv[1], int(sys.argv[2]))
