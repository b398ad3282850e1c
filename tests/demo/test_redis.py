"""The demo's store: taken from the PATH or from where .ci/setup unpacks it, with its libraries."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from lockflight.demo.redis import PROGRAMS, copy_redis
from lockflight.errors import OutsideError


def test_a_machine_without_redis_reads_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(OutsideError) as refusal:
        copy_redis(tmp_path / "image", {"PATH": "/nowhere", "HOME": str(tmp_path)})
    assert "there is no redis-server here" in str(refusal.value)
    assert "'make demo' gets it" in str(refusal.value.problems[0].hint)
    assert not (tmp_path / "image").exists()


def test_redis_in_the_path_is_taken_with_its_libraries_and_the_loader(tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in PROGRAMS:  # any program that is no script will do
        shutil.copy("/bin/cat", programs / name)

    copy_redis(tmp_path / "image", {"PATH": str(programs), "HOME": str(tmp_path)})

    image = tmp_path / "image"
    assert {path.name for path in (image / "bin").iterdir()} == set(PROGRAMS)
    assert (image / "lib" / "libc.so.6").is_file()
    loaders = [path for path in image.rglob("ld-*") if path.is_file()]
    assert [str(path.relative_to(image)) for path in loaders] == [
        str(path).lstrip("/") for path in loader_of("/bin/cat")
    ]


def loader_of(program: str) -> list[Path]:
    listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    return [Path(line.split()[0]) for line in listed.splitlines() if line.strip().startswith("/")]


def test_a_library_that_is_gone_is_named(tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in PROGRAMS:
        (programs / name).write_text("#!/bin/sh\n")
        (programs / name).chmod(0o755)
    with pytest.raises(OutsideError, match="does not find all of its libraries"):
        copy_redis(tmp_path / "image", {"PATH": str(programs), "HOME": str(tmp_path)})
