"""The engine with a demo Odoo that holds the truth: a module of sync/ has the test file of its name."""
