"""The safeguards of the ordering protocol (reliability.md section 1), each removed, and what section 4 adds to them."""

from tests.mutants.mutant import POSTGRESQL, Change, Mutant

SAGA = "services/pedidos/saga.py"
STORE = "services/pedidos/store.py"
RESERVAS = "services/productos/reservas.py"
CRASHES = "tests/api/test_saga_crashes.py"
FAULTS = "tests/api/test_saga_faults.py"
RULES = "tests/api/test_saga.py"
UNHEARD = "tests/api/test_saga_unheard.py"
HOLDS = "tests/api/test_reservas.py"
STARVED = "tests/operations/test_starved.py"
WRITER = "services/common/writer.py"
WRITER_TESTS = "tests/unit/test_writer.py"

SAFEGUARDS = (
    Mutant(
        "stock is held before the intent is durable",
        (
            Change(
                SAGA,
                "            return self._started(store.add(connection, encargo, start), 1, start)\n",
                "            number = store.add(connection, encargo, start)\n"
                "            if self._productos and start.reserva_id:\n"
                "                until = time.monotonic() + CALL_SECONDS\n"
                "                self._productos.reserve(start.reserva_id, encargo.producto_id, encargo.cantidad, until)\n"
                "            return self._started(number, 1, start)\n",
            ),
        ),
        (f"{CRASHES}::test_both_killed_after_the_hold",),
    ),
    Mutant(
        "cancelling an unknown reservation leaves no tombstone",
        (
            Change(
                RESERVAS,
                "            if _claim(connection, reserva_id):\n                return\n"
                "            reserva = _known(connection, reserva_id)\n            connection",
                '            if connection.execute(BY_ID, {"reserva": reserva_id}).first() is None:\n                return\n'
                "            reserva = _known(connection, reserva_id)\n            connection",
            ),
        ),
        (f"{CRASHES}::test_a_late_reservation_meets_the_tombstone",),
    ),
    Mutant(
        "an attempt that was undone is confirmed all the same",
        (
            Change(
                STORE,
                'c.id == bindparam("pedido"), c.fase == Fase.INTENTO, c.intento_n == bindparam("intento")',
                'c.id == bindparam("pedido"), c.intento_n == bindparam("intento")',
            ),
        ),
        (f"{CRASHES}::test_an_attempt_that_was_undone_meanwhile_does_not_become_an_order",),
    ),
    Mutant(
        "a reply to an earlier attempt confirms the present one",
        (
            Change(
                STORE,
                'c.id == bindparam("pedido"), c.fase == Fase.INTENTO, c.intento_n == bindparam("intento")',
                'c.id == bindparam("pedido"), c.fase == Fase.INTENTO',
            ),
        ),
        (f"{CRASHES}::test_a_reply_to_an_earlier_attempt_confirms_nothing",),
    ),
    Mutant(
        "the next attempt keeps its reservation's id",
        (
            Change(
                SAGA,
                "                store.restart(connection, known.id, start)\n",
                "                start = start._replace(reserva_id=known.reserva_id)\n"
                "                store.restart(connection, known.id, start)\n",
            ),
        ),
        (RULES,),
    ),
    Mutant(
        "productos gives away by itself what it holds for longer than a quarter of an hour",
        (
            Change(
                RESERVAS,
                "            if _claim(connection, reserva_id):\n"
                "                reserva = self._take(connection, reserva_id, asked)\n",
                "            late = int(time.time() * 1000) - 15 * 60 * 1000\n"
                "            held = select(*BY_ID.selected_columns).where(reservas.c.estado == TOMADA)\n"
                "            old = held.where(reservas.c.creado_en < late)\n"
                "            for row in connection.execute(old).all():\n"
                "                gone = update(reservas).where(reservas.c.id == row.id)\n"
                "                connection.execute(gone.values(estado=CANCELADA))\n"
                "                if row.contada:\n"
                "                    _give_back(connection, Reserva(*row))\n"
                "            if _claim(connection, reserva_id):\n"
                "                reserva = self._take(connection, reserva_id, asked)\n",
            ),
        ),
        (HOLDS, RULES),
    ),
    Mutant(
        "a repeated reservation takes stock again",
        (
            Change(
                RESERVAS,
                "                reserva = _known(connection, reserva_id)\n        return _answer",
                "                reserva = _known(connection, reserva_id)\n"
                "                if reserva.estado == TOMADA and reserva.contada:\n"
                "                    _take_stock(connection, asked)\n        return _answer",
            ),
        ),
        (f"{RULES}::test_messages_that_arrive_twice_count_once",),
    ),
    Mutant(
        "stock is taken without the condition",
        (
            Change(
                RESERVAS,
                '.where(productos.c.id == bindparam("producto"), productos.c.stock >= bindparam("cantidad"))',
                '.where(productos.c.id == bindparam("producto"))',
            ),
        ),
        (f"{RULES}::test_three_and_three_of_five",),
    ),
    Mutant(
        "stock is read, decided on and written back",
        (
            Change(RESERVAS, "    .with_for_update(key_share=True)\n", ""),
            Change(
                RESERVAS,
                "not counted or _take_stock(connection, asked)",
                "not counted or (\n            (producto.stock or 0) >= asked.cantidad\n"
                "            and _take_stock(connection, asked, producto.stock or 0)\n        )",
            ),
            Change(
                RESERVAS,
                "def _take_stock(connection: Connection, asked: NuevaReserva) -> bool:",
                "def _take_stock(connection: Connection, asked: NuevaReserva, seen: int) -> bool:",
            ),
            Change(
                RESERVAS,
                '.where(productos.c.id == bindparam("producto"), productos.c.stock >= bindparam("cantidad"))\n'
                '    .values(stock=productos.c.stock - bindparam("cantidad"))',
                '.where(productos.c.id == bindparam("producto"))\n    .values(stock=bindparam("left"))',
            ),
            Change(
                RESERVAS,
                'units = {"producto": asked.producto_id, "cantidad": asked.cantidad}\n',
                'units = {"producto": asked.producto_id, "left": seen - asked.cantidad}\n',
            ),
        ),
        (f"{HOLDS}::test_stock_five_and_a_hundred_at_once", f"{RULES}::test_a_hundred_buyers_of_five"),
        on=(POSTGRESQL,),
    ),
)

