"""The wheel: builds, installs into an empty virtual environment, and works from any folder."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    (built,) = folder.glob("lockflight-*.whl")
    return built


def test_the_wheel_holds_types_templates_and_the_demo_but_no_tests(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert "lockflight/py.typed" in names
    assert "lockflight/demo/files/lockflight.yaml" in names
    for file in ("stack.yaml", "routes.conf", "shop/cart/Dockerfile", "suite/system_test.py"):
        assert f"lockflight/demo/files/compose/{file}" in names
    assert any(name.startswith("lockflight/setup/templates/") for name in names)
    assert not any(name.startswith("tests") or name.endswith("/busybox") for name in names)


def test_it_installs_into_an_empty_environment_and_works_from_any_folder(wheel: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / "bin" / "python"
    constraints = str(ROOT / ".ci" / "constraints.txt")
    install = [str(python), "-m", "pip", "install", "--quiet", "-c", constraints, str(wheel)]
    subprocess.run(install, check=True, capture_output=True)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    for command in ([str(python.with_name("lockflight"))], [str(python), "-m", "lockflight"]):
        for arguments in (["--version"], ["lock", "--help"], ["demo", "--help"]):
            done = subprocess.run(
                [*command, *arguments], cwd=elsewhere, env=environment, capture_output=True, text=True
            )
            assert done.returncode == 0, done.stderr
    found = subprocess.run(
        [str(python), "-c", "from lockflight.demo.shop import source_folder; print(source_folder())"],
        cwd=elsewhere, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert found.stdout.strip().endswith("lockflight/demo/files")
