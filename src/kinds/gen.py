#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Turn src/kinds/data/*.tsv into the read-only C tables declared in kinds/table.h.

    gen.py DATA_DIR OUT.c

Every cross reference is checked here, so that a slip in the data fails the
build and not a request.
"""
import glob
import hashlib
import json
import os
import sys

VALUES = {
    'string': 'KV_STRING', 'int32': 'KV_INT32', 'int64': 'KV_INT64', 'uint32': 'KV_UINT32',
    'bool': 'KV_BOOL', 'double': 'KV_DOUBLE', 'bytes': 'KV_BYTES', 'time': 'KV_TIME',
    'microtime': 'KV_MICROTIME', 'duration': 'KV_DURATION', 'quantity': 'KV_QUANTITY',
    'intorstring': 'KV_INT_OR_STRING', 'rawextension': 'KV_RAW', 'fieldsv1': 'KV_FIELDSV1',
    'verbs': 'KV_VERBS', 'extravalue': 'KV_EXTRA', 'any': 'KV_JSON',
    'jsonschemapropsorarray': 'KV_PROPS_OR_ARRAY', 'jsonschemapropsorbool': 'KV_PROPS_OR_BOOL',
    'jsonschemapropsorstringarray': 'KV_PROPS_OR_STRINGS',
}
CARDS = {'one': 'KC_ONE', 'list': 'KC_LIST', 'map': 'KC_MAP'}
PTRS = {'val': 'KP_VALUE', 'ptr': 'KP_POINTER', 'slice': 'KP_SLICE', 'map': 'KP_MAP'}
OMITS = {'omitempty': 'KO_OMITEMPTY', 'omitzero': 'KO_OMITZERO', 'no': 'KO_NEVER'}
LISTS = {'': 'KL_NONE', 'atomic': 'KL_ATOMIC', 'set': 'KL_SET', 'map': 'KL_MAP'}
VERBS = {'create': 1, 'delete': 2, 'deletecollection': 4, 'get': 8, 'list': 16, 'patch': 32,
         'update': 64, 'watch': 128}
PROPS = 'apiextensions/v1.JSONSchemaProps'
NAME_TEXT = {'Name': 'Name of the object, unique in its namespace.',
             'Age': 'How long ago the object was created.',
             'Created At': 'When the object was created.'}


def table(path):
    """The rows of a TSV file as dicts; the first row that is no comment names the columns."""
    head = None
    for number, line in enumerate(open(path, encoding='utf-8'), 1):
        line = line.rstrip('\n')
        if not line or line.startswith('#'):
            continue
        cells = line.split('\t')
        if head is None:
            head = cells
            continue
        if len(cells) > len(head):
            sys.exit(f'{path}:{number}: {len(cells)} cells, {len(head)} columns')
        yield dict(zip(head, cells + [''] * (len(head) - len(cells))))


def c_str(s):
    return json.dumps(s) if s is not None else 'NULL'


class Lists:
    """NULL-terminated arrays of strings, each distinct one written once."""

    def __init__(self):
        self.seen = {}

    def add(self, values):
        if not values:
            return 'NULL'
        key = tuple(values)
        return 'list_%d' % self.seen.setdefault(key, len(self.seen))

    def write(self, out):
        for values, n in self.seen.items():
            out.append('static const char *const list_%d[] = { %s, NULL };'
                       % (n, ', '.join(c_str(v) for v in values)))


def verbs_mask(text):
    if text == 'std':
        return sum(VERBS.values())
    return sum(VERBS[v] for v in text.split(','))


def embed_of(inline):
    """'flat:2/2' -> [2, 2]"""
    numbers = [int(part) for part in inline[len('flat:'):].split('/')]
    assert 1 <= len(numbers) <= 2, inline
    return (numbers + [0])[:2]


def field_row(row, type_index, lists, where):
    value, of = row['kind'], 'NULL'
    if value.startswith('object:'):
        name = value[len('object:'):]
        if name not in type_index:
            sys.exit(f'{where}: unknown type {name}')
        value, of = 'KV_OBJECT', f'&kinds_types[{type_index[name]}]'
    else:
        value = VALUES[value]
        if value.startswith('KV_PROPS'):
            of = f'&kinds_types[{type_index[PROPS]}]'
    flags = []
    if row['required'] == 'required':
        flags.append('KF_REQUIRED')
    strategy = row['patch-strategy'].split(',')
    if 'merge' in strategy:
        flags.append('KF_SMP_MERGE')
    if 'retainKeys' in strategy:
        flags.append('KF_SMP_RETAIN_KEYS')
    if row['map-type'] == 'atomic':
        flags.append('KF_ATOMIC_MAP')
    if row['inline'] == 'typemeta':
        flags.append('KF_TYPEMETA')
    embed = embed_of(row['inline']) if row['inline'].startswith('flat:') else [0, 0]
    pbnum = 0 if row['inline'] == 'typemeta' else int(row['pbnum'] or 0)
    enum = row['enum'].split(',') if row['enum'] else None
    init = [f'.name = {c_str(row["field"])}', f'.name_len = {len(row["field"])}',
            f'.value = {value}', f'.card = {CARDS[row["cardinality"]]}',
            f'.ptr = {PTRS[row["pointer"]]}', f'.omit = {OMITS[row["omitempty"]]}']
    if LISTS[row['list-type']] != 'KL_NONE':
        init.append(f'.list = {LISTS[row["list-type"]]}')
    if flags:
        init.append('.flags = ' + ' | '.join(flags))
    if pbnum:
        init.append(f'.pbnum = {pbnum}')
    if embed[0]:
        init.append('.embed = { %d, %d }' % tuple(embed))
    if of != 'NULL':
        init.append(f'.type = {of}')
    if row['patch-merge-key']:
        init.append(f'.merge_key = {c_str(row["patch-merge-key"])}')
    if row['list-map-keys']:
        init.append(f'.list_keys = {lists.add(row["list-map-keys"].split(","))}')
    if enum:
        init.append(f'.enum_values = {lists.add(enum)}')
    if row['default']:
        init.append(f'.dflt = {c_str(row["default"])}')
    # Where it is written in protobuf: an embedded message's number orders its members.
    order = (embed + [pbnum, 0]) if embed[1] else [embed[0], pbnum, 0] if embed[0] else [pbnum, 0, 0]
    return '{ ' + ', '.join(init) + ' }', (tuple(order) if pbnum else None)


def body_of(text):
    """'apps/v1.Kind' or 'v1.Kind' -> group, version, kind"""
    api_version, kind = text.rsplit('.', 1)
    group, _, version = api_version.rpartition('/')
    return group, version, kind


def subs_of(text):
    for part in filter(None, text.split(';')):
        name, verbs = part[:-1].split('[')
        name, _, body = name.partition('=')
        yield name, verbs_mask(verbs), body_of(body) if body else None


def descriptions(path, type_index, rows_of):
    """Sorted (type, member index, text); UINT16_MAX describes the type itself."""
    out = {}
    everywhere = []
    for row in table(path):
        if row['type'] == '*':
            everywhere.append(row)
            continue
        for name in row['type'].split(','):
            if name not in type_index:
                sys.exit(f'{path}: unknown type {name}')
            index = 0xffff
            if row['field']:
                index = [r['field'] for r in rows_of.get(name, [])].index(row['field'])
            out[(type_index[name], index)] = row['text']
    for row in everywhere:
        for name, rows in rows_of.items():
            for index, r in enumerate(rows):
                type_meta = r['field'] in ('kind', 'apiVersion')
                if r['field'] == row['field'] and type_meta == (r['inline'] == 'typemeta'):
                    out.setdefault((type_index[name], index), row['text'])
    return sorted((t, f, text) for (t, f), text in out.items())


def main():
    data, target = sys.argv[1:]
    types = list(table(os.path.join(data, 'types.tsv')))
    types.sort(key=lambda t: t['type'])
    type_index = {t['type']: n for n, t in enumerate(types)}
    lists = Lists()
    fields, pb_index, spans = [], [], {}
    by_type = {}
    for row in table(os.path.join(data, 'fields.tsv')):
        by_type.setdefault(row['type'], []).append(row)
    for name, rows in by_type.items():
        if name not in type_index:
            sys.exit(f'fields.tsv: unknown type {name}')
        start, pb_start, orders = len(fields), len(pb_index), []
        for n, row in enumerate(rows):
            text, order = field_row(row, type_index, lists, f'{name}.{row["field"]}')
            fields.append(text)
            if order:
                orders.append((order, n))
        pb_index += [n for _, n in sorted(orders)]
        spans[name] = (start, len(rows), pb_start, len(orders))

    columns = {}
    for row in table(os.path.join(data, 'columns.tsv')):
        columns.setdefault(row['kind'], []).append(row)
    default_columns = [{'column': 'Name', 'type': 'string', 'format': 'name', 'wide': '0'},
                       {'column': 'Created At', 'type': 'date', 'format': '', 'wide': '0'}]

    kinds = list(table(os.path.join(data, 'kinds.tsv')))
    groups, versions = [], []
    for k in kinds:
        if k['group'] not in groups:
            groups.append(k['group'])
        if (k['group'], k['version']) not in versions:
            versions.append((k['group'], k['version']))
    kinds.sort(key=lambda k: (groups.index(k['group']), versions.index((k['group'], k['version'])),
                              k['plural']))
    gvk_type = {(t['group'], t['version'], t['kind']): t['type'] for t in types if t['kind']}

    out = ['/* Made by gen.py from src/kinds/data; do not edit. */',
           '#include "kinds/table.h"', '']
    subs, column_rows, column_spans, kind_rows = [], [], {}, []
    for n, k in enumerate(kinds):
        key = (k['group'], k['version'], k['kind'])
        if key not in gvk_type:
            sys.exit(f'kinds.tsv: no type of {key}')
        first = len(subs)
        for name, verbs, body in sorted(subs_of(k['subresources'])):
            if body and body not in gvk_type:
                sys.exit(f'kinds.tsv: {k["plural"]}/{name}: no type of {body}')
            init = f'{{ {c_str(name)}, {verbs}'
            subs.append(init + (', %s }' % ', '.join(map(c_str, body)) if body else ' }'))
        stored = k['store'] != '-'
        cols = columns.get(k['kind'], default_columns if stored else [])
        cols_key = k['kind'] if k['kind'] in columns else ('default' if cols else '')
        if cols_key not in column_spans:
            column_spans[cols_key] = (len(column_rows), len(cols))
            for c in cols:
                column_rows.append('{ %s, %s, %s, %s, %s, NULL }' % (
                    c_str(c['column']), c_str(c['type']), c_str(c['format']),
                    c_str(NAME_TEXT.get(c['column'], '')), c['wide']))
        span = column_spans[cols_key]
        api_version = f'{k["group"]}/{k["version"]}' if k['group'] else k['version']
        kind_rows.append('{ .group = %s, .version = %s, .kind = %s, .list_kind = %s,\n\t\t'
                         '.plural = %s, .singular = %s, .short_names = %s, .categories = %s,\n\t\t'
                         '.namespaced = %s, .ga = true, .verbs = %d,\n\t\t'
                         '.subs = %s, .sub_count = %d, .type = &kinds_types[%d],\n\t\t'
                         '.columns = %s, .column_count = %d, .store = %s, .id = %d,\n\t\t'
                         '.api_version = %s }' % (
            c_str(k['group']), c_str(k['version']), c_str(k['kind']), c_str(k['kind'] + 'List'),
            c_str(k['plural']), c_str(k['singular']),
            lists.add(k['shortNames'].split(',') if k['shortNames'] else None) if k['shortNames'] else 'list_none',
            lists.add(k['categories'].split(',')) if k['categories'] else 'list_none',
            k['namespaced'], verbs_mask(k['verbs']),
            f'kinds_subs + {first}' if len(subs) > first else 'NULL', len(subs) - first,
            type_index[gvk_type[key]],
            f'kinds_columns + {span[0]}' if span[1] else 'NULL', span[1],
            c_str(k['store']) if stored else 'NULL', n, c_str(api_version)))

    out.append('static const char *const list_none[] = { NULL };')
    lists.write(out)
    out.append('')
    out.append('static const uint16_t pb_index[] = {')
    for i in range(0, len(pb_index), 20):
        out.append('\t' + ', '.join(map(str, pb_index[i:i + 20])) + ',')
    out.append('};\n')
    out.append('static const struct kinds_field kinds_fields[] = {')
    out += ['\t' + f + ',' for f in fields]
    out.append('};\n')
    out.append(f'const size_t kinds_type_count = {len(types)};')
    out.append('const struct kinds_type kinds_types[] = {')
    for t in types:
        init = [f'.name = {c_str(t["type"])}']
        if t['proto']:
            init.append(f'.proto = {c_str(t["proto"])}')
        start, count, pb_start, pb_count = spans.get(t['type'], (0, 0, 0, 0))
        if count:
            init.append(f'.fields = kinds_fields + {start}, .field_count = {count}')
        if pb_count:
            init.append(f'.by_pbnum = pb_index + {pb_start}, .pb_count = {pb_count}')
        if t['map-type'] == 'atomic':
            init.append('.atomic = true')
        out.append('\t{ ' + ', '.join(init) + ' },')
    out.append('};\n')
    out.append('static const struct kinds_sub kinds_subs[] = {')
    out += ['\t' + s + ',' for s in subs]
    out.append('};\n')
    out.append('static const struct kinds_column kinds_columns[] = {')
    out += ['\t' + c + ',' for c in column_rows]
    out.append('};\n')
    out.append(f'const size_t kinds_builtin_count = {len(kinds)};')
    out.append('const struct kinds_kind kinds_builtin[] = {')
    out += ['\t' + k + ',' for k in kind_rows]
    out.append('};\n')

    def index(name, key):
        order = sorted(range(len(kinds)), key=lambda n: key(kinds[n]))
        out.append('const uint8_t %s[] = { %s };' % (name, ', '.join(map(str, order))))
    index('kinds_by_plural_order', lambda k: (k['plural'], k['group'], k['version']))
    index('kinds_by_kind_order', lambda k: (k['kind'], k['group'], k['version']))
    assert len(kinds) < 256

    out.append('')
    gvks = sorted((k, g, v, type_index[name]) for (g, v, k), name in gvk_type.items())
    out.append(f'const size_t kinds_gvk_count = {len(gvks)};')
    out.append('const struct kinds_gvk kinds_gvks[] = {')
    out += ['\t{ %s, %s, %s, %d },' % (c_str(k), c_str(g), c_str(v), n) for k, g, v, n in gvks]
    out.append('};\n')

    # One run of text and offsets into it: no relocations.
    texts = descriptions(os.path.join(data, 'descriptions.tsv'), type_index, by_type)
    pool, offset, entries = {}, 0, []
    for t, f, text in texts:
        if text not in pool:
            pool[text] = offset
            offset += len(text.encode()) + 1
        entries.append('{ %d, %d, %d }' % (t, f, pool[text]))
    out.append(f'const size_t kinds_text_count = {len(entries)};')
    out.append('const struct kinds_text kinds_texts[] = {')
    out += ['\t' + e + ',' for e in entries] or ['\t{ 0 },']
    out.append('};')
    out.append('const char kinds_text_pool[] =')
    out += ['\t' + json.dumps(text, ensure_ascii=False)[:-1] + '\\0"' for text in pool] or ['\t""']
    out[-1] += ';'
    # Whatever makes OpenAPI documents what they are: clients keep them by a hash of this.
    made_by = hashlib.sha256('\n'.join(out).encode())
    for name in sorted(glob.glob(os.path.join(data, '..', 'openapi*.[ch]'))) + [os.path.join(data, '..', 'kinds.h')]:
        with open(name, 'rb') as f:
            made_by.update(f.read())
    out.append(f'const char kinds_openapi_seed[] = "{made_by.hexdigest()[:16]}";')
    with open(target, 'w', encoding='utf-8') as f:
        f.write('\n'.join(out) + '\n')


main()
