"""Apple's GPU API: never available here."""

from mlx_rocm.core import (
    clear_cache as clear_cache,
    device_info as device_info,
    get_active_memory as get_active_memory,
    get_cache_memory as get_cache_memory,
    get_peak_memory as get_peak_memory,
    reset_peak_memory as reset_peak_memory,
    set_cache_limit as set_cache_limit,
    set_memory_limit as set_memory_limit,
    set_wired_limit as set_wired_limit
)


def is_available() -> bool:
    """Whether Metal is available: no."""

def start_capture(path: str) -> None:
    """Needs Metal."""

def stop_capture() -> None:
    """Needs Metal."""
