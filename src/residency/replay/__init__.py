"""Answers written as files, served over loopback: for the demo and for tests."""

from residency.replay.server import Answer, Exchange, Missing, ReplayServer, load_exchanges

__all__ = ["Answer", "Exchange", "Missing", "ReplayServer", "load_exchanges"]
