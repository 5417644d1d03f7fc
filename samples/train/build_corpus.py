#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Collects training text from the documentation that Debian packages install.

Writes train.jsonl and held.jsonl, one {"name", "text"} a line. A file is held out when the first byte of its SHA-1 is
below 8 (1 file in 32), so the division does not depend on which other packages are installed. Text is reduced to
ASCII; indexes, change logs and release notes are left out, duplicates too.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import html.parser
import json
import re
import sys
from pathlib import Path
from typing import BinaryIO, Iterator

from atomic_files import write_atomically

# (folder below --root, pattern); what each package installs is said in README.md.
SOURCES = (
    ("share/doc", "**/*.rst.txt"),
    ("share/perl", "**/*.pod"),
    ("share/doc/git", "**/*.txt*"),
    ("share/doc/git-doc", "**/*.txt*"),
    ("share/doc/postgresql-doc-15/html", "*.html"),
)
SKIPPED_NAMES = re.compile(r"index\.|genindex|changelog|RelNotes|release-|delta.*\.pod$")
MINIMUM_CHARACTERS = 1500
HELD_OUT_BELOW = 8  # of 256 values of the first hash byte


class TextOfHtml(html.parser.HTMLParser):
    """The readable text of an HTML page, a line break before every block element."""

    SKIPPED = frozenset({"script", "style", "head"})
    BLOCKS = frozenset({"p", "div", "h1", "h2", "h3", "h4", "li", "tr", "pre", "dt", "dd"})

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self._skipping = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in self.SKIPPED:
            self._skipping += 1
        if tag in self.BLOCKS:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in self.SKIPPED:
            self._skipping -= 1

    def handle_data(self, data: str) -> None:
        if self._skipping == 0:
            self.parts.append(data)


def clean(text: str) -> str:
    """ASCII only; no trailing blanks, at most one empty line, no long rules, no deep indentation."""
    text = text.encode("ascii", "ignore").decode("ascii")
    text = re.sub(r"[ \t]+\n", "\n", text)
    text = re.sub(r"\n{3,}", "\n\n", text)
    text = re.sub(r"[-=~*^#]{6,}", "----", text)
    text = re.sub(r" {5,}", "    ", text)
    return text.strip()


def source_files(root: Path) -> Iterator[Path]:
    """Every documentation file below `root`, in a fixed order; one that two patterns match comes once."""
    seen: set[Path] = set()
    for folder, pattern in SOURCES:
        for path in sorted((root / folder).glob(pattern)):
            real = path.resolve()
            if real not in seen and path.is_file() and not SKIPPED_NAMES.search(str(path)):
                seen.add(real)
                yield path


def read_document(path: Path) -> str:
    """Cleaned text of one file (plain, gzip or HTML)."""
    raw = gzip.open(path).read() if path.suffix == ".gz" else path.read_bytes()
    text = raw.decode("utf-8", "ignore")
    if path.suffix == ".html":
        parser = TextOfHtml()
        parser.feed(text)
        text = "".join(parser.parts)
    return clean(text)


def collect(root: Path) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """(training documents, held-out documents)."""
    train: list[dict[str, str]] = []
    held: list[dict[str, str]] = []
    seen: set[str] = set()
    for path in source_files(root):
        text = read_document(path)
        digest = hashlib.sha1(text.encode("ascii")).hexdigest()
        if len(text) < MINIMUM_CHARACTERS or digest in seen:
            continue
        seen.add(digest)
        part = held if int(digest[:2], 16) < HELD_OUT_BELOW else train
        part.append({"name": str(path.relative_to(root)), "text": text})
    return train, held


def save(path: Path, documents: list[dict[str, str]]) -> None:
    """One JSON object a line."""

    def write(file: BinaryIO) -> None:
        for document in documents:
            file.write((json.dumps(document) + "\n").encode("ascii"))

    write_atomically(path, write)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, default=Path("/usr"), help="where the packages are installed (/usr)")
    parser.add_argument("-o", "--output", type=Path, default=Path("corpus"), help="folder to write (corpus)")
    arguments = parser.parse_args()

    train, held = collect(arguments.root)
    if not train or not held:
        print(f"{arguments.root}: {len(train)} training and {len(held)} held-out documents found; both are needed. "
              "Install the documentation packages named in README.md", file=sys.stderr)
        return 1
    for name, documents in (("train", train), ("held", held)):
        save(arguments.output / f"{name}.jsonl", documents)
        characters = sum(len(document["text"]) for document in documents)
        print(f"{name}: {len(documents)} documents, {characters:,} characters")
    return 0


if __name__ == "__main__":
    sys.exit(main())
