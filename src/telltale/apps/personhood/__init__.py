"""personhood: is this the enrolled person typing?"""

from datetime import UTC, datetime
from typing import Final

from telltale.apps.personhood.attacks import ATTACKS
from telltale.apps.personhood.chain.command import RELAY_SUBSTRATE
from telltale.apps.personhood.collect import collect_keystrokes
from telltale.apps.personhood.features import derive_plan
from telltale.apps.personhood.page import PAGE_ROUTES
from telltale.apps.personhood.routes import ROUTES
from telltale.apps.personhood.schema import AVERAGES as AVERAGES_EVENT
from telltale.apps.personhood.schema import KEY_CLASSES, SESSION
from telltale.apps.personhood.session import averages_from_sessions
from telltale.apps.personhood.simulate import simulate
from telltale.contract.app import App, Collection, Task
from telltale.contract.derivation import Derivation
from telltale.contract.kinds import Verification
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

VERIFY: Final = Task(
    name="verify",
    kind="verify",
    event="session",
    verification=Verification(kinds="classes", kind_names=KEY_CLASSES, began="presses_ms", ended="releases_ms"),
    estimators=("profile_cohort", "profile_alone"),
    targets=(
        Target(metric="accuracy", op=">=", limit=0.90, goal=0.95),
        Target(metric="far", op="<=", limit=0.03),
        Target(metric="frr", op="<=", limit=0.05),
        Target(metric="auroc", op=">=", limit=0.95, goal=0.98),
    ),
    attacks=ATTACKS,
    minimum_rows=500,
    schedule="30 4 1 */3 *",  # quarterly
    split=ByEntity(),
    answer_names={"decision": "is_legitimate"},
)

APP: Final = App(
    name="personhood",
    title="Is this the enrolled person typing?",
    events=(AVERAGES_EVENT, SESSION),
    tasks=(AVERAGES, VERIFY),
    simulate=simulate,
    start=datetime(2024, 1, 1, tzinfo=UTC),
    collections={
        "keystrokes": Collection(
            name="keystrokes",
            event="session",
            title="key timing of one person",
            collect_entity=collect_keystrokes,
            output="collected/sessions.jsonl",
        )
    },
    # Whoever records types as themselves: impostors are labelled by hand, or simulated.
    derivations=(Derivation(event="averages", source="session", derive=averages_from_sessions, label=1),),
    routes=(*ROUTES, *PAGE_ROUTES),
    commands=(RELAY_SUBSTRATE,),
)
