"""The `lockflight` command."""

from __future__ import annotations

import sys


def main() -> None:
    # Asking for the version is what scripts do most often; it loads nothing else.
    if sys.argv[1:] in (["--version"], ["-V"]):
        from lockflight import __version__

        sys.stdout.write(f"lockflight {__version__}\n")
        return
    from lockflight.cli.app import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
