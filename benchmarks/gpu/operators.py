#!/usr/bin/env python3
"""Compares the operators of w2vbert with float64 twins written in PyTorch.

usage: operators.py --build FOLDER --results FILE [--device cuda:0] [--small]

Twins are plain expressions of the definition. Each runs in float64, which is the truth, and in the
operator's own type: in that type the operator may be twice as far from the truth as the expression
is, and on top of that a few roundings (FLOOR). The status is 1 if an operator is not.
"""

import argparse
import ctypes
import math
import pathlib
import sys

import torch
import torch.nn.functional as functional
import transformers

import models
import work

# Errors are relative to the result's largest element. float32: half a unit in the last place of a
# score of 10 to 20 is 1e-6 of its weight.
FLOOR = {torch.float32: 4e-6, torch.float16: 2.0**-11, torch.bfloat16: 2.0**-8}
FBANK_BOUND = 1e-4  # natural logarithms, as in the recorded cases
ACTIVATIONS = [
    functional.gelu,
    lambda x: functional.gelu(x, approximate="tanh"),
    lambda x: x * torch.sigmoid(1.702 * x),
    functional.relu,
    functional.selu,
    functional.silu,
    functional.mish,
    torch.tanh,
    torch.sigmoid,
]
SILU = 5


def activate(number, x):
    return x if number < 0 else ACTIVATIONS[number](x)


def utterances(x, offsets):
    return x.split(offsets.diff().tolist())


def causal_depthwise_conv1d(x, weight, offsets):
    kernel = weight.shape[-1]
    rows = []
    for own in utterances(x, offsets):
        padded = functional.pad(own, (0, 0, kernel - 1, 0))
        taps = [weight[:, 0, k] * padded[k : k + own.shape[0]] for k in range(kernel)]
        rows.append(torch.stack(taps).sum(0))
    return torch.cat(rows)


def gated_causal_depthwise_conv1d(x, weight, offsets):
    return causal_depthwise_conv1d(functional.glu(x, -1), weight, offsets)


