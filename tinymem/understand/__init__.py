"""Writing: from a conversation to Facts and Decisions; knows no SQL."""
