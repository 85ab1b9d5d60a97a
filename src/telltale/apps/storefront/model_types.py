"""What clients of the promised paths call our tasks and roles."""

from typing import Final

from telltale.contract.errors import UsageError
from telltale.registry.versions import Role, Version

APP_NAME: Final = "storefront"
ALL: Final = "all"
TASKS: Final[dict[str, str]] = {
    "anomaly": "requests",
    "clustering": "activity",
    "recommendation": "recommend",
    "trend": "trend",
}
STATUS: Final[dict[Role, str]] = {
    "none": "staging",
    "challenger": "staging",
    "shadow": "staging",
    "champion": "production",
    "retired": "archived",
}
# "Accuracy" of what has no labels: what stands for it, between 0 and 1 and more is better. Of requests and of trend it is
# a figure of its own.
_ACCURACY: Final[dict[str, str]] = {"clustering": "bootstrap_ari", "recommendation": "hit_rate_10"}


def task_of(model_type: str) -> str:
    """The task that a client means. Raises UsageError."""
    if model_type not in TASKS:
        raise UsageError.not_one_of(model_type, TASKS, where="model_type")
    return TASKS[model_type]


def tasks_of(model_type: str) -> tuple[str, ...]:
    """The same, where `all` means every task. Raises UsageError."""
    if model_type == ALL:
        return tuple(TASKS.values())
    if model_type not in TASKS:
        raise UsageError.not_one_of(model_type, (*TASKS, ALL), where="model_type")
    return (TASKS[model_type],)


def model_type_of(task: str) -> str:
    """The client's word for a task; of one that they were not promised, its own name.

    >>> model_type_of("requests"), model_type_of("users")
    ('anomaly', 'users')
    """
    return next((word for word, name in TASKS.items() if name == task), task)


def metric_of(model_type: str, metric: str) -> str:
    """The name of a figure among a version's own.

    >>> metric_of("clustering", "accuracy"), metric_of("anomaly", "accuracy")
    ('bootstrap_ari', 'accuracy')
    """
    return _ACCURACY.get(model_type, metric) if metric == "accuracy" else metric


def status_of(version: Version) -> str:
    """What a client is told of a version's role."""
    return STATUS[version.role]
