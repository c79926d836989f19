"""Embedded address data: what `residency.geo` reads. ``rebuild.py`` makes it, ``manifest.json`` says from what."""
