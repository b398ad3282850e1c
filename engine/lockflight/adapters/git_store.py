"""Histories of other repositories, fetched without their trees into scratch repositories under `.lockflight/`.

They answer "is this commit on that branch" for a repository that nobody checked out. Each belongs to one URL
and is used by one thread of one process at a time; everything in there may be deleted at any time. A URL may
carry credentials: git is told it by the environment, so that it writes it nowhere and no argument shows it, and
what `git_credentials` takes out of it reaches not even the arguments of git's own helpers.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path

from lockflight import names
from lockflight.adapters.git_credentials import Login, login
from lockflight.adapters.git_process import REMOTE_SECONDS, Answer, remote_environment, run
from lockflight.errors import OutsideError

_HINT = "can 'git ls-remote' read it from here? credentials come from git's own configuration"
# What the URL is called where git wants a name for it.
CALLED = "lockflight-asked"


class Remote:
    """Another repository, reached as `folder`'s own configuration of git says."""

    def __init__(self, url: str, folder: Path, ssh_command: str | None) -> None:
        self.url = url
        self._folder = folder
        self._ssh_command = ssh_command

    def refs(self, *wanted: str) -> dict[str, str]:
        """The commits or tags behind these full names, as far as they exist."""
        said = self._asked(["-C", str(self._folder), "ls-remote", "--", CALLED, *wanted])
        parts = [line.partition("\t") for line in said.text.splitlines()]
        return {name: commit for commit, _, name in parts}

    def fetch(self, branch: str, store: Path) -> None:
        """Bring the commits of a branch, without what is in them, into a bare repository."""
        ref = f"refs/heads/{branch}"
        # '--refmap=' and a full refspec: nothing but this one branch is written.
        options = ["--quiet", "--no-tags", "--no-write-fetch-head", "--refmap=", "--filter=tree:0"]
        # From the manifest's folder, so that a URL that is a relative path means the same as for the refs.
        self._asked(
            [
                "-C",
                str(self._folder),
                "--git-dir",
                str(store.absolute()),
                "fetch",
                *options,
                "--",
                CALLED,
                f"+{ref}:{ref}",
            ]
        )

    def _asked(self, arguments: list[str]) -> Answer:
        if not self.url or self.url.startswith("-"):
            raise OutsideError(f"the repository '{self.url}' cannot be read: this is no URL")
        environment = remote_environment(self._settings(), self._ssh_command)
        environment.update(self._login.variables)
        said = run(arguments, seconds=REMOTE_SECONDS, environment=environment)
        if said.code:
            raise self._unreachable(said.complaint)
        return said

    @cached_property
    def _login(self) -> Login:
        """How to log in at the URL that git's own configuration makes of this one (`insteadOf`)."""
        asked = ["-C", str(self._folder), "ls-remote", "--get-url", "--", CALLED]
        settings = {f"remote.{CALLED}.url": self.url}
        said = run(asked, environment=remote_environment(settings, self._ssh_command))
        if said.code:
            raise self._unreachable(said.complaint)
        return login(said.output.decode(errors="surrogateescape").rstrip("\n"))

    def _settings(self) -> Mapping[str, str]:
        url = self._login.url
        # The longest match wins, so that git's configuration is not applied a second time.
        return {f"remote.{CALLED}.url": url, f"url.{url}.insteadOf": url, **self._login.settings}

    def _unreachable(self, complaint: str) -> OutsideError:
        shown = names.without_credentials(self.url)
        lines = complaint.replace(self.url, shown).splitlines() or ["no answer"]
        reason = next((line for line in lines if line.startswith("fatal:")), lines[-1])
        reason = names.without_credentials(reason).replace(f"'{CALLED}'", f"'{shown}'")
        return OutsideError(f"the repository {shown} cannot be read: {reason}", hint=_HINT)


class GitStore:
    """All histories that were fetched for one manifest."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def has_on_branch(self, remote: Remote, branch: str, commit: str, tip: str) -> bool:
        """Whether a commit lies on a branch whose newest commit was just seen to be `tip`."""
        name = hashlib.sha256(remote.url.encode(errors="surrogateescape")).hexdigest()[:32]
        store = self._folder / f"{name}.git"
        try:
            with self._alone(store):
                if store.exists():
                    # One that another version left half-made, or that lost a file, is made anew.
                    with contextlib.suppress(OutsideError):
                        return _ask(store, remote, branch, commit, tip)
                self._make(store, remote, branch)
                return _ask(store, remote, branch, commit, tip)
        except OSError as error:
            reason = f"{error.strerror or error}: {error.filename or self._folder}"
            raise OutsideError(f"the history of a repository cannot be kept: {reason}") from error

    @contextlib.contextmanager
    def _alone(self, store: Path) -> Iterator[None]:
        self._folder.mkdir(parents=True, exist_ok=True)
        # Each opening has a lock of its own, so that threads wait for each other as processes do.
        handle = os.open(store.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def _make(self, store: Path, remote: Remote, branch: str) -> None:
        """Whole or not at all: made aside, and put in place when the branch is in it."""
        with tempfile.TemporaryDirectory(dir=self._folder, prefix="new-") as scratch:
            fresh = Path(scratch) / "store.git"
            said = run(["init", "--quiet", "--bare", "--template=", str(fresh)])
            if said.code:
                raise OutsideError(f"git cannot make a repository in {self._folder}: {said.complaint}")
            remote.fetch(branch, fresh)
            if store.is_dir() and not store.is_symlink():
                shutil.rmtree(store)
            else:
                store.unlink(missing_ok=True)
            fresh.rename(store)


def _ask(store: Path, remote: Remote, branch: str, commit: str, tip: str) -> bool:
    where = ["--git-dir", str(store)]
    ref = f"refs/heads/{branch}"
    if run([*where, "rev-parse", "--verify", "--quiet", ref]).text != tip:
        remote.fetch(branch, store)
    code = run([*where, "merge-base", "--is-ancestor", commit, ref]).code
    if code in (0, 1):
        return code == 0
    # A commit that is not there lies on no branch, if all the commits of the branch are.
    if run([*where, "rev-list", "--count", ref]).code == 0 and not _has(where, commit):
        return False
    shown = names.without_credentials(remote.url)
    raise OutsideError(f"the history of {shown} in {store} cannot be read", hint=f"delete {store}")


def _has(where: list[str], commit: str) -> bool:
    return run([*where, "cat-file", "-e", f"{commit}^{{commit}}"]).code == 0
