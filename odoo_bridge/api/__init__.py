"""The REST API: what its routes share. The routes of a noun are with the noun."""
