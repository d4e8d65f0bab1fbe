"""Compose and stack files, read as the platform, version and stack that they mean; what reads a file is handed in."""
