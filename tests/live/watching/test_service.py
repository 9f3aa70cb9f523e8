"""The session as a service: what it tells its manager by the protocol, and a real systemd that starts and watches."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
from waiting import PATIENCE_S

from rt_automix.io.devices.edge.board import CALLBACKS, Board
from rt_automix.live.watching.service import Service

pytestmark = pytest.mark.live

UNITS = Path(__file__).parents[3] / "packaging"
SYSTEMD = Path("/lib/systemd/systemd")


@pytest.fixture
def command(tmp_path):
    song = tmp_path / "song.wav"
    soundfile.write(song, 0.1 * np.random.default_rng(3).standard_normal((96_000, 2)), 48_000)
    live = [sys.executable, "-m", "rt_automix", "live", "--quiet", "--play", str(song)]
    return [*live, "--state", str(tmp_path / "state.json")]


class Manager:
    """The other end of the protocol: a real datagram socket."""

    def __init__(self, address):
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + address[1:] if address.startswith("@") else address)

    def heard(self, limit_s):
        """The messages of so many seconds, each with its moment, as they come."""
        deadline = time.monotonic() + limit_s
        while (left_s := deadline - time.monotonic()) > 0.0:
            self._socket.settimeout(left_s)
            with contextlib.suppress(TimeoutError):
                yield from self._socket.recv(4096).decode().splitlines()

    def wait_for(self, start, limit_s=PATIENCE_S):
        """What comes until a line that begins like that."""
        before = []
        for line in self.heard(limit_s):
            before.append(line)
            if line.startswith(start):
                return before
        raise AssertionError(f"no {start} among {before}")

    def close(self):
        self._socket.close()


@pytest.mark.parametrize("kind", ["file", "name"])
def test_the_protocol(command, tmp_path, kind):
    manager = Manager(str(tmp_path / "notify") if kind == "file" else f"@rt_automix-test-{os.getpid()}")
    environment = {**os.environ, "NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "1000000"}
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        assert any(line.startswith("STATUS=Playing") for line in manager.wait_for("READY=1"))
        for _ in range(3):
            manager.wait_for("WATCHDOG=1")
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        assert children
        for child in children:
            assert b"NOTIFY_SOCKET" not in Path(f"/proc/{child}/environ").read_bytes()
        os.kill(process.pid, signal.SIGSTOP)
        list(manager.heard(0.3))
        assert list(manager.heard(1.0)) == []  # a loop that stands still says nothing
        os.kill(process.pid, signal.SIGCONT)
        manager.wait_for("WATCHDOG=1")
        process.send_signal(signal.SIGTERM)
        assert "READY=1" not in manager.wait_for("STOPPING=1")
        assert process.wait(PATIENCE_S) == 0
    finally:
        process.kill()
        process.stderr.close()
        manager.close()


@pytest.fixture
def stage(tmp_path):
    """(manager, a service that was started by it, what stands for a supervisor that can fall silent)."""
    manager = Manager(str(tmp_path / "notify"))
    service = Service({"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "4000"})  # four pings: one each ms
    yield manager, service, SimpleNamespace(is_playing=True, status={}, board=Board())
    service.__exit__()
    manager.close()


def test_a_process_that_plays_and_answers_no_more_is_not_vouched_for(stage):
    manager, service, supervisor = stage

    def pings():
        for _ in range(5):
            service.show(supervisor, None)
            time.sleep(0.002)
        return [line for line in manager.heard(0.02) if line == "WATCHDOG=1"]

    assert len(pings()) == 1  # its first answer
    assert pings() == []
    supervisor.status = {}  # another answer
    assert len(pings()) == 1
    supervisor.board.stats[CALLBACKS] += 1  # deaf, but its sound goes on
    assert len(pings()) == 1
    supervisor.is_playing = False  # another begins, which its own parent watches
    assert len(pings()) > 1


def test_a_start_that_takes_long_is_not_watched(stage):
    """The first ping has systemd count, and nobody answers while the next process loads what it needs."""
    manager, service, supervisor = stage
    supervisor.is_playing = False
    service.hear({"type": "compiling", "done": 3, "total": 9})
    for k in range(5):
        supervisor.status = {"k": k}
        service.show(supervisor, None)
        time.sleep(0.002)
    assert [line for line in manager.heard(0.02) if not line.startswith("STATUS=")] == []


def test_a_manager_that_does_not_listen_holds_nobody_up(stage):
    _, service, supervisor = stage
    for k in range(1000):
        service.hear({"type": "state", "state": "lost", "text": f"{k}\nREADY=1"})
    service.show(supervisor, None)
    service.stopping()


@pytest.mark.parametrize("address", ["", "nowhere", "/nowhere/notify", "vsock:2:1", "@rt_automix-nobody", "/" * 200])
def test_without_a_manager_nothing_is_told(address):
    environment = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "x", "WATCHDOG_PID": "1", "KEPT": "1"}
    service = Service(environment)
    service.stopping()
    assert environment == {"KEPT": "1"}


def unit(name, tmp_path, command, **settings):
    """A shipped unit with another command and other settings."""
    lines = (UNITS / name).read_text().splitlines()
    settings["ExecStart"] = " ".join(command)
    found = [line.partition("=")[0] for line in lines]
    assert settings.keys() <= {*found}
    lines = [f"{key}={settings[key]}" if key in settings else line for key, line in zip(found, lines, strict=True)]
    return "\n".join(lines)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd: sudo apt install systemd")
@pytest.mark.parametrize(("name", "who"), [("rt-automix.service", "--user"), ("rt-automix-system.service", "--system")])
def test_the_shipped_units_hold_nothing_that_systemd_does_not_know(name, who, tmp_path):
    made = tmp_path / name
    made.write_text(unit(name, tmp_path, ["/bin/true"]))
    environment = {**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)}
    command = ["systemd-analyze", "verify", "--man=no", who, str(made)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert [line for line in done.stderr.splitlines() if made.name in line] == []


MANAGER = """
mount -t tmpfs none /run && mkdir -p /run/systemd/system /run/user && chmod 700 /run/user
export XDG_RUNTIME_DIR=/run/user SYSTEMD_UNIT_PATH={units}:
systemctl() {{ timeout 90 systemctl --user "$@"; }}
show() {{ systemctl show -P "$1" rt-automix; }}
until_so() {{ for k in $(seq 900); do "$@" && return; sleep 0.1; done; echo "never: $*"; exit; }}
is_up() {{ case $(systemctl is-system-running 2>/dev/null) in running|degraded) ;; *) false ;; esac; }}
is_another() {{ [ "$(show NRestarts)" -ge 1 ] && [ "$(show ActiveState)" = active ]; }}
{systemd} --user --log-target=null & manager=$!
until_so is_up
systemctl start rt-automix; echo started $?; show StatusText; first=$(show MainPID)
[ "$first" -gt 1 ] || exit  # 0 would stop all that runs here, and wait for ever
kill -STOP "$first"
until_so is_another
echo restarted; [ "$(show MainPID)" != "$first" ] && echo another
systemctl stop rt-automix; show Result
"""


@pytest.mark.skipif(not SYSTEMD.exists(), reason="needs systemd: sudo apt install systemd")
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, for a private /run in which a systemd of its own can start")
def test_a_real_systemd_starts_it_waits_for_the_sound_and_replaces_one_that_hangs(command, tmp_path):
    folder = tmp_path / "units"
    folder.mkdir()
    kept = {
        name: value for name, value in os.environ.items() if name in ("HOME", "PATH", "PYTHONPATH", "XDG_CACHE_HOME")
    }
    command = ["/usr/bin/env", *(f"{name}={value}" for name, value in kept.items()), *command]
    text = unit("rt-automix.service", tmp_path, command, WatchdogSec="5s", RestartSec="100ms")
    (folder / "rt-automix.service").write_text(
        text.replace("[Service]\n", f"[Service]\nWorkingDirectory={Path.cwd()}\n")
    )
    script = MANAGER.format(units=folder, systemd=SYSTEMD)
    # Numbers of its own for its processes: with the first of them all end, however far they have come.
    alone = ["unshare", "--mount-proc", "--pid", "--fork", "--kill-child"]
    done = subprocess.run(
        [*alone, "sh", "-c", script], capture_output=True, text=True, timeout=280, start_new_session=True
    )
    said = done.stdout.splitlines()
    assert said[:1] == ["started 0"], (said, done.stderr)
    assert said[1].startswith("Playing ") and said[2:] == ["restarted", "another", "success"]
