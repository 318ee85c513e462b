"""Text from outside for one line of a terminal or a log: it can neither break the line nor steer the terminal."""

from __future__ import annotations


def printable(text: str) -> str:
    """Return a text with every sign that is not printed replaced by its code.

    Parameters
    ----------
    text : str
        A name of a file, a tensor or a person, or a line of a message.

    Returns
    -------
    str
        The text in one line; line breaks and the start of a terminal's command are replaced too.
    """
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in text)
