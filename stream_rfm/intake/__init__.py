"""From what arrives to valid events in columns, and to a reason for what is refused."""
