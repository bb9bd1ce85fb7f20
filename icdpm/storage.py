"""Where files may lie: on this computer, or in any storage that TensorFlow knows, by URL: gs://, s3://, hdfs:// …

`storage_path` gives an ordinary `pathlib.Path` for the first and a `RemotePath` for the second, which has the same methods as
far as the house uses them. Only a URL makes TensorFlow be imported.
"""

import contextlib
import errno
import functools
import os
import secrets
import types
from pathlib import Path, PurePosixPath

from icdpm.errors import IcdpmError, summarize_error

_IN_TENSORFLOW = ("gs", "ram", "file")  # the others come with TensorFlow I/O
# In these an object appears whole when it is closed, or not at all.
_WHOLE_ON_CLOSE = ("gs", "s3", "az")


def storage_path(name):
    """The path of a name: a `RemotePath` where it is a URL, else a `pathlib.Path`. Paths of both kinds stay as they are."""
    if isinstance(name, RemotePath):
        return name
    return RemotePath(os.fspath(name)) if is_remote(name) else Path(name)


def is_remote(name):
    """Whether a name (or path) is a URL such as gs://bucket/folder."""
    scheme, colon, _ = os.fspath(name).partition("://")
    return bool(colon) and scheme.isalnum()


def access_hint(name):
    """What is said further of something that is not there: "", or where its storage may only be closed, that.

    An S3 server tells nobody apart who may not read and what does not exist; to write it refuses by itself.
    """
    return " (or these credentials may not read it)" if os.fspath(name).startswith("s3://") else ""


