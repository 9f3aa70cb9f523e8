"""The names that an object file leaves to others: ELF (64 bits, little-endian), Mach-O (64 bits), COFF (x86-64)."""

from __future__ import annotations

import struct
from collections.abc import Iterator

_ELF, _MACH_O, _COFF = b"\x7fELF\x02\x01", b"\xcf\xfa\xed\xfe", b"\x64\x86"
_SYMBOL_TABLE = 2  # SHT_SYMTAB, and LC_SYMTAB as well


def undefined(content: bytes) -> set[str]:
    """What an object file wants from whoever loads it.

    Raises
    ------
    ValueError
        It is none of them.

    Thread: main. Allocates: yes.
    """
    if content.startswith(_ELF):
        return set(_elf(content))
    if content.startswith(_MACH_O):
        return {name.removeprefix("_") for name in _mach_o(content)}
    if content.startswith(_COFF):
        return set(_coff(content))
    raise ValueError(f"neither ELF nor Mach-O nor COFF: it begins with {content[:6].hex()}")


def _elf(content: bytes) -> Iterator[str]:
    (sections_at,) = struct.unpack_from("<Q", content, 0x28)
    size, count = struct.unpack_from("<HH", content, 0x3A)
    headers = [struct.unpack_from("<IIQQQQIIQQ", content, sections_at + size * k) for k in range(count)]
    for _, kind, _, _, start, length, strings, _, _, entry in headers:
        if kind == _SYMBOL_TABLE:
            for at in range(start + entry, start + length, entry):  # the first is nobody
                name, _, _, section = struct.unpack_from("<IBBH", content, at)
                if section == 0:
                    yield _text(content, headers[strings][4] + name)


def _mach_o(content: bytes) -> Iterator[str]:
    (commands,) = struct.unpack_from("<I", content, 16)
    at = 32
    for _ in range(commands):
        command, size = struct.unpack_from("<II", content, at)
        if command == _SYMBOL_TABLE:
            symbols, count, strings, _ = struct.unpack_from("<IIII", content, at + 8)
            for k in range(count):
                name, kind, _ = struct.unpack_from("<IBB", content, symbols + 16 * k)
                if kind & 0xEF == 1:  # external, defined nowhere here, nothing for a debugger
                    yield _text(content, strings + name)
        at += size


def _coff(content: bytes) -> Iterator[str]:
    start, count = struct.unpack_from("<II", content, 8)
    strings, k = start + 18 * count, 0
    while k < count:
        name, _, section, _, storage, more = struct.unpack_from("<8sIhHBB", content, start + 18 * k)
        if storage == 2 and section == 0:  # external, and in no section of this file
            (at,) = struct.unpack("<I", name[4:])
            yield name.rstrip(b"\0").decode() if name[:4] != bytes(4) else _text(content, strings + at)
        k += 1 + more


def _text(content: bytes, at: int) -> str:
    return content[at : content.index(b"\0", at)].decode()
