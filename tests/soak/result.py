"""What a soak has found: as a dict for machines, as a table for people, and whether it is what was promised."""

import observe
from harness import settings

QUANTILES = (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("max", 1.0))
RESIDENT_GROWTH_KIB = 2048  # what the allocator may keep of a peak
COPIES_OF_ROLLBACK = 4  # files that are kept so that what served before can be brought back
STOP_US = 1000  # no swap may stop a worker for longer


def quantiles(values, digits=1):
    ordered = sorted(values)
    return {name: round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], digits) if ordered else None
            for name, share in QUANTILES}


def of(soak, load):
    swaps = soak.swaps
    first, last = soak.readings[0], soak.readings[-1]
    kinds = {}
    for swap in swaps:
        kinds[swap.kind] = kinds.get(swap.kind, 0) + 1
    return {
        "clients": load["clients"], "workers": soak.options.workers, "seed": soak.options.seed,
        "reloads": {"taken": len(swaps), "refused": sum(soak.refusals.values()), "by_kind": {**kinds, **soak.refusals}},
        "signal_to_first_packet_ms": quantiles([each.first_ms for each in swaps]),
        "signal_to_last_worker_ms": quantiles(soak.worker_times()),
        "signal_to_log_line_ms": quantiles([each.served_ms for each in swaps]),
        "worker_stop_adopting_us": quantiles([each.stop_us for each in swaps], 0),
        "worker_stop_adopting_own_us": quantiles([each.stop_own_us for each in swaps], 0),
        "worker_stop_draining_us": quantiles([each[0] for each in soak.gone_stops], 0),
        "worker_stop_draining_own_us": quantiles([each[1] for each in soak.gone_stops], 0),
        "worker_stops_over_1_ms": {
            "swaps": len(swaps),
            "by_the_clock": sum(each.stop_us > STOP_US for each in swaps) + sum(each[0] > STOP_US for each in soak.gone_stops),
            "own": sum(each.stop_own_us > STOP_US for each in swaps) + sum(each[1] > STOP_US for each in soak.gone_stops)},
        "generations": {"made": soak.generation, "gone": len(soak.gone), "waiting_at_most": soak.undrained_most,
                        "retired": len(soak.retired)},
        "process": {"begin": first[1]._asdict(), "end": last[1]._asdict(), "reloads_between": last[0] - first[0],
                    "resident_kib_per_1000_reloads": round(1000 * observe.slope([(at, each.resident_kib) for at, each in
                                                                                  soak.readings]), 1)},
        "resident_kib": [(at, each.resident_kib) for at, each in soak.readings],
        "load": load,
    }


