"""What the places where music is heard ask for: a loudness, a ceiling, and who says so.

`docs/platforms.md` is this table for readers; a test holds the two together.
"""

from __future__ import annotations

from typing import NamedTuple

from rt_automix.errors import ConfigError, nearest


class Platform(NamedTuple):
    """A place to deliver to. `official`: whether the place itself publishes both figures; else they are customary."""

    title: str
    target_lufs: float
    ceiling_dbtp: float
    official: bool
    source: str
    note: str


PLATFORMS = {
    "spotify": Platform(
        "Spotify", -14.0, -1.0, True,
        "https://support.spotify.com/artists/article/loudness-normalization/",
        "Plays at -14 LUFS. Of masters that are louder it asks for -2 dBTP, as encoding distorts them more.",
    ),
    "youtube": Platform(
        "YouTube", -14.0, -1.0, False,
        "https://productionadvice.co.uk/youtube-music/",
        "Seen in its \"Stats for nerds\"; YouTube Music turns down what is over -7 LUFS only.",
    ),
    "apple": Platform(
        "Apple Music", -16.0, -1.0, False,
        "https://apu.software/apple-music-loudness-target",
        "What Sound Check, where it is on, is measured to play at.",
    ),
    "tidal": Platform(
        "TIDAL", -14.0, -1.0, False,
        "https://www.meterplugs.com/blog/2016/10/07/tidal-adds-loudness-normalization.html",
        "The loudness is TIDAL's own word to those who asked; nothing is turned up. The ceiling is customary.",
    ),
    "amazon": Platform(
        "Amazon Music", -14.0, -2.0, False,
        "https://apu.software/amazon-music-loudness",
        "What Amazon's developer pages ask of sound for Alexa.",
    ),
    "deezer": Platform(
        "Deezer", -15.0, -1.0, False,
        "https://apu.software/deezer-loudness-target",
        "-14 LUFS does no harm.",
    ),
    "r128": Platform(
        "EBU R 128", -23.0, -1.0, True,
        "https://tech.ebu.ch/publications/r128",
        "Radio and television in Europe; ±0.5 LU, ±1 LU where it is live.",
    ),
    "a85": Platform(
        "ATSC A/85", -24.0, -2.0, True,
        "ATSC A/85:2013, https://www.atsc.org",
        "Television in North America; ±2 dB. Where people talk it means the loudness of the talk.",
    ),
    "podcast": Platform(
        "Apple Podcasts", -16.0, -1.0, True,
        "https://podcasters.apple.com/support/893-audio-requirements",
        "±1 dB. In mono, measured as one channel, that is the customary -19 LUFS.",
    ),
    "aes": Platform(
        "AES TD1008, music", -16.0, -1.0, True,
        "AES TD1008.1.21-9, https://www.aes.org/technical",
        "What the Audio Engineering Society recommends to streaming services, song by song.",
    ),
}  # fmt: skip


def named(name: str) -> Platform:
    """A platform by its name, in any case.

    Raises
    ------
    ConfigError
        There is none of that name; the message lists all.

    Thread: main. Allocates: yes.
    """
    platform = PLATFORMS.get(name.lower())
    if platform is None:
        known = ", ".join(
            f"{key} ({one.target_lufs:g} LUFS, {one.ceiling_dbtp:g} dBTP)" for key, one in PLATFORMS.items()
        )
        raise ConfigError(f'platform "{name}" is unknown.{nearest(name.lower(), PLATFORMS)} Known: {known}.')
    return platform
