#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The checkers accept what is right and reject what is wrong: tables of small histories, every small
random history against a search through all orders, and large ones against the clock."""
import itertools
import math
import random
import sys
import time

import linear
import watched
from linear import Op

INF = math.inf


def op(kind, expect, value, ok, call, ret):
    return Op(kind, expect, value, ok, call, ret, "client")


HISTORIES = [
    ("nothing", True, []),
    ("create, read", True, [op("create", None, "a", True, 0, 1), op("read", None, "a", True, 2, 3)]),
    ("read before any write", True, [op("read", None, None, True, 0, 1)]),
    ("a value that nobody wrote", False, [op("create", None, "a", True, 0, 1), op("read", None, "z", True, 2, 3)]),
    ("an answered write is lost", False, [op("create", None, "a", True, 0, 1), op("read", None, None, True, 2, 3)]),
    ("a stale read", False, [op("create", None, "a", True, 0, 1), op("update", "a", "b", True, 2, 3),
                             op("read", None, "a", True, 4, 5)]),
    ("an old value while the update runs", True, [op("create", None, "a", True, 0, 1), op("update", "a", "b", True, 2, 5),
                                                  op("read", None, "a", True, 3, 4)]),
    ("new, then old again", False, [op("create", None, "a", True, 0, 1), op("update", "a", "b", True, 2, 9),
                                    op("read", None, "b", True, 3, 4), op("read", None, "a", True, 5, 6)]),
    ("two swaps of one revision", False, [op("create", None, "a", True, 0, 1), op("update", "a", "b", True, 2, 5),
                                          op("update", "a", "c", True, 3, 6)]),
    ("one of two swaps is refused", True, [op("create", None, "a", True, 0, 1), op("update", "a", "b", True, 2, 5),
                                           op("update", "a", "c", False, 3, 6)]),
    ("refused without a reason", False, [op("create", None, "a", True, 0, 1), op("update", "a", "b", False, 2, 3)]),
    ("two creations", False, [op("create", None, "a", True, 0, 5), op("create", None, "b", True, 1, 6)]),
    ("a creation refused where nothing is", False, [op("create", None, "a", False, 0, 1)]),
    ("deleted and made again", True, [op("create", None, "a", True, 0, 1), op("delete", "a", None, True, 2, 3),
                                      op("create", None, "b", True, 4, 5), op("read", None, "b", True, 6, 7)]),
    ("deleted, and still there", False, [op("create", None, "a", True, 0, 1), op("delete", "a", None, True, 2, 3),
                                         op("read", None, "a", True, 4, 5)]),
    ("deleted twice", False, [op("create", None, "a", True, 0, 1), op("delete", "a", None, True, 2, 5),
                              op("delete", "a", None, True, 3, 6)]),
    ("unknown, was done", True, [op("create", None, "a", True, 0, 1), op("update", "a", "b", None, 2, INF),
                                 op("read", None, "b", True, 8, 9)]),
    ("unknown, was not done", True, [op("create", None, "a", True, 0, 1), op("update", "a", "b", None, 2, INF),
                                     op("read", None, "a", True, 8, 9)]),
    ("unknown, done late", True, [op("create", None, "a", True, 0, 1), op("update", "a", "b", None, 2, INF),
                                  op("read", None, "a", True, 3, 4), op("read", None, "b", True, 8, 9)]),
    ("unknown, done and undone", False, [op("create", None, "a", True, 0, 1), op("update", "a", "b", None, 2, INF),
                                         op("read", None, "b", True, 3, 4), op("read", None, "a", True, 8, 9)]),
    ("unknown, done before it was sent", False, [op("create", None, "a", True, 0, 1), op("read", None, "b", True, 2, 3),
                                                 op("update", "a", "b", None, 4, INF)]),
    ("unknown, too late to be done", False, [op("create", None, "a", True, 0, 1), op("update", "a", "b", None, 2, INF),
                                             op("update", "a", "c", True, 3, 4), op("read", None, "b", True, 5, 6)]),
    ("an unknown deletion explains a refusal", True, [op("create", None, "a", True, 0, 1), op("delete", "a", None, None, 2, INF),
                                                      op("update", "a", "b", False, 3, 4), op("read", None, None, True, 5, 6)]),
    ("an unknown creation done much later", True, [op("create", None, "a", None, 0, INF), op("create", None, "b", True, 1, 2),
                                                   op("delete", "b", None, True, 3, 4), op("read", None, "a", True, 5, 6)]),
]


def brute(ops):
    """Any order of all that returned and some of the rest, which respects time and fits?"""
    sure = [o for o in ops if o.ok is not None]
    rest = [o for o in ops if o.ok is None and linear.changes(o)]
    for n in range(len(rest) + 1):
        for some in itertools.combinations(rest, n):
            for order in itertools.permutations(sure + list(some)):
                if any(b.ret < a.call for i, a in enumerate(order) for b in order[i + 1:]):
                    continue
                state = None
                for o in order:
                    fits, state = linear.effect(o, state)
                    if not fits:
                        break
                else:
                    return True
    return False


def small(rand):
    ops, values = [], ["a", "b", "c", "d", "e"]
    for v in values[:rand.randint(2, 5)]:
        kind = rand.choice(["create", "update", "delete", "read", "read"])
        ok = True if kind == "read" else rand.choice([True, True, False, None])
        call = rand.randint(0, 8)
        ops.append(op(kind, rand.choice(values) if kind in ("update", "delete") else None,
                      rand.choice(values + [None]) if kind == "read" else v if kind != "delete" else None,
                      ok, call, call + rand.randint(0, 5) if ok is not None else INF))
    return ops


def large(rand, count, clients, unknown=0.01):
    """A history of a real register: each operation has its effect at one moment while it runs."""
    state, ops, free = None, [], [0.0] * clients
    last, n = [None] * clients, 0
    pending = []
    for _ in range(count):
        c = min(range(clients), key=free.__getitem__)
        call = free[c] + rand.random() * 0.1
        ret = call + rand.random()
        pending.append((rand.uniform(call, ret), call, ret, c))
        free[c] = ret
    for _, call, ret, c in sorted(pending):
        n += 1
        kind = rand.choice(["read", "update", "update", "delete" if rand.random() < 0.2 else "update"])
        expect = last[c] if rand.random() < 0.8 else state
        if kind != "read" and expect is None:
            kind = "create"
        value = f"v{n}" if kind in ("create", "update") else state if kind == "read" else None
        o = op(kind, expect if kind in ("update", "delete") else None, value, True, call, ret)
        fits, after = linear.effect(o, state)
        lost = kind != "read" and rand.random() < unknown
        if fits and not (lost and rand.random() < 0.5):
            state = after
        ops.append(o._replace(ok=None if lost else fits, ret=INF if lost else ret))
        last[c] = state
    return ops


def L(rev, **items):
    return ("list", rev, {k: tuple(v) for k, v in items.items()})


def E(what, key, value, rev):
    return ("event", what, key, value, rev)


ACKED = [("create", "k", "a", 11), ("update", "k", "b", 12), ("create", "m", "c", 13), ("delete", "k", "b", None), ("create", "k", "d", 15)]
FULL = [E("ADDED", "k", "a", 11), E("MODIFIED", "k", "b", 12), E("ADDED", "m", "c", 13), E("DELETED", "k", "b", 14), E("ADDED", "k", "d", 15)]
WATCHES = [
    ("everything", "", [L(10), *FULL]),
    ("everything, over two connections", "", [L(10), *FULL[:2], ("resume", 12), *FULL[2:]]),
    ("with a bookmark", "", [L(10), *FULL[:3], ("bookmark", 13), ("resume", 13), *FULL[3:]]),
    ("listed again", "", [L(10), *FULL[:1], L(13, k=("b", 12), m=("c", 13)), *FULL[3:]]),
    ("one is missing", "missed revision 13", [L(10), *FULL[:2], *FULL[3:]]),
    ("one is missing over the gap of two connections", "missed revision 13", [L(10), *FULL[:2], ("resume", 12), *FULL[3:]]),
    ("one comes twice", "again", [L(10), *FULL[:2], FULL[1], *FULL[2:]]),
    ("one comes twice after a new connection", "again", [L(10), *FULL[:2], ("resume", 12), *FULL[1:]]),
    ("out of order", "out of order", [L(10), FULL[1], FULL[0], *FULL[2:]]),
    ("a bookmark ahead of its events", "missed revision 13", [L(10), *FULL[:2], ("bookmark", 13), *FULL[2:]]),
    ("a bookmark of the past", "a bookmark", [L(10), *FULL[:3], ("bookmark", 11), *FULL[3:]]),
    ("the last is missing", "ended at 14", [L(10), *FULL[:4]]),
    ("a list that has forgotten", "it was ('c', 13)", [L(10), *FULL[:1], L(13, k=("b", 12)), *FULL[3:]]),
    ("a list that is behind its revision", "the list at 13", [L(10), *FULL[:1], L(13, k=("a", 11), m=("c", 13)), *FULL[3:]]),
    ("a list of the past", "a list at 11", [L(10), *FULL[:3], L(11, k=("a", 11)), *FULL[1:]]),
    ("another value", "is ('MODIFIED', 'k', 'x')", [L(10), FULL[0], E("MODIFIED", "k", "x", 12), *FULL[2:]]),
    ("added, but it was there", "which was there", [L(10), FULL[0], E("ADDED", "k", "b", 12), *FULL[2:]]),
    ("deleted by nobody's word", "missed revision 14", [L(10), *FULL[:3], FULL[4]]),
]
REVISIONS = [
    ("in order", "", [(0, 1, 5, "a"), (2, 3, 6, "b")], []),
    ("together, any order", "", [(0, 3, 6, "a"), (1, 4, 5, "b")], []),
    ("later, lower", "before it began", [(0, 1, 6, "a"), (2, 3, 5, "b")], []),
    ("given twice", "was given to", [(0, 1, 6, "a"), (0, 1, 6, "b")], []),
    ("a list of that revision", "", [(0, 1, 6, "a")], [(2, 3, 6, "list")]),
    ("an older list, asked for before", "", [(1, 2, 6, "a")], [(0, 3, 5, "list")]),
    ("an older list", "list has revision 5", [(0, 1, 6, "a")], [(2, 3, 5, "list")]),
]


def main():
    bad = []
    for name, want, ops in HISTORIES:
        if (linear.check(ops) is None) != want:
            bad.append(f"{name}: should be {'accepted' if want else 'rejected'}")
        if brute(ops) != want:
            bad.append(f"{name}: the table itself is wrong")
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else 4
    rand = random.Random(seed)
    counts = [0, 0]
    for _ in range(3000):
        ops = small(rand)
        want = brute(ops)
        counts[want] += 1
        if (linear.check(ops) is None) != want:
            bad.append(f"seed {seed}: should be {'accepted' if want else 'rejected'}: {ops}")
            break
    if min(counts) < 100:
        bad.append(f"random histories are one-sided: {counts}")

    began = time.monotonic()
    keys = {f"k{k}": large(rand, 1000, 8) for k in range(100)}
    made = time.monotonic()
    bad += linear.check_keys(keys)
    took = time.monotonic() - made
    print(f"100,000 operations over 100 keys: made in {made - began:.1f} s, checked in {took:.1f} s")
    if took > 30:
        bad.append(f"100,000 operations took {took:.1f} s")
    # A single wrong read somewhere in a long history is found.
    for k in range(20):
        ops = keys[f"k{k}"]
        reads = [i for i, o in enumerate(ops) if o.kind == "read" and i > 300]
        i = rand.choice(reads)
        old = next(o.value for o in ops if o.ok and o.kind in ("create", "update") and o.ret < ops[i].call - 10)
        if ops[i].value != old and linear.check(ops[:i] + [ops[i]._replace(value=old)] + ops[i + 1:]) is None:
            bad.append(f"k{k}: a read of {old} long after its time was accepted")

    for name, want, steps in WATCHES:
        said = watched.check({"good": [L(10), *FULL], "w": steps}, ACKED, fence=15)
        if bool(said) != bool(want) or not any(want in s for s in said or [""]):
            bad.append(f"watch, {name}: wanted {want!r}, got {said}")
    for name, want, acked, steps in [
        ("an answered write that nobody saw", "missed revision 12", ACKED, [FULL[0], *FULL[2:]]),
        ("an answered deletion that nobody saw", "nobody saw the deletion", ACKED, [*FULL[:3]]),
        ("a write seen with another value", "was answered to", [*ACKED[:1], ("update", "k", "y", 12), *ACKED[2:]], FULL),
    ]:
        said = watched.check({"w": [L(10), *steps]}, acked)
        if not any(want in s for s in said):
            bad.append(f"watch, {name}: wanted {want!r}, got {said}")
    for want, items in [("", L(13, k=("b", 12), m=("c", 13))), ("a reader: the list at 13", L(13, k=("b", 12)))]:
        said = watched.check({"w": [L(10), *FULL]}, ACKED, extra=[items])
        if bool(said) != bool(want) or not any(want in s for s in said or [""]):
            bad.append(f"a list of another: wanted {want!r}, got {said}")
    for name, want, writes, lists in REVISIONS:
        said = linear.check_revisions(writes, lists)
        if bool(said) != bool(want) or not any(want in s for s in said or [""]):
            bad.append(f"revisions, {name}: wanted {want!r}, got {said}")

    for b in bad:
        print("FAILED:", b)
    print(f"{len(HISTORIES)} histories, {sum(counts)} random ones ({counts[0]} wrong), {len(WATCHES) + 3} watches: {len(bad)} failed")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
