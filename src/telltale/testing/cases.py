"""From subjects and checks to parameters of a test, expected failures included."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

from telltale.contract.errors import UsageError

if TYPE_CHECKING:
    from _pytest.mark.structures import ParameterSet

Subject = TypeVar("Subject")
ExpectedFailures = Mapping[str, str]  # name of a check -> why it cannot pass


def cases(
    subjects: Mapping[str, Subject],
    checks: Sequence[Callable[[Subject], None]],
    *,
    expected_failures: Mapping[str, ExpectedFailures] | None = None,
    slow: Sequence[Callable[[Subject], None]] = (),
) -> list["ParameterSet"]:
    """Every check for every subject, as pytest parameters with ids such as `robust_z-check_score_is_row_wise`.

    A check that is expected to fail runs as a strict xfail: the day it passes, the run fails and says so. A subject
    can say itself which those are, by an attribute `expected_failures` (check -> reason).

    Args:
        subjects: things under test by name.
        checks: the suite.
        expected_failures: for each subject's name, the checks it cannot pass and why.
        slow: checks to be marked so.

    Raises:
        UsageError: an expected failure names a subject or check that is not here, or gives no reason.
    """
    import pytest

    expected = expected_failures or {}
    names = {check.__name__ for check in checks}
    for subject in expected.keys() - subjects.keys():
        raise UsageError.not_one_of(subject, subjects, where="expected failures: subject")
    for name, reason in (pair for reasons in expected.values() for pair in reasons.items()):
        if name not in names:
            raise UsageError.not_one_of(name, names, where="expected failures: check")
        if not reason.strip():
            raise UsageError(f"{name} has no reason", where="expected failures", mend="Say why it cannot pass.")
    found = []
    for subject, value in subjects.items():
        own: ExpectedFailures = getattr(value, "expected_failures", {})
        reasons = {**own, **expected.get(subject, {})}
        for check in checks:
            marks = [pytest.mark.slow] if check in slow else []
            if check.__name__ in reasons:
                marks.append(pytest.mark.xfail(strict=True, reason=reasons[check.__name__]))
            found.append(pytest.param(value, check, id=f"{subject}-{check.__name__}", marks=marks))
    return found
