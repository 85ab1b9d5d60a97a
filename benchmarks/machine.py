"""What the figures were measured on."""

import os
import platform
from importlib.metadata import version
from pathlib import Path


def describe_machine(*libraries: str) -> dict[str, str]:
    """Processor, cores this process may use, Python, and the versions of the libraries named."""
    return {
        "processor": _processor(),
        "cores": str(len(os.sched_getaffinity(0))),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **{library: version(library) for library in libraries},
    }


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.is_file() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or "unknown")
