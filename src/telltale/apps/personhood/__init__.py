"""personhood: is this the enrolled person typing?"""

from datetime import UTC, datetime
from typing import Final

from telltale.apps.personhood.features import derive_plan
from telltale.apps.personhood.routes import ROUTES
from telltale.apps.personhood.schema import AVERAGES as AVERAGES_EVENT
from telltale.apps.personhood.schema import SESSION
from telltale.apps.personhood.simulate import simulate
from telltale.contract.app import App, Task
from telltale.contract.split import ByEntity
from telltale.contract.verdict import Target

AVERAGES: Final = Task(
    name="averages",
    kind="score",
    event="averages",
    derive_plan=derive_plan,
    estimators=("mlp", "logistic_regression"),
    targets=(
        Target(metric="accuracy", op=">=", limit=0.90, goal=0.95),
        Target(metric="far", op="<=", limit=0.03),
        Target(metric="frr", op="<=", limit=0.05),
        Target(metric="auroc", op=">=", limit=0.95),
    ),
    minimum_rows=1_000,
    schedule="0 4 1 */3 *",  # quarterly
    split=ByEntity(),
    answer_names={"decision": "is_legitimate"},
)

APP: Final = App(
    name="personhood",
    title="Is this the enrolled person typing?",
    events=(AVERAGES_EVENT, SESSION),
    tasks=(AVERAGES,),
    simulate=simulate,
    start=datetime(2024, 1, 1, tzinfo=UTC),
    routes=ROUTES,
)
