"""What stands in somebody's pull request names no place outside of it to git, and no program to run."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from lockflight.adapters.git_cli import GitCli
from lockflight.adapters.git_process import local_environment, remote_environment
from lockflight.errors import InputError
from tests.support.repositories import add_submodule, commit_file, git, new_repository


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    folder = new_repository(tmp_path / "shop")
    commit_file(folder, "deploy/readme", "x")
    return folder


def program(folder: Path) -> tuple[Path, Path]:
    """A program, and the file that is there once it ran."""
    ran = folder / "ran"
    path = folder / "program"
    path.write_text(f"#!/bin/sh\ntouch {ran}\nexit 1\n")
    path.chmod(0o755)
    return path, ran


def signed_commit(folder: Path) -> tuple[str, str]:
    """Two commits, of which the newer says that it is signed."""
    old = commit_file(folder, "a", "1")
    tree = git(folder, "rev-parse", "HEAD^{tree}")
    who = "Ada <ada@example.org> 1700000000 +0000"
    signature = "gpgsig -----BEGIN PGP SIGNATURE-----\n \n x\n -----END PGP SIGNATURE-----"
    text = f"tree {tree}\nparent {old}\nauthor {who}\ncommitter {who}\n{signature}\n\nsigned\n"
    (folder / ".git" / "text").write_text(text)
    new = git(folder, "hash-object", "-t", "commit", "-w", str(folder / ".git" / "text"))
    git(folder, "update-ref", "HEAD", new)
    return old, new


def test_a_signature_is_not_checked_by_a_program_that_the_configuration_names(tmp_path: Path) -> None:
    folder = new_repository(tmp_path / "signed")
    old, new = signed_commit(folder)
    path, ran = program(tmp_path)
    git(folder, "config", "log.showSignature", "true")
    git(folder, "config", "gpg.program", str(path))
    assert [line.subject for line in GitCli(folder).commits_between(".", old, new) or ()] == ["signed"]
    assert GitCli(folder).head() is not None
    assert not ran.exists()


def test_a_monitor_or_hook_that_the_configuration_names_is_not_started(tmp_path: Path, shop: Path) -> None:
    path, ran = program(tmp_path)
    git(shop, "config", "core.fsmonitor", str(path))
    (shop / ".git" / "hooks").mkdir(exist_ok=True)
    shutil.copy(path, shop / ".git" / "hooks" / "post-index-change")
    assert GitCli(shop).is_clean(".")
    assert not ran.exists()


@pytest.mark.parametrize("path", ["../evil", "a/../../evil", "/evil", "-evil", ""])
def test_a_path_that_leads_out_is_refused(shop: Path, path: str) -> None:
    here = GitCli(shop)
    head = git(shop, "rev-parse", "HEAD")
    with pytest.raises(InputError):
        here.last_change(path)
    with pytest.raises(InputError):
        here.is_clean(path)
    with pytest.raises(InputError):
        here.commits_between(path, head, head)
    with pytest.raises(InputError):
        here.commits_between(".", head, head, path)
    with pytest.raises(InputError):
        here.file_at(path, head, "a")
    with pytest.raises(InputError):
        here.file_at(".", head, path)
    with pytest.raises(InputError):
        here.has_commit(path, head)
    with pytest.raises(InputError):
        here.on_branch(head, "main", path, None)


def test_an_option_is_no_commit(shop: Path) -> None:
    with pytest.raises(InputError):
        GitCli(shop).commits_between(".", "--output=x", "HEAD")


def test_a_committed_folder_that_looks_like_a_repository_is_none(tmp_path: Path, shop: Path) -> None:
    source = new_repository(tmp_path / "source")
    old, new = signed_commit(source)
    git(tmp_path, "clone", "--quiet", "--bare", str(source), str(shop / "deploy" / "evil"))
    here = GitCli(shop / "deploy")
    assert here.has_commit("evil", new) is None
    assert here.commits_between("evil", old, new) is None
    assert GitCli(shop).has_commit("deploy/evil", new) is None


def test_a_link_that_leads_out_is_no_checkout(tmp_path: Path, shop: Path) -> None:
    other = new_repository(tmp_path / "other")
    commit = commit_file(other, "a", "1")
    (shop / "linked").symlink_to(other)
    assert GitCli(shop).has_commit("linked", commit) is None
    assert GitCli(shop).file_at("linked", commit, "a") is None


@pytest.mark.parametrize("name", ["../../evil", "/evil", "-evil", "a/../../../evil"])
def test_a_submodule_whose_name_leads_out_of_gits_folder_is_not_read(
    tmp_path: Path, shop: Path, name: str
) -> None:
    source = new_repository(tmp_path / "source")
    commit_file(source, "a", "1")
    commit = add_submodule(shop, source, "cart")
    git(tmp_path, "clone", "--quiet", "--bare", str(source), str(shop / "evil"))
    (shop / ".gitmodules").write_text(f'[submodule "{name}"]\n\tpath = cart\n\turl = {source}\n')
    git(shop, "commit", "--quiet", "-am", "named")
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", str(shop), str(clone))
    shutil.copytree(shop / "evil", clone / "evil")
    (module,) = GitCli(clone).submodules()
    assert module.name is None
    assert GitCli(clone).has_commit("cart", commit) is None


def test_what_git_keeps_of_a_submodule_is_not_read_through_a_link(tmp_path: Path, shop: Path) -> None:
    source = new_repository(tmp_path / "source")
    commit = commit_file(source, "a", "1")
    (shop / ".git" / "modules").mkdir()
    (shop / ".git" / "modules" / "cart").symlink_to(source / ".git")
    assert GitCli(shop).has_commit("cart", commit) is None


def test_objects_that_a_clone_left_out_are_not_fetched(tmp_path: Path, shop: Path) -> None:
    path, ran = program(tmp_path)
    git(shop, "config", "uploadpack.allowFilter", "true")
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", "--no-checkout", "--filter=blob:none", f"file://{shop}", str(clone))
    git(clone, "config", "remote.origin.uploadpack", str(path))
    commit = git(clone, "rev-parse", "HEAD")
    assert GitCli(clone).file_at(".", commit, "deploy/readme") is None
    assert not ran.exists()


def test_protocols_that_somebody_forbade_stay_forbidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_ALLOW_PROTOCOL", "https:ext")
    assert remote_environment({}, None)["GIT_ALLOW_PROTOCOL"] == "https"
    monkeypatch.delenv("GIT_ALLOW_PROTOCOL")
    assert "ssh" in remote_environment({}, None)["GIT_ALLOW_PROTOCOL"].split(":")
    assert local_environment()["GIT_ALLOW_PROTOCOL"] == ""


def test_ssh_asks_nothing_unless_somebody_chose_how_it_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GIT_SSH", raising=False)
    monkeypatch.delenv("GIT_SSH_COMMAND", raising=False)
    assert remote_environment({}, None)["GIT_SSH_COMMAND"] == "ssh -o BatchMode=yes"
    assert "GIT_SSH_COMMAND" not in remote_environment({}, "my-ssh")
    monkeypatch.setenv("GIT_SSH_COMMAND", "ssh -i key")
    assert remote_environment({}, None)["GIT_SSH_COMMAND"] == "ssh -i key"


def test_the_ssh_command_of_the_repository_is_used_for_remotes(tmp_path: Path, shop: Path) -> None:
    path, ran = program(tmp_path)
    git(shop, "config", "core.sshCommand", str(path))
    with pytest.raises(Exception, match="cannot be read"):
        GitCli(shop).remote_commit("ssh://git.example/x.git", "main")
    assert ran.exists()


def test_settings_in_the_environment_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "http.proxy")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "http://proxy.example")
    environment = local_environment()
    assert environment["GIT_CONFIG_KEY_0"] == "http.proxy"
    assert int(environment["GIT_CONFIG_COUNT"]) > 1
