import profiles  # noqa: F401 - how hypothesis runs
