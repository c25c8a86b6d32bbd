#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Make the bootstrap roles and bindings as C rows out of data/rbac-bootstrap.tsv.

Each row is the object's stored JSON in two pieces; the uid goes between them, and
the time of creation after it. Aggregated roles get the union of the rules of the roles
they pick, in the order that the clusterrole-aggregation-controller would write them.
"""
import json
import sys

GROUP = 'rbac.authorization.k8s.io'


def pairs(text):
    return dict(p.split('=', 1) for p in text.split(',') if p)


def words(text):
    return ['' if w == '""' else w for w in text.split(',')] if text else []


def read(path):
    objects, header = {}, None
    for line in open(path, encoding='utf-8'):
        line = line.rstrip('\n')
        if not line or line.startswith('#'):
            continue
        cells = line.split('\t')
        if header is None:
            header = cells
            continue
        row = dict(zip(header, cells + [''] * len(header)))
        if any(g.endswith('=off') for g in row['gate'].split(',')):
            continue
        key = (row['kind'], row['namespace'], row['name'])
        obj = objects.setdefault(key, {'row': row, 'rules': []})
        rule = {}
        for name, column in (('verbs', 'verbs'), ('apiGroups', 'apiGroups'), ('resources', 'resources'),
                             ('resourceNames', 'resourceNames'), ('nonResourceURLs', 'nonResourceURLs')):
            if row[column]:
                rule[name] = words(row[column])
        if rule:
            obj['rules'].append(rule)
    return objects


def selects(selector, labels):
    return all(labels.get(k) == v for k, v in selector.items())


def rules_of(objects, key, seen=()):
    obj = objects[key]
    rules = list(obj['rules'])
    selector = pairs(obj['row']['aggregationMatchLabels'])
    if selector and key not in seen:
        for other in sorted(objects):
            if other != key and other[0] == 'ClusterRole' and selects(selector, pairs(objects[other]['row']['labels'])):
                rules += [r for r in rules_of(objects, other, seen + (key,)) if r not in rules]
    return rules


def subject(text):
    kind, name = text.split(':', 1)
    if kind == 'ServiceAccount':
        ns, name = name.split('/', 1)
        return {'kind': kind, 'name': name, 'namespace': ns}
    return {'kind': kind, 'apiGroup': GROUP, 'name': name}


def tail_of(objects, key):
    row = objects[key]['row']
    body = {}
    if row['kind'] in ('ClusterRole', 'Role'):
        body['rules'] = rules_of(objects, key) or None
        selector = pairs(row['aggregationMatchLabels'])
        if selector:
            body['aggregationRule'] = {'clusterRoleSelectors': [{'matchLabels': selector}]}
    else:
        kind, name = row['roleRef'].split('/', 1)
        if row['subjects']:
            body['subjects'] = [subject(s) for s in row['subjects'].split(',')]
        body['roleRef'] = {'apiGroup': GROUP, 'kind': kind, 'name': name}
    meta = {}
    for part in ('labels', 'annotations'):
        if row[part]:
            meta[part] = pairs(row[part])
    return ',' + dump(meta)[1:] + ',' + dump(body)[1:]


def dump(value):
    return json.dumps(value, separators=(',', ':'), ensure_ascii=True)


def c_string(text):
    return '"' + text.replace('\\', '\\\\').replace('"', '\\"') + '"'


def main(source, target):
    objects = read(source)
    out = ['/* SPDX-License-Identifier: Apache-2.0 */',
           '/* Made by gen_bootstrap.py from data/rbac-bootstrap.tsv. */',
           '#include "api/bootstrap_table.h"', '',
           'const struct bootstrap_row bootstrap_rows[] = {']
    plural = {'ClusterRole': 'clusterroles', 'Role': 'roles', 'ClusterRoleBinding': 'clusterrolebindings',
              'RoleBinding': 'rolebindings'}
    for (kind, ns, name) in objects:
        meta = {'name': name}
        if ns:
            meta['namespace'] = ns
        head = '{"kind":"%s","apiVersion":"%s/v1","metadata":%s,"uid":"' % (kind, GROUP, dump(meta)[:-1])
        out.append('\t{ %s, %s, %s,\n\t  %s,\n\t  %s },' % (
            c_string(plural[kind]), c_string(ns), c_string(name), c_string(head),
            c_string(tail_of(objects, (kind, ns, name)))))
    out += ['};', 'const size_t bootstrap_row_count = sizeof(bootstrap_rows) / sizeof(bootstrap_rows[0]);', '']
    with open(target, 'w', encoding='utf-8') as f:
        f.write('\n'.join(out))


main(sys.argv[1], sys.argv[2])
