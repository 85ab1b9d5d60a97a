from collections.abc import Callable
from pathlib import Path

import pytest

from telltale.testing.release_process_checks import RELEASE_CHECKS, Moment


@pytest.mark.slow
@pytest.mark.parametrize("check", RELEASE_CHECKS, ids=lambda check: check.__name__)
def test_releases_keep_their_promise(check: Callable[[Path], None], tmp_path: Path) -> None:
    check(tmp_path / "home")


@pytest.mark.parametrize(
    "moment",
    [
        Moment(roles={1: "none"}, told={1: "none"}, active=[]),
        Moment(roles={1: "champion", 2: "champion"}, told={1: "champion", 2: "champion"}, active=[]),
        Moment(roles={1: "champion"}, told={1: "champion"}, active=[1, 2]),
        Moment(roles={1: "champion"}, told={1: "none"}, active=[]),
    ],
)
def test_a_moment_that_is_not_sound_is_noticed(moment: Moment) -> None:
    with pytest.raises(AssertionError):
        moment.assert_sound()
