"""Masters for lossy delivery: what decodes stays within full scale, both files are there, or nothing is."""

from __future__ import annotations

import base64
import sys
from dataclasses import replace
from types import SimpleNamespace

import mutagen.id3
import mutagen.mp3
import mutagen.wave
import numpy as np
import pytest
import soundfile as sf
from demosong import demo_song
from mutagen.flac import Picture

from rt_automix.config import Config
from rt_automix.errors import AudioFileError, ConfigError
from rt_automix.io.lossy import ffmpeg
from rt_automix.io.lossy.codecs import parse
from rt_automix.render import render
from rt_automix.render.delivered import CLOSE_DB, LOWEST_DBTP, MOST_PASSES, _search, render_delivered

RATE_HZ = 44_100
PNG = b"\x89PNG\r\n\x1a\n" + bytes(50)
LOUD = Config().with_overrides(**{"master.target_lufs": -8.0})


@pytest.fixture(scope="module")
def hot(tmp_path_factory):
    """Eight seconds that were clipped hard: what encoders lift most."""
    path = tmp_path_factory.mktemp("hot") / "mix.wav"
    song = demo_song(RATE_HZ)[:, 15 * RATE_HZ : 23 * RATE_HZ]
    sf.write(path, np.clip(10.0 * song / np.abs(song).max(), -0.9, 0.9).T, RATE_HZ, subtype="PCM_24")
    return path


def _decoded_peak_dbfs(path, channels=2):
    return 20.0 * np.log10(max(np.abs(block).max() for block in ffmpeg.decode(path, channels)))


def test_a_ceiling_is_found_at_which_it_stays_clean(hot, tmp_path):
    told = []
    usual = render(hot, tmp_path / "usual.wav", config=LOUD)
    result = render_delivered(
        hot, tmp_path / "out.wav", parse("aac:96"), config=LOUD, progress=lambda doing, share: told.append(doing)
    )
    (found,) = result.deliveries
    assert found.is_clean and -1.5 < found.true_peak_dbtp <= 0.0 and found.clipped_samples == 0
    assert _decoded_peak_dbfs(tmp_path / "out-aac-96.m4a") <= 0.0
    assert result.ceiling_dbtp < usual.ceiling_dbtp == -1.0  # at which it is not clean: it took more than one pass
    assert any(doing.startswith("pass 2, ceiling ") for doing in told)
    assert result.output.true_peak_dbtp <= result.ceiling_dbtp + 0.02
    # What was kept is the pass that is reported: the same as a render at that ceiling.
    again = Config().with_overrides(**{"master.target_lufs": -8.0, "limiter.ceiling_dbtp": result.ceiling_dbtp})
    render(hot, tmp_path / "again.wav", config=again)
    assert (tmp_path / "again.wav").read_bytes() == (tmp_path / "out.wav").read_bytes()
    assert result.target == tmp_path / "out.wav" and found.file == str(tmp_path / "out-aac-96.m4a")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["again.wav", "out-aac-96.m4a", "out.wav", "usual.wav"]


def test_what_is_clean_at_once_keeps_its_ceiling_and_takes_one_pass(hot, tmp_path):
    config = LOUD.with_overrides(**{"limiter.ceiling_dbtp": -8.0})
    result = render_delivered(hot, tmp_path / "out.flac", parse("mp3:320,vorbis:192"), config=config)
    assert result.ceiling_dbtp == -8.0 and [one.format for one in result.deliveries] == ["mp3:320", "vorbis:192"]
    assert {path.name for path in tmp_path.iterdir()} == {"out.flac", "out-mp3-320.mp3", "out-vorbis-192.ogg"}
    assert result.to_dict()["deliveries"][0]["format"] == "mp3:320"


def test_tags_go_along(hot, tmp_path):
    (tmp_path / "in.wav").write_bytes(hot.read_bytes())
    tagged = mutagen.wave.WAVE(tmp_path / "in.wav")
    tagged.add_tags()
    tagged.tags.add(mutagen.id3.TIT2(text="Mästare"))
    tagged.save()
    render_delivered(tmp_path / "in.wav", tmp_path / "out.wav", parse("mp3:128"), config=LOUD)
    assert mutagen.mp3.MP3(tmp_path / "out-mp3-128.mp3").tags["TIT2"].text == ["Mästare"]


@pytest.mark.parametrize("master", ["out.wav", "out.flac"])
def test_each_kind_has_its_own_name_for_what_goes_along(hot, tmp_path, master):
    """ffmpeg passes names on as they are, and leaves pictures out."""
    (tmp_path / "in.wav").write_bytes(hot.read_bytes())
    tagged = mutagen.wave.WAVE(tmp_path / "in.wav")
    tagged.add_tags()
    tagged.tags.add(mutagen.id3.TIT2(text="Mästare"))
    tagged.tags.add(mutagen.id3.TSRC(text="DEXX12345678"))
    tagged.tags.add(mutagen.id3.APIC(mime="image/png", type=3, desc="", data=PNG))
    tagged.save()
    config = LOUD.with_overrides(**{"limiter.ceiling_dbtp": -8.0})
    render_delivered(tmp_path / "in.wav", tmp_path / master, parse("mp3:128,aac:128,opus:96,vorbis:96"), config=config)
    mp3 = mutagen.File(tmp_path / "out-mp3-128.mp3").tags
    assert mp3["TSRC"].text == ["DEXX12345678"] and mp3.getall("APIC")[0].data == PNG
    assert "TXXX:isrc" not in mp3 and mp3["TIT2"].text == ["Mästare"]
    mp4 = mutagen.File(tmp_path / "out-aac-128.m4a").tags
    assert mp4["----:com.apple.iTunes:ISRC"] == [b"DEXX12345678"] and bytes(mp4["covr"][0]) == PNG
    assert mp4["\xa9nam"] == ["Mästare"]
    for name in ("out-opus-96.opus", "out-vorbis-96.ogg"):
        file = mutagen.File(tmp_path / name)
        assert file["isrc"] == ["DEXX12345678"] and "tsrc" not in file and file["title"] == ["Mästare"]
        assert Picture(base64.b64decode(file["metadata_block_picture"][0])).data == PNG


