"""Tests that try to break the promise of docs/exactness.md. Each ends with the same checker."""
