"""The AMD emulator: see README.md."""
