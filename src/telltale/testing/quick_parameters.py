"""Parameters under which checks fit a model that takes long."""

from typing import Any

from telltale.contract.estimator import Parameter


def check_parameters(estimator: Any) -> dict[str, Parameter]:
    """An estimator's defaults, but for those it names in an attribute `check_parameters`: fewer epochs, a smaller net.

    What is checked does not depend on how well a model was fitted, only that it was; a check runs in seconds.
    """
    return {**estimator.defaults, **own_parameters(estimator)}


def own_parameters(estimator: Any) -> dict[str, Parameter]:
    """Only those that it names itself."""
    return dict(getattr(estimator, "check_parameters", {}))
