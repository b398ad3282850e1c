"""Git through its own command, reading only: nothing is checked out and no configuration is changed.

What is read may be somebody's pull request, so nothing in it is trusted to name a place or a program: paths
stay below the manifest's folder, and git runs as `git_process` says. Histories that are not at hand come
from `git_store`.
"""

from __future__ import annotations

import os
import posixpath
import re
import shlex
from collections import deque
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from lockflight import names
from lockflight.adapters.git_process import Answer, local_environment, run, stop_children
from lockflight.adapters.git_store import GitStore, Remote
from lockflight.errors import InputError, OutsideError
from lockflight.ports.git import Change, CommitLine, Head, Submodule, SubmoduleChange

__all__ = ["GitCli", "stop_children"]

_GITLINK = "160000"
# As many as Linux follows; a path with more leads in a circle.
_MOST_LINKS = 40
# The last second that a date of Python can tell.
_LAST_SECOND = 253_402_300_799


class GitCli:
    """The repository around a manifest's folder; that folder may lie below the repository's root."""

    def __init__(self, folder: Path, scratch: Path | None = None) -> None:
        self._folder = folder
        self._store = GitStore(scratch or folder / ".lockflight" / "git")

    def head(self) -> Head | None:
        return self._head

    def submodules(self) -> tuple[Submodule, ...]:
        if self.head() is None:
            return ()
        described = self._descriptions
        origin = self._origin
        found = []
        for entry in self._checked("ls-tree", "-r", "-z", "HEAD").entries:
            if entry.startswith(f"{_GITLINK} "):
                meta, path = entry.split("\t", 1)
                described_as = described.get(f"{self._prefix}{path}", {})
                found.append(_submodule(path, meta.split()[2], described_as, origin))
        return tuple(found)

    def submodule_changes(self) -> tuple[SubmoduleChange, ...]:
        if self.head() is None:
            return ()
        # Without renames, a submodule that was moved is one that is staged to go and one that is new.
        options = ("--no-renames", "--untracked-files=no", "--ignore-submodules=untracked")
        status = self._checked("status", "--porcelain=v2", "-z", *options)
        found = [self._change(entry) for entry in status.entries]
        return tuple(change for change in found if change is not None)

    def last_change(self, path: str) -> str | None:
        path = _inside(path)
        commit = self._checked("rev-list", "-1", "HEAD", "--", path).text
        if not commit or commit in self._shallow_ends():
            return None
        within = posixpath.normpath(f"{self._prefix}{path}")
        there = self._local("rev-parse", "--verify", "--quiet", f"HEAD:{'' if within == '.' else within}")
        return commit if there.code == 0 else None

    def is_clean(self, path: str) -> bool:
        return not self._checked("status", "--porcelain", "--untracked-files=no", "--", _inside(path)).output

    def remote_commit(self, url: str, ref: str) -> str | None:
        if names.is_commit(ref):
            return ref
        wanted = [ref] if ref.startswith("refs/") else [f"refs/heads/{ref}", f"refs/tags/{ref}"]
        wanted += [f"{name}^{{}}" for name in wanted if name.startswith("refs/tags/")]
        found = self._remote(url).refs(*wanted)
        # An annotated tag's own id is not the commit; the peeled line is.
        order = sorted(
            wanted, key=lambda name: (not name.startswith("refs/heads/"), not name.endswith("^{}"))
        )
        return next((found[name] for name in order if name in found), None)

    def on_branch(self, commit: str, branch: str, path: str | None, url: str | None) -> bool | None:
        here = self._on_local_branch(_full(commit), branch, path) if path is not None else None
        return here if here or not url else self._on_remote_branch(commit, branch, url)

    def branches(self, url: str) -> tuple[str, ...]:
        heads = "refs/heads/"
        found = self._remote(url).refs(f"{heads}*")
        return tuple(sorted(ref.removeprefix(heads) for ref in found if ref.startswith(heads)))

    def has_commit(self, path: str | None, commit: str) -> bool | None:
        where = self._repository(path)
        if where is None:
            return None
        return run([*where, "cat-file", "-e", f"{_full(commit)}^{{commit}}"]).code == 0

    def commits_between(
        self, path: str | None, old: str, new: str, below: str | None = None
    ) -> tuple[CommitLine, ...] | None:
        where = self._repository(path)
        if where is None:
            return None
        paths = [] if below is None else [_inside(below)]
        # Names and subjects may hold every character but NUL.
        options = ["-z", "--no-show-signature", "--max-count=200", "--format=tformat:%H%x00%an%x00%s"]
        said = run([*where, "log", *options, f"{_full(old)}..{_full(new)}", "--", *paths])
        if said.code:
            return None
        parts = said.output.decode(errors="replace").split("\0")[:-1]
        return tuple(CommitLine(*line) for line in zip(parts[0::3], parts[1::3], parts[2::3], strict=True))

    def file_at(self, path: str | None, commit: str, file: str) -> bytes | None:
        where = self._repository(path)
        if where is None:
            return None
        said = run([*where, "cat-file", "blob", f"{_full(commit)}:{_inside(file)}"])
        return None if said.code else said.output

    def is_ignored(self, paths: tuple[str, ...]) -> frozenset[str]:
        if self._prefix is None:
            return frozenset()
        # Git answers for no path beyond a link or in a submodule, and then for none after it either: so
        # each is asked of the repository that it really lies in.
        groups: dict[str | None, dict[str, set[str]]] = {}
        for path in paths:
            for place in self._places(path):
                module = self._module_of(place)
                within = place if module is None else place.removeprefix(f"{module}/")
                groups.setdefault(module, {}).setdefault(within, set()).add(path)
        found: set[str] = set()
        for module, asked in groups.items():
            for within in self._ignored_by(module, tuple(asked)):
                found |= asked[within]
        return frozenset(found)

    def inside_submodules(self, paths: tuple[str, ...]) -> dict[str, str]:
        if self._prefix is None:
            return {}
        modules = {path: self._module_on_the_way(path) for path in paths}
        start = self._prefix or "."
        return {path: posixpath.relpath(module, start) for path, module in modules.items() if module}

    @cached_property
    def _prefix(self) -> str | None:
        """The folder's path from the repository's root (`deploy/`), or None outside a repository."""
        said = self._local("rev-parse", "--show-prefix")
        if said.code == 0:
            return said.output.decode(errors="surrogateescape").rstrip("\n")
        if "not a git repository" in said.complaint:
            return None
        raise self._unusable(said.complaint)

    @cached_property
    def _root(self) -> Path:
        """The top folder of the repository, without links on the way."""
        said = self._checked("rev-parse", "--show-toplevel")
        return _real(Path(said.output.decode(errors="surrogateescape").rstrip("\n")))

    @cached_property
    def _head(self) -> Head | None:
        """Read once: one run of a command speaks of one commit, whatever happens beside it."""
        if self._prefix is None:
            return None
        said = self._local("log", "-1", "-z", "--no-show-signature", "--format=tformat:%H %ct", "HEAD", "--")
        if said.code:
            return None
        commit, _, seconds = said.entries[0].partition(" ")
        branch = self._local("symbolic-ref", "--quiet", "--short", "HEAD")
        return Head(
            commit=commit,
            ref=branch.text or None,
            repository=names.without_credentials(self._origin) or None,
            committed=_time(seconds),
        )

    @cached_property
    def _origin(self) -> str:
        return self._local("config", "--get", "remote.origin.url").text

    @cached_property
    def _ssh_command(self) -> str | None:
        # The last of them is the one that lockflight sets for what it reads here.
        theirs = self._local("config", "--get-all", "core.sshCommand").text.splitlines()[:-1]
        return theirs[-1] if theirs else None

    @cached_property
    def _descriptions(self) -> dict[str, dict[str, str]]:
        """What the committed .gitmodules says, by path."""
        said = self._local("config", "--blob", "HEAD:.gitmodules", "-z", "--list")
        by_name: dict[str, dict[str, str]] = {}
        for entry in said.entries if said.code == 0 else ():
            key, _, value = entry.partition("\n")
            match = re.fullmatch(r"submodule\.(.+)\.(path|url|branch)", key, re.DOTALL)
            # As git itself does: a name is a folder below `.git/modules`, and must not lead out of there.
            if match and _stays_inside(match.group(1)):
                by_name.setdefault(match.group(1), {"name": match.group(1)})[match.group(2)] = value
        return {entry["path"]: entry for entry in by_name.values() if "path" in entry}

    @cached_property
    def _gitlinks(self) -> frozenset[str]:
        """Where submodules are, staged or committed, from the repository's root."""
        staged = run(["-C", str(self._root), "ls-files", "--stage", "-z"])
        if staged.code:
            raise self._unusable(staged.complaint)
        entries = staged.entries
        if self.head() is not None:
            committed = run(["-C", str(self._root), "ls-tree", "-r", "-z", "HEAD"])
            entries += committed.entries if committed.code == 0 else []
        return frozenset(entry.split("\t", 1)[1] for entry in entries if entry.startswith(f"{_GITLINK} "))

    def _places(self, path: str) -> Iterable[str]:
        """Where a path really lies, and the first link on the way there, from the repository's root."""
        folder = _real(self._folder)
        given = Path(os.path.normpath(folder / path))
        link = next((part for part in reversed(given.parents) if part != folder and part.is_symlink()), None)
        parent = _real(given.parent)
        # A link that leads back to itself leads nowhere, and there is nothing to ask beyond it.
        really = None if parent.is_symlink() else parent / given.name
        for place in (really, link):
            if place is not None and place != self._root and place.is_relative_to(self._root):
                yield place.relative_to(self._root).as_posix()

    def _ignored_by(self, module: str | None, paths: tuple[str, ...]) -> Iterable[str]:
        if module is None:
            return _ignored_in(self._root, paths)
        inner = GitCli(self._root / module)
        # Where nothing is checked out, git finds the repository around it, or none.
        return inner.is_ignored(paths) if inner._prefix == "" and inner._root != self._root else ()

    def _module_of(self, place: str) -> str | None:
        return next((link for link in self._gitlinks if place.startswith(f"{link}/")), None)

    def _module_on_the_way(self, path: str) -> str | None:
        """The first submodule that is entered where a path is followed: what comes then is that one's to say."""
        for place in _followed(_real(self._folder), path):
            if place.is_relative_to(self._root):
                module = self._module_of(place.relative_to(self._root).as_posix())
                if module is not None:
                    return module
        return None

    def _change(self, entry: str) -> SubmoduleChange | None:
        prefix = self._prefix or ""
        kind, _, rest = entry.partition(" ")
        if kind == "u":
            _, _, *modes, _, _, _, path = rest.split(" ", 9)
            if _GITLINK not in modes or not path.startswith(prefix):
                return None
            return SubmoduleChange(path.removeprefix(prefix), Change.CONFLICT, "see 'git status'")
        if kind != "1":
            return None
        states, inner, *modes, head, staged, path = rest.split(" ", 7)
        if _GITLINK not in modes[:2] or not path.startswith(prefix):
            return None
        path = path.removeprefix(prefix)
        if states[0] != ".":
            return SubmoduleChange(path, Change.STAGED, _staged(modes, head, staged))
        if states[1] == "D":  # its folder is gone: it is not checked out
            return None
        return self._change_on_disk(path, inner, head)

    def _change_on_disk(self, path: str, inner: str, head: str) -> SubmoduleChange:
        if inner[:2] == "SC":
            checked_out = run(["-C", str(self._folder / path), "rev-parse", "HEAD"]).text
            detail = f"{head[:12]} is committed, {checked_out[:12]} is checked out"
            return SubmoduleChange(path, Change.LOCAL_COMMITS, detail)
        return SubmoduleChange(path, Change.LOCAL_CHANGES, "see 'git status' in it")

    def _shallow_ends(self) -> frozenset[str]:
        """Commits whose parents were cut off: they look as if they had touched every file."""
        file = self._checked("rev-parse", "--git-path", "shallow").text
        try:
            return frozenset((self._folder / file).read_text().split())
        except FileNotFoundError:
            return frozenset()

    def _repository(self, path: str | None) -> list[str] | None:
        """How to reach the repository at a path: its checkout, or what git keeps of an absorbed submodule."""
        if path is None or _inside(path) == ".":
            return ["-C", str(self._folder)] if self._prefix is not None else None
        checkout = self._folder / path
        if not _real(checkout).is_relative_to(_real(self._folder)):
            return None
        if (checkout / ".git").exists():
            return ["-C", str(checkout)]
        name = self._descriptions.get(f"{self._prefix}{path}", {}).get("name", path)
        return self._kept(name)

    def _kept(self, name: str) -> list[str] | None:
        said = self._local("rev-parse", "--git-path", "modules")
        if said.code:
            return None
        modules = _real(self._folder / said.output.decode(errors="surrogateescape").rstrip("\n"))
        kept = _real(modules / name)
        if kept == modules or not kept.is_relative_to(modules) or not (kept / "HEAD").is_file():
            return None
        return ["--git-dir", str(kept)]

    def _on_local_branch(self, commit: str, branch: str, path: str) -> bool | None:
        where = self._repository(path)
        if where is None:
            return None
        for ref in (f"refs/remotes/origin/{branch}", f"refs/heads/{branch}"):
            if run([*where, "rev-parse", "--verify", "--quiet", ref]).code == 0:
                return _is_ancestor(where, commit, ref)
        return None

    def _on_remote_branch(self, commit: str, branch: str, url: str) -> bool:
        remote = self._remote(url)
        ref = f"refs/heads/{branch}"
        tip = remote.refs(ref).get(ref)
        if tip is None or tip == _full(commit):
            return tip is not None
        return self._store.has_on_branch(remote, branch, commit, tip)

    def _remote(self, url: str) -> Remote:
        return Remote(url, self._folder, self._ssh_command)

    def _local(self, *arguments: str) -> Answer:
        return run(["-C", str(self._folder), *arguments])

    def _checked(self, *arguments: str) -> Answer:
        said = self._local(*arguments)
        if said.code:
            raise self._unusable(said.complaint or f"git {arguments[0]} failed")
        return said

    def _unusable(self, complaint: str) -> OutsideError | InputError:
        if "dubious ownership" in complaint:
            named = re.search(r"dubious ownership in repository at '(.*)'", complaint)
            owned = named.group(1) if named else str(_real(self._folder))
            return InputError(
                "git does not trust this repository: it belongs to another user",
                hint=f"git config --global --add safe.directory {shlex.quote(owned)}",
            )
        return _unreadable(complaint)


