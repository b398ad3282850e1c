"""The digest of what a suite is, so that evidence says which tests have passed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

from lockflight.config import Suite
from lockflight.errors import InputError, Place
from lockflight.stacks.suites.reports import fitting

# What tools keep beside tests and nobody tests by; locks and evidence are lockflight's own.
_SKIPPED_FOLDERS = frozenset(
    {".git", ".lockflight", ".mypy_cache", ".pytest_cache", ".venv", "__pycache__", "node_modules"}
)
_OUR_OWN = "locks"
Ignored = Callable[[tuple[str, ...]], Collection[str]]


def definition_digest(
    suite: Suite, root: Path, *, image: str | None = None, ignored: Ignored | None = None
) -> str:
    """`sha256:…` over the RFC 8785 form of the suite's manifest entry and the files that it names.

    Covered are, by path and content:
    - for a command on this machine every word that names a file or folder inside the repository (from the
      folder that it runs in; `--config=FILE` and `tests/test_cart.py::test_add` too), and that folder itself
      where the manifest names one;
    - for an image what is mounted into it, and for every container `image`, its `registry/path@sha256:…`.

    Folders count with all below them, but for what tools leave there (`.git`, `__pycache__`, `node_modules`, …),
    `locks/`, the reports that the suite itself writes, and what `ignored` (`Git.is_ignored`) says of paths
    from the root. Of a symbolic link it counts where it points, and the file there if it is in the repository.

    Not covered is what no word names: the program itself where it is found on the PATH, what
    `make system-tests` or `python -m package` reads, versions of installed tools, variables that are inherited,
    modes of files. The compose files of a suite that is a service are covered by the lock's id.
    """
    import rfc8785

    files = sorted({path: None for start in _starts(suite, root) for path in _below(start, root)})
    kept = _without_ignored(files, ignored)
    reports = _reports(suite, root)
    data: dict[str, Any] = {
        "suite": suite.model_dump(mode="json", exclude_defaults=True),
        "files": {_writable(path): _content(root / path, root) for path in kept if path not in reports},
    }
    if suite.runs_in_a_container and image is not None:
        data["image"] = image
    return f"sha256:{hashlib.sha256(rfc8785.dumps(data)).hexdigest()}"


def _starts(suite: Suite, root: Path) -> Iterator[Path]:
    """The files and folders that the suite names."""
    yield from (root / source for source in suite.mount)
    if suite.runs_in_a_container:
        return
    directory = root / (suite.directory or ".")
    if suite.directory not in (None, "."):
        yield directory
    words = suite.command or [""]
    # A bare first word is looked for on the PATH, even where a folder is called the same.
    for word in words if "/" in words[0] else words[1:]:
        yield from (directory / part for part in _paths_in(word))


def _paths_in(word: str) -> Iterator[str]:
    """The word itself, the value of an option, and both without pytest's name of a test."""
    for text in (word, word.partition("=")[2]):
        for part in dict.fromkeys((text, text.partition("::")[0])):
            if part and "\0" not in part:
                yield part


def _below(start: Path, root: Path) -> Iterator[str]:
    """The files at or below a path, from the root; none where it lies outside or does not exist."""
    base = Path(os.path.normpath(root))
    path = Path(os.path.normpath(start))
    if not path.is_relative_to(base) or not _exists(path):
        return
    if path.is_symlink():
        yield from _if_it_is_kept(path.relative_to(base))
    real = _real(path)
    if real is None or not real.is_relative_to(base.resolve()):
        return
    # A folder is walked where it really is, so that a link in it that leads back up is met only once.
    yield from _walked(base / real.relative_to(base.resolve()), base)


def _walked(path: Path, base: Path) -> Iterator[str]:
    if not path.is_dir():
        yield from _if_it_is_kept(path.relative_to(base))
    for folder, folders, names in os.walk(path):
        here = Path(folder).relative_to(base)
        links = [name for name in folders if (base / here / name).is_symlink()]
        folders[:] = sorted(name for name in folders if name not in links and _is_kept(here / name))
        yield from ((here / name).as_posix() for name in (*names, *links) if _is_kept(here / name))


def _real(path: Path) -> Path | None:
    try:
        return path.resolve()
    except (OSError, RuntimeError):  # links that lead round in a circle lead nowhere
        return None


def _exists(path: Path) -> bool:
    try:
        path.lstat()
    except (OSError, ValueError):  # a word that is much too long for a path names none
        return False
    return True


def _if_it_is_kept(path: Path) -> Iterable[str]:
    return (path.as_posix(),) if _is_kept(path) else ()


def _is_kept(path: Path) -> bool:
    return path.parts[0] != _OUR_OWN and _SKIPPED_FOLDERS.isdisjoint(path.parts)


def _without_ignored(files: list[str], ignored: Ignored | None) -> list[str]:
    left_out = frozenset(ignored(tuple(files))) if ignored and files else frozenset()
    return [path for path in files if path not in left_out]


def _reports(suite: Suite, root: Path) -> frozenset[str]:
    """What the suite itself writes; it would otherwise be another suite after every run."""
    if suite.runs_in_a_container:
        return frozenset()
    found = (path for pattern in suite.junit for path in fitting(root, pattern))
    return frozenset(path.relative_to(root).as_posix() for path in found)


def _content(path: Path, root: Path) -> str:
    """What counts of a file; of a link where it points, and what is there if that is ours."""
    try:
        pointed = f"link to {os.fsencode(path.readlink())!r} " if path.is_symlink() else ""
        # What lies outside is anybody's; a pipe or a socket has no content.
        if not path.is_file() or not path.resolve().is_relative_to(root.resolve()):
            return f"{pointed}no file"
        with path.open("rb") as stream:
            return f"{pointed}sha256:{hashlib.file_digest(stream, 'sha256').hexdigest()}"
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", place=Place(str(path))) from error


def _writable(path: str) -> str:
    """A name that is no UTF-8, in a form that JSON can hold."""
    return os.fsencode(path).decode(errors="backslashreplace")
