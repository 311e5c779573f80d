"""Starting a noun: what is chosen of a model, and folders that work as they are written."""
