"""A real Apache Kafka and a real Valkey on this machine, without Docker, Java or Maven installed.

``docs/decisions/0002-local-services-without-docker.md`` has the reasons and the figures.
"""
