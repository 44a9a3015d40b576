"""``tunewell select``: a subset that covers the data, always beside a random one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tunewell.cli.common import JsonOption, emit, note, progress, show
from tunewell.curate.select import Proxy, select_file
from tunewell.plurals import plural
from tunewell.similar.subset import Method


def command(
    file: Annotated[Path, typer.Argument(help="File or folder of rows.")],
    rows: Annotated[
        int,
        typer.Option(
            "--rows",
            metavar="N",
            min=1,
            help="How many to choose.",
        ),
    ],
    method: Annotated[
        Method,
        typer.Option(
            "--method",
            help="Facility location, farthest first, a share of every cluster, or chance.",
        ),
    ] = "facility",
    label: Annotated[
        str,
        typer.Option("--label", metavar="FIELD", help="Classes that it should tell apart."),
    ] = "",
    to: Annotated[
        Path | None,
        typer.Option("--out", metavar="OUT", help="Write the chosen rows."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of everything random.")] = 0,
    json: JsonOption = False,
) -> None:
    """Choose N rows that cover a file, compared with a random choice."""
    with progress("select: comparing choices", quiet=json):
        found = select_file(
            file,
            rows,
            method=method,
            label=label,
            seed=seed,
            out=to,
        )
    if to is not None:
        note(f"{len(found.chosen)} of {found.rows} rows written to {to}")
    if json:
        emit("select", found)
        return
    show(
        f"{len(found.chosen)} of {found.rows} rows by {found.method}, "
        f"compared on {plural(found.held, 'row')} set aside:"
    )
    for proxy in found.proxies:
        show(f"    {_line(proxy)}")
    show(found.words)


def _line(proxy: Proxy) -> str:
    kind = "share" if proxy.bigger_is_better else "mean"
    gap = proxy.difference
    return (
        f"{proxy.title}: {kind} {proxy.chosen:.3f} against {proxy.random:.3f} at random, "
        f"difference {gap.value:+.3f} [{gap.low:+.3f}, {gap.high:+.3f}]: {proxy.verdict}"
    )
