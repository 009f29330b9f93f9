# Copyright (c) 2026, the inference.vllm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A stand-in for a tokenizer: cuts text into short pieces, gives each a number, and puts it together again."""

from __future__ import annotations

import re
import zlib

MAX_CHARS = 9  # the longest piece below
VOCABULARY = 128_000
_PIECE = re.compile(r" ?[A-Za-z]{1,8}|\d{1,3}|\s|[^\sA-Za-z\d]")
_SPECIAL = 256
WORDS = [
    "the",
    "model",
    "answers",
    "a",
    "question",
    "about",
    "weather",
    "and",
    "time",
    "in",
    "short",
    "words",
    "so",
    "that",
    "every",
    "reader",
    "can",
    "follow",
    "what",
    "it",
    "says",
    "without",
    "any",
    "effort",
    "when",
    "people",
    "ask",
    "for",
    "help",
    "it",
    "looks",
    "for",
    "facts",
    "first",
    "then",
    "writes",
    "them",
    "down",
    "one",
    "by",
    "one",
    "because",
    "order",
    "makes",
    "long",
    "text",
    "easy",
    "to",
    "read",
    "again",
    "some",
    "days",
    "are",
    "bright",
    "others",
    "bring",
    "rain",
    "yet",
    "each",
    "has",
    "its",
    "own",
    "colour",
    "which",
    "we",
    "may",
    "describe",
    "slowly",
    "or",
    "fast",
    "as",
    "needed",
    "by",
    "those",
    "who",
    "wait",
]


class Tokenizer:
    """Numbers come from a hash; pieces seen are remembered, so decode(encode(text)) is the text."""

    def __init__(self) -> None:
        self._pieces: dict[int, str] = {}
        self._numbers: dict[str, int] = {}

    @staticmethod
    def count(text: str) -> int:
        return len(_PIECE.findall(text))

    def encode(self, text: str) -> list[int]:
        return [self._number(piece) for piece in _PIECE.findall(text)]

    def decode(self, numbers: list[int]) -> str:
        return "".join(self._pieces.get(number, f" {WORDS[number % len(WORDS)]}") for number in numbers)

    def _number(self, piece: str) -> int:
        known = self._numbers.get(piece)
        if known is not None:
            return known
        number = _SPECIAL + zlib.crc32(piece.encode("utf-8", "surrogatepass")) % (VOCABULARY - _SPECIAL)
        while self._pieces.get(number, piece) != piece:
            number = _SPECIAL + (number + 1 - _SPECIAL) % (VOCABULARY - _SPECIAL)
        if len(self._pieces) < VOCABULARY // 2:
            self._numbers[piece], self._pieces[number] = number, piece
        return number


def words(seed: int, count: int) -> list[str]:
    """``count`` tokens of text; the same seed gives the same text."""
    size = len(WORDS)
    state = seed & 0xFFFFFFFF
    chosen = []
    for _ in range(count):
        state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
        chosen.append(" " + WORDS[(state >> 16) % size])
    if chosen:
        chosen[0] = chosen[0].lstrip()
    return chosen
