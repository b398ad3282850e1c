"""A command on this machine is bounded in time and output, and nothing of it is left afterwards."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from lockflight.adapters.system_clock import SystemClock
from lockflight.config import Suite
from lockflight.stacks.suites import keeper
from lockflight.stacks.suites.host import MARKER, HostCommand, check_host_suite, run_command
from lockflight.stacks.suites.output import Mask, Output
from lockflight.stacks.suites.verdict import Ending
from lockflight.testing.clock import FakeClock

DEADLINE_SECONDS = 20.0
# A child that says which process it is, and then goes on for ever; `TERM` does not impress it.
STUBBORN = """
    import os, signal, time
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print(os.getpid(), flush=True)
    while True: time.sleep(60)
"""
# A daemon by the book: two forks and a session of its own. It holds the output open and knows no marker.
DAEMON = """
    import os, sys, time
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            print(os.getpid(), flush=True)
            os.execve(sys.executable, [sys.executable, '-c', 'import time; time.sleep(600)'], {})
        os._exit(0)
    os.wait()
    sys.exit(0)
"""


class Heard:
    """Keeps what a suite prints, and may do something about a line."""

    def __init__(self, act: Callable[[bytes], None] = lambda _line: None) -> None:
        self.lines: list[bytes] = []
        self._act = act

    def __call__(self, line: bytes) -> None:
        self.lines.append(line)
        self._act(line)

    @property
    def text(self) -> str:
        return b"".join(self.lines).decode()

    def process_ids(self) -> list[int]:
        return [int(line) for line in self.lines if line.strip().isdigit()]


class Machine:
    """Runs Python as a suite, with a clock that stands unless a test moves it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = FakeClock()
        self.output_file = folder / "kept" / "output.log"
        self.notes: list[str] = []

    def run(
        self,
        program: str,
        heard: Heard | None = None,
        *,
        environment: Mapping[str, str] | None = None,
        largest: int = 1_000_000,
    ) -> Ending:
        words = (sys.executable, "-c", textwrap.dedent(program))
        return self.run_words(words, heard or Heard(), environment=environment, largest=largest)

    def run_words(
        self,
        words: tuple[str, ...],
        heard: Heard,
        *,
        environment: Mapping[str, str] | None = None,
        largest: int = 1_000_000,
    ) -> Ending:
        given = dict(os.environ) if environment is None else environment
        output = Output(self.output_file, heard, Mask(given), largest=largest)
        command = HostCommand(words, self.folder, given, seconds=60, grace=0.3)
        try:
            return run_command(command, output, self.clock)
        finally:
            output.close()
            self.notes = output.notes

    def when_ready(self) -> Heard:
        """Lets the suite's time run out as soon as it has printed a line."""
        return Heard(lambda _line: self.clock.advance(60))


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, "it did not come true in time"
        SystemClock().sleep(0.01)


def runs(process_id: int) -> bool:
    return any(process.pid == process_id for process in keeper.processes())


def assert_ended(process_ids: list[int]) -> None:
    """Killed is ended: nobody is given more time."""
    assert process_ids, "the suite told of no process"
    assert [number for number in process_ids if runs(number)] == []


def test_a_suite_ends_with_its_exit_code_and_its_output(machine: Machine) -> None:
    heard = Heard()
    ending = machine.run(
        "import sys; print('out'); sys.stdout.flush(); print('err', file=sys.stderr); sys.exit(3)", heard
    )
    assert (ending.exit_code, ending.timed_out, ending.notes) == (3, False, ())
    assert heard.lines == [b"out\n", b"err\n"]
    assert machine.output_file.read_bytes() == b"out\nerr\n"


def test_a_signal_is_told_as_a_shell_tells_it(machine: Machine) -> None:
    assert machine.run("import os; os.kill(os.getpid(), 11)").exit_code == 139


def test_a_suite_finds_no_terminal_and_no_input(machine: Machine) -> None:
    heard = Heard()
    machine.run("import os, sys; print(repr(sys.stdin.read()), os.getsid(0) == os.getpid())", heard)
    assert heard.lines == [b"'' True\n"]


def test_a_suite_runs_in_its_folder_with_the_variables_that_it_was_given(machine: Machine) -> None:
    heard = Heard()
    machine.run("import os; print(os.getcwd(), os.environ['A'])", heard, environment={"A": "b=c\n{d}"})
    assert heard.text == f"{machine.folder} b=c\n{{d}}\n"


