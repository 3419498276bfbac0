"""Mutants made by rule: each comparison, connective, condition, number and refusal of what decides, changed by itself."""

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from tests.mutants.mutant import EITHER, SQLITE, Change, Mutant
from tests.shop import ROOT

COMPARED = {
    ast.Eq: ("!=", "=="),
    ast.NotEq: ("==", "!="),
    ast.Lt: ("<=", "<"),
    ast.LtE: ("<", "<="),
    ast.Gt: (">=", ">"),
    ast.GtE: (">", ">="),
    ast.In: ("not in", "in"),
    ast.NotIn: ("in", "not in"),
    ast.Is: ("is not", "is"),
    ast.IsNot: ("is", "is not"),
}


@dataclass(frozen=True)
class Edit:
    """From ``start`` to ``end`` of a module's bytes stands ``text`` instead; ``line`` is where, ``says`` what for people."""

    start: int
    end: int
    text: str
    line: int
    says: str


class Source:
    """A module's text and the places of its nodes in it."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.content = (ROOT / file).read_bytes()
        self.tree = ast.parse(self.content)
        self._lines = [0]
        for line in self.content.splitlines(keepends=True):
            self._lines.append(self._lines[-1] + len(line))

    def span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return (
            self._lines[node.lineno - 1] + node.col_offset,
            self._lines[node.end_lineno - 1] + node.end_col_offset,
        )

    def text(self, node: ast.expr | ast.stmt) -> str:
        start, end = self.span(node)
        return self.content[start:end].decode()

    def replace(self, node: ast.expr | ast.stmt, text: str) -> Edit:
        start, end = self.span(node)
        return Edit(start, end, text, node.lineno, f"{_short(self.text(node))} → {_short(text)}")

    def edited(self, edit: Edit) -> str:
        return (self.content[: edit.start] + edit.text.encode() + self.content[edit.end :]).decode()

    def parts(self, names: Iterable[str]) -> Iterator[tuple[str, list[ast.stmt]]]:
        """The bodies of functions and the values of constants with these names; each must be there."""
        wanted = set(names)
        for node in ast.walk(self.tree):
            match node:
                case ast.FunctionDef(name=name, body=body) if name in wanted:
                    wanted.discard(name)
                    yield name, body
                case ast.Assign(targets=[ast.Name(id=name)]) if name in wanted:
                    wanted.discard(name)
                    yield name, [node]
        assert not wanted, f"{self.file}: no {wanted}"


def edits(source: Source, body: Iterable[ast.stmt]) -> Iterator[Edit]:
    """Every edit of statements; a function's annotations and docstring are no behaviour."""
    for statement in body:
        for node in ast.walk(statement):
            yield from _of(source, node)


def _of(source: Source, node: ast.AST) -> Iterator[Edit]:
    yield from _operators(source, node)
    yield from _conditions(source, node)
    yield from _numbers_and_statements(source, node)


def _operators(source: Source, node: ast.AST) -> Iterator[Edit]:
    match node:
        case ast.Compare():
            for place in range(len(node.ops)):
                yield source.replace(node, _compared(source, node, place))
        case ast.BoolOp(op=operator):
            other = " or " if isinstance(operator, ast.And) else " and "
            joined = other.join(f"({source.text(value)})" for value in node.values)
            yield source.replace(node, f"({joined})")
        case ast.BinOp(op=ast.Add()):
            yield source.replace(node, f"({source.text(node.left)}) - ({source.text(node.right)})")
        case ast.BinOp(op=ast.Sub()):
            yield source.replace(node, f"({source.text(node.left)}) + ({source.text(node.right)})")


