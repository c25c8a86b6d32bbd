#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Turn data/defaults.tsv and data/defaults-walk.tsv into the trees of kinds/default_table.h.

    gen_defaults.py DATA_DIR OUT.c

The walk's paths of one type become one tree, so that an object is visited once;
equal subtrees (pod templates) are written once.
"""
import json
import os
import sys


def table(path):
    head = None
    for line in open(path, encoding='utf-8'):
        line = line.rstrip('\n')
        if not line or line.startswith('#'):
            continue
        cells = line.split('\t')
        if head is None:
            head = cells
            continue
        yield dict(zip(head, cells + [''] * (len(head) - len(cells))))


def c_str(s):
    return json.dumps(s)


def condition(text):
    """One of a=X|Y, a?, !a as C."""
    if text.startswith('!'):
        return '{ DC_UNSET, %s, NULL }' % c_str(text[1:])
    if text.endswith('?'):
        return '{ DC_SET, %s, NULL }' % c_str(text[:-1])
    path, values = text.split('=')
    return '{ DC_EQUALS, %s, %s }' % (c_str(path), c_str(values))


def rule(path, text, when):
    if text.startswith('@'):
        assert path == '.' and not when
        return '{ .call = default_%s }' % text[1:]
    value = json.loads(text)
    if isinstance(value, bool):
        init = '.type = DV_BOOL, .number = %d' % value
    elif isinstance(value, int):
        init = '.type = DV_INT, .number = %d' % value
    elif isinstance(value, str):
        init = '.type = DV_STRING, .text = %s' % c_str(value)
    else:
        init = '.type = DV_JSON, .text = %s' % c_str(text)
    conditions = [condition(part.strip()) for part in when.split('&&') if part.strip()]
    assert len(conditions) <= 2, when
    if conditions:
        init += ', .when_count = %d, .when = { %s }' % (len(conditions), ', '.join(conditions))
    return '{ .path = %s, %s }' % (c_str(path), init)


class Node:
    def __init__(self, name='', each=False):
        self.name, self.each, self.rules, self.children = name, each, [], []

    def child(self, step):
        name, each = (step[:-3], True) if step.endswith('[*]') else (step, False)
        for c in self.children:
            if (c.name, c.each) == (name, each):
                return c
        self.children.append(Node(name, each))
        return self.children[-1]


class Writer:
    def __init__(self):
        self.out, self.rules, self.lists = [], {}, {}

    def rule_list(self, rules):
        key = tuple(rules)
        if key not in self.rules:
            self.rules[key] = 'rules_%d' % len(self.rules)
            self.out.append('static const struct default_rule %s[] = {' % self.rules[key])
            self.out += ['\t%s,' % r for r in rules] + ['};']
        return self.rules[key]

    def node(self, n):
        """The C initializer of n; its children's array is written before."""
        init = []
        if n.name:
            init.append('.name = %s, .name_len = %d' % (c_str(n.name), len(n.name)))
        if n.each:
            init.append('.each = true')
        if n.rules:
            init.append('.rules = %s, .rule_count = %d' % (self.rule_list(n.rules), len(n.rules)))
        if n.children:
            key = tuple(self.node(c) for c in n.children)
            if key not in self.lists:
                self.lists[key] = 'nodes_%d' % len(self.lists)
                self.out.append('static const struct default_node %s[] = {' % self.lists[key])
                self.out += ['\t%s,' % c for c in key] + ['};']
            init.append('.children = %s, .child_count = %d' % (self.lists[key], len(key)))
        return '{ %s }' % ', '.join(init)


def main():
    data, target = sys.argv[1:]
    funcs, calls, trees = {}, [], {}
    for row in table(os.path.join(data, 'defaults.tsv')):
        funcs.setdefault(row['func'], []).append(rule(row['path'], row['value'], row['when']))
        if row['value'].startswith('@') and row['value'] not in calls:
            calls.append(row['value'])
    for row in table(os.path.join(data, 'defaults-walk.tsv')):
        node = trees.setdefault(row['type'], Node())
        steps = [s for s in row['path'].split('.') if s]
        last = steps.pop() if row['op'] == 'set' else None
        for step in steps:
            node = node.child(step)
        if row['op'] == 'set':
            node.rules.append(rule(last, row['argument'], ''))
        elif row['argument'] in funcs:
            node.rules += funcs[row['argument']]
        else:
            sys.exit('defaults-walk.tsv: no rows of %s' % row['argument'])

    w = Writer()
    roots = [(name, w.node(tree)) for name, tree in sorted(trees.items())]
    w.out.append('const struct default_root default_roots[] = {')
    w.out += ['\t{ %s, %s },' % (c_str(name), init) for name, init in roots] + ['};']
    w.out.append('const size_t default_root_count = %d;' % len(roots))
    with open(target, 'w', encoding='utf-8') as f:
        f.write('/* Made by gen_defaults.py from src/kinds/data; do not edit. */\n'
                '#include "kinds/default_table.h"\n\n' + '\n'.join(w.out) + '\n')


main()
