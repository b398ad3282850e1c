"""The branch of a ledger in a scratch repository: fetched, read and pushed without a checkout.

The repository is bare, lies under `.lockflight/`, holds nothing that the remote does not have and may be deleted at
any time; one that is damaged is made anew. It is used by one thread of one process at a time. The branches, index
and files of the user's own repository are never touched, and its hooks are not run.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from lockflight import names
from lockflight.adapters.git_process import REMOTE_SECONDS, Answer, remote_environment, run
from lockflight.adapters.git_store import CALLED, Remote
from lockflight.errors import OutsideError
from lockflight.ports.ledger import File

Outcome = TypeVar("Outcome")
# What is about to be pushed; under a name of ours, so that nothing takes it for a branch.
_NEXT = "refs/lockflight/next"
_RACE = re.compile(
    r"fetch first|non-fast-forward|stale info|cannot lock ref|incorrect old value|failed to update ref|"
    r"updated since checkout"
)

_CONNECTION = re.compile(r"(http|credential|ssh)\.|core\.(askpass|gitproxy)$|url\..*\.pushinsteadof$")


class Damaged(Exception):
    """The scratch repository is not what it was; another one can be made."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a push did not arrive. It may have, all the same, unless the remote itself said no."""

    reason: str
    is_certain: bool
    is_race: bool = False


@dataclass(frozen=True, slots=True)
class Blob:
    """A file of a commit, by the id of its content."""

    id: str
    executable: bool


class LedgerRemote(Remote):
    """The repository that holds the branch. Credentials reach git as `git_store` has them reach it."""

    def bring(self, ref: str, store: Path) -> None:
        """Bring the newest commit of a branch with all that is in it, and nothing of what was before."""
        # '--refmap=' and a full refspec: nothing but this one branch is written.
        options = ["--quiet", "--no-tags", "--no-write-fetch-head", "--refmap=", "--depth=1"]
        self._asked([*self._at(store), "fetch", *options, "--", CALLED, f"+{ref}:{ref}"])

    def push(self, store: Path, commit: str, ref: str) -> Refusal | None:
        """Put a branch on, from the commit's parent to the commit; never by force."""
        options = ["--porcelain", "--no-follow-tags", "--no-signed", "--recurse-submodules=no"]
        arguments = [*self._at(store), "push", *options, "--", CALLED, f"{commit}:{ref}"]
        environment = remote_environment(self._settings(), self._ssh_command)
        environment.update(self._login.variables)
        said = run(arguments, seconds=REMOTE_SECONDS, environment=environment)
        return None if said.code == 0 else self._refusal(said)

    def _settings(self) -> Mapping[str, str]:
        ours = super()._settings()
        # Ours come last, so that an empty helper forgets all that theirs name.
        return {**{key: value for key, value in self._theirs.items() if key not in ours}, **ours}

    @cached_property
    def _theirs(self) -> dict[str, str]:
        """How the user's repository logs in and connects; a CI's checkout keeps its token there."""
        said = run(["-C", str(self._folder), "config", "--local", "--includes", "-z", "--list"])
        pairs = [entry.partition("\n") for entry in said.entries if said.code == 0]
        return {key: value for key, _, value in pairs if _CONNECTION.match(key)}

    def _at(self, store: Path) -> list[str]:
        # From the manifest's folder, so that a URL that is a relative path means the same everywhere.
        return ["-C", str(self._folder), "--git-dir", str(store.absolute())]

    def _refusal(self, said: Answer) -> Refusal:
        verdicts = [line.split("\t") for line in said.text.splitlines() if line.startswith("!\t")]
        if not verdicts:
            return Refusal(str(self._unreachable(said.complaint)), is_certain=False)
        reason = verdicts[0][-1]
        told = (line.removeprefix("remote:").strip() for line in said.complaint.splitlines())
        why = next((line for line in told if line.startswith(("error:", "fatal:"))), "")
        shown = names.without_credentials(": ".join(part for part in (reason, why) if part))
        return Refusal(shown, is_certain=True, is_race=_RACE.search(reason) is not None)