def _real(path: Path) -> Path:
    """Without links; one that leads back to itself stays as it is."""
    return Path(os.path.realpath(path))


def _followed(folder: Path, path: str) -> Iterator[Path]:
    """Every place on the way to a path, as the system finds it, link by link; what is not there is no link."""
    left = deque(Path(os.path.normpath(path)).parts)
    links = 0
    while left:
        place = Path(os.path.normpath(folder / left.popleft()))
        yield place
        if not os.path.islink(place):  # noqa: PTH114 - Path.is_symlink raises where nobody may look
            folder = place
        elif (links := links + 1) <= _MOST_LINKS:
            left.extendleft(reversed(place.readlink().parts))
        else:
            return


def _stays_inside(path: str) -> bool:
    return bool(path) and not path.startswith(("/", "-")) and ".." not in re.split(r"[/\\]", path)


def _inside(path: str) -> str:
    """A path that a file or a person gave, if it can mean nothing outside."""
    if not _stays_inside(path):
        raise InputError(
            f"the path '{path}' leads out of the repository", hint="write it relative, without '..'"
        )
    return path


def _full(commit: str) -> str:
    """A commit that a file or a person gave, if git can take it for nothing else."""
    if not names.is_commit(commit):
        raise InputError(f"'{commit}' is no full commit", hint="write all 40 digits of it")
    return commit


