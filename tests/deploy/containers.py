"""What a container engine does with a Dockerfile, as far as Linux itself can do it: no engine is at hand where tests run.

A stage is the machine's own root under an overlay in memory, in a mount namespace of its own: what RUN lines do to /opt,
/app or /etc/passwd stays there and is gone with the namespace. The base image is thus this Debian with the Python of the tests,
not python:3.11-slim. RUN lines run as they are written, with one change: pip finds the libraries where the tests
have them (PYTHONPATH), in place of an index.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec
from tests.deploy.dockerfile import Stage, Step

REPOSITORY = Path(__file__).parents[2]
_LIBRARIES = next(path for path in sys.path if path.endswith("site-packages"))
# Under a name of its own: where they are may be below /tmp, which a container has in memory, or where its user may not go.
_LIBRARIES_THERE = "/srv/libraries"
_TMP = "/tmp"  # noqa: S108 - in memory, as compose and Kubernetes have it
_BASE_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
_OFFLINE = {"PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "0", "PYTHONPATH": _LIBRARIES_THERE}


class Volume(msgspec.Struct, frozen=True, kw_only=True):
    """A folder of the machine inside a container."""

    source: Path
    target: str
    read_only: bool = False


def volumes_of(
    home: Path, models: Path, *, home_read_only: bool = False, models_read_only: bool = False
) -> tuple[Volume, Volume]:
    """The two that the image has, owned by its user as an engine leaves them."""
    for folder in (home, models):
        os.chown(folder, 10001, 10001)
    return (
        Volume(source=home, target="/var/lib/telltale", read_only=home_read_only),
        Volume(source=models, target="/app/models", read_only=models_read_only),
    )


class Image(msgspec.Struct, frozen=True, kw_only=True):
    """A built stage: the process that holds its namespace, its root there, and what the Dockerfile says of it."""

    keeper: int
    root: Path
    stage: Stage


def why_not_here() -> str:
    """Why no container can be run here, or ""."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "namespaces and overlays need Linux and root"
    if any(shutil.which(program) is None for program in ("unshare", "nsenter", "setpriv")):
        return "util-linux is not installed"
    tried = subprocess.run(
        ["unshare", "--mount", "sh", "-c", "mount -t tmpfs none /mnt"], capture_output=True, check=False
    )
    return "" if tried.returncode == 0 else "mounting is forbidden here"


@contextmanager
def layers(folder: Path) -> Iterator[tuple[int, Path]]:
    """A mount namespace with room for layers in it: the process that holds it, and where."""
    keeper = subprocess.Popen(["unshare", "--mount", "--propagation", "private", "sleep", "infinity"])
    try:
        while Path(f"/proc/{keeper.pid}/ns/mnt").readlink() == Path("/proc/self/ns/mnt").readlink():
            time.sleep(0.005)
        inside(keeper.pid, f"mount -t tmpfs -o mode=755 layers {folder}")
        yield keeper.pid, folder
    finally:
        keeper.kill()
        keeper.wait()


def inside(keeper: int, script: str) -> str:
    """Run a script in the namespace; what it said. Raises AssertionError with that where it failed."""
    command = ["nsenter", "--mount", f"--target={keeper}", "--wd=/", "sh", "-euc", script]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
    return done.stdout


def build(stages: Sequence[Stage], keeper: int, folder: Path, context: Path) -> Image:
    """Do what each stage says; the last one is the image."""
    roots: dict[str, Path] = {}
    for number, stage in enumerate(stages):
        layer = folder / str(number)
        root = roots[stage.name] = layer / "root"
        _make_base(keeper, layer)
        place, environment = "/", {"PATH": _BASE_PATH}
        for step in stage.steps:
            if step.word == "WORKDIR":
                place = step.rest
                inside(keeper, f"mkdir -p {root}{place}")
            elif step.word == "ENV":
                changed = Stage(base="", name="", steps=(step,)).environment()
                environment |= {name: _filled(value, environment) for name, value in changed.items()}
            elif step.word == "COPY":
                inside(keeper, _copying(step, context, roots, root, place))
            elif step.word == "RUN":
                _run(keeper, root, place, environment, step.rest)
    return Image(keeper=keeper, root=root, stage=stages[-1])


def _make_base(keeper: int, layer: Path) -> None:
    """The machine's root under a layer of its own, with the Python of the tests where an image of Python has it."""
    root, python = layer / "root", Path(sys.base_prefix)
    # Its libraries are looked for where it was installed, which may be the home of root.
    parents = " ".join(f"{root}{folder}" for folder in (python, *python.parents))
    script = f"""
        mkdir -p {layer}/upper {layer}/work {root}
        mount -t overlay overlay -o lowerdir=/,upperdir={layer}/upper,workdir={layer}/work {root}
        mount --rbind /dev {root}/dev
        mount --rbind /proc {root}/proc
        chmod o+x {parents}
        mount --bind {python} {root}/usr/local
        mount -o remount,bind,ro {root}/usr/local
        mkdir -p {root}{_LIBRARIES_THERE}
        mount --bind {_LIBRARIES} {root}{_LIBRARIES_THERE}
        mount -o remount,bind,ro {root}{_LIBRARIES_THERE}
        rm -rf {root}/opt/telltale {root}/app {root}/var/lib/telltale {root}/build
    """
    inside(keeper, script)