def test_nothing_of_our_own_reaches_a_suite(machine: Machine) -> None:
    heard = Heard()
    machine.run(
        "import os, signal\n"
        "print(sorted(os.environ), os.listdir('/proc/self/fd').__len__(), repr(signal.getsignal(signal.SIGTERM)))",
        heard,
        environment={"LC_ALL": "C.UTF-8"},
    )
    # Three streams, and the one that lists the folder.
    assert heard.text == f"['LC_ALL', '{MARKER}'] 4 {signal.SIG_DFL!r}\n"


def test_bytes_that_are_no_text_are_kept_as_they_are(machine: Machine) -> None:
    heard = Heard()
    machine.run(r"import os; os.write(1, b'\xff\xfe\x00\r\n\x1b[31m')", heard)
    assert heard.lines == [b"\xff\xfe\x00\r\n", b"\x1b[31m"]
    assert machine.output_file.read_bytes() == b"\xff\xfe\x00\r\n\x1b[31m"


def test_names_and_values_that_are_no_utf_8_reach_the_suite(machine: Machine) -> None:
    heard = Heard()
    odd = os.fsdecode(b"caf\xe9")
    machine.run("import os; os.write(1, os.environb[b'ODD'])", heard, environment={"ODD": odd})
    assert heard.lines == [b"caf\xe9"]


def test_a_line_that_never_ends_is_handed_on_in_parts(machine: Machine) -> None:
    heard = Heard()
    machine.run("import os; [os.write(1, b'x' * 10_000) for _ in range(100)]", heard)
    assert len(heard.lines) > 5
    assert heard.text == "x" * 1_000_000


def test_a_flood_is_cut_in_the_file_and_says_so(machine: Machine) -> None:
    heard = Heard()
    ending = machine.run("for n in range(30_000): print('line', n)", heard, largest=1000)
    assert ending.exit_code == 0
    assert heard.lines[-1] == b"line 29999\n"
    kept = machine.output_file.read_text()
    assert kept.startswith("line 0\n")
    assert kept.endswith("[cut here: lockflight keeps the first 1000 bytes of a suite's output]\n")
    assert len(kept) < 1100
    assert machine.notes == ["its output was cut after 1000 bytes"]


def test_an_endless_flood_does_not_keep_the_time_from_running_out(machine: Machine) -> None:
    ending = machine.run("while True: print('x' * 1000)", machine.when_ready())
    assert ending.timed_out


def test_many_variables_are_no_trouble(machine: Machine) -> None:
    heard = Heard()
    many = {f"VARIABLE_{number}": "v" * 10_000 for number in range(100)}
    machine.run(
        "import os; print(sum(len(v) for k, v in os.environ.items() if k.startswith('VAR')))",
        heard,
        environment=many,
    )
    assert heard.text == "1000000\n"


def test_variables_that_no_process_may_have_are_told(machine: Machine) -> None:
    ending = machine.run("pass", environment={"A": "v" * 3_000_000})
    assert ending.exit_code is None
    assert ending.not_started.startswith("could not be started: Argument list too long (")


def test_a_suite_that_hangs_is_asked_to_end_and_may_tidy_up(machine: Machine) -> None:
    heard = machine.when_ready()
    ending = machine.run(
        """
        import signal, sys, time
        def leave(*_):
            print('tidied up', flush=True)
            sys.exit(0)
        signal.signal(signal.SIGTERM, leave)
        print('ready', flush=True)
        while True: time.sleep(60)
        """,
        heard,
    )
    assert ending.timed_out
    assert ending.exit_code is None
    assert heard.lines == [b"ready\n", b"tidied up\n"]


def test_a_suite_that_will_not_end_is_killed(machine: Machine) -> None:
    heard = machine.when_ready()
    assert machine.run(STUBBORN, heard).timed_out
    assert_ended(heard.process_ids())


def test_a_suite_that_is_stopped_is_ended_as_well(machine: Machine) -> None:
    heard = machine.when_ready()
    ending = machine.run(
        "import os, signal; print(os.getpid(), flush=True); os.kill(0, signal.SIGSTOP)", heard
    )
    assert ending.timed_out
    assert_ended(heard.process_ids())


