"""The read API over HTTP."""

import os
import socket
import tempfile
from typing import Annotated

import typer

from pipeline import show
from pipeline.errors import BadInput
from pipeline.settings import load_settings

# Longer than load balancers keep a connection (60 s by default), so that it is never shut while one sends a request.
KEEP_ALIVE_SECONDS = 75

app = typer.Typer(help=__doc__)


@app.command()
def serve(
    host: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 for every one of this machine.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8000,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes; as many as cores are free.")] = 1,
) -> None:
    """Serve the live lists over HTTP until stopped; /docs describes the routes."""
    import uvicorn

    from pipeline.api.lookup.login import check_password

    settings = load_settings()
    if settings.api_key and len(settings.api_key) < 16:
        raise BadInput("TREASURE_HUNT_API_KEY is shorter than 16 characters, which can be guessed; take a longer one.")
    if settings.lookup_password:
        check_password(settings.lookup_password)
    check_port(host, port)
    with tempfile.TemporaryDirectory(prefix="treasure-hunt-metrics-") as folder:
        if workers > 1:  # read by the processes when they import prometheus_client
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
        page = f", look-up at http://{host}:{port}/look" if settings.lookup_password else ""
        show.sentence(f"http://{host}:{port}/docs{page}; Ctrl-C stops it")
        # No access log: paths name users and what they typed.
        uvicorn.run(
            "pipeline.api.app:make_app",
            factory=True,
            host=host,
            port=port,
            workers=workers,
            access_log=False,
            log_level="warning",
            server_header=False,
            timeout_graceful_shutdown=5,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
        )


def check_port(host: str, port: int) -> None:
    """Raises `BadInput` when nothing can listen there."""
    try:
        with socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET):
            pass
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise BadInput(f"port {port} of {host} cannot be used: {reason.lower()}; choose another with --port.") from None
