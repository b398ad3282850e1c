"""`.ci/setup` on machines made of stubs: what it would install, what it says, and what it leaves alone."""

import os
import pty
import re
import shutil
import subprocess
import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent
BASH = shutil.which("bash") or "/bin/bash"

# What the script takes from every machine. Everything else it sees is a stub of this file.
ORDINARY_PROGRAMS = "bash cat chmod cksum cp dirname env flock grep head mkdir mktemp mv rm sed sh sleep sort tail touch uname"

OS_RELEASES = {
    "debian12": 'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n',
    "debian13": 'ID=debian\nVERSION_ID="13"\nPRETTY_NAME="Debian GNU/Linux 13 (trixie)"\n',
    "ubuntu": 'ID=ubuntu\nID_LIKE=debian\nVERSION_ID="24.04"\nPRETTY_NAME="Ubuntu 24.04 LTS"\n',
    "mint": 'ID=linuxmint\nID_LIKE="ubuntu debian"\nVERSION_ID="22"\nPRETTY_NAME="Linux Mint 22"\n',
    "fedora": 'ID=fedora\nVERSION_ID=43\nPRETTY_NAME="Fedora Linux 43"\n',
    "debian11": 'ID=debian\nVERSION_ID="11"\nPRETTY_NAME="Debian GNU/Linux 11 (bullseye)"\n',
}

# Each stub writes down how it was called; $MACHINE is the folder that holds the machine.
NOTE = 'echo "${0##*/} $*" >>"$MACHINE/calls"\n'

STUBS = {
    # Whichever Python it plays; the environment that it makes holds a copy of it.
    "python3": r"""
case "$1 $2" in
  "-m venv") mkdir -p "$3/bin"; cp "$0" "$3/bin/python"; echo "python3 $1 $2" >>"$MACHINE/calls" ;;
  "-m pip") echo "pip ${*: -1}" >>"$MACHINE/calls" ;;
  -c*) if [ $# -eq 2 ]; then cat "$MACHINE/python"; else exit 0; fi ;;
esac
""",
    "apt-get": NOTE
    + r"""
while [ "${1#-}" != "$1" ]; do shift 2; done
case " $* " in
  *" indextargets "*)
    echo "bookworm-security http://mirror.test/security"
    echo "bookworm http://mirror.test/debian" ;;
  *" download "*)
    cat "$TMPDIR"/*/next.list >>"$MACHINE/sources" 2>/dev/null
    touch "${*: -1}_1.0_amd64.deb" ;;
  *" --print-uris "*)
    echo "Need to get 2 kB of archives."
    echo "'http://mirror.test/libz_1%3a2_amd64.deb' libz_1%3a2_amd64.deb 9 SHA256:00"
    echo "'http://mirror.test/redis-server_5%3a7_amd64.deb' redis-server_5%3a7_amd64.deb 9 SHA256:00" ;;
  *" install "*) for package; do cp "$MACHINE/packages/$package"/* "$MACHINE/bin/" 2>/dev/null; done; : ;;
esac
""",
    "dpkg": NOTE
    + r"""
package=${2%%_*}
mkdir -p "$3/usr/bin" "$3/usr/libexec/docker/cli-plugins"
echo wrapper >"$3/usr/bin/$package"
echo plugin >"$3/usr/libexec/docker/cli-plugins/$package"
""",
    # A real `install` would write into this machine's /usr/local/bin.
    "install": NOTE
    + 'case "$4" in /usr/local/bin/*) : >"$MACHINE/bin/${4##*/}" ;; *) cp "$3" "$4" ;; esac\n',
    "mkdir": 'case "$*" in *" /usr/local/bin") ;; *) exec /bin/mkdir "$@" ;; esac\n',
    "id": 'case "$1" in -u) cat "$MACHINE/user" ;; *) echo ada ;; esac\n',
    "ldd": "echo 'not a dynamic executable'\n",
    "pidof": "exit 1\n",
    "setsid": 'exec "$@"\n',
    "systemctl": NOTE + ': >"$MACHINE/engine"\n',
    "git": "",
}

