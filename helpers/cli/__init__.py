"""The command `studies`: what a researcher types, and the one message and exit status that she gets."""

from helpers.cli.entry import main

__all__ = ["main"]
