"""Another JACK program for tests, in a process of its own: it plays a tone and hears, and can be killed.

`Other` starts it, in the environment of a server; run as a script it is the program, asked line by line.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import Any

from waiting import PATIENCE_S, until

LEVEL = 0.1
TONE_HZ = 1000.0


class Other:
    """A client with the ports `in_1 in_2 out_1 out_2`, or more of them; out of those comes a tone.

    Parameters
    ----------
    environment : dict
        In which its server is found.
    """

    def __init__(self, environment: dict[str, str], name: str, ins: int = 2, outs: int = 2) -> None:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        command = [sys.executable, __file__, name, str(ins), str(outs)]
        self._process: subprocess.Popen[str] = subprocess.Popen(command, text=True, env=environment, **pipes)
        self.name = self._answer()

    def peak(self) -> float:
        """The highest sample that has come in since it was last asked."""
        return max(self.peaks())

    def peaks(self) -> list[float]:
        """The same for each port."""
        return [float(peak) for peak in self._ask({"peaks": True})]

    def hear(self, *ports: str) -> bool:
        """Join ports to its inputs; False if one is not there."""
        return bool(self._ask({"hear": list(ports)}))

    def latency(self, port: str) -> dict[str, list[int]]:
        """A port's latency ranges, of capture and of playback: least and most."""
        return self._ask({"latency": port})

    def wait_for_sound(self, limit_s: float = PATIENCE_S) -> float:
        """Wait until something is heard; when that was."""
        self.peak()
        until(lambda: self.peak() >= LEVEL / 10, "sound", limit_s)
        return time.monotonic()

    def kill(self) -> None:
        """End it as a crash does."""
        self._process.kill()
        self._process.wait(PATIENCE_S)

    def _ask(self, what: dict[str, Any]) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())

    def __enter__(self) -> Other:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()


def _run(name: str, in_count: str, out_count: str) -> None:
    import ctypes
    import errno

    import jack
    import numpy as np

    def started() -> Any:
        """By exactly this name, which one that was killed keeps for a moment, and one on another server may disturb."""
        client = None
        try:
            client = jack.Client(name, use_exact_name=True, no_start_server=True)
            peaks, phase = np.zeros(int(in_count)), [0.0]
            ins = [client.inports.register(f"in_{k + 1}") for k in range(int(in_count))]
            outs = [client.outports.register(f"out_{k + 1}") for k in range(int(out_count))]

            @client.set_process_callback
            def process(frames: int) -> None:
                step = 2.0 * np.pi * TONE_HZ / client.samplerate
                for port in outs:
                    port.get_array()[:] = LEVEL * np.sin(phase[0] + step * np.arange(frames))
                phase[0] += step * frames
                peaks[:] = np.maximum(peaks, [np.abs(port.get_array()).max() for port in ins])

            client.activate()
        except jack.JackError:
            if client is not None:
                client.close()
            return None
        return client, ins, peaks

    client, ins, peaks = until(started, "a place on the server")
    library = ctypes.CDLL(jack._libname)
    print(json.dumps(client.name), flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        answer: Any = None
        if "peaks" in asked:
            answer = peaks.tolist()
            peaks[:] = 0.0
        elif "hear" in asked:
            answer = True
            for k, port in enumerate(asked["hear"]):
                try:
                    client.connect(port, ins[k])
                except jack.JackErrorCode as error:
                    answer &= error.code == errno.EEXIST
                except jack.JackError:
                    answer = False
        elif "latency" in asked:
            port = client.get_port_by_name(asked["latency"])
            answer = {}
            for mode, word in enumerate(("capture", "playback")):
                found = (ctypes.c_uint32 * 2)()
                address = int(jack._ffi.cast("intptr_t", port._ptr))
                library.jack_port_get_latency_range(ctypes.c_void_p(address), mode, ctypes.byref(found))
                answer[word] = list(found)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    _run(*sys.argv[1:])
