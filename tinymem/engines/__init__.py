"""The models: lazy imports, one lock per context."""
