"""Stands in for the script that ansible-test downloads to put pip into its environments: the interpreter has a pip of its own.

ansible-test takes the script from its cache when it is there. So sanity needs a package index and no other host.
"""

import os
import subprocess
import sys

os.environ.pop("GET_PIP", None)
arguments = [argument for argument in sys.argv[1:] if argument not in ("--no-setuptools", "--no-wheel")]
# In a child, because ensurepip points PIP_CONFIG_FILE at /dev/null in its own process.
subprocess.check_call([sys.executable, "-m", "ensurepip"], stdout=subprocess.DEVNULL)
sys.exit(subprocess.call([sys.executable, "-m", "pip", "install", "--quiet", *arguments]))