@pytest.mark.parametrize("mono", ["dual", "single"])
def test_a_mono_file_is_delivered_in_mono_and_measured_as_asked(hot, tmp_path, mono):
    samples, _ = sf.read(hot)
    sf.write(tmp_path / "mono.wav", samples[:, 0], RATE_HZ, subtype="PCM_24")
    config = Config().with_overrides(**{"limiter.ceiling_dbtp": -8.0})
    result = render_delivered(tmp_path / "mono.wav", tmp_path / "out.wav", parse("mp3:128"), config=config, mono=mono)
    (found,) = result.deliveries
    assert sf.info(tmp_path / "out-mp3-128.mp3").channels == 1
    assert found.integrated_lufs == pytest.approx(result.output.integrated_lufs - 0.44, abs=0.1)


@pytest.mark.parametrize("name", ["out.wav", "out-mp3-128.mp3"])
def test_what_exists_is_replaced_only_by_force(hot, tmp_path, name):
    (tmp_path / name).write_text("precious")
    with pytest.raises(AudioFileError, match=rf"{name}: exists already. .* --force"):
        render_delivered(hot, tmp_path / "out.wav", parse("mp3:128"), config=LOUD)
    assert (tmp_path / name).read_text() == "precious" and len(list(tmp_path.iterdir())) == 1
    render_delivered(hot, tmp_path / "out.wav", parse("mp3:128"), config=LOUD, force=True)
    assert sf.info(tmp_path / name).frames == 8 * RATE_HZ


def test_the_input_is_never_written_over(hot, tmp_path):
    source = tmp_path / "mix.wav"
    source.write_bytes(hot.read_bytes())
    with pytest.raises(AudioFileError, match="this is the input, which is never written over"):
        render_delivered(source, source, parse("mp3:128"), force=True)


@pytest.mark.skipif(sys.platform == "win32", reason="limits the size of files")
def test_a_full_disk_is_told_by_the_name_that_was_asked_for(hot, tmp_path):
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(AudioFileError) as error:
            render_delivered(hot, tmp_path / "out.wav", parse("aac:96"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert str(error.value).startswith(f"{tmp_path / 'out.wav'}: cannot be written: ")
    assert not list(tmp_path.iterdir())


def test_a_bit_rate_that_the_channels_cannot_have_is_told_before_any_work(hot, tmp_path):
    with pytest.raises(ConfigError, match="opus in stereo has 12 to 512"):
        render_delivered(hot, tmp_path / "out.wav", parse("opus:520"), progress=lambda doing, share: pytest.fail(doing))


@pytest.mark.parametrize("when", ["mastering", "aac:96"])
def test_who_stops_it_finds_nothing(hot, tmp_path, when):
    def impatient(doing, share):
        if doing.endswith(when):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        render_delivered(hot, tmp_path / "out.wav", parse("aac:96"), config=LOUD, progress=impatient)
    assert list(tmp_path.iterdir()) == []


# The search, with music that is made up --------------------------------------------------------------


def _tried(rise_db, highest_dbtp=-1.0):
    """Ceilings that were tried, and the one that was taken; `rise_db` of a ceiling is what the encoder adds there."""
    tried = []

    def attempt(number, ceiling_dbtp):
        tried.append(ceiling_dbtp)
        return SimpleNamespace(
            ceiling_dbtp=ceiling_dbtp, deliveries=[SimpleNamespace(true_peak_dbtp=ceiling_dbtp + rise_db(ceiling_dbtp))]
        )

    return tried, _search(attempt, highest_dbtp).ceiling_dbtp


def test_a_steady_rise_takes_two_passes():
    assert _tried(lambda ceiling_dbtp: 0.9) == ([-1.0], -1.0)
    assert _tried(lambda ceiling_dbtp: 4.0) == ([-1.0, -4.1], -4.1)


def test_a_rise_that_grows_with_the_limiting_is_followed():
    tried, found = _tried(lambda ceiling_dbtp: 3.0 - 0.3 * (ceiling_dbtp + 1.0))
    assert found + 3.0 - 0.3 * (found + 1.0) <= 0.0 and len(tried) <= 4


def test_a_ceiling_that_was_lowered_too_far_is_raised_again():
    """A rise of 4 dB that falls to 1 below -2 dBTP: -4.1 is clean, and so is nearly -2."""
    tried, found = _tried(lambda ceiling_dbtp: 4.0 if ceiling_dbtp > -2.0 else 1.0)
    assert tried[:2] == [-1.0, -4.1] and -2.0 - CLOSE_DB <= found <= -2.0 and len(tried) <= MOST_PASSES


def test_what_no_ceiling_cures_ends_at_the_lowest():
    tried, found = _tried(lambda ceiling_dbtp: 6.5 - ceiling_dbtp)
    assert found == LOWEST_DBTP and len(tried) <= MOST_PASSES


def test_a_result_says_what_is_not_clean(hot, tmp_path):
    result = render_delivered(
        hot, tmp_path / "out.wav", parse("mp3:128"), config=LOUD.with_overrides(**{"limiter.ceiling_dbtp": -8.0})
    )
    (one,) = result.deliveries
    assert one.is_clean and not replace(one, true_peak_dbtp=0.01).is_clean
