"""The `lockflight` command."""

from __future__ import annotations

import sys


def main() -> None:
    # Asking for the version is what scripts do most often; it loads nothing else.
    if sys.argv[1:] in (["--version"], ["-V"]):
        from lockflight import __version__

        if sys.stdout is not None:
            sys.stdout.write(f"lockflight {__version__}\n")
        return
    _leave_silently_on_interruption()
    _open_what_is_closed()
    from lockflight.cli import streams
    from lockflight.cli.app import run

    streams.take_any_text()
    try:
        code = run(sys.argv[1:])
    except KeyboardInterrupt:  # pressed again while the first was being told
        _leave(0, None)
    _leave_silently_on_interruption()
    sys.exit(code)


def _leave_silently_on_interruption() -> None:
    """While modules load and while Python winds down there is nothing to tidy up, and no traceback helps."""
    import signal

    # Whoever started us with the signal ignored (nohup, a shell's '&') wants it ignored.
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, _leave)


def _leave(_signal: int, _frame: object) -> None:
    import os

    os._exit(130)


def _open_what_is_closed() -> None:
    """A stream that the caller closed leads nowhere; else the next file opened would take its place."""
    import os

    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free number, and so this one
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, "w" if number else "r", encoding="utf-8"))  # noqa: PTH123, SIM115


if __name__ == "__main__":
    main()
