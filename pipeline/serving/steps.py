"""What reads are made of: generators that hand out a question to the database and are sent its rows."""

from collections.abc import Generator, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

from sqlalchemy import Select
from sqlalchemy.engine import Dialect

Rows = Sequence[tuple[Any, ...]]
Question = tuple[str, Any]  # a statement as the database's driver takes it, and its values
T = TypeVar("T")
Turn = Future[None]  # of somebody else, who finds out the same; done when that is over, however it went
Steps = Generator[Question | Turn, Rows, T]


def compile_question(statement: Select[Any], dialect: Dialect) -> Question:
    """The statement and its values as the database's driver takes them."""
    made = statement.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
    values = made.params
    return str(made), tuple(values[name] for name in made.positiontup) if made.positiontup is not None else values
