"""How to reach Kafka, and which topics there are: what every process that talks to it shares."""
