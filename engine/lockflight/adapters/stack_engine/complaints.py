"""What Compose writes to stderr, taken apart: what went wrong, what it warns of, and what it only draws."""

from __future__ import annotations

import re

from lockflight import logs

_COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
# time="2026-11-21T13:37:33Z" level=warning msg="The \"V\" variable is not set. …"
_NOTICE = re.compile(r'^(?:time="[^"]*" )?level=(?:warning|info|debug|trace) msg=(?P<message>.*)$')
_DRAWING = re.compile(
    r"^\s*(?:[✔⠿⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏✘]\s*)?(?:Container|Network|Volume|Service|Image)\s+\S+\s+"
    r"(?:Creat|Start|Stopp|Remov|Wait|Health|Exit|Recreat|Runn|Kill|Pull|Skipp|Inter)\w*(?:\s+[\d.]+m?s)?\s*$"
    r"|^\s*\[\+\] \w+ing \d+/\d+"
)


def complaint(stderr: str) -> str:
    """What went wrong, in Compose's own words."""
    lines = [line.rstrip() for line in _lines(stderr) if not (_NOTICE.match(line) or _DRAWING.match(line))]
    return "\n".join(line for line in lines if line)


def warnings(stderr: str) -> list[str]:
    return [match["message"].strip('"') for line in _lines(stderr) if (match := _NOTICE.match(line))]


def _lines(text: str) -> list[str]:
    return [logs.printable(line, "\t") for line in _COLOURS.sub("", text).replace("\r", "\n").split("\n")]
