"""Git through its own command, on real repositories."""

from __future__ import annotations

import shutil
from pathlib import Path
from subprocess import CalledProcessError

import pytest

from lockflight.adapters.git_cli import GitCli
from lockflight.errors import InputError, OutsideError
from lockflight.ports.git import Change
from tests.support.repositories import add_submodule, commit_file, git, new_repository


@pytest.fixture
def cart(tmp_path: Path) -> Path:
    folder = new_repository(tmp_path / "cart")
    commit_file(folder, "a.txt", "1", "first")
    return folder


@pytest.fixture
def shop(tmp_path: Path, cart: Path) -> Path:
    folder = new_repository(tmp_path / "shop")
    add_submodule(folder, cart, "services/cart")
    return folder


def test_the_head_is_told_with_branch_and_time(shop: Path) -> None:
    head = GitCli(shop).head()
    assert head is not None
    assert head.commit == git(shop, "rev-parse", "HEAD")
    assert head.ref == "main"
    assert head.committed.isoformat() == "2026-11-21T08:00:00+00:00"


def test_outside_a_repository_there_is_no_head(tmp_path: Path) -> None:
    assert GitCli(tmp_path).head() is None
    assert GitCli(tmp_path).submodules() == ()


def test_before_the_first_commit_there_is_no_head(tmp_path: Path) -> None:
    assert GitCli(new_repository(tmp_path / "new")).head() is None


def test_a_submodule_is_read_from_the_tree_even_when_it_is_not_checked_out(
    tmp_path: Path, shop: Path, cart: Path
) -> None:
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", str(shop), str(clone))
    (module,) = GitCli(clone).submodules()
    assert module.path == "services/cart"
    assert module.commit == git(cart, "rev-parse", "HEAD")
    assert module.url == str(cart)
    assert GitCli(clone).submodule_changes() == ()


def test_paths_are_told_from_the_manifests_folder(tmp_path: Path, cart: Path) -> None:
    root = new_repository(tmp_path / "root")
    commit_file(root, "deploy/readme", "x")
    add_submodule(root, cart, "deploy/cart")
    assert [module.path for module in GitCli(root / "deploy").submodules()] == ["cart"]
    commit_file(root / "deploy" / "cart", "b.txt", "2")
    assert [change.path for change in GitCli(root / "deploy").submodule_changes()] == ["cart"]


def test_a_submodule_with_local_commits_is_named(shop: Path) -> None:
    commit_file(shop / "services/cart", "b.txt", "2", "local")
    (change,) = GitCli(shop).submodule_changes()
    assert (change.path, change.change) == ("services/cart", Change.LOCAL_COMMITS)


def test_a_submodule_with_local_changes_is_named(shop: Path) -> None:
    (shop / "services/cart/a.txt").write_text("changed")
    (change,) = GitCli(shop).submodule_changes()
    assert change.change is Change.LOCAL_CHANGES


def test_a_file_that_a_build_left_in_a_submodule_is_no_change(shop: Path) -> None:
    (shop / "services/cart/built.o").write_text("object")
    assert GitCli(shop).submodule_changes() == ()


def test_a_staged_bump_is_named(shop: Path) -> None:
    commit_file(shop / "services/cart", "b.txt", "2", "new")
    git(shop, "add", "services/cart")
    (change,) = GitCli(shop).submodule_changes()
    assert change.change is Change.STAGED


def test_a_merge_that_is_not_finished_is_named(tmp_path: Path, shop: Path) -> None:
    module = shop / "services/cart"
    first = git(module, "rev-parse", "HEAD")
    git(shop, "checkout", "--quiet", "-b", "side")
    commit_file(module, "b.txt", "2")
    git(shop, "commit", "--quiet", "-am", "side")
    git(shop, "checkout", "--quiet", "main")
    git(module, "checkout", "--quiet", first)
    commit_file(module, "c.txt", "3")
    git(shop, "commit", "--quiet", "-am", "main")
    with pytest.raises(CalledProcessError):
        git(shop, "merge", "side")
    (change,) = GitCli(shop).submodule_changes()
    assert (change.path, change.change) == ("services/cart", Change.CONFLICT)


def test_a_submodule_that_was_moved_or_removed_in_the_index_is_named(shop: Path) -> None:
    git(shop, "mv", "services/cart", "services/basket")
    moved = {change.path: change.change for change in GitCli(shop).submodule_changes()}
    assert moved == {"services/cart": Change.STAGED, "services/basket": Change.STAGED}
    git(shop, "rm", "--quiet", "-f", "services/basket")
    (change,) = GitCli(shop).submodule_changes()
    assert (change.path, change.change) == ("services/cart", Change.STAGED)


