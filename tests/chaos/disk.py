"""A folder on a small disk of its own, which can be full."""

import os
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

SIZE = 256 * 2**20
_BLOCKS = (2**20, 4_096, 1)


class Disk:
    """A folder; `is_small` says whether it has a disk of its own, which only root may give it, and only on Linux."""

    def __init__(self, folder: Path, *, is_small: bool) -> None:
        self.folder = folder
        self.is_small = is_small
        self._ballast = folder / "ballast"

    def fill(self) -> None:
        """Leave no byte free until `free`."""
        assert self.is_small, "this would fill the machine's disk"
        with self._ballast.open("wb", buffering=0) as ballast:
            for block in _BLOCKS:
                try:
                    while ballast.write(bytes(block)) == block:
                        pass
                except OSError:  # full for blocks of this size
                    continue

    def free(self) -> None:
        """Give the space back."""
        self._ballast.unlink(missing_ok=True)


@contextmanager
def small_disk(folder: Path) -> Generator[Disk]:
    """Make *folder*, on a disk of SIZE bytes where that can be."""
    folder.mkdir(parents=True)
    disk = Disk(folder, is_small=_mounted(folder))
    try:
        yield disk
    finally:
        if disk.is_small:
            subprocess.run(["/bin/umount", "--lazy", str(folder)], check=True)  # noqa: S603 -- fixed arguments


def _mounted(folder: Path) -> bool:
    if os.geteuid() != 0 or not Path("/bin/mount").exists():
        return False
    command = ["/bin/mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=700", "tmpfs", str(folder)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0  # noqa: S603 -- fixed arguments
