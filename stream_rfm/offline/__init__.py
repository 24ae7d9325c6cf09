"""What works on files, without a broker: reading orders, writing segments, replaying."""
