"""The rules of an order: what a known key means, which steps are legal, what old data means."""

from dataclasses import dataclass
from itertools import product

import pytest

from services.pedidos.model import (
    Encargo,
    Estado,
    Fase,
    ForbiddenError,
    RefusedError,
    Reserva,
    Resumption,
    UnconfirmedError,
    change,
    estado_of,
    folded,
    resume,
)

NOW = 1_000


@dataclass
class Stored:
    """What a step looks at."""

    estado: Estado
    reserva_id: str | None = "r"
    version: int = 4
    enviado_en: int | None = None
    entregado_en: int | None = None
    cancelado_en: int | None = None


def codigo(fase: Fase, same_body: bool = True, lease_over: bool = True) -> str:
    with pytest.raises(RefusedError) as refusal:
        resume(fase, same_body, lease_over)
    return refusal.value.codigo


@pytest.mark.parametrize("fase", [Fase.CONFIRMADO, Fase.DEVOLVIENDO, Fase.DEVUELTO])
def test_a_placed_order_is_answered_again_even_when_it_was_cancelled_since(fase: Fase) -> None:
    assert resume(fase, True, True) == Resumption.REPLAY


def test_an_unfinished_attempt_goes_on_only_when_nobody_works_on_it() -> None:
    assert resume(Fase.INTENTO, True, lease_over=True) == Resumption.CONTINUE
    assert codigo(Fase.INTENTO, lease_over=False) == "en_curso"


def test_an_undone_attempt_is_followed_by_another() -> None:
    assert resume(Fase.ABORTADO, True, True) == Resumption.RESTART


def test_what_is_being_undone_is_waited_for() -> None:
    with pytest.raises(UnconfirmedError):
        resume(Fase.ABORTANDO, True, True)


def test_a_refusal_is_answered_again() -> None:
    with pytest.raises(RefusedError) as refusal:
        resume(Fase.RECHAZADO, True, True)
    assert (refusal.value.codigo, refusal.value.repeated) == ("sin_stock", True)


@pytest.mark.parametrize("fase", Fase)
def test_another_body_is_refused_in_every_phase(fase: Fase) -> None:
    assert codigo(fase, same_body=False) == "clave_reutilizada"


def test_equal_requests_have_equal_marks_and_others_have_not() -> None:
    marks = [
        Encargo(7, 1, 2).huella,
        Encargo(7, 1, 2, clave="k").huella,
        Encargo(7, 1, 3).huella,
        Encargo(7, 2, 2).huella,
        Encargo(7, 1, 2, compra_id="c").huella,
        Encargo(7, 1, 2, compra_id="d").huella,
        Encargo(7, 11, 2).huella,
        Encargo(7, 1, 12).huella,
    ]
    assert marks[0] == marks[1]
    assert len(set(marks)) == len(marks) - 1


LEGAL = {
    ("pendiente", "enviado"): "administrator",
    ("enviado", "entregado"): "administrator",
    ("pendiente", "cancelado"): "buyer",
    ("enviado", "pendiente"): "administrator",
    ("entregado", "enviado"): "administrator",
}


@pytest.mark.parametrize(
    ("before", "after"), [*product(Estado, [one for one in Estado if one != "desconocido"])]
)
def test_every_step(before: Estado, after: Estado) -> None:
    who = LEGAL.get((before, after))
    for administrator in (True, False):
        stored = Stored(before)
        if before == after:
            assert change(stored, after, administrator=administrator, now=NOW) == {}
        elif who is None:
            with pytest.raises(RefusedError, match="estado_ilegal"):
                change(stored, after, administrator=administrator, now=NOW)
        elif who == "administrator" and not administrator:
            with pytest.raises(ForbiddenError):
                change(stored, after, administrator=False, now=NOW)
        else:
            changed = change(stored, after, administrator=administrator, now=NOW)
            assert (changed["estado"], changed["version"], changed["estado_original"]) == (after, 5, None)


def test_each_state_has_its_time_and_a_step_back_takes_it_away() -> None:
    def step(stored: Stored, after: Estado) -> dict[str, object]:
        return change(stored, after, administrator=True, now=NOW)

    assert step(Stored(Estado.PENDIENTE), Estado.ENVIADO)["enviado_en"] == NOW
    delivered = step(Stored(Estado.ENVIADO, enviado_en=5), Estado.ENTREGADO)
    assert delivered["entregado_en"] == NOW
    assert "enviado_en" not in delivered
    back = step(Stored(Estado.ENTREGADO, enviado_en=5, entregado_en=6), Estado.ENVIADO)
    assert back["entregado_en"] is None
    assert "enviado_en" not in back
    assert step(Stored(Estado.ENVIADO, enviado_en=5), Estado.PENDIENTE)["enviado_en"] is None
    assert step(Stored(Estado.PENDIENTE), Estado.CANCELADO)["cancelado_en"] == NOW


def test_only_a_cancelled_order_that_holds_stock_gives_it_back() -> None:
    def fase(stored: Stored, after: Estado) -> object:
        return change(stored, after, administrator=True, now=NOW).get("fase")

    assert fase(Stored(Estado.PENDIENTE), Estado.CANCELADO) == Fase.DEVOLVIENDO
    assert fase(Stored(Estado.PENDIENTE, reserva_id=None), Estado.CANCELADO) is None
    assert fase(Stored(Estado.PENDIENTE), Estado.ENVIADO) is None


@pytest.mark.parametrize(
    ("text", "estado"),
    [
        (None, "pendiente"),
        ("pendiente", "pendiente"),
        ("PENDIENTE", "pendiente"),
        (" Enviado ", "enviado"),
        ("shipped", "desconocido"),
        ("", "desconocido"),
        ("desconocido", "desconocido"),
    ],
)
def test_what_old_states_mean(text: str | None, estado: str) -> None:
    assert estado_of(text) == estado


def test_totals_are_exact() -> None:
    assert Reserva("x", 999_999_999, "MXN").total(10_000) == 9_999_999_990_000


def test_names_are_searched_without_accents_and_capitals() -> None:
    assert folded("TETERA Pingüina ﬁna Straße") == "tetera pinguina fina strasse"


def test_only_a_cancellation_keeps_its_reason() -> None:
    def motivo(stored: Stored, after: Estado, given: str = "") -> object:
        return change(stored, after, administrator=True, now=NOW, motivo=given).get("motivo")

    assert motivo(Stored(Estado.PENDIENTE), Estado.CANCELADO, "No era para mí") == "No era para mí"
    assert motivo(Stored(Estado.CANCELADO), Estado.CANCELADO, "Otra razón") is None
    assert motivo(Stored(Estado.PENDIENTE), Estado.CANCELADO) is None
