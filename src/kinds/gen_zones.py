#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Turn src/kinds/data/zones.tsv into the sorted table declared in kinds/validate.h.

    gen_zones.py DATA_DIR OUT.c
"""
import os
import sys


def main():
    with open(os.path.join(sys.argv[1], 'zones.tsv'), encoding='utf-8') as f:
        names = [line.strip() for line in f if line.strip() and not line.startswith('#')][1:]
    with open(sys.argv[2], 'w', encoding='utf-8') as out:
        out.write('/* Made by gen_zones.py. */\n#include "kinds/validate.h"\n\nconst char *const v_zones[] = {\n')
        out.writelines(f'\t"{name}",\n' for name in sorted(names))
        out.write(f'}};\nconst size_t v_zone_count = {len(names)};\n')


main()
