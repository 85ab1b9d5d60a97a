"""One version: what the gate said, every figure, the curves that its bundle holds, and what it was trained on."""

from datetime import datetime
from typing import Final

from telltale.contract.errors import BundleError
from telltale.evaluate.wording import NO_FIGURE, figure_name, prevalence_text, told_text, verdict_sentence
from telltale.models.bundle import read_manifest
from telltale.models.manifest import Manifest
from telltale.registry.versions import Version
from telltale.serve.edge import Edge
from telltale.serve.page.elements import DASH, NOTHING, Html, facts, joined, link, moment, section, table, tag
from telltale.serve.page.states import gate_badge, role_badge
from telltale.serve.page.task_at import TaskAt
from telltale.serve.page.task_story import history_table
from telltale.serve.page.task_versions import targets_table
from telltale.serve.page.version_curves import curves
from telltale.serve.page.viewer import Viewer

_MOST_LETTERS: Final = 80


def version_page(edge: Edge, viewer: Viewer, at: TaskAt, number: int, *, now: datetime) -> Html:
    """The page's content. Raises NotFoundError."""
    version = edge.registry.get(*at.key, number)
    manifest, fault = _manifest(version)
    moves = [move for move in edge.registry.history(*at.key) if move.number == number]
    return joined(
        facts(_facts(version, now=now)),
        _buttons(viewer, version, at.path),
        tag("p", fault, class_="problem", role="alert") if fault else NOTHING,
        section("Gate", _verdict(manifest), targets_table(version)),
        section("Curves", curves(manifest, version) if manifest is not None else NOTHING, about=_ABOUT_CURVES),
        section("All figures", _figures(version)),
        section("Made of", facts(_made_of(manifest), kind="facts rows") if manifest is not None else NOTHING),
        section("Columns read", _columns(manifest) if manifest is not None else NOTHING),
        section("Files", _files(version)),
        section("History", history_table(moves, at.path, now=now)),
    )


_ABOUT_CURVES: Final = "Drawn from what the bundle keeps of held-out rows; telltale evaluate draws them from every row."


def _manifest(version: Version) -> tuple[Manifest | None, str]:
    """What the bundle says of itself, or why that cannot be read."""
    if version.removed_at is not None:
        return None, f"Its files were removed by retention on {version.removed_at:%Y-%m-%d}."
    try:
        return read_manifest(version.path, where=version.reference), ""
    except BundleError as error:
        return None, f"{error.what}. {error.mend}"


def _facts(version: Version, *, now: datetime) -> dict[str, str]:
    return {
        "role": role_badge(version.role),
        "gate": gate_badge(version.outcome),
        "model": version.estimator,
        "registered": moment(version.created_at, now),
        "label": version.label,
        "trained on": f"{version.data_kind} rows",
        "pinned": "yes" if version.pinned else "no",
    }


def _buttons(viewer: Viewer, version: Version, whose: str) -> Html:
    if not viewer.can_operate or version.role in {"champion", "retired"} or version.removed_at is not None:
        return NOTHING
    return tag(
        "p",
        link("Promote…", f"{whose}/promote?version={version.number}", class_="button"),
        link("Release…", f"{whose}/release?version={version.number}", class_="button"),
        class_="buttons",
    )


def _verdict(manifest: Manifest | None) -> Html:
    if manifest is None:
        return NOTHING
    verdict = manifest.verdict
    rests = prevalence_text(n=verdict.n, n_positive=verdict.n_positive)
    return tag("p", f"{verdict_sentence(verdict)} {rests}.")


def _figures(version: Version) -> Html:
    rows = [(figure_name(name), told_text(name, value)) for name, value in sorted(version.metrics.items())]
    return table(f"Every figure of version {version.number}", ("figure", "on held-out rows"), rows, kind="narrow")


def _made_of(manifest: Manifest) -> dict[str, str]:
    on, point = manifest.trained_on, manifest.operating_point
    positive = "" if on.n_positive is None else f", {on.n_positive:,} of them positive"
    parameters = ", ".join(f"{name} {value}" for name, value in manifest.parameters.items())
    libraries = ", ".join(f"{name} {number}" for name, number in manifest.libraries.items())
    cut = ""
    if manifest.threshold is not None:
        how = "" if point is None else f", from {point.method} ({point.n:,} rows)"
        cut = f"{manifest.threshold:.6g}{how}"
    return {
        "rows": f"{on.n_rows:,} {on.kind}{positive}",
        "from": on.first or NO_FIGURE,
        "until": on.last or NO_FIGURE,
        "threshold": cut or NO_FIGURE,
        "parameters": parameters or NO_FIGURE,
        "seed": str(manifest.seed),
        "libraries": libraries or NO_FIGURE,
        "rows' SHA-256": tag("code", on.sha256),
    }


def _columns(manifest: Manifest) -> Html:
    """The reference of each column and feature: its middle and its spread, where drift begins from."""
    rows = [
        (name, f"{one.mean:.4g}", f"{one.sd:.4g}", _quantile(one.values, 0), _quantile(one.values, -1), f"{one.n:,}")
        for name, one in list(manifest.reference.items())[:_MOST_LETTERS]
    ]
    told = table("Reference of each column", ("column", "mean", "deviation", "lowest", "highest", "rows"), rows)
    return (
        tag(
            "details", tag("summary", f"{len(manifest.reference)} columns and features, as they were in training"), told
        )
        if rows
        else NOTHING
    )


def _quantile(values: tuple[float, ...], place: int) -> Html | str:
    return f"{values[place]:.4g}" if values else DASH


def _files(version: Version) -> Html:
    rows = [(name, tag("code", digest)) for name, digest in version.files.items()]
    return table("Files of the bundle", ("file", "SHA-256"), rows, kind="narrow")
