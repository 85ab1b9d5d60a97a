"""The pages for people, in front of the paths of management: `/` and what lies below `/ui`.

A page is read and put together in a thread, so that the event loop goes on answering. A form is sent on to the path of the
API that does the same, within the process: whatever that checks, refuses, audits and tells is done there and nowhere else.
"""

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final
from urllib.parse import parse_qsl, quote

from telltale.contract.errors import (
    ForbiddenError,
    NotFoundError,
    TelltaleError,
    TooManyRequestsError,
    UnauthorizedError,
    UsageError,
)
from telltale.monitor.alarms import Alarm, active_alarms
from telltale.monitor.report.page import report_page
from telltale.monitor.report.store import read_report
from telltale.serve.edge import Edge
from telltale.serve.guard.caller import Caller
from telltale.serve.guard.page_paths import FOLDER, ICON, SIGN_IN, SIGN_OUT, STYLE, is_page
from telltale.serve.guard.sessions import session_cookie, session_of
from telltale.serve.http.call import Call, Handle, Reply
from telltale.serve.http.problems import Problem, problem_of
from telltale.serve.page.actions import DONE, MAKE_REPORT, SCHEDULE_ACTIONS, TASK_ACTIONS, Form
from telltale.serve.page.asking import send_action
from telltale.serve.page.confirmation import confirmation
from telltale.serve.page.forms import check_same_site, own_path, read_form
from telltale.serve.page.kept import Kept
from telltale.serve.page.lists import alarms_page, events_page, reports_page, schedules_page
from telltale.serve.page.overview import overview
from telltale.serve.page.replies import BACK, HTML, html, see, told_as_page
from telltale.serve.page.shell import ICON as ICON_BYTES
from telltale.serve.page.shell import REFRESH_S, PageView, whole_page
from telltale.serve.page.shell import STYLE as STYLE_BYTES
from telltale.serve.page.sign_in import sign_in_page
from telltale.serve.page.task_at import TaskAt, find_task
from telltale.serve.page.task_page import task_page
from telltale.serve.page.version_page import version_page
from telltale.serve.page.viewer import Viewer

# In braces what varies, for whoever checks that no app takes one of these.
PAGE_PATHS: Final = ("/", FOLDER, *(f"{FOLDER}/{'/'.join(f'{{p{i}}}' for i in range(n))}" for n in range(1, 7)))
_FILES: Final[Mapping[str, tuple[bytes, str]]] = {
    STYLE: (STYLE_BYTES, "text/css; charset=utf-8"),
    ICON: (ICON_BYTES, "image/svg+xml"),
}
_KEPT_BY_BROWSERS: Final = ("cache-control", "public, max-age=31536000, immutable")  # its address has its hash
_Page = Callable[[PageView], bytes]


def with_pages(edge: Edge, managed: Handle) -> Handle:
    """A handle for pages, and for every other path `managed`, which also does what forms ask for."""
    pages = Pages(edge, managed)

    async def handle(call: Call) -> Reply:
        return await (pages.answer(call) if pages.has(call.path) else managed(call))

    return handle


