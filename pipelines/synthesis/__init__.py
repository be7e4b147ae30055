"""Synthesis of data like BAPPS from photographs."""
