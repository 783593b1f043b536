"""Whisper's vocabulary: words, and the special tokens that steer the decoder."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from runner.errors import ModelInvalid, UsageError

SECONDS_PER_STAMP = 0.02


@dataclass(frozen=True)
class Vocabulary:
    """The ids that decoding needs; every time stamp is an id of `first_stamp` or above, 20 ms each."""

    tokenizer: Tokenizer
    start: int
    end: int
    transcribe: int
    no_speech: int
    no_stamps: int
    previous: int
    first_stamp: int
    languages: dict[str, int]
    suppressed: tuple[int, ...]
    suppressed_first: tuple[int, ...]
    last_initial_stamp: int | None
    alignment_heads: tuple[
        tuple[int, int], ...
    ] = ()  # (layer, head): those that follow the sound, where known

    @classmethod
    def load(cls, folder: Path) -> Vocabulary:
        """Read tokenizer.json and generation_config.json; raises ModelInvalid for a vocabulary not Whisper's."""
        tokenizer = read_tokenizer(folder)
        generation = read_json(folder / "generation_config.json")

        def special(name: str) -> int:
            number = tokenizer.token_to_id(f"<|{name}|>")
            if number is None:
                raise ModelInvalid(
                    f"the model in {folder} lacks the token <|{name}|>, so it is no multilingual Whisper; "
                    "name another with --model",
                    model=str(folder),
                )
            return int(number)

        start, translate, no_stamps = (
            special("startoftranscript"),
            special("translate"),
            special("notimestamps"),
        )
        tokens = {number: tokenizer.id_to_token(number) for number in range(start + 1, translate)}
        languages = {
            token[2:-2]: number for number, token in tokens.items() if token and token.startswith("<|")
        }
        initial = generation.get("max_initial_timestamp_index")
        return cls(
            tokenizer=tokenizer,
            start=start,
            end=special("endoftext"),
            transcribe=special("transcribe"),
            no_speech=no_stamps - 1,  # <|nospeech|>, or <|nocaptions|> in the first models
            no_stamps=no_stamps,
            previous=special("startofprev"),
            first_stamp=no_stamps + 1,
            languages=languages,
            suppressed=tuple(generation.get("suppress_tokens") or ()),
            suppressed_first=tuple(generation.get("begin_suppress_tokens") or ()),
            last_initial_stamp=None if initial is None else no_stamps + 1 + int(initial),
            alignment_heads=tuple((layer, head) for layer, head in generation.get("alignment_heads") or ()),
        )

    def prompt(self, language: str, timestamps: bool, before: Sequence[int] = ()) -> list[int]:
        """The tokens that a window begins with, after those of what is `before` it.

        Raises UsageError for a language the model has not.
        """
        if language not in self.languages:
            known = ", ".join(sorted(self.languages))
            raise UsageError(f"the model does not know the language {language!r}; it knows {known}")
        stamps = [] if timestamps else [self.no_stamps]
        previous = [self.previous, *before] if before else []
        return [*previous, self.start, self.languages[language], self.transcribe, *stamps]

    def tokens(self, text: str) -> list[int]:
        """Plain text as tokens, as it stands after other text; what spells a special token is left out."""
        words = " ".join(text.split())
        ids = self.tokenizer.encode(f" {words}", add_special_tokens=False).ids if words else []
        return [token for token in ids if token < self.end]

    def text(self, tokens: Sequence[int]) -> str:
        """Words alone, without special tokens."""
        return str(self.tokenizer.decode([token for token in tokens if token < self.end]))

    def seconds(self, stamp: int) -> float:
        """A time stamp's seconds from the start of its window."""
        return (stamp - self.first_stamp) * SECONDS_PER_STAMP


def read_tokenizer(folder: Path) -> Tokenizer:
    if (folder / "tokenizer.json").exists():
        return Tokenizer.from_file(str(folder / "tokenizer.json"))
    # Older checkpoints carry vocab.json and merges.txt alone, which transformers knows how to join.
    from transformers import WhisperTokenizer

    tokenizer: Any = WhisperTokenizer.from_pretrained(folder)
    return Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())


def read_json(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}