def _conditions(source: Source, node: ast.AST) -> Iterator[Edit]:
    match node:
        case ast.UnaryOp(op=ast.Not()):
            yield source.replace(node, f"bool({source.text(node.operand)})")
        case ast.If(test=test) | ast.IfExp(test=test):
            if isinstance(test, ast.Name | ast.Call | ast.Attribute):
                yield source.replace(test, f"not ({source.text(test)})")
        case ast.Call(func=ast.Attribute(attr="where"), args=[_, _, *_]):
            for left_out in node.args:
                yield _without(source, node, left_out)


def _numbers_and_statements(source: Source, node: ast.AST) -> Iterator[Edit]:
    match node:
        case ast.Constant(value=bool() as value):
            yield source.replace(node, str(not value))
        case ast.Constant(value=int() as value):
            yield source.replace(node, str(value + 1))
        case ast.Raise():
            yield source.replace(node, "pass")
        case ast.Expr(value=ast.Call()):
            yield source.replace(node, "pass")


def _compared(source: Source, node: ast.Compare, place: int) -> str:
    """The comparison with its operator at ``place`` changed."""
    text = f"({source.text(node.left)})"
    for number, (operator, right) in enumerate(zip(node.ops, node.comparators, strict=True)):
        other, same = COMPARED[type(operator)]
        text += f" {other if number == place else same} ({source.text(right)})"
    return text


def _without(source: Source, call: ast.Call, left_out: ast.expr) -> Edit:
    """A statement's condition less."""
    kept = ", ".join(source.text(argument) for argument in call.args if argument is not left_out)
    edit = source.replace(call, f"{source.text(call.func)}({kept})")
    return Edit(edit.start, edit.end, edit.text, left_out.lineno, f"without {_short(source.text(left_out))}")


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 70 else f"{line[:69]}…"


@dataclass(frozen=True)
class Target:
    """Functions and constants of ``file`` that decide something, and the tests that say what."""

    file: str
    names: tuple[str, ...]
    tests: tuple[str, ...]
    on: tuple[str, ...] = (SQLITE,)


TARGETS = (
    Target(
        "services/productos/reservas.py",
        (
            "BY_ID", "SETTLE", "PRODUCT", "TAKE_STOCK", "GIVE_BACK",
            "find", "take", "_take", "cancel", "_claim", "_known", "_answer", "_orderable_product",
            "_take_stock", "_give_back",
        ),
        ("tests/api/test_reservas.py",),
        EITHER,
    ),
    Target(
        "services/productos/catalogo.py",
        ("_edit", "check"),
        ("tests/api/test_productos.py", "tests/api/test_productos_races.py", "tests/api/test_reservas.py"),
        EITHER,
    ),
    Target(
        "services/pedidos/model.py",
        ("huella", "total", "resume", "change", "estado_of"),
        ("tests/unit/test_pedidos_model.py",),
    ),
    Target(
        "services/common/tokens.py",
        ("issue", "credential", "caller", "service", "_claims", "_verify"),
        ("tests/api/test_tokens.py", "tests/api/test_reservas.py"),
    ),
    Target(
        "storefront/security.py",
        ("own_address", "own_origin", "_check_host", "_check_origin"),
        ("tests/storefront/test_seguridad.py",),
    ),
)  # fmt: skip


def mutants(equivalents: Mapping[str, str]) -> list[Mutant]:
    """Every edit of every target. ``equivalents`` gives the reason why no test can notice a mutant, by its name."""
    made: dict[str, Mutant] = {}
    for target in TARGETS:
        source = Source(target.file)
        for part, body in source.parts(target.names):
            for edit in edits(source, body):
                said = f"{target.file} {part}: {edit.says}"
                same = sum(name == said or name.startswith(f"{said} (") for name in made)
                name = f"{said} ({same + 1})" if same else said
                change = Change(target.file, source.content.decode(), source.edited(edit))
                reason = equivalents.get(name, "")
                made[name] = Mutant(name, (change,), target.tests, target.on, equivalent=reason)
    forgotten = equivalents.keys() - made.keys()
    assert not forgotten, f"no longer mutants: {forgotten}"
    return list(made.values())
