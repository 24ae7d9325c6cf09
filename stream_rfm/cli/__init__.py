"""The commands of ``stream-rfm``."""
