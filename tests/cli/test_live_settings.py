"""What is wrong with settings is said before a device opens, with the cure."""

import numpy as np
import soundfile
from click.testing import CliRunner

from rt_automix.cli.commands.live import live
from rt_automix.errors import AutomixError


def test_pairs_are_checked_before_a_device_opens(tmp_path):
    soundfile.write(tmp_path / "five.wav", np.zeros((100, 5)), 48_000)
    own = ["--pairs", "own", "--state", str(tmp_path / "state")]
    (tmp_path / "b.toml").write_text('[[midi.map]]\ncontrol = "amount"\nnumber = 1\nkind = "7bit"\noutput = "pair3"\n')
    (tmp_path / "a.toml").write_text('[audio]\nlayout = "pairs"\nin_channels = "1-4"\n')
    for words, complaint in (
        (["--config", str(tmp_path / "a.toml"), *own[2:]], "Say engine.pairs"),
        ([*own, "--in-channels", "1-4", "--config", str(tmp_path / "b.toml")], "There are: pair1, pair2."),
        (own, "Say --in-channels, such as 1-8"),
        ([*own, "--in-channels", "1-3"], "3 channels are no pairs"),
        ([*own, "--in-channels", "1-6", "--layout", "5.1"], "Leave --layout out"),
        ([*own, "--play", str(tmp_path / "five.wav")], "5 channels are no pairs"),
        ([*own, "--in-channels", "1-4", "--output", "a:", "--output", "b:", "--output", "c:"], "3 outputs, 2 pairs"),
        ([*own, "--in-channels", "1-4", "--output", "a: channels=3,4"], "Say --out-channels"),
        ([*own, "--in-channels", "1-10", "--record", str(tmp_path / "a.flac")], "8 at most. Use .wav"),
    ):
        found = CliRunner().invoke(live, words).exception
        assert isinstance(found, AutomixError) and found.exit_code == 2 and complaint in str(found), (words, found)


def test_a_file_is_played_without_a_device(tmp_path):
    soundfile.write(tmp_path / "song.wav", np.zeros((100, 2)), 48_000)
    play = ["--play", str(tmp_path / "song.wav"), "--state", str(tmp_path / "state")]
    for words in (["--device", "hw:1"], ["--in-device", "1"], ["--out-device", "1"], ["--backend", "jack"]):
        found = CliRunner().invoke(live, [*play, *words]).exception
        assert str(found) == f"--play: a file is played without a device. Leave {words[0]} out."