def faults(soak, load, result):
    """What is not as promised, in words."""
    found = list(soak.faults)
    found += [f"{count} {name}" for name, count in load["faults"].items()]
    if load["first_fault"]:
        found.append(f"the first of them: {load['first_fault']}")
    found += soak.retired[:3]
    begin, end = soak.readings[0][1], soak.readings[-1][1]
    # What a sanitizer keeps, so that it can tell of it, is no leak.
    names = ("libraries", "descriptors", "threads", "copies")
    for name in names if not settings.IS_SANITIZED else names[1:]:
        # A client may be on its way in or out at the moment of reading, and connections are descriptors.
        slack = {"descriptors": load["clients"] // 4, "copies": COPIES_OF_ROLLBACK}.get(name, 0)
        if getattr(end, name) > getattr(begin, name) + slack:
            found.append(f"{name}: {getattr(begin, name)} at the beginning, {getattr(end, name)} at the end")
    if not settings.IS_SANITIZED and end.resident_kib > begin.resident_kib + RESIDENT_GROWTH_KIB + begin.resident_kib // 20:
        found.append(f"resident memory: {begin.resident_kib} KiB at the beginning, {end.resident_kib} KiB at the end")
    for name in ("adopting", "draining"):
        if (result[f"worker_stop_{name}_own_us"]["p99"] or 0) > STOP_US and not settings.IS_SANITIZED:
            found.append(f"{name}: one swap in a hundred stops a worker for more than {STOP_US} us by itself")
    if len(soak.gone) != soak.generation - 1:
        found.append(f"{soak.generation - 1} generations were replaced, {len(soak.gone)} are gone")
    for marker, seen in soak.load.first.items():
        wanted = soak.markers.get(marker)
        if any(each["version"] != wanted for each in seen):
            found.append(f"configuration {marker} has version {wanted} of the plugin, and was handled by {seen}")
    if load["workers_seen"] != soak.options.workers:
        found.append(f"{load['workers_seen']} workers have handled messages")
    return found


def latency_lines(load):
    yield f"{'':28}{'':>10}{'p50':>9}{'p90':>9}{'p99':>9}{'p99.9':>9}{'max':>10}"
    for what, title in (("qos0", "QoS 0"), ("qos1", "QoS 1"), ("qos2", "QoS 2"), ("ping", "PINGREQ each ms")):
        for phase in ("quiet", "checks", "reloads"):
            name = f"{phase}.{what}_"
            if f"{name}count" not in load:
                continue
            yield (f"{title + ', ' + phase:28}{load[name + 'count']:10.0f}"
                   + "".join(f"{load[name + quantile + '_us']:{width}.0f}"
                             for quantile, width in (("p50", 9), ("p90", 9), ("p99", 9), ("p999", 9), ("max", 10))))


def table(result, found):
    load = result["load"]
    reloads, process = result["reloads"], result["process"]
    yield f"{result['clients']} clients, {result['workers']} workers, seed {result['seed']}"
    yield (f"sent {load['sent_qos0']:.0f} (QoS 0), {load['sent_qos1']:.0f} (1), {load['sent_qos2']:.0f} (2); arrived "
           f"{load['arrived']:.0f}; QoS 1 repeated with DUP {load['repeated_qos1']:.0f}; retained heard "
           f"{load['retained_heard']:.0f}; wills {load['wills']:.0f}; returns {load['returns']:.0f}; cut by us {load['cut_by_us']:.0f}")
    yield f"reloads: {reloads['taken']} taken, {reloads['refused']} refused"
    yield "    " + ", ".join(f"{name} {count}" for name, count in sorted(reloads["by_kind"].items()))
    yield f"{'':44}{'p50':>9}{'p90':>9}{'p99':>9}{'max':>9}"
    for name, title in (("signal_to_first_packet_ms", "signal to first packet in new code, ms"),
                        ("signal_to_last_worker_ms", "signal to first packet, last worker, ms"),
                        ("worker_stop_adopting_us", "worker stopped to adopt, us"),
                        ("worker_stop_adopting_own_us", "    of it by the swap itself, us"),
                        ("worker_stop_draining_us", "worker stopped to let go, us"),
                        ("worker_stop_draining_own_us", "    of it by the swap itself, us")):
        yield f"{title:44}" + "".join(f"{'-' if result[name][each] is None else result[name][each]:>9}" for each, _ in QUANTILES)
    over = result["worker_stops_over_1_ms"]
    yield (f"swaps that stopped a worker for more than 1 ms: {over['own']} of {over['swaps']} by themselves, {over['by_the_clock']} "
           "with what the system ran meanwhile")
    yield "latency, us:"
    yield from latency_lines(load)
    yield f"{'process':20}{'begin':>10}{'end':>10}   ({process['reloads_between']} reloads between)"
    for name in process["begin"]:
        yield f"{name:20}{process['begin'][name]:>10}{process['end'][name]:>10}"
    yield f"resident memory, trend: {process['resident_kib_per_1000_reloads']} KiB per 1,000 reloads"
    yield (f"generations: {result['generations']['made']} made, {result['generations']['gone']} gone, at most "
           f"{result['generations']['waiting_at_most']} waiting to go")
    yield "as promised" if not found else "NOT as promised:"
    yield from (f"    {each}" for each in found)
