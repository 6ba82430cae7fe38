"""Gives the book the folders of the repository.

A page keeps its path in the repository (`docs/lake.md`, `infra/runbooks/README.md`), so that the relative links between
pages are the same in the book and where the repository is browsed. A file that a page links to, such as
`template.yaml`, becomes part of the book. A link to a file that is missing stays as it is, and the strict build refuses
it.
"""

import re
from pathlib import Path, PurePosixPath
from posixpath import normpath

from mkdocs.structure.files import File, Files

LINK = re.compile(r"\]\((?![a-z]+:)([^)#\s]+)(?:#[^)\s]*)?\)")


def in_repository(root: Path, path: str, config) -> File:
    return File(path, str(root), config.site_dir, config.use_directory_urls)


def pages_in(nav) -> list[str]:
    """The paths that the navigation names, in its order."""
    if isinstance(nav, str):
        return [nav]
    entries = nav.values() if isinstance(nav, dict) else nav
    return [page for entry in entries for page in pages_in(entry)]


def linked_from(root: Path, page: str) -> set[str]:
    """The files of the repository that a page links to."""
    text = (root / page).read_text(encoding="utf-8")
    folder = PurePosixPath(page).parent
    targets = {normpath(str(folder / target)) for target in LINK.findall(text)}
    return {target for target in targets if (root / target).is_file()}


def on_files(files: Files, config) -> Files:
    root = Path(config.config_file_path).resolve().parent
    docs = Path(config.docs_dir).resolve()
    kept, paths = [], set()
    for file in files:
        source = file.abs_src_path and Path(file.abs_src_path).resolve()
        if source and source.is_relative_to(docs):
            paths.add(source.relative_to(root).as_posix())
        else:
            kept.append(file)
    pages = pages_in(config.nav)
    paths.update(page for page in pages if (root / page).is_file())
    for page in pages:
        if (root / page).is_file():
            paths.update(linked_from(root, page))
    paths.discard("docs/repository.py")
    return Files(kept + [in_repository(root, path, config) for path in sorted(paths)])
