"""Where a snapshot lies: a local folder, or a folder at any fsspec URL.

What a URL carries besides its place (a user, a password, a signature) is never shown.
"""

from __future__ import annotations

import hashlib
import inspect
import os
import re
import shutil
import tempfile
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol
from urllib.parse import unquote

from residency.errors import ConfigError, ResidencyError, SnapshotError, StorageError
from residency.escape import terminal

__all__ = ["MANIFEST", "Place", "is_url", "place_of"]

MANIFEST = "manifest.json"

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+(://|::)")
_COLLAPSED = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")
_HIDDEN = "***"


class Place(Protocol):
    """A folder that holds a snapshot, or will."""

    @property
    def name(self) -> str:
        """What to print."""

    def taken(self) -> bool:
        """Whether something is there that must not be overwritten."""

    def manifest(self) -> bytes | None:
        """The manifest, or None when no snapshot is here."""

    def file(self, name: str) -> Path:
        """One file, to be read; it need not exist."""

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A folder to write into; it is gone afterwards."""

    def publish(self, part: Path, names: Sequence[str]) -> None:
        """Let the files of ``part``, the manifest among them, appear here as one snapshot."""


def is_url(name: Path | str) -> bool:
    """Whether a snapshot's name is a URL, such as ``s3://bucket/folder``."""
    return isinstance(name, str) and _URL.match(name) is not None


def place_of(name: Path | str) -> Place:
    """The folder of that path or URL.

    Raises
    ------
    ConfigError
        When nothing installed reads such a URL.
    SnapshotError
        When its service cannot be reached.
    """
    if not is_url(name):
        if isinstance(name, Path) and _COLLAPSED.match(str(name)):
            raise ConfigError(f"{shown(str(name))}: a local folder is wanted here, not a URL")
        return _Local(Path(name))
    url = str(name)
    if url.startswith(("file://", "local://")):
        from fsspec.implementations.local import LocalFileSystem

        return _Local(Path(LocalFileSystem._strip_protocol(url)))
    return _Remote(url)


class _Local:
    """A folder of this machine: it appears in one step, and on disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.name = str(folder)

    def taken(self) -> bool:
        return self._folder.exists()

    def manifest(self) -> bytes | None:
        file = self._folder / MANIFEST
        try:
            return file.read_bytes() if file.is_file() else None
        except OSError as error:
            raise SnapshotError(f"{file}: is not readable ({error.strerror}); take it from a backup") from None

    def file(self, name: str) -> Path:
        return self._folder / name

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        self._folder.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f".{self._folder.name}.", suffix=".part", dir=self._folder.parent))
        try:
            yield part
        finally:  # gone already when it was moved into place
            shutil.rmtree(part, ignore_errors=True)

    def publish(self, part: Path, names: Sequence[str]) -> None:
        for name in names:
            with (part / name).open("rb") as handle:
                os.fsync(handle.fileno())
        part.chmod(0o755)
        part.rename(self._folder)


class _Remote:
    """A folder at a URL: it holds a snapshot from the moment its manifest is there, which is written last.

    Files are fetched once, when they are first asked for, into a folder that goes with this object.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self.name = shown(url)
        with self._errors("read"):
            from fsspec.core import url_to_fs

            self._fs, self._root = url_to_fs(url)
        self._here: Path | None = None

    def __repr__(self) -> str:
        return f"Place({self.name!r})"

    def taken(self) -> bool:
        with self._errors("read"):
            return self._there(self._at(MANIFEST))

    def manifest(self) -> bytes | None:
        with self._errors("read"):
            try:
                return bytes(self._fs.cat_file(self._at(MANIFEST)))
            except FileNotFoundError:
                return None

    def file(self, name: str) -> Path:
        if self._here is None:
            self._here = Path(tempfile.mkdtemp(prefix="residency-"))
            weakref.finalize(self, shutil.rmtree, self._here, ignore_errors=True)
        file = self._here / name
        if not file.exists():
            part = file.with_suffix(".part")
            with self._errors("read"):
                try:
                    self._fs.get_file(self._at(name), str(part))
                except FileNotFoundError:
                    part.unlink(missing_ok=True)
                    return file
            part.rename(file)
        return file

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(prefix="residency-") as folder:
            yield Path(folder)

    def publish(self, part: Path, names: Sequence[str]) -> None:
        with self._errors("write"):
            for name in names:
                if name != MANIFEST:
                    self._put(part / name, self._at(name))
            content, path = (part / MANIFEST).read_bytes(), self._at(MANIFEST)
            # where the service can refuse a second one itself, it is asked to
            alone = {"mode": "create"} if "mode" in inspect.signature(self._fs.pipe_file).parameters else {}
            try:
                if self._there(path):
                    raise FileExistsError
                self._fs.pipe_file(path, content, **alone)
            except FileExistsError:
                raise SnapshotError(
                    f"{self.name}: another snapshot was written here meanwhile; name another folder and run again"
                ) from None

    def _there(self, path: str) -> bool:
        self._fs.invalidate_cache()
        try:
            self._fs.info(path)  # exists() would take a refusal for a no
        except FileNotFoundError:
            return False
        return True

    def _put(self, file: Path, path: str) -> None:
        try:
            self._fs.put_file(str(file), path)
        except FileNotFoundError:
            # where folders are real, they are made first; in an object store this would make a bucket of a typing error
            if not self._fs.root_marker:
                raise
            self._fs.makedirs(self._root, exist_ok=True)
            self._fs.put_file(str(file), path)

    def _at(self, name: str) -> str:
        root, mark, query = self._root.partition("?") if "://" in self._root else (self._root, "", "")
        return f"{root.rstrip('/')}/{name}{mark}{query}"

    def _errors(self, doing: str) -> _Errors:
        return _Errors(self._url, doing)


class _Errors:
    """Turns whatever a file system raises into one line of ours."""

    def __init__(self, url: str, doing: str) -> None:
        self._url, self._doing = url, doing

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: TracebackType | None) -> None:
        if not isinstance(error, Exception) or isinstance(error, ResidencyError):
            return
        name, reason = shown(self._url), _reason(error, self._url)
        if isinstance(error, ImportError):
            package = _package(self._url) or reason
            raise ConfigError(f"{name}: needs the package {package}; run pip install {package}") from None
        if isinstance(error, ValueError) and "Protocol not known" in str(error):
            raise ConfigError(f"{name}: nothing reads such URLs; name a folder, s3://, gs:// or abfs://") from None
        if self._doing == "write":
            raise StorageError(name, reason) from None
        raise SnapshotError(
            f"{name}: cannot be read ({reason}); check the address and the credentials, and run again"
        ) from None


