"""The delivery's log. Beyond 100 lines or 16 KiB lines are dropped and the cut is marked."""

from __future__ import annotations

from . import engine


def debug(line: str) -> None:
    """Writes a line for whoever develops the plugin."""
    engine.current().log("debug", line)


def info(line: str) -> None:
    """Writes a line about what happened."""
    engine.current().log("info", line)


def warn(line: str) -> None:
    """Writes a line that somebody may want to look at."""
    engine.current().log("warn", line)


def error(line: str) -> None:
    """Writes a line about what went wrong."""
    engine.current().log("error", line)
