"""What a run of the model has to compute, and the report of a run: all that needs no PyTorch."""

import json
import statistics

# Shape of facebook/w2v-bert-2.0; layers and vocabulary are those of the model that is measured.
HIDDEN, INNER, FEATURES, TAPS, DISTANCES = 1024, 4096, 160, 31, 73

DTYPE_BYTES = {"float64": 8, "float32": 4, "float16": 2, "bfloat16": 2}
# float8: feed-forwards, queries and keys, and the gate of a convolution; the rest is bfloat16.
FLOAT8_OF_LAYER = 4 * HIDDEN * INNER + 4 * HIDDEN * HIDDEN


def flops(times, layers, vocabulary):
    """Multiplications and additions from features to logits of utterances of `times` rows.

    Counted are products and convolutions, without padding: two feed-forwards of two products, four
    projections of attention, the convolution module's gate (two) and output, its taps, the two
    products of attention with the Shaw positions as 73 columns, the feature projection and the head.
    Norms, activations and the softmax are not.
    """
    rows = sum(times)
    squares = sum(time * time for time in times)
    products = 4 * HIDDEN * INNER + (4 + 3) * HIDDEN * HIDDEN
    layer = rows * (products + HIDDEN * (TAPS + DISTANCES)) + 2 * squares * HIDDEN
    return 2 * (layers * layer + rows * HIDDEN * (FEATURES + vocabulary))


def weight_count(layers, vocabulary):
    """Parameters that a forward pass reads."""
    feed_forward = 2 * HIDDEN * INNER + INNER + HIDDEN
    attention = 4 * (HIDDEN * HIDDEN + HIDDEN) + DISTANCES * 64
    convolution = 3 * HIDDEN * HIDDEN + HIDDEN * TAPS
    norms = 6 * 2 * HIDDEN  # of two feed-forwards, attention, convolution (two), and the last one
    head = FEATURES * 2 + (FEATURES + 1) * HIDDEN + (HIDDEN + 1) * vocabulary
    return layers * (2 * feed_forward + attention + convolution + norms) + head


def least_bytes(times, layers, vocabulary, dtype):
    """What must cross the memory bus at least: weights once, features in, logits out."""
    values = weight_count(layers, vocabulary) + sum(times) * (FEATURES + vocabulary)
    if dtype == "float8":
        return values * DTYPE_BYTES["bfloat16"] - layers * FLOAT8_OF_LAYER
    return values * DTYPE_BYTES[dtype]


def floor(times, layers, vocabulary, dtype, ceilings):
    """The least milliseconds at the measured ceilings, and which of them is the bound.

    ceilings: {"flops": per second, "bytes": per second}
    """
    matrix = flops(times, layers, vocabulary) / ceilings["flops"] * 1e3
    memory = least_bytes(times, layers, vocabulary, dtype) / ceilings["bytes"] * 1e3
    return (matrix, "matrix") if matrix >= memory else (memory, "memory")


class Results:
    """A file of results, one JSON object a line, which is complete whenever a run ends."""

    def __init__(self, path):
        self.path = path

    def write(self, stage, **fields):
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps({"stage": stage, **fields}) + "\n")


