"""Secrets by reference: `env:NAME` or `file:PATH` in the file, the value only in wiring."""

import os
import re
import stat
from collections import deque
from pathlib import Path

from connectors.redaction import Secret

SECRET_BYTES_MAX = 16_384  # of a secret's file; a key has a few hundred
REFERENCE_MAX = 1000  # characters
ROTATING_MAX = 40  # tokens that are renewed every half hour would fill the memory
TOKEN_LENGTH_MIN = 32  # of letters and digits with no pause: a key, not a word

# The key shapes of the systems we talk to. Also inside a longer text.
_KEY = re.compile(r"(?i)(?<![a-z0-9])(?:(?:sk|rk|pk|ek)_(?:live|test)|whsec)_[a-z0-9_]{4,}")
_TOKEN = re.compile(rf"[A-Za-z0-9_+=.~-]{{{TOKEN_LENGTH_MIN},}}")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_PREFIXES = {"live": ("sk_live_", "rk_live_"), "test": ("sk_test_", "rk_test_")}

_resolved: list[Secret] = []  # so that logs and crash files can hide them by value
_rotating: deque[Secret] = deque(maxlen=ROTATING_MAX)  # likewise, the latest alone


class SecretUnusable(Exception):
    """A secret cannot be read by its reference; the text names the key and the remedy."""


def looks_like_a_secret(text: str) -> bool:
    """Would this be a key written into the file? Checked before anything is shown."""
    if _KEY.search(text):
        return True
    whole = _TOKEN.fullmatch(text)
    if _UUID.fullmatch(text):
        return False  # an id of a tenant or a company; no system here has such a key
    return bool(whole and re.search(r"\d", text) and re.search(r"[A-Za-z]", text))


def reference_problem(text: str) -> str:
    """What is wrong with a reference; '' when nothing is. Never repeats the text."""
    kind, colon, name = text.partition(":")
    if not colon or kind not in {"env", "file"}:
        return "must be a reference, env:NAME or file:PATH, and never the secret itself"
    if kind == "env" and not _VARIABLE.fullmatch(name):
        return "must name an environment variable after env: (letters, digits and _)"
    if kind == "file" and not name.strip():
        return "must name a file after file:"
    return ""


def resolve(reference: str, key: str, *, lines: bool = False) -> Secret:
    """The secret behind a reference. `key` is its key in the settings, for the message.

    `lines`: it may hold several, as a private key in PEM does. Raises SecretUnusable,
    which shows where it was looked for and never what was found.
    """
    if problem := reference_problem(reference):
        raise SecretUnusable(f"{key}: {problem}")
    kind, _, name = reference.partition(":")
    value = _from_env(name, key) if kind == "env" else _from_file(Path(name), key)
    if not lines and any(not sign.isprintable() or sign.isspace() for sign in value):
        raise SecretUnusable(
            f"{key}: {reference} holds spaces or line breaks inside; a key has none"
        )
    secret = Secret(value)
    _resolved.append(secret)
    return secret


def database_url(url: str) -> str:
    """The state database's URL, itself or from behind its reference. Raises as `resolve`."""
    if url.startswith(("env:", "file:")):
        return resolve(url, "state.url").reveal()
    return url


def resolved() -> tuple[Secret, ...]:
    """Every secret this process has resolved, for whoever must hide them."""
    return (*_resolved, *_rotating)


def remember(secret: Secret) -> None:
    """Hide a token that came by itself, as those that are renewed do."""
    if secret not in _rotating:
        _rotating.append(secret)


def key_problem(mode: str, key: Secret) -> str:
    """Why a Stripe key does not fit `stripe.mode`; '' when it does. Shows no part of it.

    Stripe: test and sandbox keys begin with sk_test_ or rk_test_, live ones with sk_live_
    or rk_live_ (rk_: restricted, which is what a worker should have).
    """
    value = key.reveal()
    wanted = "live" if mode == "live" else "test"
    if value.startswith(_PREFIXES[wanted]):
        return ""
    shapes = " or ".join(_PREFIXES[wanted])
    other = "live" if wanted == "test" else "test"
    if value.startswith(_PREFIXES[other]):
        said = f"is {mode}, and the key is a {other} key; a {mode} key begins with {shapes}"
    elif value.startswith("pk_"):
        said = f"needs a secret or restricted key ({shapes}), not a publishable one (pk_)"
    else:
        said = f"is {mode}, and the key begins with neither {shapes}"
    return f"stripe.mode: {said}"


def _from_env(name: str, key: str) -> str:
    value = os.environ.get(name, "").strip()
    if not value:
        raise SecretUnusable(
            f"{key}: the environment variable {name} is not set; "
            f"export {name}=... or write file:PATH"
        )
    return value


def _from_file(path: Path, key: str) -> str:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise SecretUnusable(f"{key}: {path} is no regular file")
        if os.name == "posix" and stat.S_IMODE(status.st_mode) & 0o077:
            raise SecretUnusable(f"{key}: {path} is open to others; chmod 600 {path}")
        if status.st_size > SECRET_BYTES_MAX:
            raise SecretUnusable(
                f"{key}: {path} is over {SECRET_BYTES_MAX} bytes; no key is"
            )
        value = path.read_text(encoding="utf-8").strip()
    except UnicodeDecodeError:
        raise SecretUnusable(f"{key}: {path} holds no text") from None
    except OSError as error:
        raise SecretUnusable(f"{key}: {path} cannot be read: {error.strerror}") from error
    if not value:
        raise SecretUnusable(f"{key}: {path} is empty")
    return value
