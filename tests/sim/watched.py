# SPDX-License-Identifier: Apache-2.0
"""Did each watcher see every revision, once, in order, over all its connections?

A watcher's record is a list of steps:

  ("list", revision, {key: (value, revision)})      it listed, at first or after 410
  ("event", type, key, value, revision)             ADDED, MODIFIED, DELETED
  ("bookmark", revision)
  ("resume", revision)                              a connection began, from its last revision
A DELETED event has the value that was there last and the revision of the deletion.
"""
KINDS = ("ADDED", "MODIFIED", "DELETED")


def union(watchers, bad):
    """revision -> (type, key, value), over all watchers: they must agree."""
    seen = {}
    for name, steps in watchers.items():
        for step in steps:
            if step[0] != "event":
                continue
            what, rev = step[1:4], step[4]
            if seen.setdefault(rev, what) != what:
                bad.append(f"{name}: revision {rev} is {what}, for another watcher it was {seen[rev]}")
    return seen


def known_writes(acked, seen, watchers, extra, gone, bad):
    """acked: (kind, key, value, revision), answered with success; of a deletion the revision is not
    known (None), it is that of the event which ends its value. Everything that happened, by revision.
    Where every watcher had a gap, a deletion may be seen by none: it is then one of gone."""
    all_writes = dict(seen)
    unbroken = any(sum(s[0] == "list" for s in steps) == 1 for steps in watchers.values())
    for steps in [*watchers.values(), extra]:
        for s in steps:
            for key, (value, rev) in s[2].items() if s[0] == "list" else ():
                all_writes.setdefault(rev, ("MODIFIED", key, value))
    ends = {(key, value): rev for rev, (what, key, value) in seen.items() if what == "DELETED"}
    for kind, key, value, rev in acked:
        if kind == "delete":
            if (key, value) not in ends and not unbroken:
                gone.add((key, value))
            elif (key, value) not in ends:
                bad.append(f"nobody saw the deletion of {key} with value {value}, which was answered")
            continue
        want = ("ADDED" if kind == "create" else "MODIFIED", key, value)
        if all_writes.setdefault(rev, want)[1:] != want[1:] or seen.get(rev, want) != want:
            bad.append(f"revision {rev} was answered to {want}, and seen as {all_writes[rev]}")
    return all_writes


def states_at(all_writes, revisions):
    """What a list at each of the revisions must show."""
    state, out, wanted = {}, {}, sorted(set(revisions))
    i = 0
    for rev in sorted(all_writes):
        while i < len(wanted) and wanted[i] < rev:
            out[wanted[i]] = dict(state)
            i += 1
        what, key, value = all_writes[rev]
        if what == "DELETED":
            state.pop(key, None)
        else:
            state[key] = (value, rev)
    for r in wanted[i:]:
        out[r] = dict(state)
    return out


def odd_list(who, rev, items, want, gone):
    """What a list shows otherwise than it should, as a line for a list of failures."""
    odd = sorted(k for k in items.keys() | want.keys() if items.get(k) != want.get(k) and
                 (k in items or (k, want[k][0]) not in gone))
    return [f"{who}: the list at {rev} has {odd[0]} as {items.get(odd[0])}, it was {want.get(odd[0])}"
            f" ({len(odd)} such keys)"] if odd else []


def check(watchers, acked, unknown_deletes=(), fence=None, extra=()):
    """watchers: name -> steps, from before the first write. unknown_deletes: (key, value) whose deletion
    was not answered. fence: a revision that each watcher must have reached. extra: lists of others, as steps.
    The failures, as lines."""
    bad, gone = [], set(unknown_deletes)
    all_writes = known_writes(acked, union(watchers, bad), watchers, extra, gone, bad)
    ordered = sorted(all_writes)
    lists = states_at(all_writes, [s[1] for steps in [*watchers.values(), extra] for s in steps if s[0] == "list"])
    for _, rev, items in extra:
        bad += odd_list("a reader", rev, items, lists[rev], gone)
    for name, steps in watchers.items():
        bad += check_one(name, steps, all_writes, ordered, lists, gone, fence)
    return bad


def check_one(name, steps, all_writes, ordered, lists, gone, fence):
    bad, at, seen_to, i = [], None, 0, 0
    present = {}

    def index(rev):
        """Past the writes up to rev."""
        nonlocal i
        while i < len(ordered) and ordered[i] <= rev:
            i += 1

    def missed(up_to):
        nonlocal i
        while i < len(ordered) and ordered[i] < up_to:
            bad.append(f"{name}: missed revision {ordered[i]} {all_writes[ordered[i]]} between {at} and {up_to}")
            i += 1

    for step in steps:
        if step[0] == "list":
            _, rev, items = step
            if at is not None and rev < at:
                bad.append(f"{name}: a list at {rev}, after it had seen {at}")
            bad += odd_list(name, rev, items, lists[rev], gone)
            at, present = rev, dict(items)
            index(rev)
        elif step[0] == "event":
            _, what, key, value, rev = step
            if at is None:
                bad.append(f"{name}: an event before any list")
                at = 0
            if what not in KINDS:
                bad.append(f"{name}: an event of type {what}")
            if rev <= at:
                bad.append(f"{name}: revision {rev} {what} {key} came {'again' if rev == seen_to else 'out of order'}, after {at}")
                continue
            if (what == "ADDED") == (key in present) and what in KINDS:
                bad.append(f"{name}: {what} {key} at {rev}, which was {'there' if key in present else 'not there'}")
            if what == "DELETED":
                present.pop(key, None)
            else:
                present[key] = (value, rev)
            missed(rev)
            index(rev)
            at = seen_to = rev
        elif step[0] == "bookmark":
            if at is not None and step[1] < at:
                bad.append(f"{name}: a bookmark of {step[1]}, after {at}")
                continue
            missed(step[1] + 1)
            at = step[1]
        elif step[0] == "resume" and step[1] != at:
            bad.append(f"{name}: resumed at {step[1]}, had seen {at}: the record itself is broken")
    if at is None:
        bad.append(f"{name}: never saw anything")
    elif fence is not None and at < fence:
        bad.append(f"{name}: ended at {at}, below {fence}")
    return bad
