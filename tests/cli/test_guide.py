"""The guide and its command, README's size, and links that lead somewhere."""

from __future__ import annotations

import re
import tomllib

import pytest
import yaml
from command_line import run_command
from documented_blocks import GUIDE, ROOT, blocks, links, pages, plug_ins
from rich.console import Console

from bench.cli.guide import for_terminal, page, topics


def test_the_readme_is_short():
    assert (ROOT / "README.md").read_text().count("\n") <= 150


def test_without_a_topic_every_page_is_listed_with_one_line(capsys, monkeypatch):
    status, text = run_command(capsys, monkeypatch, "guide")
    lines = text.splitlines()
    assert status == 0
    assert [line.split()[0] for line in lines] == sorted(path.stem for path in GUIDE.glob("*.md"))
    assert all(re.fullmatch(r"\w+ +[A-Z].{20,}\.", line) for line in lines)


def test_a_page_that_is_piped_is_its_markdown_without_the_comments_for_tests(capsys, monkeypatch):
    status, text = run_command(capsys, monkeypatch, "guide", "clusters")
    written = (GUIDE / "clusters.md").read_text()
    assert status == 0
    assert text == "\n".join(line for line in written.split("\n") if not line.startswith("<!--"))
    assert "```console\nbench template slurm" in text


def test_a_page_in_a_terminal_is_drawn_with_links_as_commands_and_paths(capsys, monkeypatch):
    monkeypatch.setattr(Console, "is_terminal", True)
    status, text = run_command(capsys, monkeypatch, "guide", "data")
    assert status == 0
    assert "```" not in text
    assert "(see bench guide dclse)" in " ".join(re.sub(r"\x1b\[[0-9;]*m", "", text).split())


@pytest.mark.parametrize("topic", topics())
def test_no_link_is_left_in_a_page_for_a_terminal(topic):
    text = for_terminal(page(topic))
    assert not re.search(r"\]\(", text)
    assert set(page(topic).splitlines()) - set(text.splitlines()) == {
        line for line in page(topic).splitlines() if re.search(r"\]\(", line)
    }
    assert ".." not in re.sub(r"\.\.\.", "", text)


def test_an_unknown_topic_ends_with_2_and_the_nearest_name(capsys, monkeypatch):
    status, text = run_command(capsys, monkeypatch, "guide", "pluggins")
    assert status == 2
    assert "did you mean 'plugins'?" in text


def test_every_page_has_a_heading_and_a_sentence_for_the_list():
    for name, text in pages().items():
        assert re.match(r"# \S.*\n\n\S.*\n\n" if name != "README.md" else r"# \S.*\n\n", text), name


def test_the_readme_links_to_every_page():
    targets = {target for name, _, target in links() if name == "README.md"}
    assert {f"bench/guide/{topic}.md" for topic in topics()} <= targets


@pytest.mark.parametrize(("name", "text", "target"), links(), ids=lambda part: str(part)[:40])
def test_links_lead_to_files_and_files_in_the_repository_are_called_by_their_path(name, text, target):
    path = ((ROOT / name).parent / target.partition("#")[0]).resolve()
    assert path.is_file(), f"{name}: {target}"
    if target.startswith("../") and path.suffix == ".md":
        assert text == path.relative_to(ROOT).as_posix().removesuffix("/README.md")


def test_files_of_the_repository_that_a_page_names_are_there():
    for name, text in pages().items():
        for path in re.findall(r"`((?:bench|baselines|dclse|studies/[a-z_]+\.py|tests)/[^`\s]*)`", text):
            there = path.partition("NAME")[0] if "NAME" in path else path
            assert (ROOT / there).exists(), f"{name}: {path}"


def test_pages_are_written_in_the_words_of_the_field():
    for name, text in pages().items():
        prose = re.sub(r"^```.*?^```$|`[^`]*`", "", text, flags=re.DOTALL | re.MULTILINE)
        assert not re.findall(r"\b(told|said|laid|anew|whoever|as it were)\b", prose), name


def test_pages_of_results_are_written_in_the_words_of_the_field():
    for path in sorted((ROOT / "results" / "reference").glob("*/README.md")):
        prose = re.sub(r"^```.*?^```$|`[^`]*`", "", path.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
        assert not re.findall(r"\b(told|said|laid|anew|whoever|as it were)\b", prose, re.IGNORECASE), path.parent.name


def test_the_citation_is_of_this_version():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert cited["cff-version"] == "1.2.0"
    assert {name: cited[name] for name in ("version", "license")} == {
        name: project[name] for name in ("version", "license")
    }
    assert cited["authors"] == [{"name": "The dclse-bench developers"}]
    assert cited["title"].startswith(project["name"])


def test_a_plug_in_that_stands_in_two_pages_is_the_same_in_both():
    files = [(block.file, block.text) for block in blocks("python") if block.note == "plug-in"]
    assert {"shallow.py", "my_clinic.py", "mine.py"} <= set(plug_ins())
    assert all(text == plug_ins()[file] for file, text in files)