def _ignored_in(repository: Path, asked: Iterable[str]) -> list[str]:
    """Those of these paths that one repository is told to ignore."""
    together = _check_ignore(repository, sorted(asked))
    if together is not None:
        return together
    found = []
    for path in asked:
        alone = _check_ignore(repository, [path])
        if alone is None:
            raise OutsideError(f"git cannot tell whether '{path}' is ignored")
        found += alone
    return found


def _check_ignore(repository: Path, paths: list[str]) -> list[str] | None:
    # This one command refuses to take paths literally; behind './' none of them is anything else.
    given = "".join(f"./{path}\0" for path in paths).encode(errors="surrogateescape")
    environment = local_environment(literal=False)
    said = run(["-C", str(repository), "check-ignore", "-z", "--stdin"], stdin=given, environment=environment)
    return [path.removeprefix("./") for path in said.entries] if said.code in (0, 1) else None


def _is_ancestor(where: list[str], commit: str, ref: str) -> bool | None:
    code = run([*where, "merge-base", "--is-ancestor", commit, ref]).code
    if code == 0:
        return True
    shallow = run([*where, "rev-parse", "--is-shallow-repository"]).text == "true"
    return None if shallow or code != 1 else False


def _time(seconds: str) -> datetime:
    """A commit's time. A commit may claim any; one beyond what a date can tell becomes the nearest."""
    told = int(seconds) if re.fullmatch(r"-?[0-9]{1,20}", seconds, re.ASCII) else 0
    return datetime.fromtimestamp(min(max(told, 0), _LAST_SECOND), UTC)