def _package(url: str) -> str:
    """The package that reads the first protocol of a URL which is not built in."""
    from fsspec.registry import known_implementations

    for protocol in re.findall(r"(?:^|::)([A-Za-z][A-Za-z0-9+.-]+)", url):
        module = known_implementations.get(protocol, {}).get("class", "fsspec").split(".")[0]
        if module != "fsspec":
            return str(module)
    return ""


def _reason(error: Exception, url: str) -> str:
    """What an error says, on one line, without anything secret of the URL."""
    text = getattr(error, "strerror", None) or str(error)
    for secret in sorted(_secrets(url), key=len, reverse=True):
        text = text.replace(secret, _HIDDEN)
    text = re.sub(r"(://)[^/\s]*@", rf"\1{_HIDDEN}@", text)
    text = re.sub(r"(://[^\s?]*)\?[^\s'\")]*", rf"\1?{_HIDDEN}", text)
    return f"{type(error).__name__}: {' '.join(terminal(text).split())[:300]}".removesuffix(": ")


def _parts(url: str) -> Iterator[tuple[str, str, str, str]]:
    """(protocol with slashes, user part, place, query) of each link of a chain of URLs."""
    for link in url.split("::"):
        start, slashes, rest = link.partition("://")
        if not slashes:
            yield link, "", "", ""
            continue
        rest, mark, query = rest.partition("?")
        host = rest.partition("/")[0]
        # a password may hold a slash
        whole = rest if ":" in host and "@" in rest else host
        user, at, _ = whole.rpartition("@")
        yield start + slashes, user, rest[len(user) + len(at) :], mark + query


def shown(url: str) -> str:
    """A URL as it may be printed."""
    return "::".join(
        f"{start}{f'{_HIDDEN}@' if user else ''}{place}{f'?{_HIDDEN}' if query else ''}"
        for start, user, place, query in _parts(url)
    )


def _secrets(url: str) -> set[str]:
    found: set[str] = set()
    for _, user, _, query in _parts(url):
        values = [user, *user.split(":", 1)[1:], query, *re.findall(r"=([^&]*)", query)]
        found |= {text for value in values for text in (value, unquote(value)) if len(text) >= 3}
    return found


def digest(file: Path) -> str:
    """SHA-256 of a file."""
    with file.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()
