"""Draws charts as SVG: a few shapes, in colours that suit a light page and a dark one."""

from html import escape

STYLE = """text{font:13px system-ui,sans-serif;fill:#24292f}.small{font-size:11px;fill:#57606a}
.title{font-size:15px;font-weight:600}
.end{text-anchor:end}.middle{text-anchor:middle}.line{fill:none;stroke-width:2}.axis{stroke:#8c959f;stroke-width:1}
.grid{stroke:#d0d7de;stroke-width:1}.goal{stroke:#24292f;stroke-width:1.5;stroke-dasharray:4 3}
.good{stroke:#1a7f37;fill:#1a7f37}.bad{stroke:#cf222e;fill:#cf222e}.hollow{fill:#fff;stroke-width:2}
.a{stroke:#0969da;fill:#0969da}.b{stroke:#bc4c00;fill:#bc4c00}.c{stroke:#8250df;fill:#8250df}.d{stroke:#57606a;fill:#57606a}
.line{fill:none}.faint{opacity:.45}
@media (prefers-color-scheme:dark){text{fill:#e6edf3}.small{fill:#9198a1}.axis{stroke:#656c76}.grid{stroke:#30363d}
.goal{stroke:#e6edf3}.good{stroke:#3fb950;fill:#3fb950}.bad{stroke:#f85149;fill:#f85149}.hollow{fill:#0d1117}
.a{stroke:#58a6ff;fill:#58a6ff}.b{stroke:#f0883e;fill:#f0883e}.c{stroke:#bc8cff;fill:#bc8cff}.d{stroke:#9198a1;fill:#9198a1}
.line{fill:none}}"""


class Drawing:
    """Shapes on a plane, from its upper left corner; ``label`` is read to those who do not see it."""

    def __init__(self, width: float, height: float, label: str) -> None:
        self.width, self.height, self.label = width, height, label
        self._shapes: list[str] = []

    def text(self, x: float, y: float, content: str, kind: str = "") -> None:
        self._shapes.append(f'<text x="{x:.1f}" y="{y:.1f}"{_kind(kind)}>{escape(content)}</text>')

    def line(self, x1: float, y1: float, x2: float, y2: float, kind: str) -> None:
        self._shapes.append(f'<path d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}"{_kind(kind)}/>')

    def curve(self, points: list[tuple[float, float]], kind: str, dashes: str = "") -> None:
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
        dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
        self._shapes.append(f'<path d="M{path}"{_kind(f"line {kind}")}{dashed}/>')

    def dot(self, x: float, y: float, kind: str, radius: float = 4.5) -> None:
        self._shapes.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}"{_kind(kind)}/>')

    def bar(self, x: float, y: float, width: float, height: float, kind: str) -> None:
        place = f'x="{x:.1f}" y="{y:.1f}" width="{max(0.0, width):.1f}" height="{height:.1f}"'
        self._shapes.append(f"<rect {place}{_kind(kind)}/>")

    def finished(self) -> str:
        size = f'width="{self.width:g}" height="{self.height:g}" viewBox="0 0 {self.width:g} {self.height:g}"'
        name = f'role="img" aria-label="{escape(self.label, quote=True)}"'
        shapes = "\n".join(self._shapes)
        return f'<svg xmlns="http://www.w3.org/2000/svg" {size} {name}>\n<style>{STYLE}</style>\n{shapes}\n</svg>\n'


def _kind(kind: str) -> str:
    return f' class="{kind}"' if kind else ""
