"""Ends an example with a message when an answer is wrong; yours needs none of this."""

import os
import sys


def expect(what, got, wanted):
    """Compare with what the simulated model must say. OFFPEAK_CHECK=0 turns it off, for a real model."""
    if got != wanted and os.environ.get("OFFPEAK_CHECK") != "0":
        sys.exit(f"{what}: expected {wanted!r}, got {got!r}")
