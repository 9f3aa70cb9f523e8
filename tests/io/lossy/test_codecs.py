"""How formats are written, and what is said about those that there are not."""

from __future__ import annotations

import pytest

from rt_automix.errors import ConfigError
from rt_automix.io.lossy.codecs import Format, parse


def test_formats_are_read_in_their_order():
    assert parse("aac:128, MP3:320,opus:96") == (Format("aac", 128), Format("mp3", 320), Format("opus", 96))
    assert [str(one) for one in parse("vorbis:160")] == ["vorbis:160"]
    assert Format("aac", 128).ending == "-aac-128.m4a"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("acc:128", 'codec "acc" is unknown. Did you mean "aac"? Known: aac, mp3, opus, vorbis.'),
        ("", 'codec "" is unknown.'),
        ("mp3", '"mp3" lacks its kbit/s. Write it as in aac:128,mp3:320,opus:96.'),
        ("mp3:lots", '"mp3:lots" lacks its kbit/s.'),
        ("mp3:-128", '"mp3:-128" lacks its kbit/s.'),
        ("mp3:²", "lacks its kbit/s."),
        ("aac:128,aac:128", "aac:128 is there twice. Name it once."),
    ],
)
def test_what_is_no_format_is_told_with_the_cure(text, message):
    with pytest.raises(ConfigError) as error:
        parse(text)
    assert message in str(error.value) and str(error.value).startswith("--deliver: ")


@pytest.mark.parametrize(
    ("wanted", "channels", "message"),
    [
        ("mp3:300", 2, "mp3 has only 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320 kbit/s"),
        ("opus:510", 1, "opus in mono has 6 to 256 kbit/s"),
        ("opus:513", 2, "opus in stereo has 12 to 512 kbit/s"),
        ("vorbis:32", 2, "vorbis in stereo has 64 to 480 kbit/s"),
        ("aac:512", 2, "aac in stereo has 32 to 320 kbit/s"),
    ],
)
def test_bit_rates_that_there_are_not_are_refused_with_those_that_there_are(wanted, channels, message):
    with pytest.raises(ConfigError, match="Choose one of those") as error:
        parse(wanted)[0].check(channels)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("name", "sample_rate_hz", "rate_hz"),
    [
        ("opus", 44_100, 48_000),
        ("opus", 96_000, 48_000),
        ("mp3", 44_100, 44_100),
        ("mp3", 88_200, 44_100),
        ("mp3", 96_000, 48_000),
        ("mp3", 8_000, 48_000),
        ("aac", 96_000, 96_000),
        ("aac", 176_400, 88_200),
        ("vorbis", 88_200, 44_100),
    ],
)
def test_music_is_resampled_only_where_the_codec_does_not_know_its_rate(name, sample_rate_hz, rate_hz):
    assert Format(name, 128).rate_hz(sample_rate_hz) == rate_hz
