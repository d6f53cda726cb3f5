"""Naming a person without naming them: keyed hashes, which nobody without the key can compute or look up."""

import hmac
import os
import secrets
from pathlib import Path

from pipeline.settings import Settings

SHORT = 12  # hex digits that tell people apart in a log


def key_file(settings: Settings) -> Path:
    """Where the key is kept when no setting gives it. Back it up: without it nobody who was erased is known again."""
    return settings.home / "keys" / "hash.key"


def load_key(settings: Settings) -> bytes:
    """The secret key: that of the settings, else that of the key file, which only its owner can read and which is made
    at first need.
    """
    if settings.hash_key:
        return settings.hash_key.encode()
    path = key_file(settings)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = path.with_name(f".{secrets.token_hex(8)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(32) + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            path.hardlink_to(draft)  # fails when another process was quicker: then its key holds
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_bytes().strip()


def hash_name(key: bytes, kind: str, name: str) -> str:
    """HMAC-SHA256 of a name as 64 hex digits; `kind` (user, session) keeps equal names of other things apart."""
    return hmac.new(key, f"{kind}\0{name}".encode(), "sha256").hexdigest()


def name_user(settings: Settings, user: str) -> str:
    """How a log may name a user: the first digits of the keyed hash."""
    return f"user {hash_name(load_key(settings), 'user', user)[:SHORT]}"
