"""Functions on Python trees: nested lists, tuples and dicts with anything else as leaves.

Parameters, gradients and optimizer states are such trees.  A path names a leaf by its keys and positions
joined with dots (``layers.0.weight``).  These functions are called for every layer of a model, so the
recursion is done in small closures that handle leaves inline instead of calling themselves once per leaf.
"""

# ruff: noqa: TRY004  (wrong types are ValueErrors where they are in MLX)

from collections.abc import Callable
from itertools import zip_longest
from typing import Any


def _rebuild(like, children):
    """A sequence of the type of ``like``; named tuples take their fields as separate arguments."""
    kind = type(like)
    return kind(*children) if hasattr(like, "_fields") else kind(children)


def tree_map(fn: Callable, tree: Any, *rest: Any, is_leaf: Callable | None = None) -> Any:
    """Apply ``fn`` to every leaf and return a tree of the results.

    Args:
        fn: Called as ``fn(leaf, *leaves_of_rest)``.
        tree: The tree that decides the structure of the result.
        rest: More trees, each with at least the keys and positions of ``tree``; what they hold at the place
            of a leaf is passed on as it is.
        is_leaf: ``is_leaf(node)`` may declare an inner node to be a leaf.

    Returns:
        Lists, tuples and named tuples keep their type; dicts (and subclasses, such as modules) become plain
        dicts.

    Example:
        >>> tree_map(lambda x: 2 * x, {"a": [1, 2], "b": 3})
        {'a': [2, 4], 'b': 6}
    """

    def walk(node, others):
        if is_leaf is not None and is_leaf(node):
            return fn(node, *others)
        if isinstance(node, dict):
            return {k: walk(v, [o[k] for o in others]) for k, v in node.items()}
        if isinstance(node, (list, tuple)):
            return _rebuild(node, [walk(v, [o[i] for o in others]) for i, v in enumerate(node)])
        return fn(node, *others)

    def walk_one(node):  # the common case: one tree, no predicate
        if isinstance(node, dict):
            return {k: walk_one(v) for k, v in node.items()}
        if isinstance(node, (list, tuple)):
            return _rebuild(node, [walk_one(v) for v in node])
        return fn(node)

    return walk(tree, rest) if rest or is_leaf is not None else walk_one(tree)


def tree_map_with_path(
    fn: Callable,
    tree: Any,
    *rest: Any,
    is_leaf: Callable | None = None,
    path: Any | None = None,
) -> Any:
    """Like :func:`tree_map`, with ``fn(path, leaf, *leaves_of_rest)``.

    Args:
        fn: Receives the dotted path of the leaf first.
        tree: The tree that decides the structure of the result.
        rest: More trees with at least the structure of ``tree``.
        is_leaf: ``is_leaf(node)`` may declare an inner node to be a leaf.
        path: Put in front of every path; it is also the path of a tree that is a single leaf.

    Example:
        >>> tree_map_with_path(lambda p, x: f"{p}={x}", {"w": [1, 2]})
        {'w': ['w.0=1', 'w.1=2']}
    """

    def walk(node, others, path):
        if is_leaf is not None and is_leaf(node):
            return fn(path, node, *others)
        if isinstance(node, dict):
            prefix = f"{path}." if path else ""
            return {k: walk(v, [o[k] for o in others], f"{prefix}{k}") for k, v in node.items()}
        if isinstance(node, (list, tuple)):
            prefix = f"{path}." if path else ""
            mapped = [walk(v, [o[i] for o in others], f"{prefix}{i}") for i, v in enumerate(node)]
            return _rebuild(node, mapped)
        return fn(path, node, *others)

    return walk(tree, rest, path)


def tree_flatten(
    tree: Any,
    prefix: str = "",
    is_leaf: Callable | None = None,
    destination: list[tuple[str, Any]] | dict[str, Any] | None = None,
) -> list[tuple[str, Any]] | dict[str, Any]:
    """Collect the leaves of a tree with their dotted paths.

    Args:
        tree: The tree; dict keys should be strings without dots for :func:`tree_unflatten` to invert this.
        prefix: Put in front of every path; its first character (usually a dot) is dropped.
        is_leaf: ``is_leaf(node)`` may declare an inner node to be a leaf.
        destination: A list that gets ``(path, leaf)`` pairs appended, or a dict that gets ``path: leaf``
            entries. A new list by default.

    Returns:
        ``destination``.

    Raises:
        ValueError: ``destination`` is neither a list nor a dict.

    Example:
        >>> tree_flatten({"a": [1, {"b": 2}]})
        [('a.0', 1), ('a.1.b', 2)]
    """
    if destination is None:
        destination = []
    if isinstance(destination, list):
        append = destination.append

        def emit(path, leaf):
            append((path, leaf))

    elif isinstance(destination, dict):
        emit = destination.__setitem__
    else:
        raise ValueError(
            f"[tree_flatten] destination must be a list or a dict, got {type(destination).__name__}."
        )

    def walk(node, stem):
        for key, value in node.items() if isinstance(node, dict) else enumerate(node):
            if not isinstance(value, (dict, list, tuple)) or (is_leaf is not None and is_leaf(value)):
                emit(f"{stem}{key}", value)
            else:
                walk(value, f"{stem}{key}.")

    if not isinstance(tree, (dict, list, tuple)) or (is_leaf is not None and is_leaf(tree)):
        emit(prefix[1:], tree)
    else:
        walk(tree, f"{prefix[1:]}." if prefix else "")
    return destination


