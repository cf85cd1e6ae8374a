"""What a witness answers where it does not cosign (C2SP tlog-witness, add-checkpoint).

BadInput         400  not a request, or the old size is larger than the checkpoint
NotSigned        403  no trusted key of the origin signed it, or one of them signed wrongly
UnknownLog       404  an origin that this witness does not follow
WrongOldSize     409  the old size is not that of the latest checkpoint cosigned here, which the answer gives
TooMuch          413  a body larger than any request
Inconsistent     422  a proof that does not hold, another root of the same size, or an empty tree with a root
"""

from __future__ import annotations

from ledger_service.errors import Refused


class NotSigned(Refused):
    """No trusted key of the origin has signed the checkpoint, or one of its lines is not its signature."""

    status = 403
    slug = "not-signed"


class UnknownLog(Refused):
    """This witness does not follow a log of that origin."""

    status = 404
    slug = "unknown-log"


class WrongOldSize(Refused):
    """The old size of the request is not that of the latest checkpoint that was cosigned here.

    Attributes:
        size: of that checkpoint, number of entries; 0 where there is none.
    """

    status = 409
    slug = "wrong-old-size"

    def __init__(self, given: int, size: int) -> None:
        self.size = size
        super().__init__(f"the old size is {given}, the latest cosigned here is {size}")


class TooMuch(Refused):
    """More bytes than any request has."""

    status = 413
    slug = "too-much"


class Inconsistent(Refused):
    """The checkpoint does not extend the one that was cosigned before."""

    status = 422
    slug = "inconsistent"
