"""Presence, subscriptions, what a connected reader gets and when."""
