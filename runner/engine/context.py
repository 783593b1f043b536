"""What stands before the text of a window, as if it had been said there: names, a prompt, the text before it.

Source: openai/whisper, transcribe.py: up to half of the positions less one, the latest of the text before; after a
text that was drawn with much chance nothing of it, or one mistake would make the next.
"""

from __future__ import annotations

from collections import defaultdict

from runner.engine.attempts import is_silence
from runner.engine.decode import Decoded
from runner.engine.options import Options
from runner.engine.tokens import Vocabulary
from runner.errors import UsageError

MOST_BEFORE = 223  # tokens
MOST_CHANCE = 0.5  # temperature


class Context:
    """Tokens before each channel's next window; raises UsageError for a prompt that does not fit."""

    def __init__(self, vocabulary: Vocabulary, options: Options) -> None:
        self.given = vocabulary.tokens(options.hotwords) + vocabulary.tokens(options.prompt)
        if len(self.given) > MOST_BEFORE:
            raise UsageError(
                f"--prompt and --hotwords take {len(self.given)} tokens together, and {MOST_BEFORE} fit: shorten them "
                f"to about {MOST_BEFORE * 100 // len(self.given)} % of their length"
            )
        self.follows = options.previous_text
        self.said: dict[int | None, list[int]] = defaultdict(list)  # by channel

    @property
    def most(self) -> int:
        """Tokens that may stand before a window, with the one that announces them."""
        tokens = MOST_BEFORE if self.follows else len(self.given)
        return tokens + 1 if tokens else 0

    def before(self, channel: int | None) -> list[int]:
        """What stands before the next window of a channel."""
        said = self.said[channel]
        return self.given + said[max(0, len(said) - (MOST_BEFORE - len(self.given))) :]

    def take(self, channel: int | None, decoded: Decoded) -> None:
        """A window was written."""
        if not self.follows or is_silence(decoded):
            return
        if decoded.temperature > MOST_CHANCE:
            self.said[channel].clear()
        else:
            self.said[channel] = (self.said[channel] + list(decoded.tokens))[-MOST_BEFORE:]
