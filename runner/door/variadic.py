"""Tasks that take any number of plain words, such as the names of files; Invoke has options only."""

from __future__ import annotations

from collections import deque
from typing import Any

from invoke.parser.argument import Argument
from invoke.parser.context import ParserContext
from invoke.parser.parser import Parser, ParseResult
from invoke.tasks import Task

from runner.errors import UsageError


class VariadicTask(Task[Any]):
    """A task whose plain arguments are all given to `variadic`, one of its repeatable options."""

    def __init__(self, body: Any, *, variadic: str, **options: Any) -> None:
        super().__init__(body, iterable=[variadic], **options)
        self.variadic = variadic


class VariadicParser(Parser):
    """Invoke's parser, in which everything after the name of a variadic task belongs to that task.

    Plain words become values of the task's repeatable option, also where they are the names of tasks;
    `--` ends the options.
    """

    def __init__(self, parser: Parser, variadic: dict[str, str]) -> None:
        super().__init__(initial=parser.initial, contexts=parser.contexts.values())
        self.variadic = variadic

    def parse_argv(self, argv: list[str]) -> ParseResult:
        """Parse as Invoke does; raises ParseError, UsageError."""
        words, kept = deque(argv), list[str]()
        context: ParserContext | None = None
        while words and (context is None or context.name not in self.variadic):
            kept.append(word := words.popleft())
            if word in self.contexts:
                context = self.contexts[word]
            elif self._takes_value(word, context) and words:
                kept.append(words.popleft())
        if context is None or context.name is None or context.name not in self.variadic:
            return super().parse_argv(kept)
        option = context.args[self.variadic[context.name]]
        options, values = self._sort_out(words, context, option)
        result = super().parse_argv(kept + options)
        for value in values:
            result[-1].args[option.name].value = value
        return result

    def _sort_out(
        self, words: deque[str], context: ParserContext, variadic: Argument
    ) -> tuple[list[str], list[str]]:
        """Divide what follows a variadic task's name into options for Invoke and values, in the order given."""
        options, values, seen = list[str](), list[str](), set[Any]()
        while words:
            word = words.popleft()
            flag, equals, value = word.partition("=")
            argument = self._argument(flag, context)
            if word == "--":
                values += words
                break
            if argument is variadic:
                if not equals and (not words or self._argument(words[0], context) is not None):
                    raise UsageError(f"{flag} needs a value.")
                values.append(value if equals else words.popleft())
            elif word == "-" or not word.startswith("-"):
                values.append(word)
            else:
                options.append(word)
                if argument is not None and argument.takes_value:
                    if argument in seen:
                        raise UsageError(f"{flag} is given twice.")
                    seen.add(argument)
                if self._takes_value(word, context) and words:
                    options.append(words.popleft())
        return options, values

    def _argument(self, flag: str, context: ParserContext | None) -> Any:
        """The argument that a word stands for, the task's before the program's; None where it is no option."""
        for known in (context, self.initial):
            if known is not None and flag in known.flags:
                return known.flags[flag]
            if known is not None and flag in known.inverse_flags:
                return known.flags[known.inverse_flags[flag]]
        return None

    def _takes_value(self, word: str, context: ParserContext | None) -> bool:
        argument = self._argument(word, context)
        return argument is not None and argument.takes_value and not argument.optional
