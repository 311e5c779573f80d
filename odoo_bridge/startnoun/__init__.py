"""Starting a noun: which fields of an Odoo model to copy, and the folder that copies them."""
