"""productos and pedidos the way the original system did them.

Flask's development server, a connection for each request, a commit for each order, no checks, no limits.
``python -m bench.peers.original productos|pedidos FILE PORT``; the key of the tokens is in SECRET_KEY.
"""

import os
import sqlite3
import sys
from typing import Any

import jwt
from flask import Flask, jsonify, request


def is_signed_in() -> bool:
    token = request.headers.get("Authorization", "").removeprefix("Bearer ")
    try:
        jwt.decode(token, os.environ["SECRET_KEY"], algorithms=["HS256"])
    except jwt.PyJWTError:
        return False
    return True


def productos(file: str) -> Flask:
    app = Flask("productos")

    @app.get("/productos")
    def listar() -> Any:
        if not is_signed_in():
            return jsonify({"error": "Token inválido"}), 401
        connection = sqlite3.connect(file)
        cursor = connection.cursor()
        cursor.execute("SELECT * FROM productos")
        rows = cursor.fetchall()
        connection.close()
        return jsonify(
            [
                {
                    "id": row[0],
                    "nombre": row[1],
                    "precio": row[2],
                    "descripcion": row[3],
                    "stock": row[4],
                    "categoria": row[5],
                    "imagen": {"hash": row[6], "ancho": row[7], "alto": row[8], "alt": row[9]},
                    "activo": bool(row[10]),
                    "creado_en": row[11],
                }
                for row in rows
            ]
        )

    return app


def pedidos(file: str) -> Flask:
    app = Flask("pedidos")

    @app.post("/pedidos")
    def crear() -> Any:
        if not is_signed_in():
            return jsonify({"error": "Token inválido"}), 401
        data = request.get_json()
        connection = sqlite3.connect(file)
        cursor = connection.cursor()
        cursor.execute(
            "INSERT INTO pedidos (usuario_id, producto_id, cantidad) VALUES (?, ?, ?)",
            (data["usuario_id"], data["producto_id"], data["cantidad"]),
        )
        connection.commit()
        connection.close()
        return jsonify({"mensaje": "Pedido creado correctamente"}), 201

    @app.get("/pedidos/usuario/<int:usuario_id>")
    def listar(usuario_id: int) -> Any:
        if not is_signed_in():
            return jsonify({"error": "Token inválido"}), 401
        connection = sqlite3.connect(file)
        cursor = connection.cursor()
        cursor.execute("SELECT * FROM pedidos WHERE usuario_id = ?", (usuario_id,))
        names = [column[0] for column in cursor.description]
        rows = cursor.fetchall()
        connection.close()
        return jsonify([dict(zip(names, row, strict=True)) for row in rows])

    return app


if __name__ == "__main__":
    service, file, port = sys.argv[1:]
    {"productos": productos, "pedidos": pedidos}[service](file).run(port=int(port))
