"""tinymem: the memory layer an AI assistant can carry in one file."""
