"""Is the swarm well: managers in quorum, nodes ready, and room for what the services reserve?"""

from __future__ import annotations

from collections.abc import Iterator

from lockflight.environments import SwarmGate
from lockflight.ports.target import TargetFacts
from lockflight.promotions.gates import sizes
from lockflight.promotions.gates.capacity import Demand, demand
from lockflight.promotions.gates.model import Question, Reply, no, yes


def ask(settings: SwarmGate, question: Question) -> Reply:
    """Room is compared in the sum of all nodes; that one node has room for each replica is the swarm's to find."""
    facts = question.target.facts()
    if facts.managers is None or facts.nodes is None:
        return no(f"{facts.address} is no swarm", address=facts.address)
    deployment = question.deployment
    model, running = question.target.raw(deployment), question.target.observe(deployment)
    needed = demand(model, running, facts.nodes[0])
    (managers, all_managers), (nodes, all_nodes) = facts.managers, facts.nodes
    wrong = [*_managers(settings, managers, all_managers), *_nodes(settings, nodes), *_room(needed, facts)]
    details = {
        "address": facts.address,
        "managers": [managers, all_managers],
        "nodes": [nodes, all_nodes],
        "free": {"cpus": facts.free_cpus, "memory": facts.free_memory},
        "needed": {"cpus": needed.cpus, "memory": needed.memory},
    }
    if wrong:
        return no(f"{facts.address}: {'; '.join(wrong)}", **details)
    fine = f"{managers} of {all_managers} managers reachable, {nodes} of {all_nodes} nodes ready"
    return yes(f"{facts.address}: {fine}", **details)


def explain(settings: SwarmGate) -> str:
    managers = f"a majority of the managers can be reached, at least {settings.managers}"
    return (
        f"{managers}; at least {settings.nodes} nodes are ready; there is room for what the services reserve"
    )


def _managers(settings: SwarmGate, reachable: int, total: int) -> Iterator[str]:
    reached = f"{reachable} of {total} managers can be reached"
    if 2 * reachable <= total:
        yield f"{reached}, which is no quorum"
    elif reachable < settings.managers:
        yield f"{reached}, and {settings.managers} are wanted"


def _nodes(settings: SwarmGate, ready: int) -> Iterator[str]:
    if ready < settings.nodes:
        yield f"{ready} nodes are ready, and {settings.nodes} are wanted"


def _room(needed: Demand, facts: TargetFacts) -> Iterator[str]:
    """A swarm that does not tell what is free is not asked for room."""
    if facts.free_cpus is not None and needed.cpus > facts.free_cpus:
        yield f"the services reserve {needed.cpus:g} processors more, and {facts.free_cpus:g} are free"
    if facts.free_memory is not None and needed.memory > facts.free_memory:
        more, free = sizes.written(needed.memory), sizes.written(facts.free_memory)
        yield f"the services reserve {more} of memory more, and {free} are free"
