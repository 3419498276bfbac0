"""Guards of what comes in: bodies, tokens, and what many do at one instant."""

from tests.mutants.mutant import POSTGRESQL, Change, Mutant

API = "services/common/api.py"
INPUT = "services/common/json_input.py"
TOKENS = "services/common/tokens.py"
ACCOUNTS = "services/usuarios/accounts.py"
HTTP = "tests/api/test_http.py"
PEOPLE = "tests/api/test_usuarios_races.py"
PRODUCTS = "tests/api/test_productos_races.py"

INPUTS = (
    Mutant(
        "every thread may read a slow body",
        (Change(API, "max(1, threads // 2)", "threads"),),
        (f"{HTTP}::test_slow_bodies_never_hold_more_than_half_of_the_threads",),
    ),
    Mutant(
        "a body's turn is never given back",
        (Change(API, "            self._turns.release()\n", "            pass\n"),),
        (HTTP,),
    ),
    Mutant(
        "a turn to read a body is waited for without end",
        (Change(API, "self._turns.acquire(timeout=BODY_WAIT)", "self._turns.acquire()"),),
        (HTTP,),
    ),
    Mutant(
        "a body without a length is read to its end",
        (Change(API, "request.stream.read(limit + 1)", "request.stream.read()"),),
        (HTTP,),
    ),
    Mutant(
        "a body is read before the token is looked at",
        (
            Change(
                API,
                '            if caller is not None:\n                arguments["caller"] = self._caller(caller)\n'
                '            if body is not None:\n                arguments["body"] = self._body(body)\n',
                '            if body is not None:\n                arguments["body"] = self._body(body)\n'
                '            if caller is not None:\n                arguments["caller"] = self._caller(caller)\n',
            ),
        ),
        (HTTP,),
    ),
    Mutant(
        "of a member given twice the last one counts",
        (Change(INPUT, "    if len(members) != len(pairs):\n", "    if False:\n"),),
        ("tests/unit/test_json_input.py", HTTP),
    ),
    Mutant(
        "a token without exp never ends",
        (
            Change(TOKENS, '{"require": ["exp"], "verify_exp"', '{"verify_exp"'),
            Change(
                TOKENS, '        expires = claims["exp"]\n', '        expires = claims.get("exp", 1e300)\n'
            ),
        ),
        ("tests/api/test_tokens.py",),
    ),
    Mutant(
        "the first accounts are not registered one at a time",
        (
            Change(
                ACCOUNTS,
                "            store.one_at_a_time(connection)\n            if store.email_taken(connection, new.email):\n",
                "            if store.email_taken(connection, new.email):\n",
            ),
        ),
        (PEOPLE,),
        on=(POSTGRESQL,),
    ),
    Mutant(
        "administrators do not leave one at a time",
        (
            Change(
                ACCOUNTS,
                "            store.one_at_a_time(connection)\n            if usuario.rol == ADMINISTRADOR and not",
                "            if usuario.rol == ADMINISTRADOR and not",
            ),
        ),
        (f"{PEOPLE}::test_of_two_administrators_who_leave_at_once_one_stays",),
        on=(POSTGRESQL,),
    ),
    Mutant(
        "a profile that changed since it was read is written over",
        (
            Change(
                "services/usuarios/store.py",
                "(usuarios.c.id == usuario.id) & (usuarios.c.valido_desde == usuario.valido_desde)",
                "usuarios.c.id == usuario.id",
            ),
        ),
        (PEOPLE,),
    ),
    Mutant(
        "any number of hashes are made at once",
        (Change("services/usuarios/passwords.py", "AT_ONCE = 2\n", "AT_ONCE = 30\n"),),
        (f"{PEOPLE}::test_thirty_sign_ins_take_the_memory_of_two_hashes",),
    ),
    Mutant(
        "a key that another request used meanwhile is an error",
        (
            Change(
                "services/productos/store.py",
                '        .on_conflict_do_nothing(index_elements=["creador_id", "clave"])\n',
                "",
            ),
        ),
        (PRODUCTS,),
        on=(POSTGRESQL,),
    ),
    Mutant(
        "an edit does not lock what it has read",
        (
            Change(
                "services/productos/catalogo.py",
                "before = store.by_id(connection, producto_id, lock=True)",
                "before = store.by_id(connection, producto_id)",
            ),
        ),
        (PRODUCTS, "tests/api/test_reservas.py"),
        on=(POSTGRESQL,),
    ),
    Mutant(
        "the list of products is prepared once and for all",
        (
            Change(
                "services/productos/prepared.py",
                "kept[1] if kept is not None and version is not None and kept[0] >= version else None",
                "kept[1] if kept is not None else None",
            ),
        ),
        (PRODUCTS,),
    ),
)
