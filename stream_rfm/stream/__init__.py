"""Faust and Kafka: batches in, one transaction out, state back after a crash.

``docs/decisions/0003-one-writer-one-transaction.md`` says why it is built like this.
"""
