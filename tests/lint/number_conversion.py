"""Holds the program to conversions of floating-point numbers that the image has room for: fmt's and strtod. Those of <charconv> bring tables of 130 kB and libm
with them, which is 1 MB of 15 (tests/image/build), and only a build of the image would tell.

    number_conversion.py PROGRAM

Reads what the program takes from shared libraries with nm, prints one line a fault and exits 1 where there is any.
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
