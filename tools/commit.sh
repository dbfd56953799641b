#!/bin/sh
# The commit that these sources are of, with `-modified` where they are not quite. Nothing in a folder that is no repository of its
# own, such as an unpacked archive of the sources: a repository around it would be another project's.
set -eu
cd "$(dirname "$0")/.."
top=$(git rev-parse --show-toplevel 2>/dev/null) || exit 0
if [ "$top" != "$(pwd -P)" ]; then exit 0; fi
# None in a repository without a commit.
commit=$(git rev-parse --quiet --short=12 --verify HEAD) || exit 0
if [ -n "$(git status --porcelain)" ]; then commit=$commit-modified; fi
echo "$commit"
