# SPDX-License-Identifier: Apache-2.0
"""Files as Kubernetes mounts a ConfigMap: links through ..data, which is itself
a link that is swapped, so that all of them change at once."""

import os


class Mounted:
    """A folder of such files."""

    def __init__(self, folder, **files):
        self.folder, self._version = folder, 0
        self.swap(**files)
        for name in self._names(files):
            os.symlink(f"..data/{name}", self.path(name))

    @staticmethod
    def _names(files):
        return [name.replace("_", ".") for name in files]

    def path(self, name):
        return os.path.join(self.folder, name)

    def swap(self, **files):
        """Another version of all files; own_ini is the file own.ini."""
        self._version += 1
        there = self.path(f"..{self._version}")
        os.mkdir(there)
        for name, text in zip(self._names(files), files.values()):
            with open(os.path.join(there, name), "w", encoding="ascii") as f:
                f.write(text)
        os.symlink(f"..{self._version}", self.path("..new"))
        os.rename(self.path("..new"), self.path("..data"))


def allowlist(*hosts):
    """An operator's list."""
    return "[list]\nsource = lab\n[own]\n" + \
        "".join(f"host = {host}\n" for host in hosts)
