"""Paths of local files and of files in remote storage (gs://, s3://, hdfs://, …).

`storage_path` returns a `pathlib.Path` for a local file and a `RemotePath` with the same methods for a URL. Only a URL imports
TensorFlow.

`etils.epath`, which comes with TFDS, covers less: it rejects hdfs:// and ram://, its errors lack file names and reasons,
it does not register the storages of TensorFlow I/O, and it reads no byte ranges.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import secrets
import types
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from icdpm.cli import import_tensorflow
from icdpm.errors import IcdpmError, summarize_error

_SCHEMES_IN_TENSORFLOW = ("gs", "ram", "file")  # TensorFlow I/O has the others
# In these an object appears complete when it is closed, or not at all.
_SCHEMES_WITH_ATOMIC_WRITES = ("gs", "s3", "az")


def storage_path(name: str | os.PathLike) -> Path | RemotePath:
    """Returns a `RemotePath` for a URL, else a `pathlib.Path`. Paths of both kinds are returned unchanged."""
    if isinstance(name, RemotePath):
        return name
    return RemotePath(os.fspath(name)) if is_remote(name) else Path(name)


def is_remote(name: str | os.PathLike) -> bool:
    """Returns whether a name or path is a URL such as gs://bucket/folder."""
    scheme, colon, _ = os.fspath(name).partition("://")
    return bool(colon) and scheme.isalnum()


def access_hint(name: str | os.PathLike) -> str:
    """Returns what to add to the message that a file does not exist: a hint about credentials for S3, else "".

    An S3 server gives the same answer for an object that does not exist and for one that the credentials may not read.
    """
    return " (or these credentials may not read it)" if os.fspath(name).startswith("s3://") else ""


