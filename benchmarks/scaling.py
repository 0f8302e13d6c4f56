#!/usr/bin/env python3
"""What one utterance would take on more processors than were measured.

    scaling.py SECONDS_OF_AUDIO T1 T2 GBYTES_PER_SECOND

T1 and T2 are measured seconds on one and on two threads of w2v-BERT 2.0's shape in float32. What
two threads lose against half of T1 counts as serial (waiting, norms between products, memory that
both share). The parallel part is divided as the kernels divide it: every operator has a number of
equal work items, and n threads take ceil(items / n) turns. No prediction is below the time that
reading all weights once takes at the rate given.
"""

import math
import sys

HIDDEN, INNER, LAYERS, HEADS = 1024, 4096, 24, 16
WEIGHT_BYTES = 2.32e9
LANES, GROUP, BLOCK, STEP, BLOCKS_PER_THREAD = 8, 36, 48, 12, 4  # native/w2vbert/ops/cpu/linear_impl.inc
QUERIES = 256  # of an item of attention, relative_position_attention_impl.inc


def linear_items(rows, columns, weights, gated, threads):
    """Work items of a product, as choose_block and count_items have them."""
    widest = BLOCK // 2 if gated else BLOCK
    groups = math.ceil(math.ceil(rows / LANES) / GROUP)
    wanted = math.ceil(threads * BLOCKS_PER_THREAD / (groups * weights))
    even = math.ceil(columns / (wanted * STEP)) * STEP
    block = widest if threads == 1 else min(widest, max(STEP, even))
    return groups * math.ceil(columns / block) * weights


def turns(rows, threads):
    """The longest thread's share of a layer's operations."""
    share = 0.0
    total = 0.0
    for columns, depth, weights, gated in [
        (INNER, HIDDEN, 1, False), (HIDDEN, INNER, 1, False),  # first feed-forward
        (HIDDEN, HIDDEN, 3, False), (HIDDEN, HIDDEN, 1, False),  # attention's projections
        (HIDDEN, HIDDEN, 1, True), (HIDDEN, HIDDEN, 1, False),  # convolution's
        (INNER, HIDDEN, 1, False), (HIDDEN, INNER, 1, False),
    ]:
        work = rows * columns * depth * weights * (2 if gated else 1)
        items = linear_items(rows, columns, weights, gated, threads)
        share += work * math.ceil(items / threads) / items
        total += work
    work = rows * HIDDEN * (2 * rows + 73)
    items = HEADS * math.ceil(rows / QUERIES)
    return (share + work * math.ceil(items / threads) / items) / (total + work)


def main():
    seconds, t1, t2, rate = (float(argument) for argument in sys.argv[1:5])
    rows = round(seconds * 50)
    serial = max(0.0, (t2 - turns(rows, 2) * t1) / (1 - turns(rows, 2)))
    floor = WEIGHT_BYTES / (rate * 1e9)
    print(f"serial {serial:.4f} s of {t1:.3f} s; reading the weights {floor:.4f} s")
    for threads in (1, 2, 4, 8, 16, 32, 64):
        time = max(serial + (t1 - serial) * turns(rows, threads), floor)
        print(f"{threads:3d} threads {time:8.3f} s, {t1 / time:5.1f} x")


if __name__ == "__main__":
    main()
