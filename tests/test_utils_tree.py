"""mlx_rocm.utils: laws on random trees, and what is special in each function."""

from collections import namedtuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlx_rocm.utils import (
    tree_flatten,
    tree_map,
    tree_map_with_path,
    tree_merge,
    tree_reduce,
    tree_unflatten,
)

KEYS = st.text("abcxyz_", min_size=1, max_size=4)
LEAVES = st.integers() | st.none() | st.text(max_size=3)


def trees(leaves=LEAVES):
    """Non-empty dicts and lists, nested."""
    return st.recursive(
        leaves,
        lambda inner: (
            st.lists(inner, min_size=1, max_size=4) | st.dictionaries(KEYS, inner, min_size=1, max_size=4)
        ),
        max_leaves=20,
    )


def leaves_of(tree):
    """All leaves with their keys, the slow and obvious way."""
    if isinstance(tree, dict):
        return [((k, *path), leaf) for k, v in tree.items() for path, leaf in leaves_of(v)]
    if isinstance(tree, (list, tuple)):
        return [((str(i), *path), leaf) for i, v in enumerate(tree) for path, leaf in leaves_of(v)]
    return [((), tree)]


@given(trees())
@settings(max_examples=200, deadline=None)
def test_flatten_lists_the_leaves(tree):
    expected = [(".".join(path), leaf) for path, leaf in leaves_of(tree)]
    assert tree_flatten(tree) == expected
    assert tree_flatten(tree, destination={}) == dict(expected)
    assert tree_flatten(tree, prefix=".top") == [(f"top.{p}" if p else "top", leaf) for p, leaf in expected]


@given(trees())
@settings(max_examples=200, deadline=None)
def test_unflatten_inverts_flatten(tree):
    assert tree_unflatten(tree_flatten(tree)) == tree
    assert tree_unflatten(tree_flatten(tree, destination={})) == tree


@given(trees(st.integers()))
@settings(max_examples=100, deadline=None)
def test_maps_and_reduce_see_each_leaf_once(tree):
    flat = tree_flatten(tree)
    assert tree_flatten(tree_map(lambda x: x + 1, tree)) == [(p, x + 1) for p, x in flat]
    assert tree_flatten(
        tree_map(lambda x, y, z: (x + y + z,), tree, tree, tree), is_leaf=lambda n: type(n) is tuple
    ) == [(p, (3 * x,)) for p, x in flat]
    assert tree_map_with_path(lambda p, x: x, tree) == tree
    paths = []
    tree_map_with_path(lambda p, x: paths.append(p), tree)
    assert [p or "" for p in paths] == [p for p, _ in flat]
    assert tree_reduce(lambda acc, x: acc + x, tree, 0) == sum(x for _, x in flat)
    assert tree_reduce(lambda acc, x: acc, tree) == flat[0][1]


def test_flatten_destination():
    known = [("seen", 0)]
    assert tree_flatten({"a": 1}, destination=known) is known
    assert known == [("seen", 0), ("a", 1)]
    with pytest.raises(ValueError, match="list or a dict, got tuple"):
        tree_flatten({"a": 1}, destination=())


def test_flatten_edge_cases():
    assert tree_flatten({}) == []
    assert tree_flatten(5) == [("", 5)]
    assert tree_flatten({"a": [], "b": {}, "c": 1}) == [("c", 1)]
    assert tree_flatten([1, [2, 3]], is_leaf=lambda n: n == [2, 3]) == [("0", 1), ("1", [2, 3])]
    assert tree_flatten([1, 2], is_leaf=lambda n: True) == [("", [1, 2])]