class RemotePath(os.PathLike):
    """A path in a storage that TensorFlow supports, with the methods of `pathlib.Path`.

    Args:
      url: URL such as s3://bucket/folder/file.

    Raises (from any method):
      OSError: the storage refuses the operation or cannot be reached. `filename` is the URL and `strerror` the reason.
      IcdpmError: no installed package supports this kind of storage.
    """

    def __init__(self, url: str | os.PathLike) -> None:
        scheme, _, path = os.fspath(url).partition("://")
        self.scheme: str = scheme
        self._path = PurePosixPath(path)

    def __fspath__(self) -> str:
        return f"{self.scheme}://{self._path}"

    __str__ = __fspath__

    def __repr__(self) -> str:
        return f"RemotePath({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RemotePath) and str(self) == str(other)

    def __lt__(self, other: RemotePath) -> bool:
        return str(self) < str(other)

    def __hash__(self) -> int:
        return hash(str(self))

    def __truediv__(self, other: str | os.PathLike) -> RemotePath:
        return self._with_path(self._path / other)

    def _with_path(self, path):
        return RemotePath(f"{self.scheme}://{path}")

    @property
    def name(self) -> str:
        """Last component."""
        return self._path.name

    @property
    def stem(self) -> str:
        """Last component without its suffix."""
        return self._path.stem

    @property
    def suffix(self) -> str:
        """End of the last component from its last dot on."""
        return self._path.suffix

    @property
    def parent(self) -> RemotePath:
        """Folder that contains the path."""
        return self._with_path(self._path.parent)

    @property
    def parents(self) -> list[RemotePath]:
        """All folders that contain the path, innermost first."""
        return [self._with_path(path) for path in self._path.parents]

    def with_name(self, name: str) -> RemotePath:
        """Returns the path with another last component."""
        return self._with_path(self._path.with_name(name))

    def relative_to(self, other: RemotePath) -> PurePosixPath:
        """Returns the path relative to a folder that contains it."""
        return self._path.relative_to(other._path)

    def exists(self) -> bool:
        """Returns whether the path is a file or folder."""
        with self._os_errors() as gfile:
            return gfile.exists(str(self))

    def is_file(self) -> bool:
        """Returns whether the path is a file."""
        return self.exists() and not self.is_dir()

    def is_dir(self) -> bool:
        """Returns whether the path is a folder, or a prefix of objects' names."""
        with self._os_errors() as gfile:
            return gfile.isdir(str(self))

    def is_symlink(self) -> bool:
        """Returns False: remote storage has no links."""
        return False

    def iterdir(self) -> list[RemotePath]:
        """Returns the paths of the folder's entries."""
        with self._os_errors() as gfile:
            names = gfile.listdir(str(self))
        # Some storages append a slash to the names of folders.
        return [self / name.rstrip("/") for name in names]

    def walk_files(self) -> Iterator[RemotePath]:
        """Yields the files of the folder and its subfolders in sorted order, without hidden ones."""
        for path in sorted(path for path in self.iterdir() if not path.name.startswith(".")):
            if path.is_dir():
                yield from path.walk_files()
            else:
                yield path

    def glob(self) -> list[RemotePath]:
        """Returns the sorted paths that this path matches as a pattern with *, ? and []. Storages do not support **."""
        with self._os_errors() as gfile:
            return sorted(map(RemotePath, gfile.glob(str(self))))

    def check_writable(self) -> None:
        """Raises OSError if the folder is not writable. Nothing is left in it."""
        trial = self / f".trial-{secrets.token_hex(8)}"
        trial.write_bytes(b"")
        trial.unlink()

    def stat(self) -> types.SimpleNamespace:
        """Returns the file's status: `st_size`, its length in bytes."""
        with self._os_errors() as gfile:
            return types.SimpleNamespace(st_size=gfile.stat(str(self)).length)

    def read_bytes(self, start: int = 0, end: int | None = None) -> bytes:
        """Returns the file's bytes from `start` (inclusive) to `end` (exclusive; default: the end of the file)."""
        with self._os_errors() as gfile, gfile.GFile(str(self), "rb") as file:
            file.seek(start)
            return file.read(-1 if end is None else end - start)

    def read_text(self, encoding: str = "utf-8") -> str:
        """Returns the file's text."""
        return self.read_bytes().decode(encoding)

    def write_bytes(self, content: bytes) -> None:
        """Creates or replaces the file."""
        with self._os_errors() as gfile, gfile.GFile(str(self), "wb") as file:
            file.write(content)

    def mkdir(self, mode: int = 0o777, parents: bool = True, exist_ok: bool = True) -> None:
        """Creates the folder and its parents, if they do not exist."""
        with self._os_errors() as gfile:
            gfile.makedirs(str(self))

    def unlink(self, missing_ok: bool = False) -> None:
        """Removes the file."""
        with self._os_errors() as gfile:
            if not (missing_ok and not gfile.exists(str(self))):
                gfile.remove(str(self))

    def rmtree(self) -> None:
        """Removes the folder and everything in it."""
        with self._os_errors() as gfile:
            gfile.rmtree(str(self))

    def upload(self, source: str | os.PathLike) -> None:
        """Copies a local file to this path. An earlier file stays until the copy is complete."""
        with self._os_errors() as gfile:
            if self.scheme in _SCHEMES_WITH_ATOMIC_WRITES:
                gfile.copy(str(source), str(self), overwrite=True)
                return
            gfile.makedirs(str(self.parent))
            temporary = str(self.with_name(f".uploading-{self.name}"))
            gfile.copy(str(source), temporary, overwrite=True)
            gfile.rename(temporary, str(self), overwrite=True)

    @contextlib.contextmanager
    def _os_errors(self):
        """Yields `tf.io.gfile` and turns its errors into an OSError with this path and the reason."""
        tf = _tensorflow_with(self.scheme)
        kinds = {
            tf.errors.NotFoundError: (FileNotFoundError, errno.ENOENT),
            tf.errors.PermissionDeniedError: (PermissionError, errno.EACCES),
            tf.errors.UnauthenticatedError: (PermissionError, errno.EACCES),
            tf.errors.ResourceExhaustedError: (OSError, errno.ENOSPC),
        }
        try:
            yield tf.io.gfile
        except tf.errors.UnimplementedError as error:
            raise IcdpmError(f"{self}: TensorFlow does not support {self.scheme}:// ({summarize_error(error)})") from error
        except tf.errors.OpError as error:
            kind, number = kinds.get(type(error), (OSError, errno.EIO))
            raise kind(number, summarize_error(error).lstrip(": "), str(self)) from error


@functools.cache
def _tensorflow_with(scheme):
    """Returns TensorFlow after the storages of TensorFlow I/O are registered, if the scheme needs them."""
    tf = import_tensorflow()
    if scheme not in _SCHEMES_IN_TENSORFLOW:
        # Otherwise the AWS library requests the length of an object before every read.
        os.environ.setdefault("S3_DISABLE_MULTI_PART_DOWNLOAD", "1")
        try:
            import tensorflow_io  # noqa: F401 - registers its storages with TensorFlow
        except ImportError as error:
            needed = "needs TensorFlow I/O: pip install 'icdpm[buckets]' (on Python 3.11 or older)"
            raise IcdpmError(f"{scheme}:// {needed}") from error
    return tf
