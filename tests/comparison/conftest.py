"""What tests of the comparison share: an environment without settings of the machine's own."""

import os

import pytest

from pipeline.settings import PREFIX


@pytest.fixture(autouse=True)
def no_settings_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings are the defaults, whatever this machine's environment says."""
    for name in [name for name in os.environ if name.upper().startswith(PREFIX)]:
        monkeypatch.delenv(name)
