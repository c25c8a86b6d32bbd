# SPDX-License-Identifier: Apache-2.0
"""Is a history of one key linearizable? Wing and Gong's search, done just in time and with a
memory of what was seen (Lowe, Testing for Linearizability, 2016).

A key is a register that may be absent (None). Every write carries a value nobody else writes,
so a compare-and-swap on a resourceVersion is one on the value that had it. An operation:

  kind       create, update, delete, read
  expect     update, delete: the value that must be there
  value      create, update: what is written; read: what was seen, None: nothing
  ok         True: done; False: refused because the state did not fit; None: outcome unknown
  call, ret  monotonic times; ret is infinite when the outcome is unknown

Refusals are judged, too: a refused update claims that something else was there.

The search walks the calls and returns in order and keeps every (state, which pending operations
have had their effect) that explains what returned so far. An operation takes effect only when one
that returns needs it; those that change nothing do at once, where they fit; and one with an unknown
outcome that can never have an effect any more is let go. None of the three loses an explanation.
"""
import collections
import math

Op = collections.namedtuple("Op", "kind expect value ok call ret who")
CONFIGS_MAX = 200_000       # explanations kept at once; more: undecided, which is a failure


class Undecided(Exception):
    pass


def effect(op, state):
    """(fits, state after it)."""
    if op.kind == "read":
        return state == op.value, state
    want = None if op.kind == "create" else op.expect
    if op.ok is False:
        return state != want, state
    return state == want, None if op.kind == "delete" else op.value


def changes(op):
    return op.kind != "read" and op.ok is not False


def makes(op):
    return op.kind in ("create", "update") and changes(op)


def check(ops):
    """None: linearizable, from an absent key on. Otherwise (operation, states before it) that nothing explains."""
    events = []
    for op in ops:
        if op.ok is None and not changes(op):
            continue            # a read without an answer says nothing
        events.append((op.call, 1, op))
        if op.ret < math.inf and op.ok is not None:
            events.append((op.ret, 0, op))
    # At one moment a call is before a return: they may overlap.
    events.sort(key=lambda e: (e[0], -e[1]))
    pending, slot_of, free, slots = {}, {}, [], 0       # slot -> operation
    to_come = {op.value for op in ops if makes(op)}     # values whose writes have not been called yet
    configs = {(None, 0)}
    for _, call, op in events:
        if call:
            slot = free.pop() if free else slots
            slots = max(slots, slot + 1)
            pending[slot], slot_of[id(op)] = op, slot
            if makes(op):
                to_come.discard(op.value)
            if not changes(op):
                configs = {(s, d | 1 << slot if effect(op, s)[0] else d) for s, d in configs}
            continue
        slot = slot_of.pop(id(op))
        after = linearize(configs, pending, slot)
        if not after:
            return op, {s for s, _ in configs}
        del pending[slot]
        free.append(slot)
        configs = {(s, d & ~(1 << slot)) for s, d in after}
        configs = let_go(configs, pending, slot_of, free, to_come)
    return None


def linearize(configs, pending, slot):
    """Those of configs, and what follows from them, in which the operation at slot had its effect."""
    bit, found, seen, work = 1 << slot, set(), set(configs), list(configs)
    movers = [(1 << s, op) for s, op in pending.items() if changes(op)]
    quiet = [(1 << s, op) for s, op in pending.items() if not changes(op)]
    while work:
        config = work.pop()
        state, done = config
        if done & bit:
            found.add(config)
            continue
        for b, op in movers:
            if done & b:
                continue
            fits, after = effect(op, state)
            if not fits:
                continue
            now = done | b
            for q, other in quiet:
                if not now & q and effect(other, after)[0]:
                    now |= q
            if (after, now) not in seen:
                seen.add((after, now))
                work.append((after, now))
                if len(seen) > CONFIGS_MAX:
                    raise Undecided(f"more than {CONFIGS_MAX} explanations at once")
    return found


def let_go(configs, pending, slot_of, free, to_come):
    """Operations of unknown outcome that had their effect in every explanation, or never can in any.
    In one explanation such an operation counts as done when what it expects cannot come there again."""
    open_ops = [(s, op) for s, op in pending.items() if op.ok is None]
    if not open_ops:
        return configs
    makers = {op.value: s for s, op in pending.items() if makes(op)}
    judged = set()
    for state, done in configs:
        for s, op in open_ops:
            if op.kind != "create" and not done >> s & 1 and state != op.expect and op.expect not in to_come:
                maker = makers.get(op.expect)
                if maker is None or done >> maker & 1:
                    done |= 1 << s
        judged.add((state, done))
    everywhere = -1
    for _, done in judged:
        everywhere &= done
    for s, op in open_ops:
        if everywhere >> s & 1:
            judged = {(state, done & ~(1 << s)) for state, done in judged}
            del pending[s]
            slot_of.pop(id(op), None)
            free.append(s)
    return judged


def check_keys(ops_by_key):
    """The failures: lines that name the key, the operation, and what could have been there."""
    bad = []
    for key, ops in sorted(ops_by_key.items()):
        try:
            wrong = check(ops)
        except Undecided as e:
            bad.append(f"{key}: undecided: {e}")
            continue
        if wrong:
            op, states = wrong
            bad.append(f"{key}: not linearizable: {op.who} {op.kind} expecting {op.expect}, value {op.value}, "
                       f"ok {op.ok}, from {op.call:.6f} to {op.ret:.6f}; there could be {sorted(map(str, states))[:8]}")
    return bad


def check_revisions(writes, lists=()):
    """writes, lists: (call, ret, revision, what). A write that began after another's answer has the higher
    revision, and none is given twice; a list that began after it is not older. The failures."""
    bad, seen = [], {}
    for _, _, rev, what in writes:
        if rev in seen:
            bad.append(f"revision {rev} was given to {seen[rev]} and to {what}")
        seen[rev] = what
    by_ret = sorted(writes, key=lambda w: w[1])
    highest, i = (0, None), 0
    asked = [(*w, 0) for w in writes] + [(*w, 1) for w in lists]
    for call, _, rev, what, is_list in sorted(asked, key=lambda w: w[0]):
        while i < len(by_ret) and by_ret[i][1] < call:
            highest = max(highest, (by_ret[i][2], by_ret[i][3]), key=lambda h: h[0])
            i += 1
        if rev + is_list <= highest[0]:
            bad.append(f"{what} has revision {rev}, but {highest[1]} was answered with {highest[0]} before it began")
    return bad