DOCKER = r"""
case "$1" in
  info) [ -e "$MACHINE/engine" ] || { echo "Cannot connect to the Docker daemon"; exit 1; } ;;
  context) echo default ;;
  compose | buildx)
    [ -e "$MACHINE/bin/docker-$1" ] ||
      [ -e "${DOCKER_CONFIG:-$HOME/.docker}/cli-plugins/docker-$1" ] ;;
esac
"""
DOCKERD = NOTE + 'echo "dockerd: listening"; : >"$MACHINE/engine"\n'
EMPTY_PROGRAM = "exit 0\n"

# What each package brings onto the PATH.
PACKAGES = {
    "docker.io": {"docker": DOCKER, "dockerd": DOCKERD},
    "docker-cli": {"docker": DOCKER},
    "docker-compose-v2": {"docker-compose": EMPTY_PROGRAM},
    "docker-compose": {"docker-compose": EMPTY_PROGRAM},
    "docker-buildx": {"docker-buildx": EMPTY_PROGRAM},
    "busybox-static": {"busybox": EMPTY_PROGRAM},
    "iptables": {"iptables": EMPTY_PROGRAM},
    "openssl": {"openssl": EMPTY_PROGRAM},
    "kubernetes-client": {"kubectl": EMPTY_PROGRAM},
}


