"""Commands on a study: its name needs no `--study`, and an option that is a setting is refused with a hint."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from typer.core import TyperCommand

from bench.cli.completion_names import study_names
from bench.core import BenchError

SETTINGS = ("folds", "partitions", "seeds", "steps", "batch_size", "points", "threads", "precision", "permutations")
WITH_SETTINGS = ("run", "plan", "tune")


class StudyCommand(TyperCommand):
    """`bench run NAME` is `bench run --study NAME`, where a command has no argument of another meaning."""

    @property
    def takes_study(self) -> bool:
        """Whether a word that is no option is the name of the study."""
        kinds = {each.name: each.param_type_name for each in self.params}
        return kinds.get("study") == "option" and "argument" not in kinds.values()

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, self._named(ctx, args) if self.takes_study else args)

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        needed = any(each.name == "study" and each.required for each in self.params)
        return [*super().collect_usage_pieces(ctx), *(["STUDY" if needed else "[STUDY]"] if self.takes_study else [])]

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        """Also the names of studies, where a name is still missing."""
        found = super().shell_complete(ctx, incomplete)
        if self.takes_study and not incomplete.startswith("-") and not ctx.params.get("study"):
            from typer.core import CompletionItem

            found += [CompletionItem(name) for name in study_names(incomplete)]
        return found

    def _named(self, ctx: Any, args: list[str]) -> list[str]:
        """The arguments with `--study` before the only word that belongs to no option."""
        values, rest, _ = self.make_parser(ctx).parse_args(list(args))
        if len(rest) != 1 or "study" in values:
            return args
        for place in (number for number, word in enumerate(args) if word == rest[0]):
            others = args[:place] + args[place + 1 :]
            if not self.make_parser(ctx).parse_args(list(others))[1]:
                return [*(word for word in others if word != "--"), "--study", rest[0]]
        return args


def check_settings(arguments: Sequence[str]) -> None:
    """BenchError for `bench run --folds 5`, which is written `--set folds=5`."""
    if not arguments or arguments[0] not in WITH_SETTINGS:
        return
    for number, word in enumerate(arguments):
        match = re.fullmatch(r"--([a-z_-]+)(?:=(.*))?", word)
        name = match[1].replace("-", "_") if match else ""
        if name in SETTINGS:
            after = arguments[number + 1 : number + 2]
            value = match[2] or (after[0] if after and not after[0].startswith("-") else "VALUE")
            raise BenchError(
                f"bench {arguments[0]} has no option {word.partition('=')[0]}; write: --set {name}={value}"
            )
