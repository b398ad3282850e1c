"""Files are written whole or not at all."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from lockflight.errors import InputError, OutsideError
from lockflight.files import decode_text, existing_text, read_text, write_atomically

ENGINE = Path(__file__).parent.parent / "engine"


def test_a_file_is_written_with_its_folders_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "locks" / "current.yaml"
    assert write_atomically(path, "one\n")
    assert path.read_text() == "one\n"
    assert [entry.name for entry in path.parent.iterdir()] == ["current.yaml"]


def test_the_same_text_is_not_written_again(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomically(path, "one\n")
    inode = path.stat().st_ino
    assert not write_atomically(path, "one\n")
    assert path.stat().st_ino == inode


def test_permissions_and_links_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    path.chmod(0o640)
    link = tmp_path / "link"
    link.symlink_to(path)
    write_atomically(link, "new")
    assert link.is_symlink()
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_full_disk_leaves_the_old_file_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    def fail(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OutsideError, match="cannot write: No space left on device") as caught:
        write_atomically(path, "new")
    assert str(path) in str(caught.value)
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


@pytest.fixture
def for_everybody() -> Iterator[Path]:
    """A folder that every user of the machine can reach, as pytest's own cannot."""
    with tempfile.TemporaryDirectory(prefix="lockflight-test-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_a_read_only_folder_is_named_and_left_as_it_was(for_everybody: Path) -> None:
    folder = for_everybody / "locks"
    folder.mkdir()
    (folder / "current.yaml").write_text("old")
    folder.chmod(0o555)
    # Only what the writing needs, where an ordinary user can read it.
    package = for_everybody / "lockflight"
    package.mkdir()
    for name in ("__init__.py", "errors.py", "files.py"):
        shutil.copy(ENGINE / "lockflight" / name, package / name)
    code = (
        "import sys; from pathlib import Path; from lockflight.files import write_atomically\n"
        "write_atomically(Path(sys.argv[1]), 'new')"
    )
    # root may write anywhere, so the attempt is made by nobody.
    user = 65534 if os.geteuid() == 0 else None
    done = subprocess.run(
        [_python_for_everybody(), "-c", code, str(folder / "current.yaml")],
        capture_output=True, text=True, env={"PYTHONPATH": str(for_everybody)}, user=user,
    )  # fmt: skip
    assert "current.yaml: cannot write: Permission denied" in done.stderr
    assert (folder / "current.yaml").read_text() == "old"
    assert [entry.name for entry in folder.iterdir()] == ["current.yaml"]


def _python_for_everybody() -> str:
    """An interpreter that any user may start; one in root's home is not."""
    candidates = [sys.executable, "/usr/bin/python3", "/usr/local/bin/python3"]
    if os.geteuid() != 0:
        return sys.executable
    for candidate in candidates:
        started = subprocess.run(
            ["python3", "-c", "import os, sys; os.setuid(65534); os.execv(sys.argv[1], [sys.argv[1], '-c', ''])", candidate],
            capture_output=True,
        )  # fmt: skip
        if started.returncode == 0:
            return candidate
    raise AssertionError("no python that an ordinary user may start; install python3")


def test_a_writer_that_is_killed_never_leaves_half_a_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    code = (
        "import os, signal, sys; from pathlib import Path; from lockflight import files\n"
        "os.fsync = lambda descriptor: os.kill(os.getpid(), signal.SIGKILL)\n"
        "files.write_atomically(Path(sys.argv[1]), 'new' * 1000)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], env={**os.environ, "PYTHONPATH": str(ENGINE)}
    )
    assert done.returncode == -signal.SIGKILL
    assert path.read_text() == "old"


def test_reading_is_bounded_even_where_the_size_is_not_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is too large"):
        read_text(Path("/dev/zero"), largest=1000)
    (tmp_path / "small").write_text("x" * 11)
    with pytest.raises(InputError, match="is too large"):
        read_text(tmp_path / "small", largest=10)


def test_the_line_of_a_nul_byte_is_told() -> None:
    with pytest.raises(InputError, match="file:3: has a NUL byte"):
        decode_text(b"a\nb\nc\0", "file")


def test_a_device_stays_a_device(tmp_path: Path) -> None:
    link = tmp_path / "null"
    link.symlink_to("/dev/null")
    assert write_atomically(link, "text")
    assert write_atomically(Path("/dev/null"), "text")
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)
    assert link.is_symlink()


def test_a_full_device_is_told_and_not_read() -> None:
    with pytest.raises(OutsideError, match="cannot write: No space left on device"):
        write_atomically(Path("/dev/full"), "text")


def test_a_pipe_is_written_to_or_refused_but_never_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(OutsideError, match="pipe: cannot write"):
        write_atomically(pipe, "text")
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    assert write_atomically(pipe, "text")
    assert os.read(reader, 100) == b"text"
    os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_folder_is_no_file_to_write(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder; name a file in it"):
        write_atomically(tmp_path, "text")


def test_the_leftover_of_another_writer_neither_hurts_nor_is_removed(tmp_path: Path) -> None:
    leftover = tmp_path / f".file.{os.getpid()}.tmp"
    leftover.write_text("half")
    assert write_atomically(tmp_path / "file", "new")
    assert leftover.read_text() == "half"


def test_a_new_file_can_be_read_as_the_umask_says(tmp_path: Path) -> None:
    before = os.umask(0o022)
    write_atomically(tmp_path / "file", "new")
    os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o644


def test_what_would_be_written_over_can_be_looked_at(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")
    texts = [existing_text(tmp_path / "file"), existing_text(tmp_path / "none"), existing_text(tmp_path)]
    assert texts == ["old", None, None]
    assert existing_text(Path("/dev/zero")) is None
