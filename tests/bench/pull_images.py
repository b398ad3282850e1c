"""A process that pulls the references it is given by lockflight's own step, and says how long that took.

Started by the benchmark: references on standard input, one a line; one JSON document on standard output.
"""

from __future__ import annotations

import json
import os
import sys
import time

from lockflight.progress import Silent
from lockflight.stacks.images import pull_missing
from lockflight.wiring import connect_stack_engine


def main() -> None:
    references = sys.stdin.read().split()
    started = time.perf_counter()
    pulled = pull_missing(connect_stack_engine(os.environ), dict.fromkeys(references), Silent())
    seconds = time.perf_counter() - started
    print(json.dumps({"seconds": seconds, "pulled": len(pulled)}))


if __name__ == "__main__":
    main()
