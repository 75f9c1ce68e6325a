"""`tasuki demo` as a newcomer runs it: leads live, the service is killed, Ctrl-C is pressed, and nothing stays behind."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.waiting import PATIENCE_S

ROOT = Path(__file__).parents[2]
WITHIN_S = 300

pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.skipif(sys.platform == "win32", reason="the embedded store has no binary for Windows"),
]


@contextmanager
def demo(folder: Path, *arguments: str) -> Generator[subprocess.Popen[str]]:
    """Run the command in a session of its own, with *folder* for its temporary files."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("TASUKI_")}
    process = subprocess.Popen(  # noqa: S603 (our own command)
        [sys.executable, "-m", "services.cli.main", "demo", "--language", "en", *arguments],
        cwd=ROOT,
        env={**environ, "TMPDIR": str(folder), "COLUMNS": "200"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def until(process: subprocess.Popen[str], text: str) -> str:
    """Return what was printed up to the line that holds *text*."""
    assert process.stdout is not None
    shown = ""
    for line in process.stdout:
        shown += line
        if text in line:
            return shown
    raise AssertionError(f"it ended without {text!r}:\n{shown}")


def left_running(folder: Path) -> list[str]:
    """Return the command lines of processes that still name *folder*, once they had the time to end."""
    deadline = time.monotonic() + PATIENCE_S
    while (found := _naming(folder)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return found


def _naming(folder: Path) -> list[str]:
    shown = subprocess.run(["/bin/ps", "-ww", "-eo", "args"], capture_output=True, text=True, check=True)
    return [line for line in shown.stdout.splitlines() if str(folder) in line]


def test_a_short_demo_ends_well_and_leaves_nothing_behind(tmp_path: Path) -> None:
    """Both systems are equal, nothing is lost, no process and no file remains."""
    with demo(tmp_path, "--seconds", "8", "--seed", "3") as process:
        shown, _ = process.communicate(timeout=WITHIN_S)

    assert process.returncode == 0, shown
    assert "✓ both systems are equal and nothing is lost" in shown
    assert "/docs" in shown
    assert re.search(r"^Dashboard: http://127\.0\.0\.1:\d+/$", shown, re.MULTILINE)
    assert re.search(r"^Alerts that arrived: http://127\.0\.0\.1:\d+/$", shown, re.MULTILINE)
    assert re.search(r"^KPI recount +[1-9]\d* figures, 0 differences", shown, re.MULTILINE), shown
    assert re.search(r"^alerts \(told / arrived / doubled\) +(\d+) / \1 / 0", shown, re.MULTILINE), shown
    assert "overdue now " in shown
    assert left_running(tmp_path) == []
    assert [*tmp_path.iterdir()] == []


def test_kills_change_nothing(tmp_path: Path) -> None:
    """The service is killed while leads live; the verdict is the same, and says how often."""
    with demo(tmp_path, "--seconds", "14", "--kill-every", "4") as process:
        shown, _ = process.communicate(timeout=WITHIN_S)

    assert process.returncode == 0, shown
    assert "kills" in shown
    assert re.search(r"^alerts \(told / arrived / doubled\) +([1-9]\d*) / \1 / 0", shown, re.MULTILINE), shown
    assert left_running(tmp_path) == []


def test_ctrl_c_ends_in_a_verdict(tmp_path: Path) -> None:
    """The first Ctrl-C reaches the whole foreground group; the service isn't disturbed and the verdict comes."""
    with demo(tmp_path, "--folder", str(tmp_path / "kept")) as process:
        until(process, "leads")
        os.killpg(process.pid, signal.SIGINT)
        shown, _ = process.communicate(timeout=WITHIN_S)

    assert process.returncode == 0, shown
    assert "✓" in shown
    assert (tmp_path / "kept" / "tasuki.toml").exists()
    assert '"signal":"SIGINT"' not in (tmp_path / "kept" / "service.log").read_text()
    assert left_running(tmp_path) == []


def test_a_second_ctrl_c_ends_at_once(tmp_path: Path) -> None:
    """There is no verdict then, and still nothing stays behind."""
    with demo(tmp_path) as process:
        until(process, "leads")
        os.killpg(process.pid, signal.SIGINT)
        _await_taken(process)
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=WITHIN_S)

    assert process.returncode == 130
    assert left_running(tmp_path) == []


def _await_taken(process: subprocess.Popen[str]) -> None:
    """Return when SIGINT isn't pending: a second one that comes before the first was taken is one with it."""
    if sys.platform != "linux":
        time.sleep(0.5)
        return
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        status = Path(f"/proc/{process.pid}/status").read_text()
        pending = [int(mask, 16) for mask in re.findall(r"^(?:Sig|Shd)Pnd:\s+(\w+)$", status, re.MULTILINE)]
        if not any(mask >> (signal.SIGINT - 1) & 1 for mask in pending):
            return
        time.sleep(0.01)


def test_a_demo_that_is_killed_takes_its_service_with_it(tmp_path: Path) -> None:
    """Even SIGKILL leaves no process, where the system can tell a child that its parent died."""
    if sys.platform != "linux":
        pytest.skip("only Linux ends a child with its parent")
    with demo(tmp_path) as process:
        until(process, "leads")
        assert _naming(tmp_path)
        process.kill()
        process.communicate(timeout=WITHIN_S)

    assert left_running(tmp_path) == []


def test_a_dead_service_ends_the_demo_with_the_end_of_its_log(tmp_path: Path) -> None:
    """It isn't started again behind the viewer's back: its log is shown, and the files are kept."""
    with demo(tmp_path) as process:
        until(process, "leads")
        _kill_service(tmp_path)
        shown, _ = process.communicate(timeout=WITHIN_S)

    assert process.returncode == 3, shown
    assert "the end of tasuki's log:" in shown
    assert '"event":' in shown
    assert "the service ended with -9" in shown
    assert "kept in" in shown
    assert left_running(tmp_path) == []


def _kill_service(folder: Path) -> None:
    shown = subprocess.run(["/bin/ps", "-ww", "-eo", "pid,args"], capture_output=True, text=True, check=True)
    (pid,) = (
        int(line.split()[0])
        for line in shown.stdout.splitlines()
        if str(folder) in line and " up --config " in line
    )
    os.kill(pid, signal.SIGKILL)
