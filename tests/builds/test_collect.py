"""Records from files, folders, globs and standard input: none is read twice, and none is lost silently."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import pytest

from lockflight.builds.collect import collect
from lockflight.builds.model import Found
from lockflight.errors import InputError

SAMPLES = Path(__file__).parent / "samples"
RECORD = (SAMPLES / "record.json").read_text()


def gather(base: Path, *sources: str, stdin: bytes = b"") -> list[Found]:
    return collect(sources, stdin=io.BytesIO(stdin), base=base)


def origins(base: Path, *sources: str, stdin: bytes = b"") -> list[str]:
    return [one.origin for one in gather(base, *sources, stdin=stdin)]


def problems(base: Path, *sources: str, stdin: bytes = b"") -> list[str]:
    with pytest.raises(InputError) as caught:
        gather(base, *sources, stdin=stdin)
    return [str(problem) for problem in caught.value.problems]


def write(base: Path, name: str, text: str | bytes) -> None:
    path = base / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())


def test_a_file_gives_its_record_with_its_path_as_origin(tmp_path: Path) -> None:
    write(tmp_path, "ci-outputs/cart.json", RECORD)
    (one,) = gather(tmp_path, "ci-outputs/cart.json")
    assert one.origin == "record ci-outputs/cart.json"
    assert one.record.service == "cart"


def test_the_builds_of_one_file_are_told_apart(tmp_path: Path) -> None:
    shutil.copy(SAMPLES / "bake.json", tmp_path)
    assert origins(tmp_path, "bake.json") == [f"record bake.json#{name}" for name in ("cart", "lint", "web")]


def test_an_absolute_path_outside_the_base_stays_absolute(tmp_path: Path) -> None:
    write(tmp_path, "elsewhere/cart.json", RECORD)
    (tmp_path / "repository").mkdir()
    path = tmp_path / "elsewhere" / "cart.json"
    assert origins(tmp_path / "repository", str(path)) == [f"record {path}"]


def test_a_folder_is_searched_at_every_depth_and_in_order(tmp_path: Path) -> None:
    for name in ("b/cart.json", "a/z/web.json", "a/api.json"):
        write(tmp_path, f"artifacts/{name}", RECORD)
    found = origins(tmp_path, "artifacts")
    assert found == [f"record artifacts/{name}" for name in ("a/api.json", "a/z/web.json", "b/cart.json")]


def test_a_quoted_glob_is_expanded(tmp_path: Path) -> None:
    for name in ("ci/a/cart.json", "ci/b/web.json", "ci/b/web.txt"):
        write(tmp_path, name, RECORD)
    assert origins(tmp_path, "ci/**/*.json") == ["record ci/a/cart.json", "record ci/b/web.json"]


def test_a_file_with_stars_in_its_name_is_no_glob(tmp_path: Path) -> None:
    write(tmp_path, "cart[1].json", RECORD)
    assert origins(tmp_path, "cart[1].json") == ["record cart[1].json"]


def test_the_same_file_reached_twice_is_read_once(tmp_path: Path) -> None:
    write(tmp_path, "ci/cart.json", RECORD)
    (tmp_path / "ci" / "link.json").symlink_to("cart.json")
    assert origins(tmp_path, "ci/cart.json", "ci", "ci/*.json", "./ci/cart.json") == ["record ci/cart.json"]


def test_standard_input_is_read(tmp_path: Path) -> None:
    assert origins(tmp_path, "-", "-", stdin=RECORD.encode()) == ["record stdin"]


def test_standard_input_in_no_known_format_is_refused(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, "-", stdin=b"hello")
    assert problem.startswith("stdin: is in none of the known formats: lockflight record, ")


def test_standard_input_without_end_is_bounded(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, "-", stdin=b" " * (17 * 1024 * 1024))
    assert "is too large" in problem


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("missing.json", "missing.json: does not exist"),
        ("ci/*.json", "ci/*.json: matches nothing"),
        ("empty", "empty: matches nothing"),
        ("reports", "reports: none of its 1 files is a record"),
    ],
)
def test_a_source_without_any_record_is_refused(tmp_path: Path, source: str, message: str) -> None:
    (tmp_path / "empty").mkdir()
    write(tmp_path, "reports/notes.txt", "nothing here")
    assert problems(tmp_path, source) == [message]


def test_a_named_file_must_be_a_record(tmp_path: Path) -> None:
    write(tmp_path, "sbom.json", '{"bomFormat": "CycloneDX"}')
    (problem,) = problems(tmp_path, "sbom.json")
    assert "sbom.json: is in none of the known formats: lockflight record, docker buildx build" in problem


def test_what_else_lies_in_a_folder_of_artefacts_is_passed_over(tmp_path: Path) -> None:
    write(tmp_path, "ci/cart.json", RECORD)
    write(tmp_path, "ci/sbom.json", '{"bomFormat": "CycloneDX", "components": []}')
    write(tmp_path, "ci/scan.json", '{"version": "2.1.0", "runs": []}')
    write(tmp_path, "ci/compose.yaml", "services: {cart: {image: cart}}")
    write(tmp_path, "ci/junit.xml", "<testsuites/>")
    write(tmp_path, "ci/log.txt", "step: one: two\n\t- tab")
    write(tmp_path, "ci/image.tar", b"\x00\x01\xff")
    write(tmp_path, "ci/.git/config.json", "{broken")
    assert origins(tmp_path, "ci") == ["record ci/cart.json"]


def test_a_record_is_found_in_a_folder_whatever_its_name(tmp_path: Path) -> None:
    write(tmp_path, "ci/cart-digest", RECORD)
    assert origins(tmp_path, "ci") == ["record ci/cart-digest"]


def test_json_in_a_folder_that_may_be_a_lost_record_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "ci/cart.json", RECORD)
    write(tmp_path, "ci/api.json", '{"image": "ghcr.io/acme/api", "sha": "abc"}')
    (problem,) = problems(tmp_path, "ci")
    assert problem.startswith("ci/api.json: is in none of the known formats")


def test_a_truncated_record_in_a_folder_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "ci/cart.json", RECORD[:200])
    (problem,) = problems(tmp_path, "ci")
    assert problem.startswith("ci/cart.json:")
    assert "is not valid JSON" in problem


def test_the_problems_of_all_sources_are_reported_together(tmp_path: Path) -> None:
    broken = json.dumps({**json.loads(RECORD), "commit": "x", "digest": "y"}, indent=1)
    write(tmp_path, "ci/cart.json", broken)
    write(tmp_path, "ci/web.json", broken)
    assert len(problems(tmp_path, "ci", "missing.json")) == 5


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"\xef\xbb\xbf{}", "is encoded as UTF-8 with a byte order mark"),
        (b'{"a": "\xff"}', "is not valid UTF-8"),
        (b"{\x00}", "has a NUL byte in it"),
    ],
)
def test_a_file_that_is_no_plain_text_is_refused(tmp_path: Path, body: bytes, message: str) -> None:
    write(tmp_path, "cart.json", body)
    (problem,) = problems(tmp_path, "cart.json")
    assert message in problem


def test_control_characters_in_a_file_name_do_not_reach_the_lock(tmp_path: Path) -> None:
    write(tmp_path, "ci/ca\nrt.json", RECORD)
    assert origins(tmp_path, "ci") == ["record ci/ca?rt.json"]


def test_a_loop_of_links_is_no_trap(tmp_path: Path) -> None:
    write(tmp_path, "ci/cart.json", RECORD)
    (tmp_path / "ci" / "again").symlink_to(".")
    assert origins(tmp_path, "ci") == ["record ci/cart.json"]


def test_several_unknown_files_are_told_the_formats_once(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        write(tmp_path, f"ci/{name}.json", '{"sha": "abc"}')
    found = problems(tmp_path, "ci")
    assert [problem.count("docker buildx bake") for problem in found] == [0, 0, 1]


def test_yaml_with_several_documents_in_a_folder_says_how_to_leave_it_out(tmp_path: Path) -> None:
    write(tmp_path, "ci/cart.json", RECORD)
    write(tmp_path, "ci/deploy.yaml", "apiVersion: v1\nkind: Service\n---\napiVersion: v1\nkind: Pod\n")
    with pytest.raises(InputError) as caught:
        collect(["ci"], stdin=io.BytesIO(), base=tmp_path)
    (problem,) = caught.value.problems
    assert problem.hint == "name the records' own folder, or a narrower pattern"
