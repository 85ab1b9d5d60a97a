"""What goes wrong on the way to a node, in the node, and in the runtime, in words."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from telltale.contract.errors import TelltaleError, UnavailableError


@contextmanager
def told(url: str) -> Iterator[None]:
    """Faults of the connection and of the node, in words."""
    from substrateinterface.exceptions import BlockNotFound, SubstrateRequestException
    from websocket import WebSocketException

    try:
        yield
    except TelltaleError:
        raise
    except SubstrateRequestException as error:
        raise _refused(url, error) from error
    except (OSError, WebSocketException, json.JSONDecodeError, BlockNotFound) as error:
        why = str(error) or type(error).__name__
        mend = "See that the node runs and is reached; it is tried again."
        raise UnavailableError(f"the node does not answer ({why})", where=url, mend=mend) from error


def _refused(url: str, error: Exception) -> UnavailableError:
    said = str(error)
    if "discarded" in said.lower():
        mend = "The relay was away for longer than the node keeps states: give it an archive node once."
    else:
        mend = "It is tried again."
    return UnavailableError(f"the node says {said}", where=url, mend=mend)


def dispatch_fault(metadata: Any, attributes: Mapping[str, Any]) -> str:
    """Why the runtime refused what a block took, by the name that its metadata has for it.

    Args:
        metadata: the runtime's, of substrate-interface.
        attributes: of the event `System.ExtrinsicFailed`.
    """
    fault = attributes["dispatch_error"]
    if not (isinstance(fault, dict) and "Module" in fault):
        return json.dumps(fault)
    index, code = fault["Module"]["index"], fault["Module"]["error"]
    # Four bytes of which the first says which error; older runtimes send it alone.
    number = int(code[2:4], 16) if isinstance(code, str) else int(code)
    named = metadata.get_module_error(module_index=index, error_index=number)
    return f"{named.name} {' '.join(named.docs)}".strip() if named else json.dumps(fault)
