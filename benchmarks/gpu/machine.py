#!/usr/bin/env python3
"""Prints what this machine computes with, as a JSON object. usage: machine.py cuda:0|cpu"""

import json
import os
import platform
import sys

import torch
import transformers


def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()


def main():
    facts = {
        "processor": processor(),
        "processors": os.cpu_count(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "libtorch": os.path.dirname(torch.__file__),
    }
    if sys.argv[1] != "cpu":
        properties = torch.cuda.get_device_properties(sys.argv[1])
        facts |= {
            "device": properties.name,
            "memory": properties.total_memory,
            "multiprocessors": properties.multi_processor_count,
            "capability": 10 * properties.major + properties.minor,
            "cuda": torch.version.cuda,
        }
    print(json.dumps(facts))


if __name__ == "__main__":
    main()
