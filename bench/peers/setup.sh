#!/bin/sh
# Makes a Python environment with PyTorch, for the fixtures and the comparisons in this folder.
# Usage: bench/peers/setup.sh [FOLDER]   (default: bench/peers/.venv)
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
target=${1:-"$here/.venv"}
"${PYTHON:-python3}" -m venv "$target"
"$target/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
"$target/bin/python" -c "import torch; print('PyTorch', torch.__version__, 'in', '$target')"
