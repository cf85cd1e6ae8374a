"""Everything that can go wrong, in one place.

LedgerError
├── Refused                 the caller must change something                       4xx
│   ├── BadInput            400  /problems/bad-input
│   │   └── TooLarge        … more bytes than are read
│   ├── Unauthenticated     401  /problems/unauthenticated
│   ├── NotYours            404  /problems/not-found
│   ├── Conflict            409  /problems/conflict
│   └── BadSignature        422  /problems/bad-signature
├── Unavailable             try again                                              503
│   └── Overloaded          … in a moment: others are waiting                      503  /problems/overloaded
├── VerificationError       a proof does not hold: which step, and the two values that differ
└── Corrupt                 stop: what we read contradicts itself                  500, alarms
"""

from __future__ import annotations


class LedgerError(Exception):
    """Base of every error of ours; `status` and `slug` are what the HTTP edge answers with."""

    status = 500
    slug = "internal"


class Refused(LedgerError):
    """The caller must change something before trying again."""

    status = 400
    slug = "refused"


class BadInput(Refused):
    """The input is not what the operation takes."""

    status = 400
    slug = "bad-input"


class TooLarge(BadInput):
    """More bytes than are read; a smaller question may do."""


class Unauthenticated(Refused):
    """No session, or one that has ended."""

    status = 401
    slug = "unauthenticated"


class NotYours(Refused):
    """It does not exist, or not for this caller: the two are never told apart."""

    status = 404
    slug = "not-found"


class Conflict(Refused):
    """The state of things does not allow this (any more, or yet)."""

    status = 409
    slug = "conflict"


class BadSignature(Refused):
    """A signature does not recover to the address that had to sign."""

    status = 422
    slug = "bad-signature"


class Unavailable(LedgerError):
    """Something we depend on does not answer; the same call may succeed later."""

    status = 503
    slug = "unavailable"


class Overloaded(Unavailable):
    """More is waiting than can be done soon; the same call will succeed in a moment."""

    slug = "overloaded"


class VerificationError(LedgerError):
    """A proof does not hold.

    Attributes:
        step: number of the failing step in the verifier's list, 0 where a primitive is called by itself.
        what: what was being checked, in words.
        expected, found: the two values that differ, as text (empty where there is no pair).
    """

    status = 422
    slug = "verification-failed"

    def __init__(self, what: str, *, expected: str = "", found: str = "", step: int = 0) -> None:
        self.what, self.expected, self.found, self.step = what, expected, found, step
        pair = (("expected", expected), ("found", found))
        differs = ", ".join(f"{word} {value}" for word, value in pair if value)
        super().__init__((f"step {step}: " if step else "") + what + (f": {differs}" if differs else ""))

    def at_step(self, step: int) -> VerificationError:
        """The same failure, named by the step of the verifier in which it happened."""
        return VerificationError(self.what, expected=self.expected, found=self.found, step=step)


class Corrupt(LedgerError):
    """What we read contradicts itself. Nothing goes on until a person has looked."""

    status = 500
    slug = "corrupt"