class _Node(dict):
    """An inner node of :func:`tree_unflatten`; a type of its own, so that leaves may be dicts."""


def _list_order(node):
    """The keys of ``node`` by position if all of them are different integers, else None."""
    try:
        order = {int(key): key for key in node}
    except ValueError:
        return None
    return sorted(order.items()) if len(order) == len(node) else None


def _finish(node):
    if not isinstance(node, _Node):
        return node
    if len(node) == 1 and "" in node and not isinstance(node[""], _Node):
        return node[""]
    order = _list_order(node)
    if order is None:
        return {key: _finish(child) for key, child in node.items()}
    out = []
    for position, key in order:
        out.extend({} for _ in range(position - len(out)))
        out.append(_finish(node[key]))
    return out


def tree_unflatten(tree: list[tuple[str, Any]] | dict[str, Any]) -> Any:
    """Build a tree from the paths and leaves that :func:`tree_flatten` gives.

    Args:
        tree: ``(path, leaf)`` pairs or a dict from paths to leaves.

    Returns:
        Dicts, and lists where all keys of a node are integers; positions that do not occur hold an empty
        dict. No leaves at all give an empty list; a single leaf with the empty path gives that leaf.

    Example:
        >>> tree_unflatten([("a.0", 1), ("a.2.b", 2)])
        {'a': [1, {}, {'b': 2}]}
    """
    root = _Node()
    for path, leaf in tree.items() if isinstance(tree, dict) else tree:
        *parents, last = path.split(".")
        node = root
        for key in parents:
            child = node.setdefault(key, _Node())
            if not isinstance(child, _Node):  # a leaf sits at an inner path: keep it under the empty key
                child = node[key] = _Node({"": child})
            node = child
        if isinstance(node.get(last), _Node):
            node[last][""] = leaf
        else:
            node[last] = leaf
    return _finish(root)


def tree_reduce(fn, tree, initializer=None, is_leaf=None):
    """Fold the leaves of a tree from left to right: ``fn(fn(fn(initializer, leaf0), leaf1), ...)``.

    Args:
        fn: ``fn(accumulated, leaf)`` returns the new accumulated value.
        tree: The tree.
        initializer: The first accumulated value; None starts with the first leaf.
        is_leaf: ``is_leaf(node)`` may declare an inner node to be a leaf.

    Returns:
        The accumulated value; ``initializer`` if there are no leaves.

    Example:
        >>> tree_reduce(lambda acc, x: acc + x, {"a": [1, 2, 3], "b": 4}, 0)
        10
    """

    def walk(node, acc):
        if isinstance(node, (dict, list, tuple)) and not (is_leaf is not None and is_leaf(node)):
            for child in node.values() if isinstance(node, dict) else node:
                acc = walk(child, acc)
            return acc
        return node if acc is None else fn(acc, node)

    return walk(tree, initializer)


def _is_empty(tree):
    return isinstance(tree, (dict, list, tuple)) and not tree


def tree_merge(tree_a, tree_b, merge_fn=None):
    """Merge two trees: what only one of them has is taken over, inner nodes of both are merged recursively.

    Args:
        tree_a: A tree; None and empty containers count as having nothing.
        tree_b: A tree.
        merge_fn: ``merge_fn(leaf_a, leaf_b)`` gives the leaf where both trees have one.

    Returns:
        The merged tree: sequences have the longer length and the type of ``tree_a``'s.

    Raises:
        ValueError: Both trees have a leaf at the same place and there is no ``merge_fn``, or both are empty
            containers of different types.

    Example:
        >>> tree_merge({"a": [1]}, {"a": [None, 2], "b": 3})
        {'a': [1, 2], 'b': 3}
    """
    if _is_empty(tree_a) and _is_empty(tree_b):
        if type(tree_a) is not type(tree_b):
            kinds = f"{type(tree_a).__name__} and {type(tree_b).__name__}"
            raise ValueError(f"[tree_merge] Cannot merge empty containers of different types: {kinds}.")
        return type(tree_a)()
    if tree_a is None or _is_empty(tree_a):
        return tree_b if tree_b is not None else tree_a
    if tree_b is None or _is_empty(tree_b):
        return tree_a

    if isinstance(tree_a, (list, tuple)) and isinstance(tree_b, (list, tuple)):
        return _rebuild(tree_a, [tree_merge(a, b, merge_fn) for a, b in zip_longest(tree_a, tree_b)])
    if isinstance(tree_a, dict) and isinstance(tree_b, dict):
        keys = dict.fromkeys([*tree_a, *tree_b])  # unlike a set, this keeps the order
        return {k: tree_merge(tree_a.get(k), tree_b.get(k), merge_fn) for k in keys}
    if merge_fn is None:
        raise ValueError("[tree_merge] Both trees have a leaf at the same place and no merge_fn was given.")
    return merge_fn(tree_a, tree_b)