def _filled(value: str, environment: Mapping[str, str]) -> str:
    return value.replace("$PATH", environment["PATH"])


def _copying(step: Step, context: Path, roots: Mapping[str, Path], root: Path, place: str) -> str:
    *sources, target = step.words()
    start = context
    if sources[0].startswith("--from="):
        start = roots[sources.pop(0).removeprefix("--from=")]
    to = f"{root}{target}" if target.startswith("/") else f"{root}{place}/{target}"
    script = []
    for source in sources:
        found = f"{start}/{source.lstrip('/')}"
        # Of a folder its content is copied, as an engine does it.
        script.append(f"if [ -d {found} ]; then mkdir -p {to}; cp -a {found}/. {to}; else cp {found} {to}; fi")
    return "\n".join(script)


def _run(keeper: int, root: Path, place: str, environment: Mapping[str, str], command: str) -> None:
    given = "".join(
        f"export {name}='{value}'\n"
        for name, value in {**environment, **(_OFFLINE if command.startswith("pip ") else {})}.items()
    )
    inside(keeper, f"{given}chroot {root} sh -euc 'cd {place}; \"$@\"' - sh -euc {_quoted(command)}")


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


@contextmanager
def container(
    image: Image,
    arguments: Sequence[str] | None = None,
    *,
    environment: Mapping[str, str] | None = None,
    volumes: Sequence[Volume] = (),
    log: Path | None = None,
) -> Iterator["subprocess.Popen[bytes]"]:
    """A process of the image, the first of its process namespace, under the image's user, on a root that can only be read.

    It has the machine's network. What is left of it when the block ends is killed.

    Args:
        image: what to run.
        arguments: in place of CMD.
        environment: beside what ENV says.
        volumes: what is mounted; /tmp is in memory, as compose and Kubernetes have it.
        log: where what it says goes.
    """
    mounts = "".join(
        f"mount --bind {volume.source} {image.root}{volume.target}\n"
        + (f"mount -o remount,bind,ro {image.root}{volume.target}\n" if volume.read_only else "")
        for volume in volumes
    )
    script = f"""
        mount --make-rprivate /
        mount --rbind {image.root} {image.root}
        mount -o remount,bind,ro {image.root}
        mount -t tmpfs -o mode=1777 tmp {image.root}{_TMP}
        mount -t proc proc {image.root}/proc
        {mounts}
        exec chroot {image.root} "$@"
    """
    command = [*image.stage.last("ENTRYPOINT").words(), *(arguments or image.stage.last("CMD").words())]
    words = [
        *("nsenter", "--mount", f"--target={image.keeper}", "--wd=/"),
        *("unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-euc", script, "-"),
        *_as_user(image, environment or {}),
        *command,
    ]
    with (log or Path(os.devnull)).open("ab") as told:
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=told, stderr=told)
    try:
        yield process
    finally:
        with suppress(ValueError, FileNotFoundError, ProcessLookupError):  # it has ended
            os.kill(first_process(process), signal.SIGKILL)  # and with it all of its namespace
        process.kill()
        process.wait()


def first_process(of: "subprocess.Popen[bytes]") -> int:
    """The process that a container's command became, by the number that it has on this machine."""
    (child,) = Path(f"/proc/{of.pid}/task/{of.pid}/children").read_text(encoding="ascii").split()
    return int(child)


def execute(
    image: Image, of: "subprocess.Popen[bytes]", command: Sequence[str], environment: Mapping[str, str]
) -> "subprocess.CompletedProcess[str]":
    """Run a command in a container that runs, as its health check is run."""
    enter = ["nsenter", f"--target={first_process(of)}", "--mount", "--pid", "--root", "--wd=/"]
    return subprocess.run(
        [*enter, *_as_user(image, environment), *command], capture_output=True, text=True, check=False, timeout=60
    )


def _as_user(image: Image, environment: Mapping[str, str]) -> list[str]:
    user, _, group = image.stage.last("USER").rest.partition(":")
    base = {"PATH": _BASE_PATH}
    given = {name: _filled(value, base) for name, value in image.stage.environment().items()}
    settings = [f"{name}={value}" for name, value in {**given, "PYTHONPATH": _LIBRARIES_THERE, **environment}.items()]
    rights = ["--bounding-set=-all", "--no-new-privs", "--clear-groups"]
    place = image.stage.last("WORKDIR").rest
    return ["setpriv", f"--reuid={user}", f"--regid={group}", *rights, "env", "-i", "-C", place, *settings]
