"""Content at rest: every opening is encrypted under a key of its subject.

AES-256-GCM (NIST SP 800-38D), a random 96-bit nonce per opening, and the commitment as associated data, so
that a ciphertext cannot be moved to another entry. The subject's key is wrapped under the service's storage
key; once its row is destroyed nobody reads the content again, while every proof stays valid.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from binascii import hexlify
from collections.abc import Iterable
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import ARRAY, Connection, Text, any_, bindparam, select
from sqlalchemy.dialects.postgresql import insert

from ledger_service import commitments
from ledger_service.commitments import Json
from ledger_service.errors import Corrupt, NotYours
from ledger_service.store import tables
from ledger_service.store.prepared import Prepared

_NONCE_BYTES = 12
_KEY_BYTES = 32
_WRAPPED = Prepared(
    select(tables.subject_keys.c.subject, tables.subject_keys.c.wrapped).where(
        tables.subject_keys.c.subject == any_(bindparam("subjects", type_=ARRAY(Text)))
    )
)


@dataclass(frozen=True, slots=True)
class Opening:
    """A JSON value and the salt under which it is committed."""

    content: Json = field(repr=False)
    salt: bytes = field(repr=False)

    @property
    def commitment(self) -> bytes:
        """SHA-256(salt ‖ JCS(content)), 32 bytes."""
        return commitments.commit(self.content, self.salt)

    def to_json(self) -> Json:
        """As it stands in bundles and answers."""
        return {"content": self.content, "salt": "0x" + self.salt.hex()}


class Vault:
    """Seals and opens openings within one transaction."""

    def __init__(self, connection: Connection, storage_key: bytes) -> None:
        self._connection = connection
        self._wrapper = AESGCM(storage_key)
        self._salt_key = hmac.digest(storage_key, b"salts", "sha256")
        self._keys: dict[str, AESGCM] = {}

    def seal(self, subject: str, opening: Opening) -> bytes:
        """Encrypt an opening under the key of `subject`, which is made when it is the first."""
        nonce = os.urandom(_NONCE_BYTES)
        plain = opening.salt + commitments.canonical(opening.content)
        return nonce + self._key(subject, make=True).encrypt(nonce, plain, opening.commitment)

    def prepare(self, subjects: Iterable[str]) -> None:
        """Read, or make, the keys of several subjects at once: `seal` then asks nobody."""
        wanted = set(subjects)
        self.read_keys(wanted)
        missing = sorted(wanted - self._keys.keys())
        if missing:
            # Two first uses at once: the first row wins, and the other transaction reads it back.
            fresh = [{"subject": one, "wrapped": self._fresh(one)} for one in missing]
            self._connection.execute(insert(tables.subject_keys).on_conflict_do_nothing(), fresh)
            self.read_keys(missing)

    def read_keys(self, subjects: Iterable[str]) -> None:
        """Read the keys of several subjects at once, of those that have one: `open` then asks nobody."""
        wanted = set(subjects) - self._keys.keys()
        if wanted:
            found = self._wrapped_all(wanted)
            self._keys |= {one: AESGCM(self._unwrap(one, wrapped)) for one, wrapped in found.items()}

    def open(self, subject: str, sealed: bytes, commitment: bytes) -> Opening:
        """Decrypt what `seal` made.

        Raises:
            NotYours: the subject's key was destroyed.
            Corrupt: the row was changed, or belongs to another commitment.
        """
        salt, content = self._unseal(subject, sealed, commitment)
        return Opening(commitments.parse_canonical(content), salt)

    def open_text(self, subject: str, sealed: bytes, commitment: bytes) -> bytes:
        """The canonical JSON of `open(…).to_json()`, of which nothing has to be parsed. Raises as `open`."""
        salt, content = self._unseal(subject, sealed, commitment)
        return b'{"content":%b,"salt":"0x%b"}' % (content, hexlify(salt))

    def check_key(self, subject: str, wrapped: bytes) -> None:
        """Check that a subject's key, as it is stored, can be used.

        Raises:
            Corrupt: it is not wrapped under our storage key, for this subject.
        """
        AESGCM(self._unwrap(subject, wrapped))

    def salt(self, *context: bytes) -> bytes:
        """A secret salt that is the same whenever the same thing is committed again.

        A step that is repeated after a crash therefore makes the same entries.
        """
        message = b"".join(hashlib.sha256(part).digest() for part in context)
        return hmac.digest(self._salt_key, message, "sha256")

    def _unseal(self, subject: str, sealed: bytes, commitment: bytes) -> tuple[bytes, bytes]:
        key = self._key(subject, make=False)
        try:
            plain = key.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], commitment)
        except InvalidTag as error:
            raise Corrupt(f"the stored opening of {commitment.hex()} does not decrypt") from error
        return plain[: commitments.SALT_BYTES], plain[commitments.SALT_BYTES :]

    def _key(self, subject: str, *, make: bool) -> AESGCM:
        known = self._keys.get(subject)
        if known is None:
            if make:
                self.prepare([subject])
                return self._keys[subject]
            wrapped = self._wrapped_all([subject]).get(subject)
            if wrapped is None:
                raise NotYours("this content was erased")
            known = self._keys[subject] = AESGCM(self._unwrap(subject, wrapped))
        return known

    def _unwrap(self, subject: str, wrapped: bytes) -> bytes:
        try:
            return self._wrapper.decrypt(wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], subject.encode())
        except InvalidTag as error:
            raise Corrupt(f"the key of {subject} is not wrapped under our storage key") from error

    def _wrapped_all(self, subjects: Iterable[str]) -> dict[str, bytes]:
        return dict(_WRAPPED.rows(self._connection, subjects=list(subjects)))

    def _fresh(self, subject: str) -> bytes:
        nonce, secret = os.urandom(_NONCE_BYTES), os.urandom(_KEY_BYTES)
        return nonce + self._wrapper.encrypt(nonce, secret, subject.encode())