class Machine:
    """One machine in a folder: its programs, its release, its user, and a clone of this repository."""

    def __init__(self, folder: Path, release: str) -> None:
        self.folder = folder
        self.clone = folder / "clone"
        self.home = folder / "home"
        for name in ("bin", "home", "tmp", "admin"):
            (folder / name).mkdir()
        for name in ORDINARY_PROGRAMS.split():
            (folder / "bin" / name).symlink_to(shutil.which(name) or f"/bin/{name}")
        for name, body in STUBS.items():
            self.has(name, body)
        for package, contents in PACKAGES.items():
            for name, body in contents.items():
                self._write_program(folder / "packages" / package / name, body)
        self.write("os-release", OS_RELEASES[release])
        self.python_is("3.11")
        self.user_is(0)
        shutil.copytree(REPOSITORY / ".ci", self.clone / ".ci")
        shutil.copy(REPOSITORY / "pyproject.toml", self.clone)

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)

    def has(self, program: str, body: str = EMPTY_PROGRAM) -> None:
        self._write_program(self.folder / "bin" / program, body)

    def has_docker(self) -> None:
        self.write("engine", "")
        self.has("docker", DOCKER)
        for program in (
            "dockerd",
            "docker-compose",
            "docker-buildx",
            "docker-registry",
            "busybox",
            "openssl",
            "kubectl",
            "redis-server",
            "redis-cli",
        ):
            self.has(program, DOCKERD if program == "dockerd" else EMPTY_PROGRAM)

    def lacks(self, program: str) -> None:
        (self.folder / "bin" / program).unlink()

    def python_is(self, version: str, *, whole: bool = True) -> None:
        python = self.folder / "bin" / "python3"
        self.write("python", f"{version.replace('.', ' ')} {'yes' if whole else 'no'} {python}\n")

    def user_is(self, number: int) -> None:
        self.write("user", f"{number}\n")

    def variables(self, extra: Mapping[str, str]) -> dict[str, str]:
        return {
            "PATH": str(self.folder / "bin"),
            "HOME": str(self.home),
            "TMPDIR": str(self.folder / "tmp"),
            "MACHINE": str(self.folder),
            "LOCKFLIGHT_OS_RELEASE": str(self.folder / "os-release"),
            "LOCKFLIGHT_ADMIN_PATH": str(self.folder / "admin"),
            **extra,
        }

    def set_up(self, profile: str = "test", **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [BASH, str(self.clone / ".ci" / "setup"), profile],
            env=self.variables(variables),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )

    def set_up_at_a_terminal(self, answer: str, **variables: str) -> tuple[int, str]:
        """The exit code and what the person reads, with `answer` typed at the question."""
        person, terminal = pty.openpty()
        try:
            os.write(person, f"{answer}\n".encode())
            outcome = subprocess.run(
                [BASH, str(self.clone / ".ci" / "setup"), "test"],
                env=self.variables(variables),
                stdin=terminal,
                stdout=terminal,
                stderr=subprocess.PIPE,
                text=True,
                timeout=20,
                check=False,
            )
        finally:
            os.close(person)
            os.close(terminal)
        return outcome.returncode, outcome.stderr

    @property
    def calls(self) -> list[str]:
        calls = self.folder / "calls"
        return calls.read_text().splitlines() if calls.exists() else []

    def calls_of(self, program: str) -> list[str]:
        return [call for call in self.calls if call.startswith(f"{program} ")]

    @property
    def installed(self) -> set[str]:
        """The packages that apt-get was told to install."""
        really = [call for call in self.calls_of("apt-get") if "--print-uris" not in call]
        words = [call.partition(" install ")[2].split() for call in really]
        return {word for call in words for word in call if not word.startswith("-")}

    @staticmethod
    def _write_program(path: Path, body: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.write_text(f"#!{BASH}\n{body}")
        path.chmod(0o755)


@pytest.fixture
def debian12(tmp_path: Path) -> Machine:
    return Machine(tmp_path, "debian12")


def test_a_machine_that_has_docker_is_left_alone(debian12: Machine) -> None:
    debian12.has_docker()

    outcome = debian12.set_up()

    assert outcome.returncode == 0, outcome.stderr
    assert debian12.calls_of("apt-get") == []
    assert debian12.calls_of("dockerd") == []
    assert debian12.calls_of("install") == []


def test_nothing_is_done_and_nothing_said_when_everything_is_there(debian12: Machine) -> None:
    debian12.has_docker()
    debian12.set_up()
    calls_of_the_first_run = debian12.calls

    outcome = debian12.set_up()

    assert (outcome.returncode, outcome.stdout, outcome.stderr) == (0, "", "")
    assert debian12.calls == calls_of_the_first_run


def test_a_bare_debian_12_gets_the_engine_from_its_own_release(debian12: Machine) -> None:
    outcome = debian12.set_up()

    assert outcome.returncode == 0, outcome.stderr
    assert debian12.installed == {"docker.io", "iptables", "busybox-static", "openssl", "kubernetes-client"}


def test_a_bare_debian_12_gets_compose_and_buildx_from_the_next_release(debian12: Machine) -> None:
    outcome = debian12.set_up()

    assert outcome.returncode == 0, outcome.stderr
    assert set((debian12.folder / "sources").read_text().splitlines()) == {
        "deb http://mirror.test/debian trixie main"
    }
    of_next_release = [call for call in debian12.calls_of("apt-get") if "Dir::Etc::sourcelist=" in call]
    assert [call.split()[-1] for call in of_next_release if " download " in call] == [
        "docker-compose",
        "docker-buildx",
    ]
    assert all(
        "Dir::Etc::sourceparts=-" in call and "Dir::State::lists=" in call for call in of_next_release
    ), "the machine's own lists must not see the next release"


def test_signatures_are_always_checked() -> None:
    script = (REPOSITORY / ".ci" / "setup").read_text()

    assert not re.search(r"trusted=yes|allow-?(insecure|unauth|weak|downgrade)|--force-yes", script, re.I)


def test_the_plugin_is_taken_and_not_the_wrapper_of_the_same_name(debian12: Machine) -> None:
    debian12.set_up()

    plugins = debian12.home / ".docker" / "cli-plugins"
    assert {file.name: file.read_text() for file in plugins.iterdir()} == {
        "docker-compose": "plugin\n",
        "docker-buildx": "plugin\n",
    }


def test_plugins_go_where_docker_config_points(debian12: Machine, tmp_path: Path) -> None:
    outcome = debian12.set_up(DOCKER_CONFIG=str(tmp_path / "elsewhere"))

    assert outcome.returncode == 0, outcome.stderr
    assert (tmp_path / "elsewhere" / "cli-plugins" / "docker-compose").exists()
    assert not (debian12.home / ".docker").exists()


def test_the_registry_comes_without_its_service(debian12: Machine) -> None:
    debian12.set_up()

    assert "docker-registry" not in debian12.installed
    assert any(call.endswith(" /usr/local/bin/docker-registry") for call in debian12.calls_of("install"))


@pytest.mark.parametrize("release", ["debian12", "debian13", "ubuntu"])
def test_redis_is_unpacked_with_what_it_needs_and_never_installed(tmp_path: Path, release: str) -> None:
    machine = Machine(tmp_path, release)

    outcome = machine.set_up("demo")

    assert outcome.returncode == 0, outcome.stderr
    unpacked = machine.home / ".cache" / "lockflight" / "machine" / "redis"
    assert sorted(file.name for file in (unpacked / "usr" / "bin").iterdir()) == ["libz", "redis-server"]
    assert not {"redis-server", "redis"} & machine.installed


def test_redis_is_unpacked_once(debian12: Machine, tmp_path: Path) -> None:
    debian12.has_docker()
    debian12.lacks("redis-cli")
    cache = str(tmp_path / "cache")
    assert debian12.set_up("demo", XDG_CACHE_HOME=cache).returncode == 0
    calls_of_the_first_run = debian12.calls

    assert debian12.set_up("demo", XDG_CACHE_HOME=cache).returncode == 0

    assert (tmp_path / "cache" / "lockflight" / "machine" / "redis" / "usr" / "bin" / "redis-server").exists()
    assert debian12.calls == calls_of_the_first_run


@pytest.mark.parametrize("release", ["ubuntu", "mint"])
def test_ubuntu_gets_everything_from_its_own_mirror(tmp_path: Path, release: str) -> None:
    machine = Machine(tmp_path, release)

    outcome = machine.set_up()

    assert outcome.returncode == 0, outcome.stderr
    assert machine.installed >= {"docker.io", "docker-compose-v2", "docker-buildx", "busybox-static"}
    assert not any("Dir::Etc::sourcelist" in call for call in machine.calls)


def test_debian_13_gets_everything_from_its_own_release(tmp_path: Path) -> None:
    machine = Machine(tmp_path, "debian13")

    outcome = machine.set_up()

    assert outcome.returncode == 0, outcome.stderr
    assert machine.installed >= {"docker.io", "docker-cli", "docker-compose", "docker-buildx"}
    assert not any("Dir::Etc::sourcelist" in call for call in machine.calls)


def test_only_what_is_missing_is_installed(debian12: Machine) -> None:
    debian12.has_docker()
    debian12.lacks("busybox")

    outcome = debian12.set_up()

    assert outcome.returncode == 0, outcome.stderr
    assert debian12.installed == {"busybox-static"}


def test_only_the_tests_need_openssl(debian12: Machine) -> None:
    debian12.has_docker()
    debian12.lacks("openssl")

    assert debian12.set_up("demo").returncode == 0
    assert debian12.installed == set()
    assert debian12.set_up("test").returncode == 0
    assert debian12.installed == {"openssl"}


@pytest.mark.parametrize(
    ("release", "packages"),
    [("debian12", {"kubernetes-client"}), ("debian13", {"kubernetes-client"}), ("ubuntu", set())],
)
def test_only_the_tests_need_kubectl_and_only_where_there_is_a_package(
    tmp_path: Path, release: str, packages: set[str]
) -> None:
    machine = Machine(tmp_path, release)
    machine.has_docker()
    machine.lacks("kubectl")

    assert machine.set_up("demo").returncode == 0
    assert machine.installed == set()
    assert machine.set_up("test").returncode == 0
    assert machine.installed == packages


def test_the_check_profile_needs_no_docker(debian12: Machine) -> None:
    outcome = debian12.set_up("check")

    assert outcome.returncode == 0, outcome.stderr
    assert debian12.installed == set()
    assert (debian12.clone / ".venv" / "bin" / "python").exists()


def test_the_bench_profile_adds_the_programs_it_compares_with(debian12: Machine) -> None:
    debian12.has_docker()

    debian12.set_up("bench")

    assert debian12.installed == {"skopeo", "curl"}


def test_an_unknown_profile_is_refused_with_the_known_ones(debian12: Machine) -> None:
    outcome = debian12.set_up("tset")

    assert outcome.returncode == 1
    assert "say check, demo, test or bench" in outcome.stderr


def test_the_package_for_virtual_environments_is_installed_where_python_lacks_it(debian12: Machine) -> None:
    debian12.python_is("3.11", whole=False)

    debian12.set_up("check")

    assert debian12.installed == {"python3.11-venv"}


def test_who_is_not_root_reads_what_is_missing_and_what_to_do(debian12: Machine) -> None:
    debian12.user_is(1000)

    outcome = debian12.set_up()

    assert outcome.returncode == 1
    assert "docker.io" in outcome.stderr
    assert "docker-registry" in outcome.stderr
    assert "have root run `.ci/setup test`" in outcome.stderr
    assert debian12.calls == []


def test_sudo_is_used_where_it_asks_for_no_password(debian12: Machine) -> None:
    debian12.user_is(1000)
    debian12.has("sudo", NOTE + 'if [ "$1" = -n ]; then shift; fi\nexec "$@"\n')
    debian12.has("true")

    outcome = debian12.set_up()

    assert outcome.returncode == 0, outcome.stderr
    assert any("apt-get" in call and "docker.io" in call for call in debian12.calls_of("sudo"))


@pytest.mark.parametrize(
    ("release", "name"), [("fedora", "Fedora Linux 43"), ("debian11", "Debian GNU/Linux 11")]
)
def test_other_systems_read_what_is_missing_and_what_to_do(tmp_path: Path, release: str, name: str) -> None:
    machine = Machine(tmp_path, release)

    outcome = machine.set_up()

    assert outcome.returncode == 1
    assert name in outcome.stderr
    assert "docker.io" in outcome.stderr
    assert "Debian 12 or newer and on Ubuntu only" in outcome.stderr
    assert machine.calls_of("apt-get") == []


def test_an_old_python_is_named_with_what_to_do(debian12: Machine) -> None:
    debian12.python_is("3.9")

    outcome = debian12.set_up()

    assert outcome.returncode == 1
    assert "needs Python 3.11 or newer, but python3 is Python 3.9" in outcome.stderr
    assert "make test PYTHON=" in outcome.stderr
    assert debian12.calls == []


def test_a_newer_python_beside_an_old_one_is_found(debian12: Machine) -> None:
    debian12.python_is("3.9")
    debian12.has("python3.12", STUBS["python3"].replace("$MACHINE/python", "$MACHINE/python3.12"))
    debian12.write("python3.12", f"3 12 yes {debian12.folder / 'bin' / 'python3.12'}\n")

    outcome = debian12.set_up("check")

    assert outcome.returncode == 0, outcome.stderr
    assert "bin/python3.12" in outcome.stderr


def test_a_python_that_was_asked_for_is_not_replaced_by_another(debian12: Machine) -> None:
    outcome = debian12.set_up("check", PYTHON="/opt/none/python3.12")

    assert outcome.returncode == 1
    assert "there is no /opt/none/python3.12 that runs" in outcome.stderr


def test_a_clone_that_was_moved_gets_a_new_environment(debian12: Machine) -> None:
    debian12.set_up("check")
    moved = debian12.folder / "moved"
    debian12.clone.rename(moved)
    debian12.clone = moved

    debian12.set_up("check")

    assert debian12.calls_of("python3") == ["python3 -m venv", "python3 -m venv"]


def test_changed_requirements_are_installed_into_the_same_environment(debian12: Machine) -> None:
    debian12.set_up("check")
    with (debian12.clone / "pyproject.toml").open("a") as project:
        project.write("\n# one more requirement\n")

    debian12.set_up("check")

    assert debian12.calls_of("python3") == ["python3 -m venv"]
    assert debian12.calls_of("pip").count("pip .[dev]") == 2


def test_an_environment_that_was_removed_is_made_again(debian12: Machine) -> None:
    debian12.set_up("check")
    shutil.rmtree(debian12.clone / ".venv")

    debian12.set_up("check")

    assert debian12.calls_of("pip").count("pip .[dev]") == 2


def test_an_installation_that_failed_is_tried_again(debian12: Machine) -> None:
    debian12.has(
        "python3", STUBS["python3"].replace('"-m pip")', '"-m pip") [ -e "$MACHINE/network" ] || exit 1;')
    )
    assert debian12.set_up("check").returncode == 1
    debian12.write("network", "")

    outcome = debian12.set_up("check")

    assert outcome.returncode == 0, outcome.stderr
    assert debian12.calls_of("pip").count("pip .[dev]") == 1


def test_a_person_at_a_terminal_is_asked_and_may_say_no(debian12: Machine) -> None:
    code, text = debian12.set_up_at_a_terminal("n")

    assert code == 1
    assert "will install with apt-get: docker.io iptables busybox-static openssl kubernetes-client" in text
    assert text.count("Go ahead? [Y/n]") == 1
    assert "nothing was installed" in text
    assert debian12.calls == []


def test_a_person_at_a_terminal_who_agrees_gets_everything(debian12: Machine) -> None:
    code, text = debian12.set_up_at_a_terminal("y")

    assert code == 0, text
    assert "docker.io" in debian12.installed


@pytest.mark.parametrize("variable", ["LOCKFLIGHT_YES", "CI"])
def test_who_has_agreed_beforehand_is_not_asked(debian12: Machine, variable: str) -> None:
    code, text = debian12.set_up_at_a_terminal("n", **{variable: "1"})

    assert code == 0, text
    assert "Go ahead?" not in text


def test_an_engine_that_does_not_run_is_started(debian12: Machine) -> None:
    debian12.has_docker()
    (debian12.folder / "engine").unlink()

    outcome = debian12.set_up()

    assert outcome.returncode == 0, outcome.stderr
    assert debian12.calls_of("dockerd") or debian12.calls_of("systemctl")
    assert debian12.calls_of("apt-get") == []


def test_an_engine_that_does_not_come_up_is_quoted(debian12: Machine) -> None:
    debian12.has_docker()
    (debian12.folder / "engine").unlink()
    complaint = "echo no room on this disk\n"
    debian12.has("dockerd", complaint + ': >"$MACHINE/gave-up"\n')
    # Asks again only after dockerd has said its last word.
    debian12.has("sleep", 'until [ -e "$MACHINE/gave-up" ]; do /bin/sleep 0.01; done\n')
    debian12.has("systemctl", ': >"$MACHINE/gave-up"\n')
    debian12.has("journalctl", complaint)

    outcome = debian12.set_up(LOCKFLIGHT_ENGINE_DEADLINE="1")

    assert outcome.returncode == 1
    assert "no room on this disk" in outcome.stderr


def test_an_engine_elsewhere_is_neither_replaced_nor_started(debian12: Machine) -> None:
    debian12.has("docker", DOCKER)

    outcome = debian12.set_up(DOCKER_HOST="tcp://builder.test:2376")

    assert outcome.returncode == 1
    assert "DOCKER_HOST" in outcome.stderr
    assert debian12.calls == []


def test_an_account_without_access_to_docker_reads_how_to_get_it(debian12: Machine) -> None:
    debian12.user_is(1000)
    debian12.has(
        "docker", 'case "$1" in context) echo default ;; *) echo "permission denied" >&2; exit 1 ;; esac\n'
    )

    outcome = debian12.set_up()

    assert outcome.returncode == 1
    assert "sudo usermod -aG docker ada" in outcome.stderr


def test_a_failed_installation_shows_what_apt_said(debian12: Machine) -> None:
    debian12.has("apt-get", 'echo "E: Unable to locate package docker.io"; exit 100\n')

    outcome = debian12.set_up()

    assert outcome.returncode == 1
    assert "E: Unable to locate package docker.io" in outcome.stderr
    assert "this step failed: installing docker.io" in outcome.stderr


def test_every_pin_is_a_name_and_an_exact_version() -> None:
    lines = (REPOSITORY / ".ci" / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if not line.startswith("#")]

    assert [pin for pin in pins if not re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.+!]*", pin)] == []


def test_every_requirement_of_the_project_is_pinned() -> None:
    pyproject = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    project = pyproject["project"]
    requirements = [
        *pyproject["build-system"]["requires"],
        *project["dependencies"],
        *project["optional-dependencies"]["dev"],
    ]
    pinned = re.findall(r"^([\w.-]+)==", (REPOSITORY / ".ci" / "constraints.txt").read_text(), re.M)

    missing = {normal_name(requirement) for requirement in requirements} - {
        normal_name(pin) for pin in pinned
    }

    assert not missing, "`make pins` writes the missing ones"


def normal_name(requirement: str) -> str:
    """The name that a requirement or a pin begins with, spelled as packages are compared by."""
    return re.sub(r"[-_.]+", "-", re.split(r"[^\w.-]", requirement, maxsplit=1)[0]).lower()


def test_make_alone_lists_every_target() -> None:
    targets = re.findall(r"^\.PHONY: (\S+)$", (REPOSITORY / "Makefile").read_text(), re.M)

    listing = subprocess.run(
        ["make", "-C", str(REPOSITORY), "--no-print-directory"], capture_output=True, text=True, check=True
    ).stdout

    assert re.findall(r"^make (\S+) +\S", listing, re.M) == targets


def committed_files() -> list[Path]:
    listing = subprocess.run(
        ["git", "-C", str(REPOSITORY), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True,
        check=True,
    ).stdout
    names = {os.fsdecode(name) for name in listing.split(b"\0") if name}
    return sorted(REPOSITORY / name for name in names if (REPOSITORY / name).is_file())


def test_no_address_of_a_package_registry_is_committed() -> None:
    # Put together here, so that this file does not hold what it looks for.
    hosts = {
        "pypi": ["org", "python.org"],
        "pythonhosted": ["org"],
        "deb.debian": ["org"],
        "security.debian": ["org"],
        "snapshot.debian": ["org"],
        "archive.ubuntu": ["com"],
        "security.ubuntu": ["com"],
        "ports.ubuntu": ["com"],
        "npmjs": ["org", "com"],
        "yarnpkg": ["com"],
        "download.docker": ["com"],
        "crates": ["io"],
        "proxy.golang": ["org"],
        "rubygems": ["org"],
        "anaconda": ["org", "com"],
    }
    names = [f"{name}.{end}" for name, ends in hosts.items() for end in ends]
    options = [f"{prefix}{suffix}" for prefix in ("index-", "extra-index-") for suffix in ("url",)]
    forbidden = re.compile("|".join(re.escape(text) for text in [*names, *options, "find-" + "links"]), re.I)

    found = [
        f"{file.relative_to(REPOSITORY)}: {match.group()}"
        for file in committed_files()
        if (match := forbidden.search(file.read_text(errors="replace")))
    ]

    assert found == []
