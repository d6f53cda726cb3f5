"""Who may look: one password, a signed cookie for a working day, and no guessing in a row."""

import hashlib
import hmac
from urllib.parse import parse_qs

from fastapi import Request
from itsdangerous import BadSignature, TimestampSigner
from starlette.responses import RedirectResponse, Response

from pipeline.api.guards import RateLimit, Refusal
from pipeline.errors import BadInput

START = "/look"
COOKIE = "treasure_hunt_look"
SECONDS = 8 * 3600  # then the password is asked for again
LONGEST_FORM = 4096  # bytes
SHORTEST_PASSWORD = 12
TRIES_AT_ONCE, TRIES_PER_SECOND = 5, 0.5  # of one address, in one process


def check_password(password: str) -> str:
    """The password itself; raises `BadInput` for one that can be guessed."""
    if len(password) < SHORTEST_PASSWORD:
        raise BadInput(
            f"TREASURE_HUNT_LOOKUP_PASSWORD is shorter than {SHORTEST_PASSWORD} characters, which can be guessed; "
            "take a longer one."
        )
    return password


class Login:
    """Knows the password; whoever gave it has a cookie that this and every other process with the password believes."""

    def __init__(self, password: str) -> None:
        self.password = check_password(password).encode()
        # Of the password, so that a new one ends every login.
        self.signer = TimestampSigner(self.password, salt=b"treasure hunt look-up", digest_method=hashlib.sha256)
        self.tries = RateLimit(TRIES_PER_SECOND, TRIES_AT_ONCE)

    def knows(self, request: Request) -> bool:
        """Whether this reader has logged in, and not too long ago."""
        try:
            self.signer.unsign(request.cookies.get(COOKIE, ""), max_age=SECONDS)
        except BadSignature:
            return False
        return True

    async def enter(self, request: Request) -> Response | tuple[Refusal, str]:
        """On to where the form says with a cookie, when it holds the password; else why not, and where that was."""
        form = await _read_form(request)
        where = stay_inside(form.get("where", [""])[0])
        wait = self.tries.seconds_to_wait(str(request.client.host if request.client else ""))
        if wait:
            return Refusal(429, f"Too many tries; wait {wait:.0f} s.", {"Retry-After": f"{wait:.0f}"}), where
        if not hmac.compare_digest(form.get("password", [""])[0].encode(), self.password):
            return Refusal(401, "That is not the password."), where
        answer = RedirectResponse(where, 303)
        answer.set_cookie(
            COOKIE,
            self.signer.sign("in").decode(),
            max_age=SECONDS,
            path=START,
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )
        return answer


def stay_inside(where: str) -> str:
    """Where to go on to: one of the look-up's own addresses, whatever the address of the login said."""
    return where if where == START or where.startswith(f"{START}?") else START


def leave() -> Response:
    """Back to the login, without the cookie."""
    answer = RedirectResponse(f"{START}/login", 303)
    answer.delete_cookie(COOKIE, path=START)
    return answer


async def _read_form(request: Request) -> dict[str, list[str]]:
    length = request.headers.get("content-length", "")
    if not length.isdecimal() or int(length) > LONGEST_FORM:
        return {}
    return parse_qs((await request.body()).decode("utf-8", "replace"))
