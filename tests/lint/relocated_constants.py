"""Checks that the code which the supervisor executes uses no constant with a pointer that the dynamic linker fills in:
discard_relocated_data() gives the memory of these back.

    relocated_constants.py OBJECT…

Reads the relocations of object files with objdump, prints one line for each fault and exits 1 if there is one. Such a pointer may still be
there, depending on where the linker has put it, so that a run of the program does not show the fault reliably.
"""

import pathlib
import re
import subprocess
import sys

# The sources with code that the supervisor executes after it has given the tables back.
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
