"""Git through its own command, reading only: nothing is checked out and no configuration is changed.

History that is not at hand is fetched without its trees into a scratch repository under `.lockflight/`, so
that "is this commit on that branch" can be answered for a submodule that nobody checked out.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path

from lockflight import names
from lockflight.errors import InputError, OutsideError
from lockflight.logs import log
from lockflight.ports.git import Change, CommitLine, Head, Submodule, SubmoduleChange

_LOCAL_SECONDS = 60
_REMOTE_SECONDS = 120
_SEPARATOR = "\x1f"
# Transports that run commands (`ext::…`) must not be reachable from a URL in a file.
_PROTOCOLS = "file:git:http:https:ssh"


@dataclass(frozen=True, slots=True)
class _Answer:
    code: int
    output: bytes
    complaint: str

    @property
    def text(self) -> str:
        return self.output.decode(errors="replace").strip()


class GitCli:
    """The repository around a manifest's folder; that folder may lie below the repository's root."""

    def __init__(self, folder: Path, scratch: Path | None = None) -> None:
        self._folder = folder
        self._scratch = scratch or folder / ".lockflight" / "git"

    def head(self) -> Head | None:
        return self._head

    def submodules(self) -> tuple[Submodule, ...]:
        if self.head() is None:
            return ()
        listed = self._checked("ls-tree", "-r", "-z", "HEAD").output.decode(errors="surrogateescape")
        described = self._descriptions
        origin = self._origin
        found = []
        for entry in listed.split("\0"):
            if entry.startswith("160000 "):
                meta, path = entry.split("\t", 1)
                described_as = described.get(f"{self._prefix}{path}", {})
                found.append(_submodule(path, meta.split()[2], described_as, origin))
        return tuple(found)

    def submodule_changes(self) -> tuple[SubmoduleChange, ...]:
        if self.head() is None:
            return ()
        status = self._checked(
            "status", "--porcelain=v2", "-z", "--untracked-files=no", "--ignore-submodules=untracked"
        )
        entries = status.output.decode(errors="surrogateescape").split("\0")
        found = [self._change(entry) for entry in entries if entry.startswith("1 ") and " S" in entry[:8]]
        return tuple(change for change in found if change is not None)

    def last_change(self, path: str) -> str | None:
        commit = self._checked("rev-list", "-1", "HEAD", "--", path).text
        return None if not commit or commit in self._shallow_ends() else commit

    def is_clean(self, path: str) -> bool:
        return not self._checked("status", "--porcelain", "--untracked-files=no", "--", path).output

    def remote_commit(self, url: str, ref: str) -> str | None:
        if names.is_commit(ref):
            return ref
        wanted = [ref] if ref.startswith("refs/") else [f"refs/heads/{ref}", f"refs/tags/{ref}"]
        wanted += [f"{name}^{{}}" for name in wanted if name.startswith("refs/tags/")]
        said = self._remote(["ls-remote", "--", url, *wanted], url)
        found = {name: commit for commit, _, name in map(_tab_parts, said.text.splitlines())}
        # An annotated tag's own id is not the commit; the peeled line is.
        order = sorted(
            wanted, key=lambda name: (not name.startswith("refs/heads/"), not name.endswith("^{}"))
        )
        return next((found[name] for name in order if name in found), None)

    def on_branch(self, commit: str, branch: str, path: str | None, url: str | None) -> bool | None:
        here = self._on_local_branch(commit, branch, path) if path is not None else None
        if here or not url:
            return here
        try:
            return self._on_remote_branch(commit, branch, url)
        except OutsideError:
            return here

    def commits_between(
        self, path: str | None, old: str, new: str, below: str | None = None
    ) -> tuple[CommitLine, ...] | None:
        where = self._repository(path)
        if where is None:
            return None
        form = f"--format=%H{_SEPARATOR}%an{_SEPARATOR}%s"
        said = self._run(
            [*where, "log", "--max-count=200", form, f"{old}..{new}", "--", *([below] if below else [])]
        )
        if said.code:
            return None
        lines = said.output.decode(errors="replace").splitlines()
        return tuple(CommitLine(*line.split(_SEPARATOR, 2)) for line in lines)

    def file_at(self, path: str | None, commit: str, file: str) -> bytes | None:
        where = self._repository(path)
        if where is None:
            return None
        said = self._run([*where, "cat-file", "blob", f"{commit}:{file}"])
        return None if said.code else said.output

    def is_ignored(self, paths: tuple[str, ...]) -> frozenset[str]:
        if not paths or self._prefix is None:
            return frozenset()
        asked = "\0".join(paths).encode(errors="surrogateescape")
        said = self._run(["-C", str(self._folder), "check-ignore", "-z", "--stdin"], stdin=asked)
        found = said.output.decode(errors="surrogateescape").split("\0")
        return frozenset(path for path in found if path)

    @cached_property
    def _prefix(self) -> str | None:
        """The folder's path from the repository's root (`deploy/`), or None outside a repository."""
        said = self._local("rev-parse", "--show-prefix")
        if said.code == 0:
            return said.output.decode(errors="surrogateescape").rstrip("\n")
        if "not a git repository" in said.complaint:
            return None
        raise _unusable(said.complaint)

    @cached_property
    def _head(self) -> Head | None:
        """Read once: one run of a command speaks of one commit, whatever happens beside it."""
        if self._prefix is None:
            return None
        said = self._local("log", "-1", "--format=%H%n%cI", "HEAD", "--")
        if said.code:
            return None
        commit, committed = said.text.split("\n")
        branch = self._local("symbolic-ref", "--quiet", "--short", "HEAD")
        return Head(
            commit=commit,
            ref=branch.text or None,
            repository=names.without_credentials(self._origin) or None,
            committed=datetime.fromisoformat(committed),
        )

    @cached_property
    def _origin(self) -> str:
        return self._local("config", "--get", "remote.origin.url").text

    @cached_property
    def _descriptions(self) -> dict[str, dict[str, str]]:
        """What the committed .gitmodules says, by path."""
        said = self._local("config", "--blob", "HEAD:.gitmodules", "-z", "--list")
        by_name: dict[str, dict[str, str]] = {}
        for entry in said.output.decode(errors="replace").split("\0") if said.code == 0 else ():
            key, _, value = entry.partition("\n")
            match = re.fullmatch(r"submodule\.(.+)\.(path|url|branch)", key)
            if match:
                by_name.setdefault(match.group(1), {"name": match.group(1)})[match.group(2)] = value
        return {entry["path"]: entry for entry in by_name.values() if "path" in entry}

    def _change(self, entry: str) -> SubmoduleChange | None:
        _, states, inner, _, _, _, head, staged, path = entry.split(" ", 8)
        prefix = self._prefix or ""
        if not path.startswith(prefix):
            return None
        path = path.removeprefix(prefix)
        if states[0] != ".":
            return SubmoduleChange(path, Change.STAGED, f"{head[:12]} is committed, {staged[:12]} is staged")
        if inner[1] == "C":
            checked_out = self._run(["-C", str(self._folder / path), "rev-parse", "HEAD"]).text
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
        if path is None or path == ".":
            return ["-C", str(self._folder)] if self._prefix is not None else None
        if (self._folder / path / ".git").exists():
            return ["-C", str(self._folder / path)]
        name = self._descriptions.get(f"{self._prefix}{path}", {}).get("name", path)
        kept = self._local("rev-parse", "--git-path", f"modules/{name}").text
        folder = self._folder / kept
        return ["--git-dir", str(folder)] if kept and (folder / "HEAD").is_file() else None

    def _on_local_branch(self, commit: str, branch: str, path: str) -> bool | None:
        where = self._repository(path)
        if where is None:
            return None
        for ref in (f"refs/remotes/origin/{branch}", f"refs/heads/{branch}"):
            if self._run([*where, "rev-parse", "--verify", "--quiet", ref]).code == 0:
                return self._is_ancestor(where, commit, ref)
        return None

    def _is_ancestor(self, where: list[str], commit: str, ref: str) -> bool | None:
        code = self._run([*where, "merge-base", "--is-ancestor", commit, ref]).code
        if code == 0:
            return True
        shallow = self._run([*where, "rev-parse", "--is-shallow-repository"]).text == "true"
        return None if shallow or code != 1 else False

    def _on_remote_branch(self, commit: str, branch: str, url: str) -> bool | None:
        tip = self.remote_commit(url, f"refs/heads/{branch}")
        if tip is None or tip == commit:
            return tip is not None
        store = self._scratch / f"{hashlib.sha256(url.encode()).hexdigest()[:32]}.git"
        if not (store / "HEAD").is_file():
            self._run(["init", "--quiet", "--bare", str(store)])
        where = ["--git-dir", str(store)]
        refspec = f"+refs/heads/{branch}:refs/heads/{branch}"
        self._remote([*where, "fetch", "--quiet", "--no-tags", "--filter=tree:0", "--", url, refspec], url)
        return self._run([*where, "merge-base", "--is-ancestor", commit, f"refs/heads/{branch}"]).code == 0

    def _local(self, *arguments: str) -> _Answer:
        return self._run(["-C", str(self._folder), *arguments])

    def _checked(self, *arguments: str) -> _Answer:
        said = self._local(*arguments)
        if said.code:
            raise _unusable(said.complaint or f"git {arguments[0]} failed")
        return said

    def _remote(self, arguments: list[str], url: str) -> _Answer:
        said = self._run(arguments, seconds=_REMOTE_SECONDS)
        if said.code:
            shown = names.without_credentials(url)
            lines = said.complaint.replace(url, shown).splitlines() or ["no answer"]
            reason = next((line for line in lines if line.startswith("fatal:")), lines[-1])
            raise OutsideError(
                f"the repository {shown} cannot be read: {names.without_credentials(reason)}",
                hint="can 'git ls-remote' read it from here? credentials come from git's own configuration",
            )
        return said

    def _run(self, arguments: list[str], *, stdin: bytes = b"", seconds: int = _LOCAL_SECONDS) -> _Answer:
        try:
            done = subprocess.run(
                ["git", *arguments], input=stdin, capture_output=True, timeout=seconds, env=_environment()
            )
        except FileNotFoundError as error:
            raise OutsideError(
                "git is not installed", hint="install it, e.g. 'apt-get install git'"
            ) from error
        except subprocess.TimeoutExpired as error:
            raise OutsideError(f"git {_verb(arguments)} gave no answer within {seconds} s") from error
        except ValueError as error:  # a NUL byte in an argument
            raise InputError(f"git cannot be asked about this: {error}") from error
        log.event(
            "git", arguments=[names.without_credentials(word) for word in arguments], code=done.returncode
        )
        return _Answer(done.returncode, done.stdout, done.stderr.decode(errors="replace").strip())


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


def _tab_parts(line: str) -> tuple[str, str, str]:
    return line.partition("\t")


def _verb(arguments: list[str]) -> str:
    return next((word for word in arguments if re.fullmatch(r"[a-z]+(-[a-z]+)*", word)), "")


def _unusable(complaint: str) -> OutsideError | InputError:
    first = complaint.splitlines()[0].removeprefix("fatal: ") if complaint else "no answer"
    if "dubious ownership" in complaint:
        return InputError(
            "git does not trust this repository: it belongs to another user",
            hint='git config --global --add safe.directory "$PWD"',
        )
    return OutsideError(f"git cannot read this repository: {first}")


def _environment() -> dict[str, str]:
    # Variables that a hook or another git set (GIT_DIR, GIT_INDEX_FILE) would point at the wrong repository.
    kept = {key: value for key, value in os.environ.items() if key not in _MISLEADING}
    return {**kept, "LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_ALLOW_PROTOCOL": _PROTOCOLS,
            "GIT_OPTIONAL_LOCKS": "0", "GIT_NO_LAZY_FETCH": "1"}  # fmt: skip


_MISLEADING = frozenset(
    {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX", "GIT_COMMON_DIR"}
)
