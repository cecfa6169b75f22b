"""Holds what the supervisor executes to constants that it keeps: no pointer that the dynamic linker fills in, since discard_relocated_data() gives those back.

    relocated_constants.py OBJECT…

Reads the relocations of object files with objdump, prints one line a fault and exits 1 where there is any. Whether such a pointer is still there by chance depends on where the
linker put it, so that no run of the program shows the fault for sure.
"""

import pathlib
import re
import subprocess
import sys

# The sources of which the supervisor executes something once it has given the tables back.
SUPERVISORS = {"handover.cpp.o", "relocated_data.cpp.o", "socket_passing.cpp.o", "supervisor.cpp.o"}
SECTION = re.compile(r"^RELOCATION RECORDS FOR \[(\S+)\]:")
RELOCATION = re.compile(r"^[0-9a-f]+ R_\S+ +(\S*\.data\.rel\.ro\S*)")


def faults(path):
    printed = subprocess.run(["objdump", "-r", path], capture_output=True, text=True, check=True).stdout
    section = ""
    for line in printed.splitlines():
        if found := SECTION.match(line):
            section = found.group(1)
        elif section.startswith(".text") and (found := RELOCATION.match(line)):
            yield f"{path}: code reads {found.group(1)}, which lies in relocated data"


def main(objects):
    ours = [path for path in objects if pathlib.Path(path).name in SUPERVISORS]
    missing = SUPERVISORS - {pathlib.Path(path).name for path in ours}
    found = [f"{name} is not among the objects" for name in sorted(missing)] + [fault for path in ours for fault in faults(path)]
    for fault in found:
        print(fault)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
