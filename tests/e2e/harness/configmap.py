"""A directory as the kubelet mounts a ConfigMap or Secret: FILE -> ..data/FILE, ..data -> ..TIMESTAMP/."""

import datetime
import itertools
import os
import pathlib
import shutil


class MountedConfigMap:
    """Updated as the kubelet does it (AtomicWriter): whoever opens a file has the old content or the new one, and the files change together."""

    def __init__(self, path, files):
        self.path = pathlib.Path(path)
        self.path.mkdir(parents=True)
        self._numbers = itertools.count()
        self.update(files)

    def __truediv__(self, name):
        return self.path / name

    def update(self, files):
        """`files` is the whole content: name -> text or bytes. Those that are not in it any more are removed, as they are from a ConfigMap."""
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
