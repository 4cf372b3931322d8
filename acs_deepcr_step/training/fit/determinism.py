"""Deterministic PyTorch for the time of a training, without lasting changes."""

import contextlib

import torch

__all__ = ["deterministic", "seeded"]


@contextlib.contextmanager
def deterministic(threads, on_cpu=True):
    """Make PyTorch deterministic for the time of the block.

    Parameters
    ----------
    threads : int
        Of PyTorch's operations; the last digits of sums depend on their number.
    on_cpu : bool
        If False, an operation without a deterministic form warns instead of failing.

    Notes
    -----
    Afterwards number of threads, choice of algorithms and gradient mode are as before.
    """
    threads_before = torch.get_num_threads()
    was_deterministic = torch.are_deterministic_algorithms_enabled()
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
        torch.set_num_threads(threads_before)
        torch.use_deterministic_algorithms(was_deterministic, warn_only=warns)
        torch.utils.deterministic.fill_uninitialized_memory = fills


@contextlib.contextmanager
def seeded(seed):
    """Seed PyTorch's random numbers on the CPU for the time of the block; restore them afterwards.

    Parameters
    ----------
    seed : int
    """
    before = torch.default_generator.get_state()
    try:
        torch.default_generator.manual_seed(seed)
        yield
    finally:
        torch.default_generator.set_state(before)
