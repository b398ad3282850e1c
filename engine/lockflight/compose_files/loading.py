"""Loading: compose files to one model, in the order that Compose does it.

For each file: variables, then `extends`, then `include`, then the merge with the files before it. Paths come
last, once for the whole: that is why all files of a project share one project directory.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lockflight.compose_files.extends import with_extends
from lockflight.compose_files.include import Includer
from lockflight.compose_files.merge import merged, settled
from lockflight.compose_files.paths import Base, with_absolute_paths
from lockflight.compose_files.reader import Reader, Role
from lockflight.compose_files.tree import Section
from lockflight.compose_files.variables import Scope
from lockflight.errors import Place


def load_model(
    reader: Reader,
    files: Sequence[tuple[Path, Place]],
    base: Base,
    scope: Scope,
    chain: tuple[Path, ...] = (),
) -> Section:
    """The merged model of `files`, each given with the place that asked for it."""
    model = Section()
    role = Role.INCLUDE if chain else Role.COMPOSE
    for path, asked_at in files:
        chain = (*chain, path)
        layer = reader.layer(path, role, scope, asked_at)
        layer = with_extends(layer, path, base, scope, reader)
        includer = Includer(base, scope, reader, chain, lambda *arguments: load_model(reader, *arguments))
        model = settled(merged(model, includer.with_included(layer)))
    return with_absolute_paths(model, base)
