"""The three services, each over its own SQLite file, signed with one key.

They are written the way the original was: no query parameters, no headers answered, three claims in a token, the
whole list each time, and every other path 404.
"""

import datetime as dt
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
from flask import Flask, Response, jsonify, request

KEY = "a key that only these plain services know, long enough"


def _app(name: str, path: Path, table: str) -> tuple[Flask, Callable[..., list[Any]]]:
    app = Flask(name, static_folder=None)

    def run(statement: str, *values: object) -> list[Any]:
        connection = sqlite3.connect(path)
        try:
            with connection:
                return connection.execute(statement, values).fetchall()
        finally:
            connection.close()

    run(f"CREATE TABLE IF NOT EXISTS {table}")
    app.extensions["run"] = run

    @app.get("/health")
    def health() -> Response:
        return jsonify(status="healthy", service=name, database="sqlite")

    @app.errorhandler(404)
    def absent(_problem: Exception) -> tuple[Response, int]:
        return jsonify(error="No encontrado"), 404

    return app, run


def _claims() -> dict[str, Any] | None:
    header = request.headers.get("Authorization", "")
    try:
        return jwt.decode(header.removeprefix("Bearer "), KEY, algorithms=["HS256"])
    except jwt.PyJWTError:
        return None


def _refused() -> tuple[Response, int]:
    return jsonify(error="Token inválido"), 401


def usuarios(path: Path) -> Flask:
    app, run = _app(
        "user_service",
        path,
        "usuarios (id INTEGER PRIMARY KEY, nombre TEXT, email TEXT UNIQUE, password TEXT)",
    )

    @app.post("/registro")
    def registro() -> tuple[Response, int]:
        body = request.get_json()
        try:
            run(
                "INSERT INTO usuarios (nombre, email, password) VALUES (?, ?, ?)",
                *(body[name] for name in ("nombre", "email", "password")),
            )
        except sqlite3.IntegrityError:
            return jsonify(error="El email ya está registrado"), 400
        return jsonify(mensaje="Usuario registrado correctamente"), 201

    @app.post("/login")
    def login() -> tuple[Response, int]:
        body = request.get_json()
        rows = run(
            "SELECT id, nombre FROM usuarios WHERE email = ? AND password = ?",
            body["email"],
            body["password"],
        )
        if not rows:
            return jsonify(error="Credenciales inválidas"), 401
        end = dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)
        token = jwt.encode({"usuario_id": rows[0][0], "nombre": rows[0][1], "exp": end}, KEY, "HS256")
        return jsonify(token=token), 200

    return app


def productos(path: Path) -> Flask:
    app, run = _app(
        "product_service",
        path,
        "productos (id INTEGER PRIMARY KEY, nombre TEXT, precio REAL, descripcion TEXT)",
    )

    @app.get("/productos")
    def listar() -> Any:
        if _claims() is None:
            return _refused()
        rows = run("SELECT id, nombre, precio, descripcion FROM productos")
        return jsonify(
            [dict(zip(("id", "nombre", "precio", "descripcion"), row, strict=True)) for row in rows]
        )

    @app.post("/productos")
    def agregar() -> Any:
        if _claims() is None:
            return _refused()
        body = request.get_json()
        run(
            "INSERT INTO productos (nombre, precio, descripcion) VALUES (?, ?, ?)",
            *(body["nombre"], body["precio"], body.get("descripcion", "")),
        )
        return jsonify(mensaje="Producto agregado correctamente"), 201

    return app


def pedidos(path: Path) -> Flask:
    app, run = _app(
        "pedido_service",
        path,
        "pedidos (id INTEGER PRIMARY KEY, usuario_id INTEGER, producto_id INTEGER, cantidad INTEGER,"
        " estado TEXT DEFAULT 'pendiente')",
    )

    @app.post("/pedidos")
    def crear() -> Any:
        if _claims() is None:
            return _refused()
        body = request.get_json()
        run(
            "INSERT INTO pedidos (usuario_id, producto_id, cantidad) VALUES (?, ?, ?)",
            *(body["usuario_id"], body["producto_id"], body["cantidad"]),
        )
        return jsonify(mensaje="Pedido creado correctamente"), 201

    @app.get("/pedidos/usuario/<int:usuario_id>")
    def listar(usuario_id: int) -> Any:
        if _claims() is None:
            return _refused()
        rows = run(
            "SELECT id, usuario_id, producto_id, cantidad, estado FROM pedidos WHERE usuario_id = ?",
            usuario_id,
        )
        names = ("id", "usuario_id", "producto_id", "cantidad", "estado")
        return jsonify([dict(zip(names, row, strict=True)) for row in rows])

    return app
