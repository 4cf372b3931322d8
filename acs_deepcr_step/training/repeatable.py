"""PyTorch set so that a training can be repeated, and left as it was found."""

import contextlib

import torch

__all__ = ["repeatable", "seeded"]


@contextlib.contextmanager
def repeatable(threads, on_cpu=True):
    """Fix what the last digits of sums depend on, for the time of the block.

    Parameters
    ----------
    threads : int
        Of PyTorch's own operations.
    on_cpu : bool
        Elsewhere an operation without a deterministic form warns instead of failing.

    Notes
    -----
    Afterwards the host's number of threads, choice of algorithms and gradient mode
    are those of before.
    """
    host = torch.get_num_threads()
    deterministic = torch.are_deterministic_algorithms_enabled()
    warns = torch.is_deterministic_algorithms_warn_only_enabled()
    fills = torch.utils.deterministic.fill_uninitialized_memory
    try:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(True, warn_only=not on_cpu)
        # Costs time, and no operation here leaves memory unwritten.
        torch.utils.deterministic.fill_uninitialized_memory = False
        with torch.inference_mode(False), torch.enable_grad():
            yield
    finally:
        torch.set_num_threads(host)
        torch.use_deterministic_algorithms(deterministic, warn_only=warns)
        torch.utils.deterministic.fill_uninitialized_memory = fills


@contextlib.contextmanager
def seeded(seed):
    """Draw PyTorch's random numbers on the CPU from a seed; the host's go on as before afterwards."""
    before = torch.default_generator.get_state()
    try:
        torch.default_generator.manual_seed(seed)
        yield
    finally:
        torch.default_generator.set_state(before)
