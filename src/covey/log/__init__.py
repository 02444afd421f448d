"""The durable order of accepted messages: the truth, from which all else can be rebuilt."""

from covey.log.log import Log, LogDamaged, checksum

__all__ = ["Log", "LogDamaged", "checksum"]