def test_unflatten_edge_cases():
    assert tree_unflatten([]) == []
    assert tree_unflatten([("", 7)]) == 7
    assert tree_unflatten([("1", "x")]) == [{}, "x"]
    assert tree_unflatten([("0", "x"), ("3", "y")]) == ["x", {}, {}, "y"]
    assert tree_unflatten([("2", 2), ("0", 0), ("1", 1)]) == [0, 1, 2]
    assert tree_unflatten([("01", 1), ("1", 2)]) == {"01": 1, "1": 2}
    assert tree_unflatten([("a.0", 0), ("a.b", 1)]) == {"a": {"0": 0, "b": 1}}
    assert tree_unflatten({"a": {"leaf": "dict"}}) == {"a": {"leaf": "dict"}}
    assert tree_unflatten([("a", 1), ("a.b", 2)]) == {"a": {"": 1, "b": 2}}
    assert tree_unflatten([("a.b", 2), ("a", 1)]) == {"a": {"": 1, "b": 2}}


def test_types_of_sequences_are_kept():
    Point = namedtuple("Point", "x y")
    tree = {"p": Point(1, (2, [3])), "t": (4,)}
    doubled = tree_map(lambda x: 2 * x, tree)
    assert doubled == {"p": Point(2, (4, [6])), "t": (8,)}
    assert type(doubled["p"]) is Point and type(doubled["p"].y) is tuple
    named = tree_map_with_path(lambda p, x: p, tree)
    assert named == {"p": Point("p.0", ("p.1.0", ["p.1.1.0"])), "t": ("t.0",)}
    assert type(named["p"]) is Point
    assert tree_merge(Point(1, None), Point(None, 2)) == Point(1, 2)


def test_is_leaf_and_rest():
    def pair(node):
        return isinstance(node, tuple)

    assert tree_map(sum, {"a": (1, 2), "b": [(3, 4)]}, is_leaf=pair) == {"a": 3, "b": [7]}
    assert tree_reduce(lambda acc, x: acc + sum(x), [(1, 2), (3, 4)], 0, is_leaf=pair) == 10
    # What the other trees have at a leaf's place may itself be a tree, and they may have more keys.
    assert tree_map(lambda x, s: (x, s), {"a": 1}, {"a": {"m": 0}, "step": 2}) == {"a": (1, {"m": 0})}
    with pytest.raises(KeyError):
        tree_map(lambda x, y: x, {"a": 1}, {"b": 1})
    assert tree_map_with_path(lambda p, x: p, [0], path="top") == ["top.0"]
    assert tree_map_with_path(lambda p, x: p, 0, path="top") == "top"


def test_reduce_without_leaves():
    assert tree_reduce(lambda acc, x: acc + x, {}, 3) == 3
    assert tree_reduce(lambda acc, x: acc + x, [[], {}]) is None


def test_merge():
    assert tree_merge({"a": [1, None], "b": 2}, {"a": [None, 3, 4], "c": 5}) == {
        "a": [1, 3, 4],
        "b": 2,
        "c": 5,
    }
    assert list(tree_merge({"z": 1, "a": 2}, {"m": 3})) == ["z", "a", "m"]
    assert tree_merge({"a": 1}, {"a": 2}, lambda x, y: x - y) == {"a": -1}
    assert tree_merge({}, {"a": 1}) == {"a": 1} and tree_merge({"a": 1}, []) == {"a": 1}
    assert tree_merge({}, {}) == {} and tree_merge(None, None) is None
    with pytest.raises(ValueError, match="merge_fn"):
        tree_merge({"a": 1}, {"a": 2})
    with pytest.raises(ValueError, match="dict and list"):
        tree_merge({}, [])


@given(trees(st.integers()))
@settings(max_examples=100, deadline=None)
def test_merging_the_parts_gives_the_whole(tree):
    flat = tree_flatten(tree)
    parts = [tree_unflatten(part) if part else {} for part in (flat[::2], flat[1::2])]
    if tree_flatten(parts[0]) == flat[::2] and tree_flatten(parts[1]) == flat[1::2]:  # no gaps in lists
        merged = tree_merge(*parts)
        assert sorted(tree_flatten(merged)) == sorted(flat)
