"""A process that asks the Docker engine for the digests of the references it is given, by Docker's own SDK.

Started by the benchmark: references on standard input, one a line; one JSON document on standard output.
"""

from __future__ import annotations

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import docker

AT_ONCE = 16


def main() -> None:
    references = sys.stdin.read().split()
    started = time.perf_counter()
    client = docker.from_env(max_pool_size=AT_ONCE, timeout=60)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = list(pool.map(client.images.get_registry_data, references))
    seconds = time.perf_counter() - started
    print(json.dumps({"seconds": seconds, "digests": [data.id for data in found]}))


if __name__ == "__main__":
    main()
