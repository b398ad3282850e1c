"""Logs and files that containers wrote: of any size, with anything in them."""

from __future__ import annotations

import io
import os
import tarfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockflight.adapters.stack_engine import DockerStackEngine, archive
from lockflight.adapters.stack_engine.archive import files_in
from lockflight.adapters.stack_engine.output import payloads, readable
from lockflight.errors import OutsideError
from lockflight.ports.stack_engine import STACK, SuiteContainer
from tests.support.stack_images import StackImages

SECONDS = 60.0


def frame(text: bytes, stream: int = 1) -> bytes:
    return bytes([stream, 0, 0, 0]) + len(text).to_bytes(4) + text


@given(st.lists(st.binary(max_size=40), max_size=10), st.integers(1, 30))
def test_frames_are_found_however_the_stream_is_cut(texts: list[bytes], size: int) -> None:
    whole = b"".join(frame(text) for text in texts)
    pieces = [whole[start : start + size] for start in range(0, len(whole), size)]
    assert list(payloads(pieces)) == texts


def test_half_a_frame_at_the_end_is_left_out() -> None:
    assert list(payloads([frame(b"whole"), frame(b"cut off")[:-1]])) == [b"whole"]


def test_output_is_readable_without_its_colours() -> None:
    assert (
        readable("\x1b[31mred\x1b[0m\r\n50%\r100%\n\ttab\x07")
        == "red\n50%\n100%\n\ttab\N{REPLACEMENT CHARACTER}"
    )


@pytest.fixture
def engine() -> DockerStackEngine:
    return DockerStackEngine(os.environ)


@pytest.fixture
def stack(engine: DockerStackEngine) -> Iterator[str]:
    name = f"output-{uuid.uuid4().hex[:10]}"
    yield name
    engine.down(name, 0)


def run(engine: DockerStackEngine, image: str, stack: str, *command: str) -> str:
    engine.pull(image, None, lambda *_: None)
    made = SuiteContainer(f"{stack}-{uuid.uuid4().hex[:6]}", {STACK: stack}, {}, command or None)
    return engine.run_image(image, made, networks=[], mounts={})


def test_of_a_flood_the_end_is_saved_without_reading_it_all(
    engine: DockerStackEngine, stack: str, busybox_image: str, tmp_path: Path
) -> None:
    container = run(engine, busybox_image, stack, "sh", "-c", "yes flood | head -n 600000; echo the end")
    assert engine.wait(container, SECONDS) == 0
    begun = time.monotonic()
    engine.save_logs(container, tmp_path / "log", 1_000_000)
    assert time.monotonic() - begun < 10
    lines = (tmp_path / "log").read_text().splitlines()
    assert 900_000 < (tmp_path / "log").stat().st_size <= 1_000_000
    assert lines[-1].endswith(" the end")
    assert all(line.endswith(" flood") and line[:2] == "20" for line in lines[:-1])


def test_one_endless_line_is_bounded_too(
    engine: DockerStackEngine, stack: str, busybox_image: str, tmp_path: Path
) -> None:
    command = "yes | tr -d '\\n' | head -c 3000000; echo; echo the end"
    container = run(engine, busybox_image, stack, "sh", "-c", command)
    assert engine.wait(container, SECONDS) == 0
    engine.save_logs(container, tmp_path / "log", 500_000)
    assert 400_000 < (tmp_path / "log").stat().st_size <= 500_000
    assert (tmp_path / "log").read_text().endswith(" the end\n")


def test_a_container_that_goes_on_flooding_keeps_nobody(
    engine: DockerStackEngine, stack: str, busybox_image: str, tmp_path: Path
) -> None:
    container = run(
        engine,
        busybox_image,
        stack,
        "sh",
        "-c",
        "i=0; while [ $i -lt 200 ]; do seq 1 2000; i=$((i+1)); done; sleep 60",
    )
    engine.save_logs(container, tmp_path / "log", 10_000)
    assert (tmp_path / "log").stat().st_size <= 10_000


def test_both_streams_and_broken_characters_are_shown(
    engine: DockerStackEngine, stack: str, busybox_image: str
) -> None:
    command = "echo out; sleep 0.1; echo error >&2; sleep 0.1; echo -e 'br\\xffken'"
    container = run(engine, busybox_image, stack, "sh", "-c", command)
    assert engine.wait(container, SECONDS) == 0
    assert engine.logs(container, 10) == "out\nerror\nbr\N{REPLACEMENT CHARACTER}ken\n"
    assert engine.logs(container, 2) == "error\nbr\N{REPLACEMENT CHARACTER}ken\n"


