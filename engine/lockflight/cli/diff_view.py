"""A difference of two locks, as text, as Markdown, and as data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lockflight.cli.show import named, short_digest
from lockflight.cli.tables import code, markdown, markdown_table, plural, table, terminal_width
from lockflight.locks.diff import LockDiff, ServiceChange
from lockflight.locks.model import LockedImage, LockedService
from lockflight.logs import printable
from lockflight.ports.git import CommitLine

_SHOWN_COMMITS = 10
_ARROW = " → "
# A table of this width is never cut.
_UNLIMITED = 1_000_000
_HEADER = ["SERVICE", "CHANGE", "VERSION", "COMMIT", "DIGEST", "API"]


def as_text(diff: LockDiff) -> str:
    """For a person at a terminal."""
    if diff.is_empty:
        return _nothing(diff)
    parts = [_heading(diff)]
    if diff.services:
        parts.append(_service_text(diff.services))
        parts.append(_commit_text(diff.services))
    if diff.images:
        parts.append(_image_text(diff))
    if diff.config:
        parts.append(table(["CONFIGURATION", "CHANGE"], [[c.path, c.kind] for c in diff.config]))
    return "\n".join(part for part in parts if part)


def as_markdown(diff: LockDiff) -> str:
    """For the comment of a pull request."""
    if diff.is_empty:
        return _nothing(diff)
    parts = [f"**{_summary(diff)}** `{diff.old.id[:12]}` → `{diff.new.id[:12]}`\n"]
    if diff.services:
        rows = [
            [code(cell) if n in (0, 3, 4) else cell for n, cell in enumerate(_row(c))] for c in diff.services
        ]
        parts.append(markdown_table([title.capitalize() for title in _HEADER], rows))
        items = [_words_item(change) for change in diff.services if _words(change)]
        parts += ["\n".join(items) + "\n"] if items else []
        parts += [_commit_details(change) for change in diff.services if change.commits or change.dropped]
    if diff.images:
        parts.append(markdown_table(["Third-party image", "Change", "Image"], _image_rows(diff)))
    if diff.config:
        parts.append(markdown_table(["Configuration", "Change"], [[c.path, c.kind] for c in diff.config]))
    return "\n".join(parts)


def as_data(diff: LockDiff) -> dict[str, Any]:
    """For a program."""
    return {
        "old": diff.old.id,
        "new": diff.new.id,
        "unchanged": diff.unchanged,
        "services": [_service_data(change) for change in diff.services],
        "images": [
            {"name": c.name, "change": c.kind, "old": _data(c.old), "new": _data(c.new)} for c in diff.images
        ],
        "config": [{"path": c.path, "change": c.kind, "old": c.old, "new": c.new} for c in diff.config],
    }


def _service_data(change: ServiceChange) -> dict[str, Any]:
    return {
        "service": change.service,
        "change": change.kind,
        "fields": list(change.fields),
        "old": _data(change.old),
        "new": _data(change.new),
        "commits": _commit_data(change.commits),
        "dropped": _commit_data(change.dropped),
    }


def _commit_data(commits: Sequence[CommitLine] | None) -> list[dict[str, str]] | None:
    if commits is None:
        return None
    return [{"commit": c.commit, "author": c.author, "subject": c.subject} for c in commits]


def _data(locked: LockedService | LockedImage | None) -> dict[str, Any] | None:
    return (
        None if locked is None else locked.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    )


def _nothing(diff: LockDiff) -> str:
    same = "the same lock" if diff.old.id == diff.new.id else "no difference in what is deployed"
    return f"{same}: {plural(diff.unchanged, 'service')} unchanged ({diff.new.id[:12]})\n"


def _heading(diff: LockDiff) -> str:
    return f"{_summary(diff)}\n{diff.old.id[:12]} → {diff.new.id[:12]}\n"


def _summary(diff: LockDiff) -> str:
    counts = [
        f"{sum(change.kind == kind for change in diff.services)} {kind}"
        for kind in ("added", "removed", "changed")
        if any(change.kind == kind for change in diff.services)
    ]
    counted = ", ".join(counts) or "no service changed"
    return f"{counted}, {diff.unchanged} unchanged"


def _row(change: ServiceChange) -> list[str]:
    old, new = change.old, change.new
    return [
        change.service,
        "goes back" if change.goes_back else change.kind,
        _arrow(old.version if old else None, new.version if new else None),
        _arrow(old.commit[:12] if old else None, new.commit[:12] if new else None),
        _arrow(_digest(old), _digest(new)),
        _api(old, new),
    ]


def _service_text(changes: Sequence[ServiceChange]) -> str:
    """A table, and below it what stands in no column; where it is too wide, one list for each service."""
    width = terminal_width() or _UNLIMITED
    whole = table(_HEADER, [_row(change) for change in changes], width=_UNLIMITED)
    words = [line for change in changes for line in _said_of(change, width)]
    if _fits(whole, width):
        return whole + "".join(f"{line}\n" for line in ["", *words] if words)
    return _list(_HEADER, [(_row(change), _words(change)) for change in changes], width)


def _image_text(diff: LockDiff) -> str:
    width = terminal_width() or _UNLIMITED
    header, rows = ["THIRD-PARTY IMAGE", "CHANGE", "IMAGE"], _image_rows(diff)
    whole = table(header, rows, width=_UNLIMITED)
    return whole if _fits(whole, width) else _list(header, [(row, []) for row in rows], width)


def _fits(text: str, width: int) -> bool:
    return max(map(len, text.splitlines())) <= width


def _list(
    header: Sequence[str], rows: Sequence[tuple[Sequence[str], Sequence[tuple[str, str]]]], width: int
) -> str:
    """Each row as a list of what differs in it, with neither value cut."""
    lines = ["  ".join(header[:2])]
    for (name, kind, *cells), words in rows:
        lines.append(f"{printable(name)}  {kind}")
        named = zip((title.lower() for title in header[2:]), cells, strict=True)
        told = [*((title, cell) for title, cell in named if _is_change(cell)), *words]
        label = max((len(what) for what, _ in told), default=0)
        lines += [
            line for what, values in told for line in _value_lines(f"  {what:{label}}  ", values, width)
        ]
    return "\n".join(lines) + "\n"


def _is_change(cell: str) -> bool:
    return _ARROW in cell or cell in ("added", "removed", "changed")


def _value_lines(label: str, values: str, width: int) -> list[str]:
    """The label and the values; the new one below the old one where both have no room beside each other."""
    shown = printable(values)
    old, arrow, new = shown.partition(_ARROW)
    if len(label) + len(shown) <= width or not arrow:
        return [label + shown]
    return [label + old, " " * (len(label) - 2) + f"→ {new}"]


def _words(change: ServiceChange) -> list[tuple[str, str]]:
    """What has changed and stands in no column, as what it is and both its values."""
    old, new = change.old, change.new
    if old is None or new is None:
        return []
    told = [(_called(name), _arrow(getattr(old, name), getattr(new, name))) for name in _told_apart(change)]
    if "platforms" in change.fields:
        told += _platform_words(old, new)
    if old.api and new.api and old.api.path != new.api.path:
        told.append(("api path", _arrow(old.api.path, new.api.path)))
    return told


def _told_apart(change: ServiceChange) -> list[str]:
    """A tag that moves on with its commit is no news beside it."""
    names = [name for name in ("image", "tag", "media_type") if name in change.fields]
    return [name for name in names if name != "tag" or "commit" not in change.fields]


def _platform_words(old: LockedService, new: LockedService) -> list[tuple[str, str]]:
    before, after = old.platforms, new.platforms
    told = [
        (word, ", ".join(sorted(names)))
        for word, names in (
            ("platforms added", after.keys() - before.keys()),
            ("platforms removed", before.keys() - after.keys()),
        )
        if names
    ]
    if old.digest == new.digest:
        told += [
            (platform, _arrow(short_digest(before[platform]), short_digest(after[platform])))
            for platform in sorted(before.keys() & after.keys())
            if before[platform] != after[platform]
        ]
    return told


def _called(field: str) -> str:
    return field.replace("_", " ")


def _said_of(change: ServiceChange, width: int) -> list[str]:
    return [
        line
        for what, values in _words(change)
        for line in _value_lines(f"{change.service}: {what} ", values, width)
    ]


def _words_item(change: ServiceChange) -> str:
    told = "; ".join(f"{markdown(what)} {code(values)}" for what, values in _words(change))
    return f"- {code(change.service)}: {told}"


def _digest(service: LockedService | None) -> str | None:
    return short_digest(service.digest) if service and service.digest else None


def _arrow(old: str | None, new: str | None) -> str:
    if old == new:
        return old or "-"
    return f"{old or '-'}{_ARROW}{new or '-'}"


def _api(old: LockedService | None, new: LockedService | None) -> str:
    before, after = (old and old.api), (new and new.api)
    if before == after:
        return "-" if after is None else "same"
    if before is None:
        return "added"
    return "removed" if after is None else "changed"


def _image_rows(diff: LockDiff) -> list[list[str]]:
    return [[c.name, c.kind, _arrow(_image(c.old), _image(c.new))] for c in diff.images]


def _image(image: LockedImage | None) -> str | None:
    return f"{named(image.image, image.tag)} {short_digest(image.digest)}" if image else None


def _commit_text(changes: Sequence[ServiceChange]) -> str:
    lines: list[str] = []
    for change in changes:
        for title, commits in (("", change.commits), (" loses", change.dropped)):
            if commits:
                lines.append(f"{change.service}{title} ({plural(len(commits), 'commit')})")
                lines += [f"  {c.commit[:12]} {c.subject} ({c.author})" for c in commits[:_SHOWN_COMMITS]]
                lines += _more(commits, "  … and {} more")
        if change.commits is None and change.kind == "changed" and "commit" in change.fields:
            lines.append(f"{change.service}: no checkout at hand to name the commits between")
    return "\n".join(lines) + "\n" if lines else ""


def _more(commits: Sequence[CommitLine], form: str) -> list[str]:
    return [form.format(len(commits) - _SHOWN_COMMITS)] if len(commits) > _SHOWN_COMMITS else []


def _commit_details(change: ServiceChange) -> str:
    count = len(change.commits or ())
    title = f"{markdown(change.service)}: {plural(count, 'commit')}"
    title += f", loses {len(change.dropped)}" if change.dropped else ""
    lines = [f"<details><summary>{title}</summary>", ""]
    lines += [_commit_item(c) for c in (change.commits or ())[:_SHOWN_COMMITS]]
    lines += _more(change.commits or (), "- … and {} more")
    if change.dropped:
        lines += ["", "No longer in it:", "", *[_commit_item(c) for c in change.dropped[:_SHOWN_COMMITS]]]
    return "\n".join([*lines, "", "</details>", ""])


def _commit_item(commit: CommitLine) -> str:
    return f"- {code(commit.commit[:12])} {markdown(commit.subject)} ({markdown(commit.author)})"
