"""NVIDIA's GPU API."""



def is_available() -> bool:
    """Whether the CUDA driver of this package has a device."""