BESIDE = (
    Mutant(
        "commits are not synced",
        (
            Change(
                "services/common/database.py",
                'connection.execute("PRAGMA synchronous = FULL")',
                'connection.execute("PRAGMA synchronous = OFF")',
            ),
        ),
        ("tests/faults/test_durable.py::test_a_power_cut_takes_no_acknowledged_order",),
    ),
    Mutant(
        "a locked database is not waited for",
        (
            Change(
                WRITER, 'f"PRAGMA busy_timeout = {int(max(0.0, wait) * 1000)}"', '"PRAGMA busy_timeout = 0"'
            ),
        ),
        (f"{STARVED}::test_a_short_lock_is_waited_for",),
    ),
    Mutant(
        "who shares a commit returns before it",
        (
            Change(
                WRITER,
                "        self._end_turn()\n        self._wait_for(group)\n",
                "        self._end_turn()\n",
            ),
        ),
        (WRITER_TESTS,),
    ),
    Mutant(
        "what failed is committed with the others",
        (Change(WRITER, 'exec_driver_sql("ROLLBACK TO block")', 'exec_driver_sql("SELECT 1")'),),
        (WRITER_TESTS,),
    ),
    Mutant(
        "what failed first of its group is committed",
        (Change(WRITER, "group.transaction.rollback()", "group.transaction.commit()"),),
        (WRITER_TESTS,),
    ),
    Mutant(
        "a commit that fails is told to nobody",
        (Change(WRITER, "            raise group.failure\n", "            pass\n"),),
        (WRITER_TESTS,),
    ),
    Mutant(
        "an error in the confirming step is swallowed",
        (
            Change(
                SAGA,
                "            if not self._stands(attempt, deadline):\n                raise\n",
                "            self._stands(attempt, deadline)\n",
            ),
        ),
        (f"{FAULTS}::test_a_database_busy_between_hold_and_order",),
    ),
    Mutant(
        "nothing unfinished is ever swept up",
        (Change("services/pedidos/app.py", "        recovery.start()\n", ""),),
        (f"{FAULTS}::test_after_503_without_another_word_nothing_is_left",),
    ),
    Mutant(
        "pedidos waits from one read to the next, not in total",
        (
            Change(
                "services/pedidos/transport.py",
                "        self.settimeout(left(self.deadline))  # type: ignore[attr-defined]\n",
                "",
            ),
        ),
        (f"{FAULTS}::test_a_slow_reply_holds_nobody_longer_than_the_deadline",),
    ),
    Mutant(
        "the storefront waits from one read to the next, not in total",
        (
            Change(
                "storefront/transport.py",
                "            super().settimeout(remaining)  # type: ignore[misc]\n",
                "",
            ),
            Change("storefront/transport.py", "            if remaining <= 0:\n", "            if False:\n"),
        ),
        ("tests/storefront/test_servicios.py",),
    ),
    Mutant(
        "pedidos tries again as often as it likes",
        (
            Change(
                "services/pedidos/circuit.py", "            if self._saved < 1:\n", "            if False:\n"
            ),
        ),
        (f"{FAULTS}::test_second_tries_are_few",),
    ),
    Mutant(
        "the storefront tries again as often as it likes",
        (Change("storefront/services.py", "            if self._saved < 1:\n", "            if False:\n"),),
        ("tests/storefront/test_servicios.py",),
    ),
    Mutant(
        "a reservation is undone while its order still has its lease",
        (
            Change(
                "services/pedidos/recovery.py",
                "self._watch.age(_attempt(row)) >= self._gracia and self._saga.lease_over(row)",
                "self._watch.age(_attempt(row)) >= self._gracia",
            ),
        ),
        (f"{FAULTS}::test_an_order_that_takes_long_is_not_undone_under_way",),
    ),
    Mutant(
        "cancelling an order keeps its stock",
        (
            Change(
                "services/pedidos/model.py",
                '        changed["fase"] = Fase.DEVOLVIENDO\n',
                "        pass\n",
            ),
        ),
        (f"{RULES}::test_twenty_cancellations_return_the_stock_once",),
    ),
    Mutant(
        "two requests with one key go on at once",
        (
            Change(
                "services/pedidos/model.py",
                '            if not lease_over:\n                raise RefusedError("en_curso")\n',
                "",
            ),
        ),
        (f"{RULES}::test_the_same_key_still_running_is_told_at_once",),
    ),
    Mutant(
        "an order that nobody heard of is left standing",
        (Change(SAGA, "                    self._untold.add(attempt)\n", ""),),
        (f"{UNHEARD}::test_an_order_that_nobody_heard_of_is_withdrawn",),
    ),
    Mutant(
        "an order is withdrawn although its key was told of it",
        (
            Change(
                SAGA,
                "                if known.plazo is not None:\n",
                "                if False:\n",
            ),
        ),
        (f"{UNHEARD}::test_an_order_whose_key_was_told_of_it_stays",),
    ),
    Mutant(
        "a withdrawn order and the next one are one state of the list",
        (
            Change(
                STORE,
                "coalesce(sum(version), 0), coalesce(sum(id), 0) FROM",
                "coalesce(sum(version), 0), 0 FROM",
            ),
        ),
        (f"{UNHEARD}::test_an_order_that_nobody_heard_of_is_withdrawn",),
    ),
)
