import subprocess
import sys

JUDGING = "telltale.evaluate.metrics, telltale.evaluate.gate, telltale.evaluate.tables, telltale.evaluate.report"


def test_judging_starts_without_plotting_or_training_libraries() -> None:
    code = f"import sys, {JUDGING}; print(sorted({{'matplotlib', 'rich', 'sklearn', 'scipy'}} & set(sys.modules)))"

    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert found.strip() == "[]"
