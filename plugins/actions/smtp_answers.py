"""What an SMTP server's answer means for a delivery and for its connection."""

from __future__ import annotations

import ssl
from typing import Final

import aiosmtplib

from engine.plugin import Failed, Misconfigured, Result, Retry
from plugins.actions.smtp_pool import CannotOpen, Unclear
from plugins.mail_codes import is_hard

_CLOSING: Final = 421
_TOO_LARGE: Final = 552
_LOGIN_WANTED: Final = frozenset({530, 538})


def outcome_of(error: Exception, server: str) -> Result:
    """Return what becomes of a delivery whose sending raised this; ``server`` names the peer.

    4xx may pass, 5xx is final. What would meet every message alike, such as a refused login or
    sender, is a fault of the configuration.
    """
    match error:
        case CannotOpen():
            return _not_opened(error.__cause__ or error, server)
        case Unclear():
            return Retry(f"{server} was lost in the middle, it may have arrived: {error}")
        case aiosmtplib.SMTPRecipientsRefused():
            # One refused for now only is worth another try.
            worst = min(error.recipients, key=lambda each: each.code)
            return _of_recipient(worst.code, worst.message)
        case aiosmtplib.SMTPSenderRefused() if error.code != _TOO_LARGE:
            return _of_connection(error.code, f"the sender is refused: {_said(error)}")
        case aiosmtplib.SMTPResponseException():
            return _of_message(error.code, error.message)
        case aiosmtplib.SMTPNotSupported():
            return Failed(f"the server can't do it: {error}")
    return Retry(f"{server} does not take it: {type(error).__name__}: {error}")


def _not_opened(error: BaseException, server: str) -> Result:
    if isinstance(error, aiosmtplib.SMTPAuthenticationError):
        return _of_connection(error.code, f"the server refused the login: {_said(error)}")
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return _of_connection(error.code, f"{server} does not let us in: {_said(error)}")
    # aiosmtplib's bare SMTPException: the server offers no STARTTLS, or no login that we know.
    if isinstance(error, aiosmtplib.SMTPNotSupported) or type(error) is aiosmtplib.SMTPException:
        return Misconfigured(f"{server} can't do what is asked of it: {error}")
    text = f"{server} does not take it: {type(error).__name__}: {error}"
    return Misconfigured(text) if _distrusted(error) else Retry(text)


def _said(error: aiosmtplib.SMTPResponseException) -> str:
    return f"{error.code} {error.message}"


def _of_connection(code: int, reason: str) -> Result:
    return Misconfigured(reason) if code >= 500 else Retry(reason)


def _of_recipient(code: int, text: str) -> Result:
    """Return what a refused recipient means: for good it is a bounce, unless we are the trouble."""
    result = _of_message(code, text)
    if isinstance(result, Failed) and "relay" not in text.lower():
        return Failed(result.reason, "email_bounced", {"hard": is_hard(result.reason)})
    return result


def _of_message(code: int, text: str) -> Result:
    reason = f"{code} {text}"
    if code in _LOGIN_WANTED:
        return Misconfigured(reason)
    if code >= 500:
        return Failed(reason)
    return Retry(reason, about="connection" if code == _CLOSING else "recipient")


def _distrusted(error: BaseException | None) -> bool:
    """Whether the server's certificate is behind it."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False
