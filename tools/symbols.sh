#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# One name, one function: of two libraries that both define it the linker takes the first, silently.
#   tools/symbols.sh LIBRARY...
twice=$(for lib; do nm -g --defined-only "$lib" 2>/dev/null | awk 'NF == 3 && $2 != "V" && $2 != "W" && $3 !~ /^__/ {print $3}'; done | sort | uniq -d)
[ -z "$twice" ] && exit 0
echo "defined in more than one library: $twice"
exit 1
