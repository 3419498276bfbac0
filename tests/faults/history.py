"""What clients asked and what they were told, in the manner of Jepsen: one JSON line when a call begins, one when it ends.

A call ends ``ok``, ``refused`` (the shop said that it did nothing) or ``unknown`` (the connection broke, or nobody answered in
time): what is unknown is neither done nor failed.
"""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

OK, REFUSED, UNKNOWN = "ok", "refused", "unknown"
# Answers after which an order of this key cannot come into being any more, whatever became of earlier calls.
FINAL = frozenset({"sin_stock", "producto_desconocido", "producto_retirado"})


@dataclass(frozen=True)
class Intention:
    """Something that somebody wants once. ``compra_id`` is nobody else's; to cancel is to want of the order ``pedido``."""

    usuario_id: int
    producto_id: int
    cantidad: int
    compra_id: str
    clave: str | None
    pedido: int | None = None


@dataclass
class Call:
    """One call: ``outcome`` is None while it runs; ``program`` is who was asked."""

    number: int
    program: str
    intention: Intention
    begun: float
    outcome: str | None = None
    status: int | None = None
    codigo: str = ""
    order: int | None = None
    seconds: float = 0.0
    trouble: str = ""  # what was wrong with the answer itself

    def line(self) -> dict[str, Any]:
        known = {"call": self.number, "type": self.outcome or "invoke", "program": self.program}
        if self.outcome is None:
            return {**known, **vars(self.intention), "time": round(self.begun, 4)}
        told = {name: getattr(self, name) for name in ("status", "codigo", "order", "trouble")}
        return {
            **known,
            **{name: value for name, value in told.items() if value},
            "seconds": round(self.seconds, 4),
        }


@dataclass
class History:
    """Every call of a run, in ``file`` too. ``seed`` made the run."""

    file: Path
    seed: int
    calls: list[Call] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._write({"seed": self.seed})

    def begin(self, program: str, intention: Intention) -> Call:
        with self._lock:
            call = Call(len(self.calls), program, intention, time.monotonic())
            self.calls.append(call)
            self._write(call.line())
        return call

    def end(self, call: Call, outcome: str, **told: Any) -> Call:
        with self._lock:
            call.seconds = time.monotonic() - call.begun
            for name, value in told.items():
                setattr(call, name, value)
            call.outcome = outcome
            self._write(call.line())
        return call

    def _write(self, line: dict[str, Any]) -> None:
        with self.file.open("a") as file:
            file.write(json.dumps(line) + "\n")

    def outcomes(self) -> Counter[str]:
        return Counter(call.outcome or UNKNOWN for call in self.calls)

    def verdicts(self) -> Iterator[tuple[Intention, str, list[Call]]]:
        """Each intention with what its client knows in the end, and its calls in the order in which they ended.

        A cart that was changed before anything of it was ordered is still the same intention, in its last form.
        """
        by_intention: dict[tuple[str, int, int | None], list[Call]] = {}
        for call in sorted(self.calls, key=lambda call: call.begun + call.seconds):
            wanted = call.intention
            by_intention.setdefault((wanted.compra_id, wanted.producto_id, wanted.pedido), []).append(call)
        for calls in by_intention.values():
            yield calls[-1].intention, verdict(calls), calls


def verdict(calls: list[Call]) -> str:
    """What several calls of one intention tell together.

    A refusal undoes what an earlier call left unknown only where it says that this key has no order; 503 speaks of itself.
    """
    known = REFUSED
    for call in calls:
        if call.outcome == OK:
            return OK
        if call.outcome == REFUSED and call.codigo in FINAL:
            known = REFUSED
        elif call.outcome != REFUSED:
            known = UNKNOWN
    return known
