"""A real Apache Kafka and a real Valkey on this machine, without Docker, Java or Maven installed."""
