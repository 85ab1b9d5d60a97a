"""Conformance suites: what estimators, versions, apps and registries promise, as checks that ship with the package.

A check is one function, `check_...`, whose docstring is one promise; it takes the thing under test and raises
AssertionError where the promise is broken. A suite is a tuple of checks. `cases.py` turns subjects and a suite into
parameters of one pytest function, so that an app of your own is put through the same checks as ours:

    @pytest.mark.parametrize(("subject", "check"), cases({APP.name: APP}, APP_CHECKS))
    def test_app_keeps_its_promise(subject: App, check: Callable[[App], None]) -> None:
        check(subject)

Estimators and apps are discovered, not listed by hand; `uncovered` names whatever no suite reaches.
"""
