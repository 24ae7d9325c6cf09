"""stream-rfm: recency, frequency and monetary value of every customer, live."""

__version__ = "0.1.0"