def test_children_of_a_suite_that_hangs_end_with_it(machine: Machine) -> None:
    heard = Heard(lambda line: machine.clock.advance(60) if line == b"all here\n" else None)
    program = f"""
        import subprocess, sys, time
        child = subprocess.Popen([sys.executable, '-c', {textwrap.dedent(STUBBORN)!r}], stdout=subprocess.PIPE, start_new_session=True)
        print(int(child.stdout.readline()), flush=True)
        print('all here', flush=True)
        child.wait()
    """
    assert machine.run(program, heard).timed_out
    assert_ended(heard.process_ids())


def test_a_child_that_holds_the_output_open_does_not_hold_us_up(machine: Machine) -> None:
    heard = Heard()
    program = "import subprocess, sys; print(subprocess.Popen(['sleep', '600']).pid)"
    ending = machine.run(program, heard)
    assert ending.exit_code == 0
    assert ending.notes == ("it left processes behind, which were ended: sleep",)
    assert_ended(heard.process_ids())


def test_a_daemon_with_a_session_and_variables_of_its_own_is_ended(machine: Machine) -> None:
    heard = Heard()
    ending = machine.run(DAEMON, heard)
    assert ending.exit_code == 0
    assert [note.partition(":")[0] for note in ending.notes] == ["it left processes behind, which were ended"]
    assert_ended(heard.process_ids())


def test_a_daemon_that_will_not_end_is_killed(machine: Machine) -> None:
    heard = Heard()
    program = f"""
        import subprocess, sys
        child = subprocess.Popen([sys.executable, '-c', {textwrap.dedent(STUBBORN)!r}], stdout=subprocess.PIPE, start_new_session=True)
        print(int(child.stdout.readline()), flush=True)
    """
    assert machine.run(program, heard).exit_code == 0
    assert_ended(heard.process_ids())


def test_processes_that_end_right_after_the_suite_are_not_called_left_behind(machine: Machine) -> None:
    program = "import subprocess; subprocess.Popen(['cat'], stdin=subprocess.PIPE)"
    assert machine.run(program).notes == ()


def test_other_children_of_ours_are_left_alone(machine: Machine) -> None:
    with (
        subprocess.Popen(["sleep", "600"]) as ours,
        subprocess.Popen(["sleep", "600"], start_new_session=True) as apart,
    ):
        try:
            machine.run(DAEMON)
            assert (ours.poll(), apart.poll()) == (None, None)
        finally:
            ours.kill()
            apart.kill()


def test_an_interruption_ends_everything_and_goes_on(machine: Machine) -> None:
    def interrupt(_line: bytes) -> None:
        raise KeyboardInterrupt

    heard = Heard(interrupt)
    with pytest.raises(KeyboardInterrupt):
        machine.run(STUBBORN, heard)
    assert_ended(heard.process_ids())


def test_whoever_listens_and_fails_is_called_no_more(machine: Machine) -> None:
    def fail(_line: bytes) -> None:
        raise BrokenPipeError

    heard = Heard(fail)
    with pytest.raises(BrokenPipeError):
        machine.run("import os; os.write(1, b'0\\n1\\n2\\n')", heard)
    assert heard.lines == [b"0\n"]
    assert machine.output_file.read_bytes() == b"0\n1\n2\n"


def test_a_suite_that_kills_its_keeper_has_failed_and_leaves_nothing(machine: Machine) -> None:
    heard = Heard()
    program = """
        import os, signal, subprocess, time
        print(os.getpid(), subprocess.Popen(['sleep', '600'], start_new_session=True).pid, sep='\\n', flush=True)
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(600)
    """
    ending = machine.run(program, heard)
    assert ending.cut_off == "was cut off: its process was killed from outside"
    wait_until(lambda: not any(runs(number) for number in heard.process_ids()))


