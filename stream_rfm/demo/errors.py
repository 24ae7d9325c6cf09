"""What goes wrong with a demo and with nothing that it uses."""


class DemoError(Exception):
    """The demo did not show what it should; the message says what happened, and what to do."""
