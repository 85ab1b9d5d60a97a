"""Where a network is trained, and in which precision."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from telltale.contract.errors import UsageError
from telltale.contract.estimator import Tell


def device_named(name: str) -> Any:
    """The torch device. Raises UsageError where there is none of that name here."""
    import torch

    if name == "cpu":
        return torch.device("cpu")
    if name == "cuda" and torch.cuda.is_available():
        return torch.device("cuda")
    if name == "cuda":
        raise UsageError(
            "torch sees no CUDA card on this machine",
            where="device",
            mend="Give --device cpu, or install the card's driver and a torch that is built for it.",
        )
    raise UsageError.not_one_of(name, ("cpu", "cuda"), where="device")


def has_mixed_precision(device: Any, tell: Tell) -> bool:
    """Whether networks are trained in mixed precision there: on cards that compute in bfloat16 themselves, not by emulation.

    On a CPU it would be slower, and the same seed would not give the same weights with every processor.
    """
    import torch

    if device.type != "cuda":
        return False
    is_mixed: bool = torch.cuda.is_bf16_supported(including_emulation=False)
    tell(
        "Training in mixed precision: products in bfloat16, weights, loss and validation in float32."
        if is_mixed
        else "Training in float32: this card does not compute in bfloat16."
    )
    return is_mixed


def mixed_precision(device: Any, *, is_mixed: bool) -> AbstractContextManager[object]:
    """What a network's forward pass stands in, so that its products are worked out in bfloat16; or nothing else than usual.

    bfloat16 reaches as far as float32, so that no gradient vanishes and none overflows for want of range: unlike float16 it
    needs no loss to be scaled, and a checkpoint no more than weights and optimiser.

    References:
        Micikevicius et al., "Mixed precision training", ICLR 2018; Kalamkar et al., "A study of BFLOAT16 for deep learning
        training", arXiv:1905.12322.
    """
    import torch

    context: AbstractContextManager[object] = torch.autocast(device.type, dtype=torch.bfloat16, enabled=is_mixed)
    return context


@contextmanager
def one_thread() -> Iterator[None]:
    """Sums in one order: with several threads the order, and the last bits, would depend on the machine."""
    import torch

    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(n_threads)
