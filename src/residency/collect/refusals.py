"""What a refused call means: one table from error codes to how a unit ends and why something is a gap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from residency.model import Cause, UnitStatus

__all__ = ["CallError", "Refusal", "classify"]

_SCP: Final = "explicit deny in a service control policy"
# the same code also refuses an edition that may hold data, so the words decide
_NOT_SUBSCRIBED: Final = "is not subscribed for QuickSight"
_DISABLED: Final = (
    "OptInRequired",
    "SubscriptionRequired",
    "NotSignedUp",
    "RegionDisabled",
    "PendingVerification",
    "UninitializedAccount",
)
_NOT_VALID_THERE: Final = (
    "UnrecognizedClient",
    "InvalidClientTokenId",
    "AuthFailure",
    "InvalidAccessKeyId",
    "InvalidSecurity",
    "SignatureDoesNotMatch",
    "InvalidSignature",
    "IncompleteSignature",
    "MissingAuthenticationToken",
)
_EXPIRED: Final = ("ExpiredToken", "RequestExpired", "TokenRefreshRequired")
_THROTTLED: Final = (
    "Throttl",
    "RequestThrottl",
    "TooManyRequests",
    "SlowDown",
    "RequestLimitExceeded",
    "BandwidthLimitExceeded",
    "LimitExceeded",
    "ProvisionedThroughputExceeded",
    "PriorRequestNotComplete",
    "EC2ThrottledException",
    "429",
    "503 Slow Down",
)
_DENIED: Final = (
    "AccessDenied",
    "UnauthorizedOperation",
    "UnauthorizedAccess",
    "AuthorizationError",
    "NotAuthorized",
    "Unauthorized",
    "Forbidden",
    "AllAccessDisabled",
    "AccountProblem",
    "403",
    "401",
)
_UNSUPPORTED: Final = ("UnknownOperation", "InvalidAction", "UnknownRegion", "RegionWithoutService")
_MALFORMED: Final = ("MalformedAnswer",)
_CAUSES: Final[dict[UnitStatus, Cause]] = {
    "denied": "denied",
    "closed": "denied",
    "throttled": "throttled",
    "unsupported": "unsupported",
    "disabled": "unsupported",
    "skipped": "skipped",
    "failed": "failed",
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """One call without a usable answer.

    Parameters
    ----------
    code, message
        The provider's own words.
    status
        How a unit ends whose listing this was.
    cause
        Why what was asked for is a gap.
    expired
        The credentials ran out: no later call will do better.
    """

    code: str
    message: str
    status: UnitStatus
    cause: Cause
    expired: bool = False

    def __str__(self) -> str:
        return f"{self.code}: {self.message}" if self.message else self.code


class CallError(Exception):
    """Raised by a door; carries the refusal."""

    def __init__(self, refusal: Refusal) -> None:
        self.refusal = refusal
        super().__init__(str(refusal))


def classify(code: str, message: str, *, region_enabled: bool | None = None) -> Refusal:
    """Read an error code.

    Parameters
    ----------
    code, message
        As the provider said it.
    region_enabled
        Whether the account is known to have the region switched on. Credentials that are valid elsewhere and refused
        in a region that is not known to be on mean that the region is off; where it is on, the call failed.
    """
    status: UnitStatus = "failed"
    cause: Cause | None = None
    expired = False
    if _SCP in message:
        status = "closed"
    elif code.startswith(_EXPIRED):
        expired = True
    elif code.startswith(_DISABLED) or _NOT_SUBSCRIBED in message:
        status = "disabled"
    elif code.startswith(_NOT_VALID_THERE):
        status = "failed" if region_enabled is not False else "disabled"
    elif code.startswith(_THROTTLED):
        status = "throttled"
    elif code.startswith(_DENIED):
        status = "denied"
    elif code.startswith(_UNSUPPORTED):
        status = "unsupported"
    elif code.startswith(_MALFORMED):
        cause = "malformed"
    return Refusal(code, " ".join(message.split()), status, cause or _CAUSES[status], expired)
