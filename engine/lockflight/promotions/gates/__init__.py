"""The gates: questions that must be answered yes before an environment is touched. One file per kind.

How to write a new gate, `weather` for instance:

1. `environments.py`: its settings, a model with a description for every field, and a field `weather` in
   `GateSettings`. `make generate` then writes the schema and `docs/reference/manifest.md`.
2. `gates/weather.py`, beside this file, with two functions:

       def ask(settings: WeatherGate, question: Question) -> Reply:
           found = …
           return yes(f"it is {found} °C", degrees=found) if found > settings.above else no(f"it is {found} °C")

       def explain(settings: WeatherGate) -> str:
           return f"it is warmer than {settings.above} °C"

   The reason is one sentence with the values in it; what else proves the answer goes into the details, as plain
   data. `not_yet(reason, retry_at)` is for what passes by itself. What cannot be asked is `unknown`, or simply an
   `OutsideError` that is let through; settings that make no sense are an `InputError`. Anything else that is
   raised is reported as a bug of lockflight. Secrets of the environment are taken out by whoever asks.
   A gate changes nothing, waits only by `question.clock`, may be asked beside others at the same time, and comes to
   an end by itself. What it needs of the ledger stands in `question.known`.
3. An entry in `KINDS` below.
4. `tests/promotions/gates/test_weather.py`: yes, no, and what happens when nobody answers.

A gate that is to be a check after a deployment as well has a third function, `problems`, and an entry in
`lockflight.promotions.checks.KINDS`.
"""

from __future__ import annotations

from collections.abc import Mapping

from lockflight.promotions.gates import (
    approvals,
    command,
    engine,
    evidence,
    follows,
    freeze,
    hold,
    http,
    registry,
    soak,
    swarm,
    tcp,
)
from lockflight.promotions.gates.model import Kind

KINDS: Mapping[str, Kind] = {
    "http": http,
    "tcp": tcp,
    "command": command,
    "engine": engine,
    "swarm": swarm,
    "registry": registry,
    "follows": follows,
    "evidence": evidence,
    "approvals": approvals,
    "soak": soak,
    "freeze": freeze,
    # Stands in no manifest: a person's hold stops every promotion, whether anything is frozen at times or not.
    "hold": hold,
}
