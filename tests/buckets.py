"""An object storage of a test's own (moto, which speaks S3), on a free port of this machine."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow.fs

KEYS = {
    "AWS_ACCESS_KEY_ID": "canary-key",
    "AWS_SECRET_ACCESS_KEY": "canary-secret",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@contextmanager
def object_storage() -> Iterator[int]:
    """Its port, with a bucket `shop`; the keys to it stand in the environment meanwhile."""
    from moto.server import ThreadedMotoServer

    before = {name: os.environ.get(name) for name in KEYS}
    os.environ.update(KEYS)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    port = int(server.get_host_and_port()[1])
    bucket_storage(port).create_dir("shop")
    yield port
    server.stop()
    for name, value in before.items():
        os.environ.pop(name, None) if value is None else os.environ.update({name: value})


def bucket_storage(port: int) -> Any:
    """What lies in it, by pyarrow."""
    return pyarrow.fs.S3FileSystem(
        endpoint_override=f"127.0.0.1:{port}", scheme="http", region="us-east-1", allow_bucket_creation=True
    )