class LedgerStore:
    """The scratch repository of one remote's ledger."""

    def __init__(self, remote: LedgerRemote, branch: str, folder: Path) -> None:
        self._remote = remote
        self._ref = f"refs/heads/{branch}"
        name = hashlib.sha256(remote.url.encode(errors="surrogateescape")).hexdigest()[:32]
        self._folder = folder
        self._store = folder / f"{name}.git"

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Have the repository to oneself, among threads and processes."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            handle = os.open(self._store.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise self._unkept(error) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def newest(self) -> str | None:
        """The newest commit of the branch, here with all its files; None where there is no such branch."""
        tip = self._remote.refs(self._ref).get(self._ref)
        if tip is None:
            return None
        if self._has(tip):
            return tip
        # The remote just answered, so a failure may be that of the repository here.
        return self.healed(self._brought)

    def healed(self, action: Callable[[], Outcome]) -> Outcome:
        """What the action answers; once more with a new repository where this one fails it.

        A git that was killed leaves lock files, a power cut leaves empty objects.
        """
        with contextlib.suppress(Damaged, OutsideError):
            return action()
        self._remove()
        try:
            if self._ref in self._remote.refs(self._ref):
                self._brought()
            return action()
        except Damaged as error:
            raise OutsideError(
                f"the ledger's copy in {self._store} cannot be used: {error}", hint=f"delete {self._store}"
            ) from error

    def files(self, commit: str) -> dict[str, Blob]:
        """All files of a commit; links and submodules are none."""
        found = {}
        for entry in self._local("ls-tree", "-r", "-z", commit).entries:
            meta, path = entry.split("\t", 1)
            mode, _, blob = meta.split()
            if mode in ("100644", "100755"):
                found[path] = Blob(blob, mode == "100755")
        return found

    def contents(self, blobs: Sequence[str]) -> dict[str, bytes]:
        """What these blobs hold, asked of one process."""
        if not blobs:
            return {}
        output = self._local(
            "cat-file", "--batch", stdin="".join(f"{blob}\n" for blob in blobs).encode()
        ).output
        found, position = {}, 0
        for blob in blobs:
            end = output.index(b"\n", position)
            head = output[position:end].split()
            if len(head) != 3:
                raise Damaged(f"{blob} is missing")
            start, size = end + 1, int(head[2])
            found[blob] = output[start : start + size]
            position = start + size + 1
        return found

    def commit(self, parent: str | None, files: Mapping[str, File], message: str, author: bytes) -> str:
        """A commit that adds these files to its parent's, or is the first of all."""
        if not self._store.exists():
            self._make()
        stream = b"".join(_import_stream(parent, files, message, author))
        self._local("fast-import", "--quiet", "--force", stdin=stream)
        return self._local("rev-parse", "--verify", "--quiet", _NEXT).text

    def push(self, commit: str) -> Refusal | None:
        return self._remote.push(self._store, commit, self._ref)

    def _has(self, commit: str) -> bool:
        return self._store.exists() and self._git("cat-file", "-e", f"{commit}^{{commit}}").code == 0

    def _brought(self) -> str | None:
        if not self._store.exists():
            self._make()
        self._remote.bring(self._ref, self._store)
        return self._local("rev-parse", "--verify", "--quiet", self._ref).text or None

    def _make(self) -> None:
        said = run(["init", "--quiet", "--bare", "--template=", str(self._store)])
        if said.code:
            raise OutsideError(f"git cannot make a repository in {self._folder}: {said.complaint}")

    def _remove(self) -> None:
        try:
            if self._store.is_dir() and not self._store.is_symlink():
                shutil.rmtree(self._store)
            else:
                self._store.unlink(missing_ok=True)
        except OSError as error:
            raise self._unkept(error) from error

    def _local(self, *arguments: str, stdin: bytes = b"") -> Answer:
        said = self._git(*arguments, stdin=stdin)
        if said.code:
            raise Damaged(said.complaint.splitlines()[0] if said.complaint else f"{arguments[0]} failed")
        return said

    def _git(self, *arguments: str, stdin: bytes = b"") -> Answer:
        return run(["--git-dir", str(self._store), *arguments], stdin=stdin)

    def _unkept(self, error: OSError) -> OutsideError:
        reason = f"{error.strerror or error}: {error.filename or self._folder}"
        return OutsideError(f"the ledger's copy cannot be kept: {reason}")


def _import_stream(
    parent: str | None, files: Mapping[str, File], message: str, author: bytes
) -> Iterator[bytes]:
    """In the words of `git fast-import`, which makes content, trees and commit in one process and needs no index."""
    yield b"commit %s\nauthor %s\ncommitter %s\n" % (_NEXT.encode(), author, author)
    yield _data(message.encode(errors="replace"))
    if parent is not None:
        yield b"from %s\n" % parent.encode()
    for path, file in files.items():
        quoted = path.replace("\\", "\\\\").replace('"', '\\"').encode(errors="surrogateescape")
        yield b'M %s inline "%s"\n' % (b"100755" if file.executable else b"100644", quoted)
        yield _data(file.content)


def _data(content: bytes) -> bytes:
    return b"data %d\n%s\n" % (len(content), content)


def signature(environment: Mapping[str, str], moment: datetime) -> bytes:
    """Who commits, as git's own variables say, or lockflight."""
    name = _plain(environment.get("GIT_COMMITTER_NAME") or environment.get("GIT_AUTHOR_NAME", ""))
    email = _plain(environment.get("GIT_COMMITTER_EMAIL") or environment.get("GIT_AUTHOR_EMAIL", ""))
    who = f"{name or 'lockflight'} <{email or 'lockflight@localhost'}>"
    return f"{who} {int(moment.timestamp())} +0000".encode(errors="replace")


def _plain(text: str) -> str:
    return re.sub(r"[<>\x00-\x1f]", "", text).strip()
