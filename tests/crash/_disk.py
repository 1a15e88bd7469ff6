"""A small disk of its own: filled, made read-only, or cut off from its power while in use."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# linux/fs.h: EXT4_IOC_SHUTDOWN = _IOR('X', 125, __u32); 2: not even the journal is flushed.
_SHUTDOWN = (2 << 30) | (4 << 16) | (ord("X") << 8) | 125
_NO_FLUSH = struct.pack("I", 2)
_FILLER = "filler"


class NoDisk(Exception):
    """This process may not mount, or there is no ext4 here."""


class Disk:
    """An ext4 file system in a file, mounted over a loop device at ``place``."""

    def __init__(self, folder: Path, megabytes: int) -> None:
        self._image = folder / "disk.img"
        self.place = folder / "disk"
        self.place.mkdir()
        with self._image.open("wb") as image:
            image.truncate(megabytes * 1_000_000)
        # Nothing kept for root, so that full is full.
        _run("mkfs.ext4", "-q", "-F", "-m", "0", str(self._image))
        self.mount()

    def mount(self) -> None:
        """Make it usable; a journal is replayed, as after an outage."""
        _run("mount", "-o", "loop", str(self._image), str(self.place))

    def unmount(self) -> None:
        """Let go of it; nobody may have a file open."""
        _run("umount", str(self.place))

    def fill(self) -> None:
        """Leave no room at all, and again when called once more."""
        with (self.place / _FILLER).open("ab", buffering=0) as filler:
            for size in (65_536, 1_024, 1):
                with contextlib.suppress(OSError):
                    while True:
                        filler.write(b"x" * size)

    def make_room(self) -> None:
        """Give it all back."""
        (self.place / _FILLER).unlink(missing_ok=True)

    def go_read_only(self) -> None:
        """What ext4 does at an error of the hardware: files that are open can't be written either."""
        _run("mount", "-o", "remount,abort", str(self.place))

    def cut_power(self) -> None:
        """From now on nothing reaches the disk, and what was not synchronised never did."""
        handle = os.open(self.place, os.O_RDONLY)
        try:
            fcntl.ioctl(handle, _SHUTDOWN, _NO_FLUSH)
        finally:
            os.close(handle)

    def restart(self) -> None:
        """Mount it again, with an empty cache, as a computer does when it starts."""
        self.unmount()
        self.mount()


def _run(*command: str) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    if done.returncode:
        raise OSError(f"{' '.join(command)}: {done.stderr.strip()}")


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Disk]:
    """Mount one for a block; raises NoDisk where that is not possible."""
    if os.geteuid() != 0 or shutil.which("mkfs.ext4") is None:
        raise NoDisk("only root can mount, and mkfs.ext4 is needed")
    try:
        disk = Disk(folder, megabytes)
    except OSError as error:
        raise NoDisk(str(error)) from error
    try:
        yield disk
    finally:
        # Lazily: a test that failed may have left a process in it.
        _run("umount", "-l", str(disk.place))
