"""How a token is closed before it is kept: by Fernet where there is a key, else plainly."""

from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from connectors.failures import Misconfigured
from connectors.redaction import Secret

PLAIN = "plain:"
FERNET = "fernet:"


class PlainSeal:
    """No key is configured: the file's own protection is all there is."""

    def close(self, text: str) -> str:
        """The text, marked as not sealed."""
        return PLAIN + text

    def open(self, sealed: str) -> str:
        """The text. Raises Misconfigured for one that was sealed with a key."""
        if not sealed.startswith(PLAIN):
            raise Misconfigured(
                "a kept token is sealed and no key is set; set state.token_key"
            )
        return sealed.removeprefix(PLAIN)


class FernetSeal:
    """Sealed by the first key, opened by any: a new key goes before the old one."""

    def __init__(self, keys: Sequence[Secret]) -> None:
        try:
            self._fernet = MultiFernet([Fernet(key.reveal()) for key in keys])
        except ValueError:
            raise Misconfigured(
                "state.token_key is no key; make one with: "
                "openssl rand -base64 32 | tr '+/' '-_'"
            ) from None

    def close(self, text: str) -> str:
        """The text, sealed."""
        return FERNET + self._fernet.encrypt(text.encode()).decode()

    def open(self, sealed: str) -> str:
        """The text. One kept before there was a key is taken as it is."""
        if sealed.startswith(PLAIN):
            return PlainSeal().open(sealed)
        try:
            return self._fernet.decrypt(sealed.removeprefix(FERNET)).decode()
        except InvalidToken:
            raise Misconfigured(
                "a kept token is sealed with another key; add that key to "
                "state.token_key after the new one, with a comma between, "
                "or consent again with: tieout auth"
            ) from None
