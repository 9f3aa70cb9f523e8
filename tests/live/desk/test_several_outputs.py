"""Several outputs of a live session: the real program, a real server, each output held against an engine of its own."""

import threading
import time

import numpy as np
import pytest
from four_outputs import FADED, PERIOD, RATE_HZ, SAID, alone, music, options, take
from jackserver import jack_server, needs_jack
from liverun import LiveRun, Probe

from rt_automix.io.devices.edge.wiring import TURN_S

pytestmark = pytest.mark.alone

TURNED = round(TURN_S * RATE_HZ)


TURNS = ({"phones": "tape"}, {"output/stream/phones": True})
"""What is heard on the phones after the room."""


def played(server, folder):
    """(the probe, the last status) of one run through four outputs, in turns on the phones."""
    with LiveRun(server, folder / "state.json", "--backend", "jack", "--phones", *options(folder)) as run:
        run.wait_until_faded_in()
        assert run.status["phones"] == "room"
        probe = Probe(music(4.0), pairs=len(SAID) + 1)
        probe.connect()

        def turn():
            for number, said in enumerate(TURNS, 1):
                run.wait_for(lambda run, at=number * 1.3 * RATE_HZ: probe.position > at)
                run.command(set=said)

        turning = threading.Thread(target=turn)
        turning.start()
        probe.run(20.0)
        turning.join()
        probe.close()
        time.sleep(0.3)
        status = run.status
    assert run.process.returncode == 0
    return probe, status


def began_at(came_in, probe):
    """Where in a take of what came in the probe begins."""
    return int(np.argmax(np.abs(came_in[0]) > 0)) - int(np.argmax(np.abs(probe.played[0]) > 0))


def came_whole(folder, probe):
    """Whether all that was played came in."""
    came_in, played = take(folder, "in"), probe.played[:, : probe.position]
    start = began_at(came_in, probe)
    return np.array_equal(came_in[:, start : start + played.shape[1]], played)


@pytest.fixture(scope="module")
def four(tmp_path_factory):
    """(the folder with the takes, the probe, the last status) of four outputs and phones on jackd."""
    for _ in range(8):
        folder = tmp_path_factory.mktemp("four")
        with jack_server(PERIOD, synchronous=True) as server:
            probe, status = played(server, folder)
        is_whole = probe.played.shape[1] - probe.position < probe.period
        # Else the host stole time: from the server, the analysis, or a client where nobody waits for it.
        if is_whole and not status["analysis_late"] and (server.waits or came_whole(folder, probe)):
            break
    assert is_whole, f"the server halts after {probe.position} samples, whenever it is started: {status}"
    return folder, probe, status


@needs_jack
def test_four_outputs_at_64_frames_are_four_engines_to_the_bit(four):
    folder, probe, status = four
    came_in = take(folder, "in")
    start = began_at(came_in, probe)
    for number, (name, said) in enumerate(SAID.items()):
        wanted, went_out = alone(came_in, said), take(folder, name)
        until = wanted.shape[1] - 8 * FADED
        assert np.abs(went_out[:, FADED:until]).max() > 0.05
        assert np.array_equal(went_out[:, FADED:until], wanted[:, FADED:until]), name
        heard, to_be_heard = probe.beside(wanted, start)
        assert np.array_equal(heard[2 * number : 2 * number + 2], to_be_heard), name
    assert [one["name"] for one in status["outputs"]] == list(SAID)
    assert status["outputs"][1]["controls"]["target_lufs"] == -18.0
    assert status["outputs"][1]["profile"] == "warm"
    assert status["timing"]["late"] <= 0.01 * status["timing"]["callbacks"]


@needs_jack
def test_the_phones_are_the_output_that_is_chosen_to_the_bit(four):
    """While they turn, all four are what engines of their own make: the test before this one, of the same run."""
    _, probe, status = four
    heard = probe.heard[:, probe.carried_from + probe.period : probe.position].reshape(len(SAID) + 1, 2, -1)
    phones, names = heard[-1], list(SAID)
    at = 0
    for name in ("room", "tape", "stream"):
        is_other = np.any(phones[:, at:] != heard[names.index(name), :, at:], axis=0)
        until = at + int(np.argmax(is_other)) if is_other.any() else phones.shape[1]
        assert until - at > 0.5 * RATE_HZ, name
        assert np.abs(phones[:, at:until]).max() > 0.05
        at = until + TURNED
    assert until == phones.shape[1]
    assert status["phones"] == "stream"
