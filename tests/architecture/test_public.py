"""rln/__init__.py has a sorted __all__ and imports, and nothing else."""

import ast
from pathlib import Path

import rln

TREE = ast.parse(Path(str(rln.__file__)).read_text())


def order(name: str) -> tuple[int, str]:
    """Return the key of the order of ruff: CONSTANTS, then Classes, then functions."""
    return (0 if name.isupper() and len(name) > 1 else 1 if name[0].isupper() else 2, name)


def test_all_is_sorted() -> None:
    assert list(rln.__all__) == sorted(rln.__all__, key=order)
    assert len(set(rln.__all__)) == len(rln.__all__)


def test_all_is_what_is_imported() -> None:
    imported = {
        alias.asname or alias.name
        for node in TREE.body
        if isinstance(node, ast.ImportFrom) and node.module != "__future__"
        for alias in node.names
    }
    assert imported == set(rln.__all__)
    assert all(hasattr(rln, name) for name in rln.__all__)


def test_the_module_has_nothing_else() -> None:
    docstring, *rest = TREE.body
    assert isinstance(docstring, ast.Expr)
    for node in rest:
        assert isinstance(node, ast.ImportFrom | ast.Import | ast.Assign)
        if isinstance(node, ast.Assign):
            assert [ast.unparse(t) for t in node.targets] == ["__all__"]
