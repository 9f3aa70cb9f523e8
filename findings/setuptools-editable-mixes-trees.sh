#!/usr/bin/env bash
# setuptools 84.2.1, `pip install -e` of a flat project whose package directory is mapped: the finder that it installs
# also answers for submodules of a package that was found elsewhere. With another checkout first on PYTHONPATH, what
# that one does not have is taken from the installed one, without a word: two versions run as one.
#
# Seen: the package is of the second tree, its submodule `extra`, which only the first tree has, is the first's.
# What follows for us: whoever compares two trees in one environment takes the finder away (bench/versus/alone).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
pip=("$folder/venv/bin/pip" --quiet --disable-pip-version-check)
"${pip[@]}" install setuptools==84.2.1
for tree in first second; do
    mkdir -p "$folder/$tree/toy" "$folder/$tree/models"
    echo "NAME = '$tree'" >"$folder/$tree/toy/__init__.py"
done
echo "NAME = 'first'" >"$folder/first/toy/extra.py"
cat >"$folder/first/pyproject.toml" <<'TOML'
[build-system]
requires = ["setuptools==84.2.1"]
build-backend = "setuptools.build_meta"
[project]
name = "toy"
version = "1.0"
[tool.setuptools]
packages = ["toy", "toy.models"]
[tool.setuptools.package-dir]
"toy.models" = "models"
TOML
"${pip[@]}" install --no-build-isolation --no-deps -e "$folder/first"
cd "$folder/second"
PYTHONPATH="$folder/second" "$folder/venv/bin/python" - >"$folder/seen" <<'PY'
import toy
import toy.extra

print(f"toy: {toy.NAME}, toy.extra: {toy.extra.NAME}")
PY
cat "$folder/seen"
diff "$folder/seen" - <<<"toy: second, toy.extra: first"
echo "setuptools 84.2.1 still does so."
