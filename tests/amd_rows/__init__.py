"""The rows of tests/amd_registry.py, by kernel family."""
