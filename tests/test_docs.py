"""Documentation that can be checked is checked: generated pages, links, commands, snippets."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest
import typer

from residency.cli.app import build_app
from residency.cli.reference import _walk, pages

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("requirements/*.md")])


@pytest.mark.parametrize("name", sorted(pages()))
def test_generated_pages_are_up_to_date(name: str) -> None:
    kept = (ROOT / "docs/reference" / name).read_text(encoding="utf-8")
    assert kept == pages()[name], "run `python -m residency.cli.reference docs/reference`"


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_relative_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
        if not target.startswith(("http://", "https://")):
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_command_shown_exists_with_its_options(page: Path) -> None:
    known = dict(_walk(typer.main.get_command(build_app()), "residency"))
    groups = {name.rsplit(" ", 1)[0] for name in known if name.count(" ") == 2}
    for block in re.findall(r"```sh\n(.*?)```", page.read_text(encoding="utf-8"), re.S):
        for text in block.splitlines():
            for part in text.split("&&"):
                words = shlex.split(part, comments=True)
                if not words or Path(words[0]).name != "residency":
                    continue
                name = " ".join(["residency", *words[1:2]])
                name = " ".join(["residency", *words[1:3]]) if name in groups else name
                assert name in known, text
                options = {option for parameter in known[name].params for option in parameter.opts}
                for word in words:
                    if word.startswith("--"):
                        assert word.split("=")[0] in options, text


def test_the_readme_has_both_commands_on_its_first_screen() -> None:
    first = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()[:24]
    commands = [line for line in first if line.startswith("python3 -m venv")]
    assert [line.rsplit("/", 1)[1] for line in commands] == ["residency demo", "pytest"]


def test_no_machine_path_or_private_host_is_written_down() -> None:
    """Of what git tracks; sources that lie elsewhere have nothing to check."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    binary = {".npz", ".png", ".parquet"}
    pattern = re.compile(r"/(?:work|root|farm)/[a-z.]|/tmp/[a-z]|/opt/[a-z]")
    for name in filter(None, listed.stdout.decode().split("\0")):
        path = ROOT / name
        if path.suffix in binary or path == Path(__file__) or not path.is_file():
            continue
        found = pattern.search(path.read_text(encoding="utf-8"))
        assert found is None, f"{name}: {found.group(0) if found else ''}"
