"""The copy as programs read it, without HTTP: rows, the names of their ids, amounts, files."""
