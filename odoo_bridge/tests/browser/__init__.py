"""The admin and the pages of the API in a real browser."""
