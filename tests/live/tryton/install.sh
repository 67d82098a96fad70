#!/usr/bin/env bash
# Tryton 8.2 with invoicing, from the package index, into a venv in the folder $1.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
home=$1
"${PYTHON:-python3}" -m venv "$home/venv"
"$home/venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
touch "$home/.installed"
