"""Errors that say what is wrong, where, and how to mend it.

Every public error states the HTTP status that the serve stage answers with and the exit status of the command line.
"""

from collections.abc import Iterable
from typing import ClassVar


class TelltaleError(Exception):
    """Base of every error a user can cause or must act on.

    Args:
        what: the fault, naming the value got and the values allowed.
        where: the thing at fault (a file, a column, a task, a version).
        mend: what to do about it, one or two sentences.
        retry_after_s: when the same request may succeed, in seconds; None where nobody knows.
    """

    status: ClassVar[int] = 500
    exit_status: ClassVar[int] = 3
    title: ClassVar[str] = "Something broke"

    def __init__(self, what: str, *, where: str = "", mend: str = "", retry_after_s: float | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.mend = mend
        self.retry_after_s = retry_after_s

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        advice = f" {self.mend}" if self.mend else ""
        return f"{place}{self.what}.{advice}"


class UsageError(TelltaleError):
    """The request itself is wrong: an option, a name, a body that is not JSON."""

    status = 400
    exit_status = 2
    title = "Wrong use"

    @classmethod
    def not_one_of(cls, value: str, allowed: Iterable[str], *, where: str) -> "UsageError":
        """`value` is not among `allowed`; the list in the message comes from the code."""
        names = ", ".join(sorted(allowed)) or "none yet"
        return cls(f"{value!r} is not known", where=where, mend=f"Known: {names}.")


class SchemaError(TelltaleError):
    """Rows do not fit the declared columns."""

    status = 422
    exit_status = 2
    title = "Rows do not fit the schema"

    @classmethod
    def missing(cls, names: Iterable[str], present: Iterable[str], *, where: str) -> "SchemaError":
        """Columns that the schema requires are not there."""
        return cls(
            f"columns {sorted(names)} are missing; there are {sorted(present)}",
            where=where,
            mend="Rename the source columns, or train on the columns that you have.",
        )


class NotFoundError(TelltaleError):
    """Nothing of that name or number exists."""

    status = 404
    exit_status = 2
    title = "Not found"


class ConflictError(TelltaleError):
    """The state does not allow it now."""

    status = 409
    exit_status = 2
    title = "Not possible in this state"


class GateError(TelltaleError):
    """A gate or check said no."""

    status = 409
    exit_status = 1
    title = "The gate said no"


class OverlapError(GateError):
    """Rows to be judged on are rows the version was trained on."""

    title = "Rows were trained on"


class NotEnoughDataError(TelltaleError):
    """Too few rows to train or to judge."""

    status = 422
    exit_status = 2
    title = "Not enough data"


class BundleError(TelltaleError):
    """A bundle is missing, corrupt, tampered with, of a newer format, or fails its self-test."""

    status = 500
    exit_status = 3
    title = "The bundle cannot be loaded"


class UnavailableError(TelltaleError):
    """Nothing can answer right now; the same request may succeed later."""

    status = 503
    exit_status = 3
    title = "Not available right now"


class UnauthorizedError(TelltaleError):
    """A key is needed, and none that fits was given."""

    status = 401
    exit_status = 2
    title = "A key is needed"


class ForbiddenError(TelltaleError):
    """Whoever asks is known, or is a web page, and may not do this."""

    status = 403
    exit_status = 2
    title = "Not allowed"


class TooManyRequestsError(TelltaleError):
    """More came than the rate of whoever asks allows; the same request may succeed later."""

    status = 429
    exit_status = 3
    title = "Too many requests"


class TooLargeError(TelltaleError):
    """The body is larger than the limit."""

    status = 413
    exit_status = 2
    title = "Too large"
