"""Stands in for the script that ansible-test downloads to put pip into its environments: the interpreter has a pip of its own.

ansible-test takes the script from its cache when it is there. So sanity needs a package index and no other host.
It makes ten environments: the first pays for installing pip, the others get a copy.
"""

import os
import pathlib
import shutil
import subprocess
import sys
import sysconfig

os.environ.pop("GET_PIP", None)
arguments = [argument for argument in sys.argv[1:] if argument not in ("--no-setuptools", "--no-wheel")]
site = pathlib.Path(sysconfig.get_path("purelib"))
# The home is sanity's own, one for each line of the matrix.
kept = pathlib.Path.home() / ".ansible" / "test" / "pip" / "_".join(word for word in arguments if word.startswith("pip=="))
if not kept.is_dir():
    # In a child, because ensurepip points PIP_CONFIG_FILE at /dev/null in its own process.
    subprocess.check_call([sys.executable, "-m", "ensurepip"], stdout=subprocess.DEVNULL)
    subprocess.check_call([sys.executable, "-m", "pip", "install", "--quiet", *arguments])
    part = kept.with_name(f"{kept.name}.part")
    for folder in (*site.glob("pip"), *site.glob("pip-*.dist-info")):
        shutil.copytree(folder, part / folder.name, dirs_exist_ok=True)
    part.replace(kept)
else:
    shutil.copytree(kept, site, dirs_exist_ok=True)
