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

nb::object py_unique(const array& a, int size, bool return_index, bool return_inverse, bool return_counts,
                     const std::optional<Operand>& fill, const StreamOrDevice& s) {
  std::optional<array> padding;
  if (fill) padding = to_array(*fill);
  const Unique u = unique(a, size, padding, s);
  if (!return_index && !return_inverse && !return_counts) return nb::cast(u.values);
  nb::list out;
  out.append(u.values);
  if (return_index) out.append(u.index);
  if (return_inverse) out.append(u.inverse);
  if (return_counts) out.append(u.counts);
  return nb::tuple(out);
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
  m.def(
      "median",
      [](const array& a, nb::handle axis, bool keepdims, const StreamOrDevice& s) {
        return median(a, to_axes(axis, a), keepdims, s);
      },
      nb::arg(), "axis"_a.none() = nb::none(), "keepdims"_a = false, nb::kw_only(), "stream"_a = nb::none(),
      nb::sig("def median(a: array, /, axis: None | int | Sequence[int] = None, keepdims: bool = False, *, stream: "
              "StreamOrDevice = None) -> array"),
      R"(The median over axes: the middle element, or the mean of the two in the middle.

Args:
    a (array): any shape; integers are cast to float32.
    axis (int or list(int), optional): the axes to reduce; None means all.
    keepdims (bool, optional): keep the axes with length 1.

Returns:
    array: the medians; NaN where an element is NaN.

Raises:
    ValueError: an axis is out of range, given twice, or empty.)");
  m.def("unique", py_unique, nb::arg(), "size"_a, "return_index"_a = false, "return_inverse"_a = false,
        "return_counts"_a = false, "fill_value"_a = nb::none(), nb::kw_only(), "stream"_a = nb::none(),
        nb::sig("def unique(a: array, /, size: int, return_index: bool = False, return_inverse: bool = False, "
                "return_counts: bool = False, fill_value: scalar | array | None = None, *, stream: StreamOrDevice = "
                "None) -> array | tuple[array, ...]"),
        R"(The distinct elements of the flattened array, ascending.

Args:
    a (array): any shape and dtype.
    size (int): how many to give. With fewer distinct elements the rest is filled up, with more only the smallest ones
        are given (and ``inverse`` points at the last one for those left out).
    return_index (bool, optional): also give where in the flattened ``a`` each value stands first.
    return_inverse (bool, optional): also give which value each element of ``a`` has.
    return_counts (bool, optional): also give how often each value occurs (0 for filled entries).
    fill_value (scalar or array, optional): the value of filled entries; by default the smallest element.

Returns:
    array or tuple(array, ...): values (size,), then index (size,) uint32, inverse (the shape of ``a``) uint32 and counts
    (size,) int32 as asked for.

Raises:
    ValueError: ``size`` is negative, ``fill_value`` has several elements, or an empty array has no fill value.)");
}

}  // namespace mlx_rocm::python