def read_results(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def table(columns, rows):
    """A Markdown table; a column's alignment is its second member."""
    lines = [
        "| " + " | ".join(name for name, _ in columns) + " |",
        "|" + "|".join("---:" if right else "---" for _, right in columns) + "|",
    ]
    return lines + ["| " + " | ".join(row) + " |" for row in rows]


def number(value, digits=3):
    """With so many significant digits; empty if there is none."""
    if value is None:
        return ""
    if value == 0 or not 1e-3 <= abs(value) < 1e5:
        return f"{value:.{digits - 1}g}" if value == 0 else f"{value:.{digits - 1}e}"
    magnitude = f"{abs(value):.{digits - 1}e}"
    decimals = max(0, digits - 1 - int(magnitude.partition("e")[2]))
    return f"{value:.{decimals}f}"


def verdict(passed):
    return "yes" if passed else "**no**"


def of_stage(results, stage):
    return [result for result in results if result["stage"] == stage]


def timing_rows(results):
    """What was timed, a row for each case and type."""
    ceilings = {}
    for ceiling in of_stage(results, "ceiling"):
        ceilings.setdefault(ceiling["dtype"], {})[ceiling["what"]] = ceiling["per_second"]
    cases = {}
    for result in of_stage(results, "timing"):
        case = cases.setdefault((result["dtype"], result["case"]), {})
        case[result["who"]] = result
    rows = []
    for (dtype, name), case in cases.items():
        ours = case.get("w2vbert", {})
        peers = {
            who: statistics.median(result["features_to_logits_ms"])
            for who, result in case.items()
            if who != "w2vbert" and result.get("features_to_logits_ms")
        }
        whole_peers = [
            statistics.median(result["samples_to_tokens_ms"])
            for who, result in case.items()
            if who != "w2vbert" and result.get("samples_to_tokens_ms")
        ]
        row = {
            "dtype": dtype,
            "case": name,
            "failure": ours.get("failure") or "",
            "peers": {who: case[who].get("failure") for who in case if who != "w2vbert"},
            "peer_ms": peers,
        }
        if ours.get("features_to_logits_ms"):
            whole = statistics.median(ours["samples_to_tokens_ms"])
            model = statistics.median(ours["features_to_logits_ms"])
            row |= {"whole_ms": whole, "model_ms": model, "peak_bytes": ours.get("peak_bytes")}
            if peers:
                row["ratio"] = min(peers.values()) / model
            if whole_peers:
                row["whole_ratio"] = min(whole_peers) / whole
            if {"flops", "bytes"} <= ceilings.get(dtype, {}).keys():
                shape = ours["time"], ours["layers"], ours["vocabulary"]
                at = ceilings[dtype]
                row["matrix_share"] = flops(*shape) / (model * 1e-3) / at["flops"]
                row["memory_share"] = least_bytes(*shape, dtype) / (model * 1e-3) / at["bytes"]
                row["floor_ms"], row["bound"] = floor(*shape, dtype, at)
        rows.append(row)
    return rows


def percent(value):
    return "" if value is None else f"{100 * value:.0f} %"


def timing_table(results):
    rows = timing_rows(results)
    peers = sorted({who for row in rows for who in row["peers"]})
    title = "Medians; work is counted without padding."
    columns = [("type", False), ("case", False), ("PCM to tokens, ms", True)]
    columns += [("features to logits, ms", True), ("of matrix peak", True), ("of bandwidth", True)]
    columns += [("floor, ms", True), ("peak memory, GB", True)]
    columns += [(f"{who}, ms", True) for who in peers]
    columns += [("best peer by ours", True), ("with front end", True)]
    lines = []
    for row in rows:
        memory = row.get("peak_bytes")
        bound = f"{number(row['floor_ms'], 2)} ({row['bound']})" if "bound" in row else ""
        lines.append(
            [
                row["dtype"],
                row["case"],
                row["failure"] or number(row.get("whole_ms")),
                number(row.get("model_ms")),
                percent(row.get("matrix_share")),
                percent(row.get("memory_share")),
                bound,
                number(memory / 1e9) if memory else "",
                *(number(row["peer_ms"].get(who)) or row["peers"].get(who) or "" for who in peers),
                number(row.get("ratio"), 2),
                number(row.get("whole_ratio"), 2),
            ]
        )
    return [title, "", *table(columns, lines)]


def share_of_bound(result):
    """Above 1 if an operator did not pass; an error of None is not finite."""
    error, bound = result["error"], result["bound"]
    if error is None:
        return float("inf")
    return error / bound if bound > 0 else error


def stage_table(stages):
    columns = [("stage", False), ("seconds", True), ("passed", False), ("", False)]
    return table(
        columns,
        [
            [each["name"], f"{each['seconds']:.0f}", verdict(each["passed"]), each.get("note", "")]
            for each in stages
        ],
    )


def operator_table(operators):
    by_type = {}
    for each in operators:
        by_type.setdefault((each["operator"], each["dtype"]), []).append(each)
    columns = [("operator", False), ("type", False), ("cases", True), ("error", True)]
    columns += [("bound", True), ("case", False), ("passed", False)]
    rows = []
    for key, cases in by_type.items():
        at = max(cases, key=share_of_bound)
        numbers = number(at["error"], 2), number(at["bound"], 2)
        rows.append([*key, str(len(cases)), *numbers, at["case"], verdict(at["passed"])])
    title = "Operators against float64, the worst of all cases (errors by the largest element):"
    return [title, "", *table(columns, rows)]


def logits_table(logits):
    columns = [("type", False), ("case", False), ("who", False), ("rms error", True)]
    columns += [("largest", True), ("passed", False)]
    rows = []
    for each in logits:
        who = each["who"] + (f": {each['failure']}" if each.get("failure") else "")
        numbers = number(each.get("rms"), 2), number(each.get("largest"), 2)
        passed = verdict(each["passed"]) if "passed" in each else ""
        rows.append([each["dtype"], each["case"], who, *numbers, passed])
    title = "Logits against transformers in float64 (by their root mean square):"
    return [title, "", *table(columns, rows)]


def ceiling_table(ceilings):
    units = {"flops": ("matrix product", 1e12, "TFLOP"), "bytes": ("copy, both ways", 1e9, "GB")}
    rows = []
    for each in ceilings:
        what, scale, unit = units[each["what"]]
        rows.append([what, each["dtype"], f"{number(each['per_second'] / scale)} {unit}"])
    return table([("ceiling", False), ("type", False), ("per second", True)], rows)


def report(results):
    """The results of a run as Markdown; only what was run has a table."""
    lines = []
    for machine in of_stage(results, "machine"):
        facts = (f"{key} {value}" for key, value in machine.items() if key != "stage")
        lines += [", ".join(facts), ""]
    for stage, make in (
        ("run", stage_table),
        ("operators", operator_table),
        ("model", logits_table),
        ("ceiling", ceiling_table),
        ("timing", lambda _: timing_table(results)),
    ):
        own = of_stage(results, stage)
        lines += [*make(own), ""] if own else []
    return "\n".join(lines)