def _staged(modes: list[str], head: str, staged: str) -> str:
    committed, in_index = modes[:2]
    if in_index != _GITLINK:
        return f"{head[:12]} is committed, and staged to be removed or replaced"
    if committed != _GITLINK:
        return f"it is new, {staged[:12]} is staged"
    return f"{head[:12]} is committed, {staged[:12]} is staged"


def _absolute_url(url: str, origin: str) -> str:
    """A submodule's URL may be relative to the repository's own (`../cart.git`)."""
    if not url.startswith(("./", "../")) or not origin:
        return url
    base = origin.rstrip("/")
    while url.startswith(("./", "../")):
        if url.startswith("../"):
            base = re.sub(r"[/:][^/:]*$", "", base)
            url = url[3:]
        else:
            url = url[2:]
    return f"{base}/{url}"


def _submodule(path: str, commit: str, described: dict[str, str], origin: str) -> Submodule:
    url = names.without_credentials(_absolute_url(described["url"], origin)) if "url" in described else None
    return Submodule(path, commit, url, described.get("branch"), described.get("name"))


def _unreadable(complaint: str) -> OutsideError:
    first = complaint.splitlines()[0].removeprefix("fatal: ") if complaint else "no answer"
    return OutsideError(f"git cannot read this repository: {first}")
