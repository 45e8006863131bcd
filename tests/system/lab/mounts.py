"""Small file systems, for disks that are full or may not be written."""
import subprocess

from .processes import Reaper


class Tmpfs:
    def __init__(self, path, options):
        self.path = path
        path.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "certd-lab", str(path)], capture_output=True,
                              text=True, check=False)
        if done.returncode != 0:
            raise PermissionError(f"cannot mount a tmpfs here: {done.stderr.strip()}")
        Reaper.get().tell("mount", path)

    def remount(self, options):
        subprocess.run(["mount", "-o", f"remount,{options}", str(self.path)], check=True)

    def close(self):
        subprocess.run(["umount", "-l", str(self.path)], check=False)
        Reaper.get().tell("nomount", self.path)
