"""What a master can be delivered as: codecs, their bit rates, and how `aac:128,mp3:320` is read."""

from __future__ import annotations

from dataclasses import dataclass

from rt_automix.errors import ConfigError, nearest

EXAMPLE = "aac:128,mp3:320,opus:96"


@dataclass(frozen=True)
class Codec:
    """A codec as ffmpeg makes it.

    Parameters
    ----------
    encoder, container : str
        ffmpeg's names.
    ending : str
        Of the files.
    kbps : range or tuple of int
        Bit rates there are; a range is per channel.
    rates_hz : tuple of int
        Sample rates of music in which it has these bit rates; libvorbis fails at 88.2 and 96 kHz.
    """

    encoder: str
    container: str
    ending: str
    kbps: range | tuple[int, ...]
    rates_hz: tuple[int, ...]


CODECS = {
    "aac": Codec("aac", "ipod", ".m4a", range(16, 161), rates_hz=(44_100, 48_000, 88_200, 96_000)),
    "mp3": Codec(
        "libmp3lame", "mp3", ".mp3",
        (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320), rates_hz=(44_100, 48_000),
    ),
    "opus": Codec("libopus", "ogg", ".opus", range(6, 257), rates_hz=(48_000,)),
    "vorbis": Codec("libvorbis", "ogg", ".ogg", range(32, 241), rates_hz=(44_100, 48_000)),
}  # fmt: skip


@dataclass(frozen=True)
class Format:
    """A codec at a bit rate: `str` gives it as it was asked for."""

    name: str
    kbps: int

    def __str__(self) -> str:
        return f"{self.name}:{self.kbps}"

    @property
    def codec(self) -> Codec:
        return CODECS[self.name]

    @property
    def ending(self) -> str:
        """What a file of this format adds to the stem of the master's name."""
        return f"-{self.name}-{self.kbps}{self.codec.ending}"

    def rate_hz(self, sample_rate_hz: int) -> int:
        """The sample rate in which it holds music: its own, or the highest that divides it, or the highest."""
        rates_hz = self.codec.rates_hz
        if sample_rate_hz in rates_hz:
            return sample_rate_hz
        return max(rates_hz, key=lambda rate_hz: (sample_rate_hz % rate_hz == 0, rate_hz))

    def check(self, channels: int) -> None:
        """Raise ConfigError if music of so many channels cannot have this bit rate.

        ffmpeg takes any: an MP3 of "300" is one of 320 then, without a word.
        """
        kbps = self.codec.kbps
        if isinstance(kbps, range):
            lowest, highest = kbps[0] * channels, kbps[-1] * channels
            if not lowest <= self.kbps <= highest:
                sides = "mono" if channels == 1 else "stereo"
                raise ConfigError(
                    f"{self}: {self.name} in {sides} has {lowest} to {highest} kbit/s. Choose one of those."
                )
        elif self.kbps not in kbps:
            raise ConfigError(f"{self}: {self.name} has only {', '.join(map(str, kbps))} kbit/s. Choose one of those.")


def parse(text: str) -> tuple[Format, ...]:
    """Formats from text such as ``aac:128,mp3:320``.

    Raises
    ------
    ConfigError
        A codec that there is not, a bit rate that is no number, or a format twice.

    Thread: main. Allocates: yes.
    """
    found: list[Format] = []
    for part in text.split(","):
        name, _, kbps = part.strip().lower().partition(":")
        if name not in CODECS:
            raise ConfigError(
                f'--deliver: codec "{name}" is unknown.{nearest(name, CODECS)} '
                f"Known: {', '.join(CODECS)}. Write it with kbit/s, such as {EXAMPLE}."
            )
        if not (kbps.isascii() and kbps.isdigit()):
            raise ConfigError(f'--deliver: "{part.strip()}" lacks its kbit/s. Write it as in {EXAMPLE}.')
        wanted = Format(name, int(kbps))
        if wanted in found:
            raise ConfigError(f"--deliver: {wanted} is there twice. Name it once.")
        found.append(wanted)
    return tuple(found)