def test_a_submodule_whose_folder_was_removed_is_not_checked_out_and_not_changed(shop: Path) -> None:
    shutil.rmtree(shop / "services/cart")
    assert GitCli(shop).submodule_changes() == ()


def test_changes_are_seen_even_where_the_repository_says_to_ignore_them(shop: Path) -> None:
    git(shop, "config", "submodule.services/cart.ignore", "all")
    commit_file(shop / "services/cart", "b.txt", "2", "local")
    assert GitCli(shop).submodule_changes()


def test_the_last_change_of_a_folder_is_the_last_commit_that_touched_it(tmp_path: Path) -> None:
    folder = new_repository(tmp_path / "mono")
    touched = commit_file(folder, "orders/a", "1")
    commit_file(folder, "cart/a", "1")
    assert GitCli(folder).last_change("orders") == touched
    assert GitCli(folder).last_change("nothing") is None


def test_a_folder_that_is_no_longer_committed_has_no_last_change(tmp_path: Path) -> None:
    folder = new_repository(tmp_path / "mono")
    commit_file(folder, "deploy/orders/a", "1")
    newest = commit_file(folder, "deploy/cart/a", "1")
    git(folder, "rm", "--quiet", "-r", "deploy/orders")
    git(folder, "commit", "--quiet", "-m", "without")
    here = GitCli(folder / "deploy")
    assert here.last_change("orders") is None
    assert here.last_change("./cart/") == newest
    assert here.last_change(".") == git(folder, "rev-parse", "HEAD")


def test_a_path_means_only_itself(tmp_path: Path) -> None:
    folder = new_repository(tmp_path / "mono")
    commit_file(folder, "orders/a", "1")
    assert GitCli(folder).last_change("order*") is None
    assert GitCli(folder).last_change(":!cart") is None
    (folder / "orders/a").write_text("2")
    assert GitCli(folder).is_clean("order*")


@pytest.mark.parametrize(
    ("time", "years"),
    [
        ("1700000000 +051800", {2023}),
        ("300000000000 +0000", {9999}),
        # Versions of git differ in what they make of it.
        ("99999999999999999999 +0000", {1970, 9999}),
    ],
)
def test_a_commit_may_claim_any_time(tmp_path: Path, time: str, years: set[int]) -> None:
    folder = new_repository(tmp_path / "odd")
    tree = git(folder, "write-tree")
    text = f"tree {tree}\nauthor A <a@b> {time}\ncommitter A <a@b> {time}\n\nx\n"
    (folder / ".git" / "text").write_text(text)
    file = str(folder / ".git" / "text")
    commit = git(folder, "hash-object", "-t", "commit", "-w", "--literally", file)
    git(folder, "update-ref", "HEAD", commit)
    head = GitCli(folder).head()
    assert head is not None
    assert head.committed.year in years


def test_a_shallow_history_does_not_pretend_to_know_the_last_change(tmp_path: Path) -> None:
    folder = new_repository(tmp_path / "mono")
    commit_file(folder, "orders/a", "1")
    newest = commit_file(folder, "cart/a", "1")
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{folder}", str(tmp_path / "shallow"))
    assert GitCli(tmp_path / "shallow").last_change("orders") is None
    git(tmp_path, "clone", "--quiet", "--depth=2", f"file://{folder}", str(tmp_path / "deeper"))
    assert GitCli(tmp_path / "deeper").last_change("cart") == newest


def test_the_commit_of_another_repository_is_asked_of_its_branches_and_tags(cart: Path) -> None:
    first = git(cart, "rev-parse", "HEAD")
    git(cart, "tag", "-a", "v1", "-m", "release")
    second = commit_file(cart, "b.txt", "2")
    here = GitCli(cart.parent)
    assert here.remote_commit(str(cart), "main") == second
    assert here.remote_commit(str(cart), "v1") == first
    assert here.remote_commit(str(cart), "none") is None
    assert here.remote_commit(str(cart), first) == first


def test_an_unreachable_repository_is_a_failure_of_the_outside_without_its_credentials(
    tmp_path: Path,
) -> None:
    with pytest.raises(OutsideError) as caught:
        GitCli(tmp_path).remote_commit("https://bot:hunter2@127.0.0.1:1/x.git", "main")
    assert "hunter2" not in str(caught.value)
    assert "127.0.0.1:1/x.git" in str(caught.value)


