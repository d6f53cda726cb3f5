import os
from pathlib import Path

import pytest

from pipeline.comparison import machine


def test_the_machine_is_named_and_counted() -> None:
    found = machine.describe_machine()
    assert found["cpu"] and found["cores"] == os.cpu_count() and found["memory_bytes"] > 1 << 28


def test_what_is_held_now_grows_with_what_is_held() -> None:
    before = machine.resident_bytes()
    held = b"x" * (64 << 20)
    assert machine.resident_bytes() - before > len(held) // 2


def test_where_linux_does_not_say_there_is_an_answer_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "CPUINFO", Path("/nowhere"))
    monkeypatch.setattr(machine, "STATM", Path("/nowhere"))
    assert machine.name_processor()
    assert machine.resident_bytes() > 1 << 20
