"""Checks that the program only uses conversions of floating-point numbers for which the image has room: those of fmt, and strtod. The functions
of <charconv> bring tables of 130 kB and libm with them, about 1 MB of the 15 MB that tests/image/build permits. Only a build of the image would
show it otherwise.

    number_conversion.py PROGRAM

Reads with nm which functions the program takes from shared libraries, prints one line for each fault and exits 1 if there is one.
"""

import re
import subprocess
import sys

CONVERSION = re.compile(r"std::(?:to|from)_chars\([^)]*\b(?:double|float|__float128)\b.*")


def main(program):
    taken = subprocess.run(["nm", "-D", "-C", "--undefined-only", program], capture_output=True, text=True, check=True).stdout
    found = CONVERSION.findall(taken)
    for function in found:
        print(f"{program}: uses {function}: use fmt::format_to or std::strtod instead")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
