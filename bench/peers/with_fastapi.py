"""productos and pedidos as FastAPI's own tutorial teaches them.

SQLAlchemy's ORM with a session for each request, ``response_model``, uvicorn with uvloop and httptools, one worker.
``python -m bench.peers.with_fastapi productos|pedidos FILE PORT``; the key of the tokens is in SECRET_KEY.
"""

import os
import sys
from collections.abc import Iterator
from typing import Annotated, Any

import jwt
import uvicorn
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict
from sqlalchemy import create_engine, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker

THREADS = 40  # of FastAPI's pool: each may hold a connection


class Base(DeclarativeBase):
    pass


class ProductoRow(Base):
    __tablename__ = "productos"

    id: Mapped[int] = mapped_column(primary_key=True)
    nombre: Mapped[str]
    precio: Mapped[float]
    descripcion: Mapped[str]
    stock: Mapped[int | None]
    categoria: Mapped[str | None]
    imagen_hash: Mapped[str]
    imagen_ancho: Mapped[int]
    imagen_alto: Mapped[int]
    imagen_alt: Mapped[str]
    activo: Mapped[bool]
    creado_en: Mapped[str]

    @property
    def imagen(self) -> dict[str, Any]:
        return {
            "hash": self.imagen_hash,
            "ancho": self.imagen_ancho,
            "alto": self.imagen_alto,
            "alt": self.imagen_alt,
        }


class PedidoRow(Base):
    __tablename__ = "pedidos"

    id: Mapped[int] = mapped_column(primary_key=True)
    usuario_id: Mapped[int] = mapped_column(index=True)
    producto_id: Mapped[int]
    cantidad: Mapped[int]
    estado: Mapped[str]
    nombre: Mapped[str | None]
    precio_unitario: Mapped[float | None]
    total: Mapped[float | None]
    moneda: Mapped[str | None]
    compra_id: Mapped[str | None]
    creado_en: Mapped[str | None]
    enviado_en: Mapped[str | None]
    entregado_en: Mapped[str | None]
    cancelado_en: Mapped[str | None]
    version: Mapped[int]
    motivo: Mapped[str | None]


class FromRow(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class Imagen(BaseModel):
    hash: str
    ancho: int
    alto: int
    alt: str


class Producto(FromRow):
    id: int
    nombre: str
    precio: float
    descripcion: str
    stock: int | None
    categoria: str | None
    imagen: Imagen
    activo: bool
    creado_en: str


class Pedido(FromRow):
    id: int
    usuario_id: int
    producto_id: int
    cantidad: int
    estado: str
    nombre: str | None
    precio_unitario: float | None
    total: float | None
    moneda: str | None
    compra_id: str | None
    creado_en: str | None
    enviado_en: str | None
    entregado_en: str | None
    cancelado_en: str | None
    version: int
    motivo: str | None


bearer = HTTPBearer()


def claims(credentials: Annotated[HTTPAuthorizationCredentials, Depends(bearer)]) -> dict[str, Any]:
    try:
        decoded: dict[str, Any] = jwt.decode(
            credentials.credentials, os.environ["SECRET_KEY"], algorithms=["HS256"]
        )
    except jwt.PyJWTError:
        raise HTTPException(401, "Token inválido") from None
    return decoded


Claims = Annotated[dict[str, Any], Depends(claims)]


def productos(sessions: sessionmaker[Session]) -> FastAPI:
    app = FastAPI()

    def session() -> Iterator[Session]:
        with sessions() as opened:
            yield opened

    @app.get("/productos", response_model=list[Producto])
    def listar(_claims: Claims, session: Annotated[Session, Depends(session)]) -> Any:
        return session.scalars(select(ProductoRow).order_by(ProductoRow.id)).all()

    return app


def pedidos(sessions: sessionmaker[Session]) -> FastAPI:
    app = FastAPI()

    def session() -> Iterator[Session]:
        with sessions() as opened:
            yield opened

    @app.get("/pedidos/usuario/{usuario_id}", response_model=list[Pedido])
    def listar(usuario_id: int, claims: Claims, session: Annotated[Session, Depends(session)]) -> Any:
        if usuario_id != claims["usuario_id"]:
            raise HTTPException(403, "No autorizado")
        statement = select(PedidoRow).where(PedidoRow.usuario_id == usuario_id).order_by(PedidoRow.id)
        return session.scalars(statement).all()

    return app


if __name__ == "__main__":
    service, file, port = sys.argv[1:]
    engine = create_engine(f"sqlite:///{file}", pool_size=THREADS)
    application = {"productos": productos, "pedidos": pedidos}[service](sessionmaker(engine))
    uvicorn.run(application, port=int(port), loop="uvloop", http="httptools")
