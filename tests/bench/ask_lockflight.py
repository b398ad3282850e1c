"""A process that resolves the references it is given by lockflight's own adapter, and says how long that took.

Started by the benchmark: references on standard input, one a line; one JSON document on standard output.
"""

from __future__ import annotations

import json
import os
import sys
import time

from lockflight.concurrency import each
from lockflight.names import parse_reference
from lockflight.progress import Silent
from lockflight.wiring import open_registry


def main() -> None:
    references = [parse_reference(line) for line in sys.stdin.read().split()]
    started = time.perf_counter()
    registry = open_registry(os.environ, frozenset())
    answers, failures = each(registry.resolve, references, Silent(), "resolving")
    seconds = time.perf_counter() - started
    if failures:
        raise failures[0]
    print(json.dumps({"seconds": seconds, "digests": [found.digest for found in answers if found]}))


if __name__ == "__main__":
    main()
