// sort, argsort, partition, argpartition, topk, searchsorted; functions and array methods.
#include "python/bind.h"

namespace mlx_rocm::python {
namespace {

using Axis = std::optional<int>;

// Calls fn(array, axis), for axis None on the flattened array.
template <class F>
auto along(const array& a, Axis axis, const StreamOrDevice& s, F&& fn) {
  return axis ? fn(a, *axis) : fn(reshape(a, {int32_t(a.size())}, s), 0);
}

array py_sort(const array& a, Axis axis, const StreamOrDevice& s) {
  return along(a, axis, s, [&](const array& x, int ax) { return sort(x, ax, s); });
}
array py_argsort(const array& a, Axis axis, const StreamOrDevice& s) {
  return along(a, axis, s, [&](const array& x, int ax) { return argsort(x, ax, s); });
}
array py_partition(const array& a, int kth, Axis axis, const StreamOrDevice& s) {
  return along(a, axis, s, [&](const array& x, int ax) { return partition(x, kth, ax, s); });
}
array py_argpartition(const array& a, int kth, Axis axis, const StreamOrDevice& s) {
  return along(a, axis, s, [&](const array& x, int ax) { return argpartition(x, kth, ax, s); });
}
array py_topk(const array& a, int k, Axis axis, const StreamOrDevice& s) {
  return along(a, axis, s, [&](const array& x, int ax) { return topk(x, k, ax, s); });
}

}  // namespace

void init_sort(nb::module_& m) {
  m.def("sort", py_sort, nb::arg(), "axis"_a.none() = -1, nb::kw_only(), "stream"_a = nb::none(),
        nb::sig("def sort(a: array, /, axis: None | int = -1, *, stream: StreamOrDevice = None) -> array"),
        R"(A sorted copy, NaN last.

Args:
    a (array): any shape and dtype.
    axis (int, optional): the axis to sort along; None sorts the flattened array.

Returns:
    array: the shape and dtype of ``a`` (1-D for axis None).

Raises:
    ValueError: the axis is out of range.)");
  m.def("argsort", py_argsort, nb::arg(), "axis"_a.none() = -1, nb::kw_only(), "stream"_a = nb::none(),
        nb::sig("def argsort(a: array, /, axis: None | int = -1, *, stream: StreamOrDevice = None) -> array"),
        R"(The indices that sort an array. The sort is stable and puts NaN last.

Args:
    a (array): any shape and dtype.
    axis (int, optional): the axis to sort along; None sorts the flattened array.

Returns:
    array: uint32, the shape of ``a`` (1-D for axis None).)");
  m.def("partition", py_partition, nb::arg(), "kth"_a, "axis"_a.none() = -1, nb::kw_only(), "stream"_a = nb::none(),
        nb::sig("def partition(a: array, /, kth: int, axis: None | int = -1, *, stream: StreamOrDevice = None) -> array"),
        R"(A copy in which element ``kth`` stands where sorting would put it.

Args:
    a (array): any shape and dtype.
    kth (int): the rank; negative counts from the end. Elements before it are not larger, elements after it not
        smaller, in no particular order.
    axis (int, optional): the axis; None means the flattened array.

Returns:
    array: the shape and dtype of ``a`` (1-D for axis None).

Raises:
    ValueError: ``kth`` or the axis is out of range.)");
  m.def("argpartition", py_argpartition, nb::arg(), "kth"_a, "axis"_a.none() = -1, nb::kw_only(),
        "stream"_a = nb::none(),
        nb::sig(
            "def argpartition(a: array, /, kth: int, axis: None | int = -1, *, stream: StreamOrDevice = None) -> array"),
        R"(The indices that partition an array, see :func:`partition`.

Args:
    a (array): any shape and dtype.
    kth (int): the rank; negative counts from the end.
    axis (int, optional): the axis; None means the flattened array.

Returns:
    array: uint32, the shape of ``a`` (1-D for axis None).)");
  m.def("topk", py_topk, nb::arg(), "k"_a, "axis"_a.none() = -1, nb::kw_only(), "stream"_a = nb::none(),
        nb::sig("def topk(a: array, /, k: int, axis: None | int = -1, *, stream: StreamOrDevice = None) -> array"),
        R"(The ``k`` largest elements along an axis, in no particular order.

Args:
    a (array): any shape and dtype.
    k (int): how many, from 0 to the length of the axis.
    axis (int, optional): the axis; None means the flattened array.

Returns:
    array: the shape of ``a`` with ``k`` elements along the axis.

Raises:
    ValueError: ``k`` or the axis is out of range.)");
  m.def("searchsorted", searchsorted, nb::arg(), nb::arg(), "side"_a = "left", nb::kw_only(),
        "stream"_a = nb::none(),
        nb::sig("def searchsorted(sorted_sequence: array, values: array, /, side: str = 'left', *, stream: "
                "StreamOrDevice = None) -> array"),
        R"(The positions at which values would be inserted into a sorted sequence to keep it sorted.

Args:
    sorted_sequence (array): 1-D, ascending, NaN last.
    values (array): any shape; both arrays are promoted to one dtype.
    side (str, optional): ``"left"`` puts a value before the elements equal to it, ``"right"`` after them.

Returns:
    array: uint32, the shape of ``values``.

Raises:
    ValueError: the sequence is not 1-D or ``side`` is unknown.)");
}

}  // namespace mlx_rocm::python
