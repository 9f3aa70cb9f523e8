"""How a program that was started here is ended."""

from __future__ import annotations

import subprocess


def end(process: subprocess.Popen[bytes], number: int) -> None:
    """Send it a signal; one that does not listen within five seconds is killed."""
    process.send_signal(number)
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(5)
