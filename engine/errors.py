"""The one base exception; everything leadrules raises on purpose derives from it."""

from __future__ import annotations


class LeadrulesError(Exception):
    """Base of all errors that leadrules raises on purpose.

    The message quotes the bad value and says what to do next. ``code`` is stable
    and appears in API errors and diagnostics.
    """

    code = "error"


class NotFound(LeadrulesError):
    """What was asked for does not exist."""

    code = "not-found"


class Forbidden(LeadrulesError):
    """What was asked for is not for who asks."""

    code = "forbidden"


class Refused(LeadrulesError):
    """A request that is understood but not allowed in the present state."""

    code = "refused"


class Stopped(Refused):
    """The runtime does not take anything any more."""

    code = "stopped"
