# SPDX-License-Identifier: GPL-3.0-or-later
"""Writing files so that an interruption leaves the old or the new one, whole."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO, Callable


def write_atomically(target: Path, write: Callable[[BinaryIO], None]) -> None:
    """Calls `write` with a temporary file beside `target`, syncs it to disk and renames it over `target`."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(target: Path, text: str) -> None:
    """Writes `text` as UTF-8, atomically."""
    write_atomically(target, lambda file: file.write(text.encode("utf-8")))
