"""The account that signs: from a file for its owner's eyes alone, or from the environment; never from the command line."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from telltale.contract.errors import UsageError

if TYPE_CHECKING:
    from substrateinterface import Keypair


def read_keypair(file: Path | None, seed: str) -> "Keypair":
    """Who signs (sr25519). What was read is in no message.

    Args:
        file: with the words, the 0x seed or the //path of a development account; None for `seed`.
        seed: the same, from the environment.

    Raises:
        UsageError: there is none, others may read the file, or it is none of the three.
    """
    where = "RELAY_SEED" if file is None else str(file)
    try:
        from substrateinterface import Keypair
    except ModuleNotFoundError as error:
        mend = "pip install 'telltale-loop[chain]'."
        raise UsageError(f"{error.name} is not installed", where="relay substrate", mend=mend) from error
    if file is not None:
        seed = _read_private(file)
    seed = seed.strip()
    if not seed:
        raise UsageError(
            "there is no account to sign with", where=where, mend="Give --seed-file FILE, or set RELAY_SEED."
        )
    try:
        return Keypair.create_from_seed(seed) if seed.startswith("0x") else Keypair.create_from_uri(seed)
    except Exception:  # noqa: BLE001 - the library raises many kinds, and what they say may hold the seed
        raise UsageError(
            "what it holds opens no account", where=where, mend="Write the words, 0x and 64 hex digits, or //NAME."
        ) from None


def _read_private(file: Path) -> str:
    try:
        with file.open(encoding="utf-8") as opened:
            mode = os.fstat(opened.fileno()).st_mode & 0o777
            if mode & 0o077:
                raise UsageError(f"others may read it ({mode:o})", where=str(file), mend=f"chmod 600 {file}")
            return opened.read()
    except OSError as error:
        raise UsageError(f"it cannot be read ({error.strerror})", where=str(file), mend="Name another file.") from error