def attention(query, key, value, offsets, heads, key_mask, table, left, projection, bias_u, bias_v):
    """Output and flat weights."""
    outputs, weights = [], []
    masks = torch.ones_like(query[:, 0], dtype=torch.bool) if key_mask is None else key_mask
    for q, k, v, valid in zip(*(utterances(x, offsets) for x in (query, key, value, masks))):
        time = q.shape[0]
        q, k, v = (x.unflatten(-1, (heads, -1)).transpose(0, 1) for x in (q, k, v))
        rows = torch.arange(time, device=q.device)
        distance = rows - rows[:, None]
        if projection is not None:
            u, w = bias_u[:, None], bias_v[:, None]
            by_head = projection.unflatten(-1, (heads, -1)).transpose(0, 1)
            own = by_head[:, (projection.shape[0] - 1) // 2 + distance]
            scores = (q + u) @ k.mT + ((q + w)[:, :, None] * own).sum(-1)
        else:
            scores = q @ k.mT
            if table is not None:
                right = table.shape[0] - 1 - left
                own = table[distance.clamp(-left, right) + left]
                scores = scores + (q[:, :, None] * own).sum(-1)
        scores = scores / math.sqrt(q.shape[-1])
        if valid.any():
            scores = scores.masked_fill(~valid, -math.inf)
        else:
            scores = torch.zeros_like(scores)
        weight = scores.softmax(-1)
        outputs.append((weight @ v).transpose(0, 1).flatten(1))
        weights.append(weight.flatten())
    return torch.cat(outputs), torch.cat(weights)


def rotary_embedding(x, offsets, heads, base):
    half = x.shape[1] // heads // 2
    # Frequencies and angles are float32 in the reference, too.
    powers = torch.arange(half, device=x.device, dtype=torch.int64).float() / half
    frequencies = 1.0 / base**powers
    rows = []
    for own in utterances(x, offsets):
        angle = torch.arange(own.shape[0], device=x.device).float()[:, None, None] * frequencies
        sine, cosine = angle.double().sin().to(x.dtype), angle.double().cos().to(x.dtype)
        first, second = own.unflatten(-1, (heads, -1)).split(half, -1)
        turned = (first * cosine - second * sine, second * cosine + first * sine)
        rows.append(torch.cat(turned, -1).flatten(1))
    return torch.cat(rows)


def fbank(samples, offsets, extractor):
    """In float64: as Kaldi defines it, with the window and filters of transformers."""
    window = torch.from_numpy(extractor.window).double().to(samples.device)
    filters = torch.from_numpy(extractor.mel_filters).double().to(samples.device)
    rows = []
    for own in utterances(samples, offsets):
        if own.shape[0] < 400:
            continue
        frames = (own.float() * 32768).double().unfold(0, 400, 160)
        frames = frames - frames.mean(-1, keepdim=True)
        before = torch.cat([frames[:, :1], frames[:, :-1]], -1)
        power = torch.fft.rfft((frames - 0.97 * before) * window, 512).abs().square()
        rows.append((power @ filters).clamp(min=2.0**-23).log())
    return torch.cat(rows)


def normalized(rows):
    """Input features of one clip's logarithms, each bin by its mean and unbiased variance."""
    return (rows - rows.mean(0)) / (rows.var(0) + 1e-7).sqrt()


def finish(y, bias, residual, scale, activation):
    y = activate(activation, y if bias is None else y + bias)
    return y if residual is None else residual + scale * y


def normalize(x, weight, bias, eps, activation, valid):
    rows = activate(activation, functional.layer_norm(x, x.shape[-1:], weight, bias, eps))
    return rows if valid is None else rows.masked_fill(~valid[:, None], 0.0)


def finish_and_normalize(y, bias, residual, scale, activation, weight, norm_bias, eps, after, valid):
    rows = finish(y, bias, residual, scale, activation)
    return rows, normalize(rows, weight, norm_bias, eps, after, valid)


def gate(y, bias):
    return functional.glu(y if bias is None else y + bias, -1)


def conv_windows(x, offsets, output_offsets, rows, kernel, stride, dilation, padding, channels_first):
    reach = dilation * (kernel - 1) + 1
    parts = []
    for own in utterances(x, offsets):
        padded = functional.pad(own, (0, 0, padding, padding))
        if len(padded) >= reach:
            windows = padded.unfold(0, reach, stride)[..., ::dilation]  # [rows, columns, kernel]
            parts.append((windows if channels_first else windows.mT).flatten(1))
    every = torch.cat(parts)
    return functional.pad(every, (0, 0, 0, rows - len(every)))


def pool_rows(x, offsets, counts, deviations):
    parts = [own[:n] for own, n in zip(utterances(x, offsets), counts.tolist())]
    means = torch.stack([own.mean(0) for own in parts])
    if not deviations:
        return means
    return torch.cat([means, torch.stack([own.std(0) for own in parts])], -1)


class Comparison:
    def __init__(self, device, results, small):
        self.device, self.results = device, results
        self.cuda = device.type == "cuda"
        self.lengths = [1, 31, 65, 130] if small else [1, 30, 31, 32, 63, 64, 65, 129, 300]
        self.heads = [(2, 64), (2, 80)] if small else [(4, 32), (4, 64), (2, 128), (2, 80)]
        self.wide = [] if small or not self.cuda else [(16, 64)]
        self.dtypes = [torch.float32]
        if self.cuda:
            self.dtypes += [torch.float16, torch.bfloat16]
        self.generator = torch.Generator().manual_seed(7)
        self.compared, self.passed = set(), True

    def draw(self, *shape, dtype, scale=1.0, mean=0.0):
        values = torch.randn(shape, generator=self.generator) * scale + mean
        return values.to(self.device, dtype)

    def offsets(self, lengths):
        return torch.tensor([0, *lengths]).cumsum(0)

    def record(self, operator, dtype, case, error, bound):
        passed = error <= bound  # not of NaN
        self.passed &= passed
        self.results.write(
            "operators", operator=operator, dtype=str(dtype).removeprefix("torch."), case=case,
            error=error if math.isfinite(error) else None, bound=bound, passed=passed,
        )  # fmt: skip
        if not passed:
            print(f"{operator} {dtype} {case}: error {error:.2e}, at most {bound:.2e}", flush=True)

    def check(self, operator, case, dtype, twin, arguments):
        """Calls an operator and its twin with the same arguments."""
        self.compared.add(operator)
        actual = getattr(torch.ops.w2vbert, operator)(*arguments)
        floating = [isinstance(x, torch.Tensor) and x.is_floating_point() for x in arguments]
        exact = twin(*(x.double() if is_float else x for x, is_float in zip(arguments, floating)))
        plain = twin(*arguments)
        if isinstance(actual, torch.Tensor):
            actual, exact, plain = [actual], [exact], [plain]
        for index, (ours, truth, expression) in enumerate(zip(actual, exact, plain)):
            name = case + (f", result {index}" if len(actual) > 1 else "")
            bound = 2 * self.distance(expression, truth) + FLOOR[ours.dtype]
            self.record(operator, dtype, name, self.distance(ours, truth), bound)

    def distance(self, actual, truth):
        if actual.shape != truth.shape or not bool(torch.isfinite(actual).all()):
            return math.inf
        scale = truth.abs().max()
        return ((actual.double() - truth).abs().max() / scale).item()

    def convolutions(self, dtype):
        for channels, kernel in [(40, 31), (64, 5), (1024, 31)]:
            total = sum(self.lengths)
            offsets = self.offsets(self.lengths)
            weight = self.draw(channels, 1, kernel, dtype=dtype, scale=kernel**-0.5)
            name = f"{channels} channels, kernel {kernel}"
            x = self.draw(total, channels, dtype=dtype)
            self.check("causal_depthwise_conv1d", name, dtype, causal_depthwise_conv1d,
                       (x, weight, offsets))  # fmt: skip
            if self.cuda:
                x = self.draw(total, 2 * channels, dtype=dtype)
                self.check("gated_causal_depthwise_conv1d", name, dtype,
                           gated_causal_depthwise_conv1d, (x, weight, offsets))  # fmt: skip

    def attentions(self, dtype):
        for heads, size in self.heads:
            for position in ("none", "relative_key", "relative"):
                for masked in (False, True):
                    self.attention(dtype, self.lengths, heads, size, position, masked)
        for heads, size in self.wide:
            for position in ("none", "relative_key", "relative"):
                self.attention(dtype, [250, 700, 399], heads, size, position, False)

    def attention(self, dtype, lengths, heads, size, position, masked):
        offsets, total, width = self.offsets(lengths), sum(lengths), heads * size
        qkv = self.draw(total, 3 * width, dtype=dtype)
        query, key, value = qkv.split(width, -1)  # side by side, as a fused projection leaves them
        mask = None
        if masked:
            valid = [torch.arange(n) < (n + 1) * 2 // 3 for n in lengths]
            valid[1][:] = False  # an utterance without any valid key
            mask = torch.cat(valid).to(self.device)
        table = projection = bias_u = bias_v = None
        left = 0
        if position == "relative_key":
            table, left = self.draw(73, size, dtype=dtype), 64
        elif position == "relative":
            projection = self.draw(2 * (max(lengths) + 3) - 1, width, dtype=dtype)
            bias_u, bias_v = (self.draw(heads, size, dtype=dtype) for _ in range(2))
        positions = (table, left, projection, bias_u, bias_v)
        case = f"{position}, {heads} heads of {size}" + (", masked" if masked else "")
        case += f", {len(lengths)} utterances to {max(lengths)}"
        weights = sum(n * n for n in lengths) * heads < 1 << 21
        self.check("relative_position_attention", case, dtype,
                   lambda *own: attention(*own[:-1]) if own[-1] else attention(*own[:-1])[:1],
                   (query, key, value, offsets, heads, mask, *positions, weights))  # fmt: skip
        if not self.cuda:
            return
        longest = max(lengths) + (3 if masked else 0)  # more than there is changes nothing
        self.check("relative_position_attention_up_to", case, dtype,
                   lambda *own: attention(*own[:-1])[0],
                   (query, key, value, offsets.to(self.device), heads, mask, *positions,
                    longest))  # fmt: skip

    def rotations(self, dtype):
        for heads, size in self.heads:
            x = self.draw(sum(self.lengths), heads * size, dtype=dtype)
            arguments = (x, self.offsets(self.lengths), heads, 10000.0)
            self.check("rotary_embedding", f"{heads} heads of {size}", dtype, rotary_embedding,
                       arguments)  # fmt: skip

    def front_ends(self):
        extractor = transformers.SeamlessM4TFeatureExtractor()
        lengths = [400, 399, 559, 560, 16000, 24123]
        offsets = self.offsets(lengths)
        samples = self.draw(sum(lengths), dtype=torch.float32, scale=0.1)
        truth = fbank(samples, offsets, extractor)
        self.compared.add("fbank")
        actual = torch.ops.w2vbert.fbank(samples, offsets, 80, 16000)
        error = (actual.double() - truth).abs().max().item()
        self.record("fbank", torch.float32, "float samples", error, FBANK_BOUND)
        if not self.cuda:
            return
        words = (samples * 32768).round().clamp(-32768, 32767).to(torch.int16)
        truth = fbank(words.double() / 32768, offsets, extractor)
        actual = torch.ops.w2vbert.fbank(words, offsets, 80, 16000)
        error = (actual.double() - truth).abs().max().item()
        self.record("fbank", torch.float32, "16-bit samples", error, FBANK_BOUND)
        self.features(words, truth, offsets)

    def features(self, words, logarithms, offsets):
        """Two clips, the second with padding around it."""
        bounds = offsets.tolist()
        frames = [max(0, 1 + (n - 400) // 160) for n in offsets.diff().tolist()]
        first = [sum(frames[:i]) for i in range(len(frames))]
        rows, clips, expected = 0, [], []
        for i, (before, after) in ((4, (0, 0)), (5, (2, 3))):
            kept = frames[i] // 2 * 2
            clips.append([bounds[i], frames[i], first[i] - first[4], rows, before, kept, after])
            rows += before + kept + after
            own = normalized(logarithms[first[i] : first[i] + frames[i]])[:kept]
            expected.append(functional.pad(own, (0, 0, before, after), value=1.5))
        self.compared.add("fbank_features")
        for dtype, number in ((torch.float32, 6), (torch.float16, 5), (torch.bfloat16, 15)):
            sizes = frames[4] + frames[5], max(frames[4:6]), rows
            actual = torch.ops.w2vbert.fbank_features(
                words, torch.tensor(clips), *sizes, 80, 16000, True, 1.5, number
            )
            error = self.distance(actual, torch.cat(expected))
            bound = 5e-4 + 8 * torch.finfo(dtype).eps
            self.record("fbank_features", dtype, "two clips", error, bound)

    def rows(self, dtype):
        for count, size in [(1, 64), (5, 1000), (67, 1024), (33, 4096)]:
            draw = lambda *shape, **more: self.draw(*shape, dtype=dtype, **more)  # noqa: E731
            y, bias, residual = draw(count, size), draw(size), draw(count, size, scale=20.0)
            weight, norm_bias = draw(size), draw(size)
            valid = (torch.arange(count) % 3 != 1).to(self.device)
            case = f"{count} rows of {size}"
            self.check("finish", case, dtype, finish, (y, bias, residual, 0.5, SILU))
            self.check("gate", case, dtype, gate, (y, bias))
            self.check("normalize", case, dtype, normalize,
                       (residual, weight, norm_bias, 1e-5, -1, valid))  # fmt: skip
            self.check("finish_and_normalize", case, dtype, finish_and_normalize,
                       (y, bias, residual, 0.5, -1, weight, norm_bias, 1e-5, SILU, None))  # fmt: skip
        for number in range(len(ACTIVATIONS)):
            y = self.draw(9, 100, dtype=dtype, scale=3.0)
            own = (y, None, None, 1.0, number)
            self.check("finish", f"activation {number}", dtype, finish, own)

    def shortened(self, dtype):
        lengths = [n + 1 for n in self.lengths]  # one row has no deviation
        offsets = self.offsets(lengths).to(self.device)
        for columns in (20, 1024):
            x = self.draw(sum(lengths), columns, dtype=dtype)
            for channels_first, conv in ((True, (3, 2, 1, 1)), (False, (5, 1, 2, 0))):
                kernel, stride, dilation, padding = conv
                rooms = [n + 2 * padding - dilation * (kernel - 1) - 1 for n in lengths]
                after = self.offsets([room // stride + 1 if room >= 0 else 0 for room in rooms])
                actual = torch.ops.w2vbert.conv_offsets(offsets, *conv)
                self.compared.add("conv_offsets")
                wrong = int((actual.cpu() != after).sum())
                self.record("conv_offsets", torch.int64, f"kernel {kernel}", wrong, 0)
                rows = int(after[-1]) + 3  # more than there are
                case = f"kernel {kernel} of {columns} columns"
                self.check("conv_windows", case, dtype, conv_windows,
                           (x, offsets, actual, rows, *conv, channels_first))  # fmt: skip
            counts = torch.tensor([max(2, 2 * n // 3) for n in lengths], device=self.device)
            for deviations in (False, True):
                case = f"{columns} columns" + (", deviations" if deviations else "")
                self.check("pool_rows", case, dtype, pool_rows, (x, offsets, counts, deviations))

    def marks(self):
        """Of an adapter's two layers of kernel 3 and stride 2, which halve lengths, rounding up."""
        offsets = self.offsets(self.lengths).to(self.device)
        halves = [(n + 1) // 2 for n in self.lengths]
        quarters = [(n + 1) // 2 for n in halves]
        valid = torch.arange(sum(self.lengths)) % 3 != 1
        counts = [int(own.sum()) for own in utterances(valid, self.offsets(self.lengths))]
        kept = [((n + 1) // 2 + 1) // 2 for n in counts]
        expected = torch.cat([torch.arange(n) < k for n, k in zip(quarters, kept)])
        after = self.offsets(quarters).to(self.device)
        actual = torch.ops.w2vbert.adapter_valid(
            valid.to(self.device), offsets, after, sum(quarters), 3, 2, 2
        )
        self.compared.add("adapter_valid")
        wrong = int((actual.cpu() != expected).sum())
        self.record("adapter_valid", torch.bool, "two layers", wrong, 0)

    def decoding(self, dtype):
        for vocabulary in (33, 1000):
            logits = self.draw(sum(self.lengths), vocabulary, dtype=dtype, scale=4.0)
            self.check("log_softmax", f"{vocabulary} tokens", dtype,
                       lambda x: x.double().log_softmax(-1), (logits,))  # fmt: skip
            best = torch.ops.w2vbert.best_tokens(logits)
            self.compared.add("best_tokens")
            # Half types have many equals, of which argmax on the CPU gives the first.
            wrong = int((best.cpu().long() != logits.cpu().argmax(-1)).sum())
            self.record("best_tokens", dtype, f"{vocabulary} tokens, differing ids", wrong, 0)
            self.greedy(logits, dtype)

    def float8(self, dtype):
        """quantize_rows, and the product that it is for, beside PyTorch's own rounding."""
        multiplies = (8, 9) <= torch.cuda.get_device_capability(self.device) < (11, 0)
        for count, size in [(1, 64), (5, 1000), (67, 1024), (33, 4096)]:
            x = self.draw(count, size, dtype=dtype)
            ours, plain = torch.ops.w2vbert.quantize_rows(x), models.round_rows(x)
            self.compared.add("quantize_rows")
            self.near("quantize_rows", dtype, f"{count} rows of {size}", x.double(),
                      *(values.double() * scales for values, scales in (ours, plain)))  # fmt: skip
            if dtype != torch.bfloat16 or not multiplies or size % 16 != 0:
                continue
            weight, bias = self.draw(size // 4, size, dtype=dtype), self.draw(size // 4, dtype=dtype)
            truth = functional.linear(x.double(), weight.double(), bias.double())
            products = (
                models.multiply_rows(*rows, *matrix, bias)
                for rows, matrix in (
                    (ours, torch.ops.w2vbert.quantize_rows(weight)),
                    (plain, models.round_rows(weight)),
                )
            )
            self.near("product of float8", dtype, f"{count} rows of {size}", truth, *products)

    def near(self, operator, dtype, case, truth, ours, plain):
        bound = 2 * self.distance(plain, truth) + FLOOR[dtype]
        self.record(operator, dtype, case, self.distance(ours, truth), bound)

    def capability(self):
        major, minor = torch.cuda.get_device_capability(self.device)
        found = torch.ops.w2vbert.compute_capability(torch.zeros(1, device=self.device))
        self.compared.add("compute_capability")
        wrong = int(found.item() != 10 * major + minor)
        self.record("compute_capability", torch.int64, "of the device", wrong, 0)

    def greedy(self, logits, dtype):
        offsets = self.offsets(self.lengths)
        results = torch.ops.w2vbert.ctc_greedy(logits, offsets, 0)
        tokens, starts, ends, counts, scores = (x.cpu() for x in results)
        self.compared.add("ctc_greedy")
        logits = logits.cpu()
        certain = logits.amax(-1).double() - logits.double().logsumexp(-1)
        wrong, worst = 0, 0.0
        for u, (begin, end) in enumerate(zip(offsets[:-1].tolist(), offsets[1:].tolist())):
            ids = logits[begin:end].argmax(-1)
            runs, lengths = torch.unique_consecutive(ids, return_counts=True)
            last = lengths.cumsum(0)
            kept = runs != 0
            expected = [x[kept] for x in (runs, last - lengths, last)]
            count = int(kept.sum())
            own = [x[begin : begin + count] for x in (tokens, starts, ends)]
            wrong += int(counts[u] != count)
            wrong += sum(int((a.long() != b).sum()) for a, b in zip(own, expected))
            truth = certain[begin:end].sum().item()
            worst = max(worst, abs(scores[u].item() - truth) / (1 + abs(truth)))
        case = f"{logits.shape[1]} tokens"
        self.record("ctc_greedy", dtype, case + ", differing ids and times", wrong, 0)
        self.record("ctc_greedy", dtype, case + ", score", worst, 1e-5)

    def all(self):
        self.front_ends()
        for dtype in self.dtypes:
            self.convolutions(dtype)
            self.attentions(dtype)
            self.rotations(dtype)
            if self.cuda:
                self.rows(dtype)
                self.shortened(dtype)
                self.decoding(dtype)
                self.float8(dtype)
        if self.cuda:
            self.marks()
            self.capability()


def load(build, device):
    torch.ops.load_library(str(build / "libw2vbert.so"))
    if device.type == "cuda":
        plugin = build / "libw2vbert_cuda.so"
        torch.ops.load_library(str(plugin))
        failure = ctypes.CDLL(str(plugin)).w2vbert_cuda_registration_failure
        failure.restype = ctypes.c_char_p
        if failure():
            raise RuntimeError(failure().decode())


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--build", type=pathlib.Path, required=True, help="folder of the libraries")
    parser.add_argument("--results", required=True, help="file that results are appended to")
    parser.add_argument("--device", type=torch.device, default=torch.device("cuda:0"))
    parser.add_argument("--small", action="store_true", help="few and small cases, for a sanitizer")
    arguments = parser.parse_args()
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    load(arguments.build, arguments.device)
    comparison = Comparison(arguments.device, work.Results(arguments.results), arguments.small)
    with torch.no_grad():
        comparison.all()
    # Those of the CPU alone, such as gradients', are the native tests' business.
    names = (name for name in torch._C._dispatch_get_all_op_names() if name.startswith("w2vbert::"))
    known = {name.partition("::")[2].partition(".")[0] for name in names}
    print(f"compared {len(comparison.compared)} operators")
    if known - comparison.compared:
        print("not compared: " + ", ".join(sorted(known - comparison.compared)))
        return 1
    return 0 if comparison.passed else 1


if __name__ == "__main__":
    sys.exit(main())
