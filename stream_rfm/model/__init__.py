"""What RFM is. Pure: time comes in as an argument, results go out as values; no Kafka, no clock, no await."""
