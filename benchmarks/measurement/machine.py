"""Describes the machine of a measurement."""

import os
import platform
import shutil
import subprocess
from importlib import metadata
from pathlib import Path

PACKAGES = ("keras-lpips", "keras", "tensorflow", "lpips", "torch", "numpy")


def describe_machine(packages=PACKAGES) -> dict:
    """Returns the processor, the load, and the versions of packages."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "versions": {name: metadata.version(name) for name in packages},
    }


def describe_driver() -> str | None:
    """Returns the names and drivers of NVIDIA's GPUs, if there are any."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return None
    query = "--query-gpu=name,driver_version,memory.total"
    done = subprocess.run(
        [program, query, "--format=csv,noheader"],
        stdout=subprocess.PIPE,
        text=True,
    )
    return done.stdout.strip() or None


def _processor():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = {x.split(":")[1].strip() for x in lines if "model name" in x}
    flags = next((x for x in lines if x.startswith("flags")), "").split()
    vectors = "AVX-512" if "avx512f" in flags else "no AVX-512"
    return f"{', '.join(sorted(names)) or platform.processor()}, {vectors}"
