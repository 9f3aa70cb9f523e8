"""Get freely licensed music from Debian's archive, and write down what it is."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from rt_automix.errors import ConfigError
from training.music import corpus

SONGS_FILE = "songs.json"
"""Beside the packages: checksum, licence and credit of each song."""


def fetch(
    folder: Path,
    progress: Callable[[str, int, int], None] = lambda package, done, of: None,
    names: Sequence[str] = (),
) -> None:
    """Get the packages that are not there yet, unpack them and write what they are to songs.json.

    Debian's own tools check each package against the signed archive; no root is needed. A package's
    folder appears when it is whole, so a fetch that was stopped goes on where it was.

    Parameters
    ----------
    folder : Path
        `folder`/PACKAGE/usr/share/... comes to be.
    progress : called with a package's name, how many are done, and of how many
    names : packages of packages.toml; by default all of them

    Raises
    ------
    ConfigError
        apt-get or dpkg is missing, packages cannot be had, or a song is not what it was when first fetched.
    """
    names = names or list(corpus.packages())
    missing = [name for name in names if not (folder / name).is_dir()]
    if missing and not (shutil.which("apt-get") and shutil.which("dpkg")):
        raise ConfigError(
            "fetching music needs apt-get and dpkg (Debian and its kin), which are missing here. "
            f"Unpack the packages into {folder}/PACKAGE elsewhere (missing: {', '.join(missing)}), "
            "or give your own music with: --music FOLDER"
        )
    folder.mkdir(parents=True, exist_ok=True)
    problems = []
    for done, name in enumerate(names):
        progress(name, done, len(names))
        if name in missing:
            problems += _fetch_package(folder, name)
    progress("", len(names), len(names))
    _record(folder)
    if problems:
        raise ConfigError(
            "\n".join(problems) + "\nThe packages are those of Debian 12; add its archive to apt's sources, "
            "run `sudo apt-get update`, then fetch again: what is there is kept."
        )


def _fetch_package(folder: Path, name: str) -> list[str]:
    """Download and unpack one package; what went wrong, as a list of none or one."""
    for left_over in folder.glob(f"{name}_*.deb"):
        left_over.unlink()
    part = folder / f"{name}.part"
    shutil.rmtree(part, ignore_errors=True)
    problem = _run(["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", name], folder)
    archives = list(folder.glob(f"{name}_*.deb"))
    if not problem and archives:
        problem = _run(["dpkg", "-x", str(archives[0].absolute()), str(part.absolute())], folder)
    for archive in archives:
        archive.unlink()
    if problem or not part.is_dir():
        return [f"{name}: cannot be fetched ({problem or 'no archive came'})."]
    _keep_music(part, corpus.packages()[name]["music"])
    part.rename(folder / name)
    return []


def _keep_music(package: Path, music: Sequence[str]) -> None:
    """Remove all of an unpacked package but its music, what lies beside it, and what it says of licences.

    Music in archives of the game's own (.pk3 is ZIP, too) is taken out of them.
    """
    for path in [*package.rglob("*.pk3"), *package.rglob("public.zip")]:
        with zipfile.ZipFile(path) as archive:
            songs = [name for name in archive.namelist() if name.lower().endswith(corpus.ENDINGS)]
            archive.extractall(path.parent / path.stem, songs)
        path.unlink()
    kept = [package / inside for inside in (*music, "usr/share/doc")]
    for path in sorted(package.rglob("*"), reverse=True):
        is_kept = any(path.is_relative_to(folder) for folder in kept)
        if path.is_symlink() or (path.is_file() and not is_kept):
            path.unlink()
        elif path.is_dir() and not any(path.iterdir()):
            path.rmdir()


def _run(command: list[str], folder: Path) -> str:
    """Run a tool; its last words if it failed, else nothing."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return ""
    return (done.stderr.strip().splitlines() or [f"{command[0]} ended with {done.returncode}"])[-1]


def _record(folder: Path) -> None:
    """Write the checksum and licence of each fetched song; hold them against those of an earlier time."""
    file = folder / SONGS_FILE
    before = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    now: dict[str, dict[str, Any]] = {}
    there = [name for name in corpus.packages() if (folder / name).is_dir()]
    for name in there:
        for path in (part for song in corpus.files(folder / name) for part in corpus.parts(song)):
            with path.open("rb") as opened:
                sha256 = hashlib.file_digest(opened, "sha256").hexdigest()
            key = path.relative_to(folder).as_posix()
            now[key] = {
                "package": name,
                "licence": corpus.licence(name, path),
                "credit": corpus.packages()[name]["credit"],
                "sha256": sha256,
            }
            if before.get(key, now[key])["sha256"] != sha256:
                raise ConfigError(f"{path}: changed since it was fetched. Delete {folder / name} and fetch again.")
    whole = file.with_suffix(".part")
    whole.write_text(json.dumps(now, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    whole.replace(file)


@click.command(name="fetch")
@click.option(
    "--music", type=click.Path(file_okay=False, path_type=Path), default=Path("music"), show_default=True,
    help="Folder to fetch into.",
)  # fmt: skip
@click.option("--only", multiple=True, metavar="PACKAGE", help="Fetch only this; may be given several times.")
def command(music: Path, only: tuple[str, ...]) -> None:
    """Get freely licensed music from Debian's archive; what is there is kept.

    \b
    Example:
      python -m training fetch --music music
    """
    unknown = [name for name in only if name not in corpus.packages()]
    if unknown:
        raise ConfigError(f"package {unknown[0]} is not known. Known: {', '.join(corpus.packages())}.")
    with Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()) as bar:
        task = bar.add_task("", total=None)
        fetch(music, lambda name, done, of: bar.update(task, description=name, completed=done, total=of), only)
    songs = corpus.find(music)
    for use in corpus.USES:
        click.echo(f"{use}: {sum(song.use == use for song in songs)} songs")
