"""What the kernel keeps for TCP connections, by ss(8)."""

import re
import subprocess

from .process import PATIENCE


def kernel_memory(port):
    """The kernel's memory for the TCP connections of the server at `port`: (bytes that it has received, bytes that it has to send) of each."""
    shown = subprocess.run(["ss", "-tmnH", "sport", "=", f":{port}"], check=True, capture_output=True, text=True, timeout=PATIENCE).stdout
    return [tuple(map(int, found)) for found in re.findall(r"skmem:\(r(\d+),.*?,w(\d+),", shown)]
