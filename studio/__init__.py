"""Lamplight: a writing desk with a language model inside."""

__version__ = "0.1.0"
