"""The front doors: thin layers over Memory."""
