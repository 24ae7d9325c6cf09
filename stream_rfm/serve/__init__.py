"""What others read: metrics, health, and the current segment of every customer in Redis."""
