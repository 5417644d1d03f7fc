#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Trains a byte-level BPE tokenizer and encodes the corpus with it.

Reads train.jsonl and held.jsonl of build_corpus.py; writes tokenizer.json (Hugging Face format, GPT-2 style
pre-tokenisation), train.u16 and held.u16 (token ids, little-endian, <s> in front of every document). The same corpus
gives the same files: ties between pairs are broken by the pair itself.
"""

from __future__ import annotations

import argparse
import collections
import json
import re
import sys
import time
from pathlib import Path

import numpy as np

from atomic_files import write_atomically, write_text

SPECIAL_TOKENS = ("<s>", "</s>")
# GPT-2's pattern for ASCII text; whitespace is spelled out because Python's \s also holds control characters.
PIECE = re.compile(r"'s|'t|'re|'ve|'m|'ll|'d| ?[A-Za-z]+| ?[0-9]+| ?[^ \t\n\r\f\vA-Za-z0-9]+"
                   r"|[ \t\n\r\f\v]+(?![^ \t\n\r\f\v])|[ \t\n\r\f\v]+")
Pair = tuple[str, str]


def byte_alphabet() -> dict[int, str]:
    """GPT-2's printable character for every byte."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    table = {byte: chr(byte) for byte in printable}
    for byte in range(256):
        if byte not in table:
            table[byte] = chr(256 + len(table) - len(printable))
    return table


ALPHABET = byte_alphabet()


def merge_pair(symbols: list[str], pair: Pair) -> list[str]:
    """`symbols` with every occurrence of `pair`, from the left, replaced by its concatenation."""
    merged: list[str] = []
    at = 0
    while at < len(symbols):
        if at + 1 < len(symbols) and (symbols[at], symbols[at + 1]) == pair:
            merged.append(symbols[at] + symbols[at + 1])
            at += 2
        else:
            merged.append(symbols[at])
            at += 1
    return merged


def learn_merges(texts: list[str], vocabulary: int, max_pieces: int) -> list[Pair]:
    """Merges until `vocabulary` tokens exist: always the most frequent pair, ties by the larger pair."""
    frequency: collections.Counter[str] = collections.Counter()
    for text in texts:
        frequency.update(PIECE.findall(text))
    pieces = [([ALPHABET[byte] for byte in piece.encode()], count)
              for piece, count in frequency.most_common(max_pieces)]
    counts: collections.Counter[Pair] = collections.Counter()
    where: dict[Pair, set[int]] = collections.defaultdict(set)  # pieces that contain a pair
    for index, (symbols, count) in enumerate(pieces):
        for pair in zip(symbols, symbols[1:]):
            counts[pair] += count
            where[pair].add(index)
    merges: list[Pair] = []
    while len(SPECIAL_TOKENS) + len(ALPHABET) + len(merges) < vocabulary:
        pair, best = max(counts.items(), key=lambda item: (item[1], item[0]), default=(("", ""), 0))
        if best <= 0:
            raise ValueError(f"the corpus allows only {len(merges)} merges; ask for a smaller vocabulary")
        merges.append(pair)
        for index in sorted(where[pair]):
            symbols, count = pieces[index]
            for old in zip(symbols, symbols[1:]):
                counts[old] -= count
                if counts[old] <= 0:
                    del counts[old]
                where[old].discard(index)
            symbols = merge_pair(symbols, pair)
            pieces[index] = (symbols, count)
            for new in zip(symbols, symbols[1:]):
                counts[new] += count
                where[new].add(index)
    return merges


def tokenizer_json(merges: list[Pair]) -> dict[str, object]:
    """The content of a Hugging Face tokenizer.json."""
    tokens = [*SPECIAL_TOKENS, *(ALPHABET[byte] for byte in range(256)), *(left + right for left, right in merges)]
    return {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [{"id": index, "content": token, "single_word": False, "lstrip": False, "rstrip": False,
                          "normalized": False, "special": True} for index, token in enumerate(SPECIAL_TOKENS)],
        "normalizer": None,
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
        "post_processor": None,
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
                  "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
                  "vocab": {token: index for index, token in enumerate(tokens)},
                  "merges": [f"{left} {right}" for left, right in merges]},
    }


class Encoder:
    """Text to ids, with a cache of pieces."""

    def __init__(self, merges: list[Pair]) -> None:
        tokens = [*SPECIAL_TOKENS, *(ALPHABET[byte] for byte in range(256)), *(a + b for a, b in merges)]
        self._ids = {token: index for index, token in enumerate(tokens)}
        self._rank = {pair: rank for rank, pair in enumerate(merges)}
        self._cache: dict[str, list[int]] = {}

    def encode(self, text: str) -> list[int]:
        """Ids of `text` without special tokens."""
        ids: list[int] = []
        for piece in PIECE.findall(text):
            if piece not in self._cache:
                self._cache[piece] = self._encode_piece(piece)
            ids += self._cache[piece]
        return ids

    def _encode_piece(self, piece: str) -> list[int]:
        symbols = [ALPHABET[byte] for byte in piece.encode()]
        while len(symbols) > 1:
            pair = min(zip(symbols, symbols[1:]), key=lambda p: self._rank.get(p, sys.maxsize))
            if pair not in self._rank:
                break
            symbols = merge_pair(symbols, pair)
        return [self._ids[symbol] for symbol in symbols]


def load_texts(path: Path) -> list[str]:
    """The `text` field of every line."""
    with open(path, encoding="utf-8") as file:
        return [json.loads(line)["text"] for line in file]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, default=Path("corpus"), help="folder of build_corpus.py (corpus)")
    parser.add_argument("--vocabulary", type=int, default=1024, help="tokens in all, 258..65536 (1024)")
    parser.add_argument("--max-pieces", type=int, default=60000, help="distinct pieces counted, most frequent first")
    parser.add_argument("-o", "--output", type=Path, default=Path("tokens"), help="folder to write (tokens)")
    arguments = parser.parse_args()
    smallest = len(SPECIAL_TOKENS) + len(ALPHABET)
    if not smallest <= arguments.vocabulary <= 65536:
        parser.error(f"--vocabulary {arguments.vocabulary}: expected {smallest}..65536 (ids are stored in 16 bits)")

    texts = {name: load_texts(arguments.corpus / f"{name}.jsonl") for name in ("train", "held")}
    started = time.process_time()
    try:
        merges = learn_merges(texts["train"], arguments.vocabulary, arguments.max_pieces)
    except ValueError as error:
        print(f"{arguments.corpus}: {error}", file=sys.stderr)
        return 1
    write_text(arguments.output / "tokenizer.json", json.dumps(tokenizer_json(merges), ensure_ascii=False, indent=1))
    encoder = Encoder(merges)
    for name, documents in texts.items():
        ids = np.concatenate([np.array([0, *encoder.encode(text)], dtype="<u2") for text in documents])
        write_atomically(arguments.output / f"{name}.u16", lambda file, data=ids: file.write(data.tobytes()))
        characters = sum(len(text) for text in documents)
        print(f"{name}: {len(ids):,} tokens, {characters / len(ids):.2f} characters a token")
    print(f"{time.process_time() - started:.1f} s of processor time")
    return 0


if __name__ == "__main__":
    sys.exit(main())
