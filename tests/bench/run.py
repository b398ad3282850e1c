"""Measure lockflight beside curl, skopeo, the Docker SDK and Compose, and print the ratios: what `make bench` runs.

This is a benchmark and no test: it fails when something does not work, and never because it was slow.
"""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

EXAMPLES = """examples:
  make bench                                  the whole measurement
  .venv/bin/python tests/bench/run.py --quick          a small one, to see whether it works
  .venv/bin/python tests/bench/run.py --only stacks    stacks alone, on the engine of this machine
  .venv/bin/python tests/bench/run.py --write-docs     and put the table into docs/performance.md
"""


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="50 images, small stacks, few rounds")
    parser.add_argument(
        "--only", nargs="+", choices=("images", "start", "memory", "stacks"), help="these parts alone"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every single time into this file")
    parser.add_argument("--write-docs", action="store_true", help="put the table into docs/performance.md")
    return parser.parse_args()


def main() -> None:
    """Run from a checkout: the modules beside this one are found from its root."""
    sys.path.insert(0, str(ROOT))
    from tests.bench.whole import run_whole

    # As for Ctrl-C: what was started is stopped and removed on the way out.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    options = arguments()
    run_whole(
        quick=options.quick,
        only=frozenset(options.only or ()),
        json_file=options.json,
        write_docs=options.write_docs,
    )


if __name__ == "__main__":
    main()