class Pages:
    """Answers requests for pages.

    Args:
        edge: of the process.
        managed: the paths of the API.
    """

    def __init__(self, edge: Edge, managed: Handle) -> None:
        self._edge = edge
        self._managed = managed
        self._kept = Kept()

    @staticmethod
    def has(path: str) -> bool:
        """Whether a path is answered here; `/dashboard` is one of management."""
        return path in {"/", FOLDER} or path.startswith(f"{FOLDER}/")

    async def answer(self, call: Call) -> Reply:
        """The page, or where the browser is sent to; a fault is told as a page."""
        try:
            return await self._answer(call)
        except TelltaleError as error:
            return await asyncio.to_thread(self._told, call, problem_of(error))

    async def _answer(self, call: Call) -> Reply:
        path = call.path.rstrip("/") or "/"
        if path in _FILES:
            content, media_type = _FILES[path]
            return Reply(content, media_type, headers=(_KEPT_BY_BROWSERS,))
        if path == FOLDER:
            return see("/")
        if path == SIGN_IN:
            return await self._sign_in(call)
        if path == SIGN_OUT:
            check_same_site(call)
            return see(SIGN_IN, ("set-cookie", session_cookie("", is_secure=False)))
        if call.method == "POST":
            return await self._act(call, path)
        if call.method not in {"GET", "HEAD"}:
            raise UsageError(f"{call.method} does not work here", where=path, mend="Use GET.")
        return await asyncio.to_thread(self._page, call, path)

    # Signing in and out.

    async def _sign_in(self, call: Call) -> Reply:
        guard = self._edge.guard
        if guard.is_open:
            return see("/")
        if call.method != "POST":
            return self._sign_in_page(call, own_path(dict(parse_qsl(call.query)).get("to", "")), None)
        check_same_site(call)
        form = await read_form(call)
        to = own_path(form.get("to", ""))
        try:
            # The first derives the secret, which takes a moment.
            session = await asyncio.to_thread(guard.sessions.begin, form.get("key", "").strip())
        except (UnauthorizedError, ForbiddenError, TooManyRequestsError) as error:
            guard.tell_refused(call, error)
            return self._sign_in_page(call, to, problem_of(error))
        is_secure = (call.headers.get("origin") or "").startswith("https://")
        return see(to, ("set-cookie", session_cookie(session, is_secure=is_secure)))

    def _sign_in_page(self, call: Call, to: str, problem: Problem | None) -> Reply:
        view = PageView(viewer=Viewer(caller=call.caller, is_open=False), path=SIGN_IN, now=datetime.now(UTC))
        return html(
            whole_page(view, "Sign in", sign_in_page(to, problem)), status=200 if problem is None else problem.status
        )

    # Pages.

    def _viewer(self, call: Call) -> Viewer:
        session = session_of(call.headers)
        guard = self._edge.guard
        token = "" if session is None or guard.is_open else guard.sessions.form_token(session)
        return Viewer(caller=call.caller, is_open=guard.is_open, form_token=token)

    def _view(self, call: Call, path: str, alarms: list[Alarm]) -> PageView:
        asked = dict(parse_qsl(call.query))
        return PageView(
            viewer=self._viewer(call),
            path=path,
            now=datetime.now(UTC),
            n_alarms=len(alarms),
            refreshes="refresh" in asked,
            done=DONE.get(asked.get("done", ""), ""),
        )

    def _page(self, call: Call, path: str) -> Reply:
        alarms = active_alarms(self._edge.folder.state)
        view = self._view(call, path, alarms)
        headers = (("refresh", str(REFRESH_S)),) if view.refreshes else ()
        parts = path.removeprefix(FOLDER).strip("/").split("/")
        edge, now = self._edge, view.now
        match parts:
            case [""]:
                title = f"telltale, {len(edge.apps)} app{'s' if len(edge.apps) > 1 else ''}"
                page = whole_page(view, title, overview(edge, self._kept, alarms, now=now))
            case ["alarms"]:
                page = whole_page(view, "Alarms", alarms_page(edge, now=now))
            case ["schedules"]:
                page = whole_page(view, "Schedules and trainings", schedules_page(edge, view.viewer, now=now))
            case ["events"]:
                page = whole_page(view, "Events", events_page(edge, self._kept, now=now))
            case ["reports"]:
                page = whole_page(view, "Reports", reports_page(edge, view.viewer, now=now))
            case ["reports", number]:
                # A report is a file of its own, with its style in it, as it is sent by mail.
                found = read_report(edge.folder.state, _number(number))
                return Reply(report_page(found, sections=(BACK,)).encode(), HTML)
            case ["tasks", app, task, *rest]:
                page = self._task_page(view, find_task(edge, app, task), rest, call=call, alarms=alarms)
            case _:
                raise _no_page(path)
        return html(page, *headers)

    def _task_page(self, view: PageView, at: TaskAt, rest: list[str], *, call: Call, alarms: list[Alarm]) -> bytes:
        edge, now = self._edge, view.now
        match rest:
            case []:
                content = task_page(edge, view.viewer, at, kept=self._kept, alarms=alarms, now=now)
                return whole_page(view, at.address, content, crumbs=_crumbs(at)[:1])
            case ["versions", text]:
                number = _number(text)
                content = version_page(edge, view.viewer, at, number, now=now)
                return whole_page(view, f"{at.address}, version {number}", content, crumbs=_crumbs(at))
            case [verb] if verb in TASK_ACTIONS:
                if not view.viewer.can_operate:
                    raise _only_operators(view.viewer.caller)
                return self._confirmation(view, at, verb, dict(parse_qsl(call.query)))
            case _:
                raise _no_page(view.path)

    def _confirmation(
        self, view: PageView, at: TaskAt, verb: str, form: Form, *, problem: Problem | None = None
    ) -> bytes:
        if verb in {"promote", "release"} and not form.get("version"):
            raise UsageError("no version is named", where=verb, mend="Choose one on the page of the task.")
        title = TASK_ACTIONS[verb].title.format(version=form.get("version", ""))
        content = confirmation(self._edge, view.viewer, at, verb, form, problem=problem)
        return whole_page(view, title, content, crumbs=_crumbs(at))

    # Forms.

    async def _act(self, call: Call, path: str) -> Reply:
        """Do what a form asks for, and show the page that it changes; or the form again, with why it could not be done."""
        form = await read_form(call)
        self._viewer(call).check_form(form)
        match path.removeprefix(FOLDER).strip("/").split("/"):
            case ["tasks", app, name, verb] if verb in TASK_ACTIONS:
                problem = await send_action(self._managed, call, TASK_ACTIONS[verb], form, app=app, name=name)
                if problem is None:
                    return see(f"{FOLDER}/tasks/{quote(app)}/{quote(name)}?done={verb}")
                return await asyncio.to_thread(self._refused, call, path, form, problem)
            case ["schedules", app, name, verb] if verb in SCHEDULE_ACTIONS:
                problem = await send_action(self._managed, call, SCHEDULE_ACTIONS[verb], form, app=app, name=name)
                to = f"{FOLDER}/schedules?done={verb}"
            case ["reports"]:
                problem = await send_action(self._managed, call, MAKE_REPORT, form, app="", name="")
                to = f"{FOLDER}/reports?done=report"
            case _:
                raise _no_page(path)
        return see(to) if problem is None else await asyncio.to_thread(self._told, call, problem)

    def _refused(self, call: Call, path: str, form: Form, problem: Problem) -> Reply:
        """The form again, with why it was refused."""
        app, name, verb = path.split("/")[-3:]
        view = self._view(call, path, active_alarms(self._edge.folder.state))
        try:
            at = find_task(self._edge, app, name)
            return html(self._confirmation(view, at, verb, form, problem=problem), status=problem.status)
        except TelltaleError:
            return self._told(call, problem)

    def _told(self, call: Call, problem: Problem) -> Reply:
        return told_as_page(self._viewer(call), call, problem)


def told_to_people(edge: Edge, call: Call, error: Exception) -> Reply | None:
    """What is sent in place of a problem document to a browser that was not let through; None where no page was asked for."""
    if not is_page(call.path):
        return None
    if isinstance(error, UnauthorizedError):
        to = call.path if call.method == "GET" else "/"
        return see(f"{SIGN_IN}?to={quote(to, safe='/')}")
    return told_as_page(Viewer(caller=call.caller, is_open=edge.guard.is_open), call, problem_of(error))


def _crumbs(at: TaskAt) -> tuple[tuple[str, str], ...]:
    """The way to what lies below a task."""
    return (("Overview", "/"), (at.address, at.path))


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise NotFoundError(f"{text[:40]!r} is no number", where="path", mend="See the pages that / leads to.")
    return int(text)


def _no_page(path: str) -> NotFoundError:
    return NotFoundError(
        "there is no such page", where=path[:200], mend="See the pages that / leads to; /docs lists every path."
    )


def _only_operators(caller: Caller) -> ForbiddenError:
    mend = "Sign in with a key that may operate: telltale keys create --name NAME --scope read --scope operate."
    return ForbiddenError(f"{caller.actor} has not the scope 'operate'", where="page", mend=mend)