def test_when_lockflight_is_killed_the_suite_ends_as_well(tmp_path: Path) -> None:
    program = f"""
        import os, sys
        from pathlib import Path
        from lockflight.adapters.system_clock import SystemClock
        from lockflight.stacks.suites.host import HostCommand, run_command
        from lockflight.stacks.suites.output import Mask, Output
        def tell(line):
            os.write(1, line)
        words = (sys.executable, '-c', {textwrap.dedent(STUBBORN)!r})
        output = Output(Path('output.log'), tell, Mask({{}}))
        run_command(HostCommand(words, Path.cwd(), dict(os.environ), 600, 0.2), output, SystemClock())
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE, cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as lockflight:  # fmt: skip
        assert lockflight.stdout is not None
        suite = int(lockflight.stdout.readline())
        assert runs(suite)
        lockflight.kill()
    wait_until(lambda: not runs(suite))


def test_a_program_that_cannot_be_started_is_told_with_what_to_do(machine: Machine) -> None:
    script = machine.folder / "run"
    script.write_text("echo hello\n")
    script.chmod(0o755)
    assert machine.run_words(("./run",), Heard()).not_started == (
        "could not be started: Exec format error (a script must begin with '#!' and its interpreter, such as '#!/bin/sh')"
    )
    assert machine.run_words(("./no",), Heard()).not_started.startswith(
        "could not be started: No such file or directory"
    )


def test_a_secret_is_neither_shown_nor_kept(machine: Machine) -> None:
    heard = Heard()
    given = {
        **os.environ,
        "SHOP_TOKEN": "hush-hush",
        "SHOP_KEY_SECRET": "line-one\nline-two",
        "USER": "somebody",
    }
    machine.run(
        "import os; print('a', os.environ['SHOP_TOKEN'], os.environ['SHOP_KEY_SECRET'], os.environ['USER'])",
        heard,
        environment=given,
    )
    assert heard.lines == [b"a *** ***\n", b"*** somebody\n"]
    assert machine.output_file.read_bytes() == b"a *** ***\n*** somebody\n"


def test_a_secret_is_masked_in_a_line_without_an_end(machine: Machine) -> None:
    heard = Heard()
    given = {**os.environ, "SHOP_TOKEN": "hush-hush"}
    machine.run(
        "import os; [os.write(1, b'123456789hush-hush') for _ in range(20_000)]", heard, environment=given
    )
    assert heard.text == "123456789***" * 20_000


def test_a_full_disk_fails_no_suite(machine: Machine) -> None:
    machine.output_file.parent.mkdir()
    machine.output_file.symlink_to("/dev/full")
    heard = Heard()
    assert machine.run("print('a'); print('b')", heard).exit_code == 0
    assert heard.lines == [b"a\n", b"b\n"]
    assert machine.notes == ["its output could not be saved to the end: No space left on device"]


def check(root: Path, environment: Mapping[str, str] | None = None, **settings: object) -> list[str]:
    suite = Suite.model_validate(settings)
    given = {"PATH": os.environ["PATH"]} if environment is None else environment
    return [f"{problem} | {problem.hint}" for problem in check_host_suite("smoke", suite, root, given)]


def make_script(path: Path, mode: int = 0o755) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(mode)


def test_a_program_that_is_there_is_no_problem(tmp_path: Path) -> None:
    make_script(tmp_path / "tests" / "run.sh")
    assert check(tmp_path, command=["sh", "-c", "true"]) == []
    assert check(tmp_path, command=["tests/run.sh"]) == []
    assert check(tmp_path, command=["./run.sh"], directory="tests") == []
    assert check(tmp_path, command=["run.sh"], env={"PATH": "tests"}) == []


def test_a_misspelt_program_is_told_before_anything_starts(tmp_path: Path) -> None:
    make_script(tmp_path / "bin" / "pytest")
    assert check(tmp_path, {"PATH": str(tmp_path / "bin")}, command=["pytset"]) == [
        "lockflight.yaml: stack.suites.smoke.command: the program 'pytset' is not installed: it is nowhere on the PATH"
        " | did you mean 'pytest'?"
    ]


def test_a_line_for_a_shell_is_told_as_such(tmp_path: Path) -> None:
    (found,) = check(tmp_path, command=["pytest -q tests"])
    assert "a command is a list of words and no line for a shell" in found


def test_a_program_that_may_not_be_executed_is_told(tmp_path: Path) -> None:
    make_script(tmp_path / "run.sh", stat.S_IRUSR)
    (found,) = check(tmp_path, command=["./run.sh"])
    assert "may not be executed" in found
    assert "chmod +x" in found


def test_a_program_of_the_repository_that_is_missing_is_told(tmp_path: Path) -> None:
    (found,) = check(tmp_path, command=["tests/run.sh"])
    assert "the program 'tests/run.sh' does not exist" in found


@pytest.mark.parametrize(
    ("directory", "said"),
    [("nowhere", "does not exist"), ("file", "is a file"), ("out", "leaves the repository")],
)
def test_a_folder_that_cannot_be_run_in_is_told(tmp_path: Path, directory: str, said: str) -> None:
    root = tmp_path / "root"
    make_script(root / "file")
    (root / "out").symlink_to(tmp_path)
    (found,) = check(root, command=["sh"], directory=directory)
    assert said in found
    assert "stack.suites.smoke.directory" in found