def test_a_url_cannot_run_a_command(tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    with pytest.raises(OutsideError):
        GitCli(tmp_path).remote_commit(f"ext::sh -c 'touch {marker}'", "main")
    with pytest.raises(OutsideError):
        GitCli(tmp_path).remote_commit(f"--upload-pack=touch {marker}", "main")
    assert not marker.exists()


def test_a_commit_on_the_branch_is_told_by_the_checkout(shop: Path, cart: Path) -> None:
    here = GitCli(shop)
    first = git(cart, "rev-parse", "HEAD")
    assert here.on_branch(first, "main", "services/cart", None) is True
    git(shop / "services/cart", "checkout", "--quiet", "-b", "side")
    aside = commit_file(shop / "services/cart", "c.txt", "3")
    assert here.on_branch(aside, "main", "services/cart", None) is False
    assert here.on_branch(first, "none", "services/cart", None) is None


def test_a_stale_checkout_is_not_believed_over_the_repository(shop: Path, cart: Path) -> None:
    newer = commit_file(cart, "b.txt", "2")
    newest = commit_file(cart, "c.txt", "3")
    here = GitCli(shop)
    assert here.on_branch(newer, "main", "services/cart", str(cart)) is True
    assert here.on_branch(newest, "main", "services/cart", str(cart)) is True


def test_without_a_checkout_the_history_is_fetched_and_asked(tmp_path: Path, cart: Path) -> None:
    old = git(cart, "rev-parse", "HEAD")
    commit_file(cart, "b.txt", "2")
    git(cart, "checkout", "--quiet", "-b", "side", old)
    aside = commit_file(cart, "c.txt", "3")
    here = GitCli(tmp_path, tmp_path / "scratch")
    assert here.on_branch(old, "main", None, str(cart)) is True
    assert here.on_branch(aside, "main", None, str(cart)) is False
    assert here.on_branch(old, "gone", None, str(cart)) is False


def test_the_commits_between_are_told_newest_first(shop: Path) -> None:
    module = shop / "services/cart"
    old = git(module, "rev-parse", "HEAD")
    commit_file(module, "b.txt", "2", "second")
    new = commit_file(module, "c.txt", "3", "third | with \x1b[31m odd characters")
    between = GitCli(shop).commits_between("services/cart", old, new)
    assert between is not None
    assert [line.subject for line in between] == ["third | with \x1b[31m odd characters", "second"]
    newest = commit_file(module, "d.txt", "4", "form\x0cfeed and \x1f unit")
    (last,) = GitCli(shop).commits_between("services/cart", new, newest) or ()
    assert last.subject == "form\x0cfeed and \x1f unit"
    assert GitCli(shop).commits_between("services/cart", old, old) == ()
    assert GitCli(shop).commits_between("services/cart", old, "f" * 40) is None
    assert GitCli(shop).commits_between("services/none", old, new) is None


def test_a_submodules_history_is_read_even_when_its_checkout_was_removed(shop: Path) -> None:
    commit = git(shop / "services/cart", "rev-parse", "HEAD")
    git(shop, "submodule", "--quiet", "deinit", "--force", "services/cart")
    assert GitCli(shop).file_at("services/cart", commit, "a.txt") == b"1"


def test_a_file_is_read_from_a_commit_and_not_from_the_disk(shop: Path) -> None:
    commit = git(shop / "services/cart", "rev-parse", "HEAD")
    (shop / "services/cart/a.txt").write_text("changed")
    assert GitCli(shop).file_at("services/cart", commit, "a.txt") == b"1"
    assert GitCli(shop).file_at("services/cart", commit, "none") is None


def test_a_changed_file_is_a_change_and_an_untracked_one_is_none(tmp_path: Path) -> None:
    folder = new_repository(tmp_path / "r")
    commit_file(folder, "orders/a", "1")
    (folder / "orders" / "build.json").write_text("{}")
    assert GitCli(folder).is_clean("orders")
    (folder / "orders" / "a").write_text("2")
    assert not GitCli(folder).is_clean("orders")
    assert GitCli(folder).is_clean("elsewhere")


def test_ignored_files_are_told_apart_from_tracked_ones(tmp_path: Path) -> None:
    folder = new_repository(tmp_path / "r")
    commit_file(folder, ".gitignore", "*.env\ndata/\n")
    assert GitCli(folder).is_ignored(("a.env", "data/x", "b.txt")) == {"a.env", "data/x"}


def test_paths_beyond_links_and_in_submodules_do_not_hide_what_is_ignored(shop: Path) -> None:
    commit_file(shop, ".gitignore", "*.secret\nhidden\n")
    commit_file(shop, "real/app.conf", "1")
    commit_file(shop / "services/cart", ".gitignore", "*.local\n")
    (shop / "linked").symlink_to("real")
    (shop / "hidden").symlink_to("real")
    (shop / "module").symlink_to("services/cart")
    (shop / "away").symlink_to("/usr")
    ignored = {"z.secret", "linked/y.secret", "hidden/app.conf", "services/cart/a.local", "module/a.local"}
    others = {
        "real/app.conf",
        "linked/app.conf",
        "services/cart/a.txt",
        "module/a.txt",
        "away/bin",
        ":!a",
        "-x",
    }
    assert GitCli(shop).is_ignored(tuple(sorted(ignored | others))) == ignored


def test_a_submodule_in_a_submodule_is_asked_as_well(tmp_path: Path, shop: Path, cart: Path) -> None:
    module = shop / "services/cart"
    add_submodule(module, cart, "inner")
    commit_file(module / "inner", ".gitignore", "*.local\n")
    paths = ("services/cart/inner/a.local", "services/cart/inner/a.txt")
    assert GitCli(shop).is_ignored(paths) == {paths[0]}
    git(shop, "submodule", "--quiet", "deinit", "--force", "--all")
    assert GitCli(shop).is_ignored(paths) == frozenset()
    (module / ".git").mkdir()
    assert GitCli(shop).is_ignored(paths) == frozenset()


def test_a_link_to_itself_is_no_checkout(shop: Path) -> None:
    (shop / "loop").symlink_to("loop")
    assert GitCli(shop).has_commit("loop", "f" * 40) is None
    assert GitCli(shop).is_ignored(("loop", "loop/a")) == frozenset()


def test_what_is_ignored_is_told_from_the_manifests_folder(shop: Path) -> None:
    commit_file(shop, ".gitignore", "*.secret\n")
    commit_file(shop, "deploy/a", "1")
    (shop / "deploy" / "cart").symlink_to("../services/cart")
    paths = ("cart/a.txt", "a", "b.secret")
    assert GitCli(shop / "deploy").is_ignored(paths) == {"b.secret"}
    assert GitCli(shop / "deploy").inside_submodules(paths) == {"cart/a.txt": "../services/cart"}


def test_what_lies_in_a_submodule_is_told_even_through_a_link_or_when_only_staged(
    shop: Path, cart: Path
) -> None:
    git(shop, "submodule", "--quiet", "add", str(cart), "staged")
    (shop / "linked").symlink_to("services/cart")
    inside = {
        "services/cart/a.txt": "services/cart",
        "linked/a.txt": "services/cart",
        "staged/a.txt": "staged",
    }
    assert GitCli(shop).inside_submodules((*inside, "services/a", "services/cart", "linked")) == inside
    assert GitCli(shop.parent).inside_submodules(("shop/services/cart/a.txt",)) == {}


@pytest.mark.parametrize("is_checked_out", [True, False])
def test_a_link_is_followed_to_the_first_submodule_whether_it_is_checked_out_or_not(
    shop: Path, is_checked_out: bool
) -> None:
    module = shop / "services/cart"
    (module / "back").symlink_to("../../real")
    git(module, "add", "back")
    git(module, "commit", "--quiet", "-m", "a link that leads out again")
    commit_file(shop, "real", "1")
    (shop / "file").symlink_to("services/cart/a.txt")
    (shop / "absolute").symlink_to(module / "a.txt")
    (shop / "there-and-back").symlink_to("services/cart/back")
    (shop / "twice").symlink_to("file")
    (shop / "circle").symlink_to("circle")
    if not is_checked_out:
        git(shop, "submodule", "--quiet", "deinit", "--force", "--all")
    linked = ("file", "absolute", "there-and-back", "twice")
    found = GitCli(shop).inside_submodules((*linked, "real", "circle"))
    assert found == dict.fromkeys(linked, "services/cart")


def test_an_answer_that_git_does_not_give_is_not_taken_for_no(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = GitCli(shop)
    assert here.is_ignored(("a",)) == frozenset()
    (shop / ".git" / "index").write_text("garbage")
    with pytest.raises(OutsideError):
        here.is_ignored(("a",))


def test_a_relative_submodule_url_is_completed_from_the_repositorys_own(tmp_path: Path, cart: Path) -> None:
    folder = new_repository(tmp_path / "shop")
    add_submodule(folder, cart, "cart")
    git(folder, "config", "--file", ".gitmodules", "submodule.cart.url", "../cart.git")
    git(folder, "commit", "--quiet", "-am", "relative")
    git(folder, "remote", "add", "origin", "https://bot:secret@git.example/acme/shop.git")
    (module,) = GitCli(folder).submodules()
    assert module.url == "https://git.example/acme/cart.git"
    head = GitCli(folder).head()
    assert head is not None
    assert head.repository == "https://git.example/acme/shop.git"


def test_a_broken_repository_is_named_and_not_taken_for_none(tmp_path: Path, shop: Path) -> None:
    shutil.rmtree(shop / ".git" / "objects")
    with pytest.raises((OutsideError, InputError)):
        GitCli(shop).last_change("services")


def test_the_hint_for_a_foreign_repository_names_its_folder(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    with pytest.raises(InputError) as caught:
        GitCli(shop / "services").head()
    assert caught.value.problems[0].hint == f"git config --global --add safe.directory {shop}"


def test_variables_of_another_git_do_not_lead_astray(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    assert GitCli(shop).head() is not None
