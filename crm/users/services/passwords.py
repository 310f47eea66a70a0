"""Password hashes: argon2id, few at a time, the same work for people we do not know."""

import os
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from crm.core.errors import Invalid, Unavailable
from crm.users import rules

#: 19 MiB, two passes, one lane (OWASP's first choice): some 30 ms a hash.
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
#: As many hashes as there are cores; who waits longer than this is asked to come back.
_turns = threading.BoundedSemaphore(os.cpu_count() or 1)
PATIENCE = 3.0

#: Verified against when there is no such person; of a random password nobody knows.
NOBODY = _hasher.hash(secrets.token_urlsafe(16))
#: No 0/O, 1/l/I: a one-time password is often read aloud.
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"


def hash_password(password: str) -> str:
    """Costly on purpose: call it while no write transaction is open. May raise Unavailable."""
    with _turn():
        return _hasher.hash(password)


def is_right(password: str, password_hash: str | None) -> bool:
    """Whether the password fits. Without a hash it works as long and says no."""
    with _turn():
        try:
            return _hasher.verify(password_hash or NOBODY, password) and password_hash is not None
        except (VerificationError, InvalidHashError):
            return False


def is_outdated(password_hash: str) -> bool:
    """Whether it was made with other costs than today's."""
    return _hasher.check_needs_rehash(password_hash)


def one_time() -> str:
    """A password to be handed over and changed at once: four groups of four."""
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(4))


def check(password: str, again: str, words: tuple[str, ...]) -> None:
    """Raises Invalid, naming the field, when a new password will not do."""
    problem = rules.password_problem(password, words)
    if problem is not None:
        raise Invalid(problem, field="password")
    if password != again:
        raise Invalid("users.password_differs", field="password_again")


@contextmanager
def _turn() -> Iterator[None]:
    if not _turns.acquire(timeout=PATIENCE):
        raise Unavailable("users.hashing_busy", retry_after=3)
    try:
        yield
    finally:
        _turns.release()
