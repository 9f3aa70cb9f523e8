"""The program: `rt-automix`, or `python -m rt_automix`."""

import signal
import sys


def main() -> int:
    """Do what this process's arguments say; the exit code. Ctrl-C ends it without a word until that has begun.

    Thread: main. Allocates: yes.
    """
    if signal.getsignal(signal.SIGINT) == signal.default_int_handler:  # which shows where an import was
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from rt_automix.cli import main as command_line

    return command_line()


if __name__ == "__main__":
    sys.exit(main())
