"""A process that writes events to a ledger's branch: `writer.py FOLDER URL NAME COUNT`.

It prints the numbers that were its own. Half of its events are called like those of every other writer.
"""

from __future__ import annotations

import sys
from pathlib import Path

from lockflight.adapters.ledger_branch import LedgerBranch
from lockflight.adapters.system_clock import SystemClock
from lockflight.ports.ledger import NumberTaken
from lockflight.ports.ledger_event import Run
from tests.ledger.builders import event


def main(folder: str, url: str, name: str, count: str) -> None:
    ledger = LedgerBranch(url, Path(folder), SystemClock(), seconds=300, fresh_seconds=0)
    for number in range(1, int(count) + 1):
        ledger.write(event("approved", number, person=name))
        try:
            won = ledger.write(event("started", number, run=Run(owner=name)))
        except NumberTaken:
            won = False
        if won:
            print(number, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
