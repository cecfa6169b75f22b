"""A directory with the layout in which the kubelet mounts a ConfigMap or Secret: FILE -> ..data/FILE, ..data -> ..TIMESTAMP/."""

import datetime
import itertools
import os
import pathlib
import shutil


class MountedConfigMap:
    """A mounted ConfigMap, updated in the steps of the kubelet's AtomicWriter. A reader that opens a file gets the old or the new content, and all
    files change at once."""

    def __init__(self, path, files):
        self.path = pathlib.Path(path)
        self.path.mkdir(parents=True)
        self._numbers = itertools.count()
        self.update(files)

    def __truediv__(self, name):
        return self.path / name

    def update(self, files):
        """Replaces the whole content by `files`: {name: text or bytes}. A file that is not in `files` is removed."""
        data = self.path / "..data"
        old = self.path / os.readlink(data) if data.is_symlink() else None
        new = self.path / f"..{datetime.datetime.now():%Y_%m_%d_%H_%M_%S}.{next(self._numbers):09}"
        new.mkdir()
        for name, content in files.items():
            (new / name).write_bytes(content.encode() if isinstance(content, str) else content)
        link = self.path / "..data_tmp"
        link.symlink_to(new.name)
        link.rename(data)
        for name in files:
            if not (self.path / name).is_symlink():
                (self.path / name).symlink_to(pathlib.Path("..data") / name)
        if old is None:
            return
        for entry in self.path.iterdir():
            if not entry.name.startswith("..") and entry.name not in files:
                entry.unlink()
        shutil.rmtree(old)
