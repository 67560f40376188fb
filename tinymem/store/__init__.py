"""The file: everything that knows SQL."""
