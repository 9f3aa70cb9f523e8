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
        "Plays at -14 LUFS (loud: -11, quiet: -19). For masters louder than that it asks for -2 dBTP.",
    ),
    "youtube": Platform(
        "YouTube", -14.0, -1.0, False,
        "https://productionadvice.co.uk/youtube-music/",
        "Publishes no figure; seen in its \"Stats for nerds\". Turns down what is louder, turns nothing up.",
    ),
    "apple": Platform(
        "Apple Music", -16.0, -1.0, False,
        "https://www.apple.com/apple-music/apple-digital-masters/docs/apple-digital-masters.pdf",
        "Apple's paper asks for headroom and names no loudness; -16 LUFS is what Sound Check is measured to play at.",
    ),
    "tidal": Platform(
        "TIDAL", -14.0, -1.0, False,
        "https://productionadvice.co.uk/tidal-normalization-upgrade/",
        "The loudest song of an album plays at -14 LUFS, the others as much below it as on the album.",
    ),
    "amazon": Platform(
        "Amazon Music", -14.0, -2.0, False,
        "https://developer.amazon.com/docs/alexa/flashbriefing/normalizing-the-loudness-of-audio-content.html",
        "Amazon publishes these figures for what Alexa plays; for music they are customary.",
    ),
    "deezer": Platform(
        "Deezer", -15.0, -1.0, False,
        "https://apu.software/deezer-loudness-target",
        "Publishes no figure.",
    ),
    "r128": Platform(
        "EBU R 128", -23.0, -1.0, True,
        "https://tech.ebu.ch/publications/r128",
        "Radio and television in Europe; ±0.5 LU, ±1 LU where it is live.",
    ),
    "a85": Platform(
        "ATSC A/85", -24.0, -2.0, True,
        "https://www.atsc.org/atsc-documents/a85-techniques-establishing-maintaining-audio-loudness-digital-television/",
        "Television in North America; ±2 dB. It measures the dialogue where there is some.",
    ),
    "podcast": Platform(
        "Apple Podcasts", -16.0, -1.0, True,
        "https://podcasters.apple.com/support/893-audio-requirements",
        "±1 dB. Others follow it; for a mono file measured as one channel that is the customary -19 LUFS.",
    ),
    "aes": Platform(
        "AES TD1008, music", -16.0, -1.0, True,
        "https://www.aes.org/technical/documentDownloads.cfm?docID=731",
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
        known = ", ".join(f"{key} ({one.target_lufs:g} LUFS, {one.ceiling_dbtp:g} dBTP)" for key, one in PLATFORMS.items())
        raise ConfigError(f'platform "{name}" is unknown.{nearest(name.lower(), PLATFORMS)} Known: {known}.')
    return platform
