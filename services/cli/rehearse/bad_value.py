"""A cell that can't be used."""


class BadValue(Exception):
    """The text says what is wrong with a value, without its place."""
