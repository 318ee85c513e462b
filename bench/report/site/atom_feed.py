"""Changes as an Atom feed (RFC 4287), for feed readers."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from urllib.parse import quote
from xml.etree import ElementTree

from bench.report.site.state_changes import GONE, Change

ATOM = "http://www.w3.org/2005/Atom"


def as_atom(history: Sequence[Change], feed_id: str, began: str) -> str:
    """The feed.

    Parameters
    ----------
    history : sequence of Change
        The changes, oldest first.
    feed_id : str
        A UUID that stays that of the site.
    began : str
        When the site was first built, as RFC 3339 writes it: the time of a feed without changes.

    Returns
    -------
    str
        XML, newest change first.
    """
    feed = ElementTree.Element("feed", xmlns=ATOM)
    _text(feed, "title", "dclse-bench: what changed")
    _text(feed, "id", f"urn:uuid:{feed_id}")
    _text(feed, "updated", max([began, *(change.time for change in history)]))
    _text(ElementTree.SubElement(feed, "author"), "name", "dclse-bench")
    ElementTree.SubElement(feed, "link", rel="self", type="application/atom+xml", href="feed.xml")
    ElementTree.SubElement(feed, "link", rel="alternate", type="text/html", href="index.html")
    for number, change in reversed(list(enumerate(history))):
        entry = ElementTree.SubElement(feed, "entry")
        _text(entry, "title", change.title)
        _text(entry, "id", f"urn:uuid:{uuid.uuid5(uuid.UUID(feed_id), f'{number} {change.title} {change.time}')}")
        _text(entry, "updated", change.time)
        page = "index.html" if change.kind == GONE else f"{quote(change.study)}/report.html"
        ElementTree.SubElement(entry, "link", rel="alternate", type="text/html", href=page)
        ElementTree.SubElement(entry, "category", term=change.kind)
        ElementTree.SubElement(entry, "content", type="text").text = change.text
    ElementTree.indent(feed)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(feed, encoding="unicode") + "\n"


def _text(parent: ElementTree.Element, name: str, text: str) -> None:
    ElementTree.SubElement(parent, name).text = text