def test_output_of_a_container_with_a_terminal_is_no_frames(
    engine: DockerStackEngine, stack: str, busybox_image: str
) -> None:
    engine.pull(busybox_image, None, lambda *_: None)
    with docker.APIClient() as client:
        made = client.create_container(
            busybox_image, command=["echo", "hello"], tty=True, labels={STACK: stack}, name=f"{stack}-tty"
        )
        client.start(made["Id"])
    assert engine.wait(made["Id"], SECONDS) == 0
    assert engine.logs(made["Id"], 10) == "hello\n"


def test_what_is_printed_first_is_not_missed_by_one_who_comes_late(
    engine: DockerStackEngine, stack: str, busybox_image: str
) -> None:
    container = run(engine, busybox_image, stack, "sh", "-c", "echo early; sleep 0.3; echo late")
    heard: list[bytes] = []
    engine.follow(container, heard.append)
    assert b"".join(heard) == b"early\nlate\n"
    engine.follow(container, heard.append)
    assert b"".join(heard) == b"early\nlate\n" * 2


def test_a_reader_that_fails_is_not_the_engines_fault(
    engine: DockerStackEngine, stack: str, busybox_image: str
) -> None:
    def broken(_: bytes) -> None:
        raise BrokenPipeError

    container = run(engine, busybox_image, stack, "echo", "hello")
    with pytest.raises(BrokenPipeError):
        engine.follow(container, broken)


def test_a_log_that_cannot_be_written_is_said(
    engine: DockerStackEngine, stack: str, busybox_image: str, tmp_path: Path
) -> None:
    container = run(engine, busybox_image, stack, "echo", "hello")
    with pytest.raises(OutsideError, match="cannot be written"):
        engine.save_logs(container, tmp_path / "none" / "log", 1000)


# --- archives --------------------------------------------------------------------------------------------------


def packed(*members: tuple[str, bytes | str]) -> list[bytes]:
    """An archive in pieces; a text instead of bytes is where a link points."""
    body = io.BytesIO()
    with tarfile.open(fileobj=body, mode="w") as made:
        for name, content in members:
            member = tarfile.TarInfo(name)
            if isinstance(content, str):
                member.type, member.linkname = tarfile.SYMTYPE, content
                made.addfile(member)
            else:
                member.size = len(content)
                made.addfile(member, io.BytesIO(content))
    whole = body.getvalue()
    return [whole[start : start + 700] for start in range(0, len(whole), 700)]


def test_only_plain_files_in_the_folder_itself_are_taken_by_their_last_name() -> None:
    pieces = packed(
        ("reports/a.xml", b"a"), ("reports/../../etc/b.xml", b"evil"), ("reports/deep/c.xml", b"c"),
        ("reports/l.xml", "/etc/passwd"), ("reports/d.txt", b"d"), ("e.xml", b"e"), ("/reports/f.xml", b"f"),
    )  # fmt: skip
    assert files_in(pieces, "*.xml", 1) == {"a.xml": b"a", "f.xml": b"f"}
    assert files_in(packed(("a.xml", b"a")), "a.xml", 0) == {"a.xml": b"a"}
    assert files_in(packed(("a.xml", "/etc/passwd")), "a.xml", 0) == {}


def test_sizes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "LARGEST_FILE", 1000)
    monkeypatch.setattr(archive, "_MOST_TOGETHER", 1500)
    pieces = packed(("r/a", b"a" * 1000), ("r/b", b"b" * 1001), ("r/c", b"c" * 500), ("r/d", b"d"))
    assert set(files_in(pieces, "*", 1)) == {"a", "c"}
    monkeypatch.setattr(archive, "_LONGEST_STREAM", 2000)
    with pytest.raises(OutsideError):
        files_in(pieces, "*", 1)


def test_an_archive_that_is_none_is_said() -> None:
    with pytest.raises(OutsideError, match="cannot be read"):
        files_in([b"nonsense" * 200], "*", 1)


def test_files_in_the_root_and_of_a_container_that_runs_are_taken_out(
    engine: DockerStackEngine, stack: str, stack_images: StackImages
) -> None:
    container = run(engine, stack_images.image("sh", "-c", "echo '<a/>' > /a.xml; sleep 60"), stack)
    ends = time.monotonic() + SECONDS
    while not engine.copy_out(container, "/a.xml") and time.monotonic() < ends:
        pass
    assert engine.copy_out(container, "/*.xml") == {"a.xml": b"<a/>\n"}
