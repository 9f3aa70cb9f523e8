"""The command line: `rt-automix COMMAND`.

Light to import, so that help and checks answer at once: each command imports what it needs when it
runs. `main` is the one place where errors become a line on stderr and an exit code: 0 fine, 2 the
user's input, 1 anything else.
"""

from __future__ import annotations

import contextlib
import errno
import importlib
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import click

import rt_automix
from rt_automix.errors import AutomixError

_INTERNAL = 1
_USER = 2
_AGAIN_S = 0.01

_COMMANDS = {
    "analyze": "measuring",
    "batch": "batching",
    "check": "checking",
    "demo": "mastering",
    "devices": "devices",
    "live": "live",
    "midi": "midi",
    "pipe": "piping",
    "plugin": "plugging",
    "profile": "measuring",
    "render": "mastering",
}
"""The module that each is in."""


class _Stopped(AutomixError):
    """The user, or the system, asked for the end."""


def _stop_behind(error: BaseException | None) -> KeyboardInterrupt | None:
    """What an error comes from, if that is being asked for the end: compiled modules make another of it."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error


class _Group(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return None
        found: click.Command = getattr(importlib.import_module(f"rt_automix.cli.commands.{_COMMANDS[name]}"), name)
        return found

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (Exception, KeyboardInterrupt) as error:
            if (stop := _stop_behind(error)) is None:
                raise
            said = "" if isinstance(stop, _Interrupted) else str(stop)
            raise _Stopped(said or "Stopped; the file under way was not written.") from None


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, help="Show the version and exit.",
              callback=lambda ctx, _, wanted: _show_version(ctx) if wanted else None)  # fmt: skip
def group() -> None:
    """Master audio: listen, decide ten mastering parameters, apply them.

    \b
    Examples:
      rt-automix demo
      rt-automix render mix.wav master.wav
    """


def _show_version(ctx: click.Context) -> None:
    click.echo(f"rt-automix {rt_automix.__version__}")
    ctx.exit()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the exit code.

    Set RT_AUTOMIX_DEBUG=1 to see where an error comes from.
    """
    _make_streams_patient()
    try:
        with _ended_by_signals():
            _check_dashes(sys.argv[1:] if arguments is None else arguments)
            code = group.main(arguments, prog_name="rt-automix", standalone_mode=False)
            sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except BrokenPipeError:
        _drop_output("stdout")
        return _INTERNAL
    except (Exception, KeyboardInterrupt) as error:
        if os.environ.get("RT_AUTOMIX_DEBUG") == "1":
            raise
        if isinstance(error, OSError):
            _drop_output("stdout")  # it may be what cannot be written
        message, code = _explain(error, sys.argv[1:] if arguments is None else arguments)
        try:
            click.echo(message, err=True)
        except OSError:
            _drop_output("stderr")
        return code


def _check_dashes(words: Sequence[str]) -> None:
    """Raise NoSuchOption for -out, or a file that is called so, which would be read as -o with a name of "ut"."""
    for word in words:
        if word == "--":
            return
        if word.startswith("-out"):
            raise click.NoSuchOption("-out", possibilities=["--out"])


def _drop_output(name: str) -> None:
    """Whoever read it has gone: nothing may be flushed there when Python ends."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), getattr(sys, name).fileno())


def _make_streams_patient() -> None:
    """Let no character that a terminal or a file lacks end a finished job; nor that there is no output (pythonw)."""
    for number in range(3):  # what is closed is opened on nothing: no file of ours may come to lie where others print
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8", errors="replace"))  # noqa: SIM115  (open to the end)
        elif getattr(stream, "errors", "") in ("strict", "surrogateescape") and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def _explain(error: BaseException, words: Sequence[str]) -> tuple[str, int]:
    """What to tell, and the exit code."""
    match error:
        case _Stopped():
            return str(error), error.exit_code
        case AutomixError():
            return f"Error: {error}", error.exit_code
        case click.UsageError(ctx=ctx):
            if ctx and error.message == ctx.get_help():  # a group was called alone
                return error.message, _USER
            where = f" See: {ctx.command_path} --help" if ctx else ""
            return f"Error: {error.format_message()}{_dashed(error, words)}{where}", _USER
        case click.ClickException():
            return f"Error: {error.format_message()}", _USER
        case click.Abort() | KeyboardInterrupt():
            return "Stopped.", _INTERNAL
        case OSError(errno=errno.EACCES | errno.ENAMETOOLONG | errno.ELOOP, filename=str(name), strerror=reason):
            return f"Error: {name}: {reason}. Check the name and the folders.", _USER
        case OSError(errno=errno.ENOSPC | errno.EDQUOT | errno.EROFS, filename=name, strerror=reason):
            return f"Error: {name or 'The output'}: {reason}. Make room there, or write elsewhere.", _USER
    first_line = next(iter(str(error).splitlines()), "")
    cure = "This should not happen: run it again with RT_AUTOMIX_DEBUG=1 and report what it shows."
    return f"Error: {type(error).__name__}: {first_line} {cure}", _INTERNAL


def _dashed(error: click.UsageError, words: Sequence[str]) -> str:
    """What to do where the name of a file was taken for an option."""
    if isinstance(error, click.NoSuchOption):
        for word in words:
            if word.startswith(error.option_name) and "=" not in word and Path(word).suffix[1:].isalnum():
                return f" If a file is called so, write ./{word}."
    return ""


class _Interrupted(KeyboardInterrupt):
    """Ctrl-C, SIGTERM, or a terminal that was closed.

    One of a class of its own: where KeyboardInterrupt itself passes through an `exec`, as modules have them that are
    being imported, Python ends by SIGINT in the end, however well it was caught.
    """


def _send(number: int) -> None:
    """Send the main thread a signal, which wakes it where the system can do so."""
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(threading.main_thread().ident or 0, number)
    else:
        signal.raise_signal(number)


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end a command like Ctrl-C does, so that it cleans up behind itself."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise _Interrupted(number)

    def come_again(lost: Any) -> None:
        """Where it fell into what may not raise, such as a callback of the import system, Python would drop it."""
        if isinstance(lost.exc_value, _Interrupted):
            threading.Timer(_AGAIN_S, _send, lost.exc_value.args).start()
        else:
            sys.__unraisablehook__(lost)

    numbers = [signal.SIGTERM]
    if signal.getsignal(signal.SIGINT) in (signal.default_int_handler, signal.SIG_DFL):  # else ignored, or somebody's
        numbers.append(signal.SIGINT)
    hangup = getattr(signal, "SIGHUP", None)
    if hangup is not None and signal.getsignal(hangup) == signal.SIG_DFL:  # else nohup has it ignored
        numbers.append(hangup)
    before = {number: signal.signal(number, interrupt) for number in numbers}
    hook, sys.unraisablehook = sys.unraisablehook, come_again
    try:
        yield
    finally:
        sys.unraisablehook = hook
        for number, handler in before.items():
            signal.signal(number, handler)