class RemotePath(os.PathLike):
    """A path in a storage that TensorFlow knows, with the methods of `pathlib.Path` and their errors, which are OSErrors.

    Raises, from any method:
      OSError: the storage refuses or cannot be reached; `filename` is the URL and `strerror` what is wrong.
      IcdpmError: nothing that is installed knows this kind of storage.
    """

    def __init__(self, url):
        self.scheme, _, place = os.fspath(url).partition("://")
        self._place = PurePosixPath(place)

    def __fspath__(self):
        return f"{self.scheme}://{self._place}"

    __str__ = __fspath__

    def __repr__(self):
        return f"RemotePath({str(self)!r})"

    def __eq__(self, other):
        return isinstance(other, RemotePath) and str(self) == str(other)

    def __lt__(self, other):
        return str(self) < str(other)

    def __hash__(self):
        return hash(str(self))

    def __truediv__(self, other):
        return self._of(self._place / other)

    def _of(self, place):
        return RemotePath(f"{self.scheme}://{place}")

    @property
    def name(self):
        """The last part."""
        return self._place.name

    @property
    def stem(self):
        """The name without its suffix."""
        return self._place.stem

    @property
    def suffix(self):
        """The end of the name from its last dot on."""
        return self._place.suffix

    @property
    def parent(self):
        """The folder that it is in."""
        return self._of(self._place.parent)

    @property
    def parents(self):
        """All folders that it is in, the nearest first."""
        return [self._of(place) for place in self._place.parents]

    def with_name(self, name):
        """The path of another name in the same folder."""
        return self._of(self._place.with_name(name))

    def relative_to(self, other):
        """The pure path from a folder to this."""
        return self._place.relative_to(other._place)

    def exists(self):
        """Whether there is a file or folder."""
        with self._os_errors() as gfile:
            return gfile.exists(str(self))

    def is_file(self):
        """Whether there is a file."""
        return self.exists() and not self.is_dir()

    def is_dir(self):
        """Whether there is a folder, or objects whose names go on from here."""
        with self._os_errors() as gfile:
            return gfile.isdir(str(self))

    def is_symlink(self):
        """False: such storages have no links."""
        return False

    def iterdir(self):
        """The paths of what is in the folder."""
        with self._os_errors() as gfile:
            names = gfile.listdir(str(self))
        # Some storages end the names of folders with a slash.
        return [self / name.rstrip("/") for name in names]

    def files_below(self):
        """All visible files in the folder and the folders in it, sorted."""
        for path in sorted(path for path in self.iterdir() if not path.name.startswith(".")):
            if path.is_dir():
                yield from path.files_below()
            else:
                yield path

    def glob(self):
        """The paths that the path stands for as a pattern with *, ? and [], sorted; ** is not known to storages."""
        with self._os_errors() as gfile:
            return sorted(map(RemotePath, gfile.glob(str(self))))

    def check_writable(self):
        """Raises OSError where nothing can be written in the folder; it leaves nothing there."""
        trial = self / f".trial-{secrets.token_hex(8)}"
        trial.write_bytes(b"")
        trial.unlink()

    def stat(self):
        """What is known of the file: `st_size`, its length in bytes."""
        with self._os_errors() as gfile:
            return types.SimpleNamespace(st_size=gfile.stat(str(self)).length)

    def read_bytes(self, start=0, end=None):
        """What is in the file from byte `start` up to byte `end`; None is the file's own end."""
        with self._os_errors() as gfile, gfile.GFile(str(self), "rb") as file:
            file.seek(start)
            return file.read(-1 if end is None else end - start)

    def read_text(self, encoding="utf-8"):
        """All that is in the file, as text."""
        return self.read_bytes().decode(encoding)

    def write_bytes(self, content):
        """Makes or replaces the file."""
        with self._os_errors() as gfile, gfile.GFile(str(self), "wb") as file:
            file.write(content)

    def mkdir(self, mode=0o777, parents=True, exist_ok=True):
        """Makes the folder and those it is in; where it is there already, nothing."""
        with self._os_errors() as gfile:
            gfile.makedirs(str(self))

    def unlink(self, missing_ok=False):
        """Removes the file."""
        with self._os_errors() as gfile:
            if not (missing_ok and not gfile.exists(str(self))):
                gfile.remove(str(self))

    def rmtree(self):
        """Removes the folder with all that is in it."""
        with self._os_errors() as gfile:
            gfile.rmtree(str(self))

    def upload(self, source):
        """Puts a file of this computer here: what stood here before stays until all of the new is there."""
        with self._os_errors() as gfile:
            if self.scheme in _WHOLE_ON_CLOSE:
                gfile.copy(str(source), str(self), overwrite=True)
                return
            gfile.makedirs(str(self.parent))
            temporary = str(self.with_name(f".uploading-{self.name}"))
            gfile.copy(str(source), temporary, overwrite=True)
            gfile.rename(temporary, str(self), overwrite=True)

    @contextlib.contextmanager
    def _os_errors(self):
        """Gives `tf.io.gfile`; what it raises becomes an OSError about this path."""
        tf = _tensorflow(self.scheme)
        kinds = {
            tf.errors.NotFoundError: (FileNotFoundError, errno.ENOENT),
            tf.errors.PermissionDeniedError: (PermissionError, errno.EACCES),
            tf.errors.UnauthenticatedError: (PermissionError, errno.EACCES),
            tf.errors.ResourceExhaustedError: (OSError, errno.ENOSPC),
        }
        try:
            yield tf.io.gfile
        except tf.errors.UnimplementedError as error:
            raise IcdpmError(f"{self}: TensorFlow knows no storage {self.scheme}:// ({summarize_error(error)})") from error
        except tf.errors.OpError as error:
            kind, number = kinds.get(type(error), (OSError, errno.EIO))
            raise kind(number, summarize_error(error).lstrip(": "), str(self)) from error


@functools.cache
def _tensorflow(scheme):
    """TensorFlow, once it knows a scheme."""
    import tensorflow as tf

    if scheme not in _IN_TENSORFLOW:
        # Else the AWS library asks for an object's length before every read of it.
        os.environ.setdefault("S3_DISABLE_MULTI_PART_DOWNLOAD", "1")
        try:
            import tensorflow_io  # noqa: F401 - registers its storages with TensorFlow
        except ImportError as error:
            needed = "needs TensorFlow I/O: pip install 'icdpm[buckets]' (on Python 3.11 or older)"
            raise IcdpmError(f"{scheme}:// {needed}") from error
    return tf
