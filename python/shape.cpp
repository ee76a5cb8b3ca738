// Bindings of ops that move elements: views, joins, splits, padding.
#include "python/bind.h"

namespace mlx_rocm::python {
namespace {


// Ints of a tuple, list or single int.
std::vector<int> to_ints(nb::handle h) {
  if (PyLong_Check(h.ptr())) return {nb::cast<int>(h)};
  std::vector<int> v;
  for (nb::handle x : h) v.push_back(nb::cast<int>(x));
  return v;
}

// f(2, 3), f((2, 3)) and f([2, 3]) alike.
nb::object unpack(nb::args args) {
  if (args.size() == 1 && !PyLong_Check(args[0].ptr()) && PySequence_Check(args[0].ptr())) return args[0];
  return args;
}

Arrays to_arrays_list(nb::handle h) {
  if (is_array(h)) {
    array a = nb::cast<array>(h);
    return unstack(a, 0);
  }
  Arrays out;
  for (nb::handle x : h) out.push_back(to_array(x));
  return out;
}

nb::tuple to_tuple(const Arrays& arrays) {
  nb::list l;
  for (const array& a : arrays) l.append(a);
  return nb::tuple(l);
}

Arrays split_any(const array& a, nb::handle how, int axis, const StreamOrDevice& s) {
  if (PyLong_Check(how.ptr())) return split(a, nb::cast<int>(how), axis, s);
  return split(a, to_ints(how), axis, s);
}

array squeeze_any(const array& a, nb::handle axis, const StreamOrDevice& s) {
  return axis.is_none() ? squeeze(a, s) : squeeze(a, to_ints(axis), s);
}

array transpose_any(const array& a, nb::handle axes, const StreamOrDevice& s) {
  if (axes.is_none() || nb::len(axes) == 0) return transpose(a, s);
  return transpose(a, to_ints(axes), s);
}

array concatenate_any(nb::handle arrays, std::optional<int> axis, const StreamOrDevice& s) {
  Arrays in = to_arrays_list(arrays);
  return axis ? concatenate(in, *axis, s) : concatenate(in, s);
}

PadMode pad_mode(const std::string& mode) {
  constexpr std::pair<const char*, PadMode> kModes[] = {{"constant", PadMode::constant},
                                                        {"edge", PadMode::edge},
                                                        {"reflect", PadMode::reflect},
                                                        {"symmetric", PadMode::symmetric}};
  for (auto [name, value] : kModes) {
    if (mode == name) return value;
  }
  value_error("[pad] Invalid padding mode '", mode, "': choose constant, edge, reflect or symmetric.");
}

// pad_width: an int, (n,), (low, high), or one (low, high) per axis.
array pad_any(const array& a, nb::handle width, const std::string& mode, const Operand& value,
              const StreamOrDevice& s) {
  Axes axes = all_axes(a);
  std::vector<int> low(axes.size()), high(axes.size());
  auto all_axes_get = [&](int l, int h) {
    std::fill(low.begin(), low.end(), l);
    std::fill(high.begin(), high.end(), h);
  };
  if (PyLong_Check(width.ptr())) {
    all_axes_get(nb::cast<int>(width), nb::cast<int>(width));
  } else {
    size_t n = nb::len(width);
    bool nested = n > 0 && !PyLong_Check(nb::object(width[0]).ptr());
    if (!nested) {
      std::vector<int> v = to_ints(width);
      if (v.empty() || v.size() > 2) value_error("[pad] pad_width of ", v.size(), " ints is not understood.");
      all_axes_get(v.front(), v.back());
    } else if (n == 1) {
      std::vector<int> v = to_ints(nb::object(width[0]));
      all_axes_get(v.front(), v.back());
    } else {
      if (n != axes.size()) {
        value_error("[pad] Invalid number of padding sizes ", n, " for an array with ", a.ndim(), " dimensions.");
      }
      for (size_t i = 0; i < n; ++i) {
        std::vector<int> v = to_ints(nb::object(width[i]));
        low[i] = v.front();
        high[i] = v.back();
      }
    }
  }
  return pad(a, axes, low, high, to_array(value, a.dtype()), pad_mode(mode), s);
}

array roll_any(const array& a, nb::handle shift, nb::handle axis, const StreamOrDevice& s) {
  std::vector<int> shifts = to_ints(shift);
  if (axis.is_none()) {
    int64_t total = 0;
    for (int k : shifts) total += k;
    return roll_flat(a, total, s);
  }
  std::vector<int> axes = to_ints(axis);
  if (shifts.size() != axes.size() && shifts.size() != 1 && axes.size() != 1) {
    value_error("[roll] At least as many shifts as axes are required; got ", shifts.size(), " and ", axes.size(),
                ".");
  }
  array y = a;
  for (size_t i = 0; i < std::max(shifts.size(), axes.size()); ++i) {
    y = roll(y, shifts[shifts.size() == 1 ? 0 : i], axes[axes.size() == 1 ? 0 : i], s);
  }
  return y;
}

// atleast_nd for one array gives an array, for several a list.
nb::object at_least(nb::args args, int n, const StreamOrDevice& s) {
  nb::list out;
  for (nb::handle h : args) {
    array a = to_array(h);
    if (a.ndim() == 0) a = reshape(a, Shape(n, 1), s);
    if (a.ndim() == 1 && n >= 2) a = expand_dims(a, {0}, s);
    if (a.ndim() == 2 && n == 3) a = expand_dims(a, {2}, s);
    out.append(a);
  }
  if (args.size() == 1) return out[0];
  return out;
}

}  // namespace

void init_shape(nb::module_& m) {
  auto stream = "stream"_a = nb::none();
  m.def("reshape", [](const array& a, const Shape& shape, const StreamOrDevice& s) { return reshape(a, shape, s); },
        nb::arg(), "shape"_a, nb::kw_only(), stream, "The same elements in another shape; one entry may be -1.");
  m.def("flatten",
        [](const array& a, int b, int e, const StreamOrDevice& s) { return flatten(a, b, e, s); }, nb::arg(),
        "start_axis"_a = 0, "end_axis"_a = -1, nb::kw_only(), stream, "Merges the axes from start_axis to end_axis.");
  m.def("unflatten", unflatten, nb::arg(), "axis"_a, "shape"_a, nb::kw_only(), stream,
        "Splits an axis into the given shape; one entry may be -1.");
  m.def("squeeze", squeeze_any, nb::arg(), "axis"_a = nb::none(), nb::kw_only(), stream, "Removes axes of size 1.");
  m.def(
      "expand_dims",
      [](const array& a, nb::handle axis, const StreamOrDevice& s) { return expand_dims(a, to_ints(axis), s); },
      nb::arg(), "axis"_a, nb::kw_only(), stream, "Inserts axes of size 1.");
  for (const char* name : {"transpose", "permute_dims"}) {
    m.def(name, transpose_any, nb::arg(), "axes"_a = nb::none(), nb::kw_only(), stream,
          "Permutes the axes; without axes, reverses them.");
  }
  m.def("swapaxes", swapaxes, nb::arg(), "axis1"_a, "axis2"_a, nb::kw_only(), stream, "Swaps two axes.");
  m.def("moveaxis", moveaxis, nb::arg(), "source"_a, "destination"_a, nb::kw_only(), stream,
        "Moves an axis to another place.");
  m.def(
      "matrix_transpose",
      [](const array& a, const StreamOrDevice& s) {
        if (a.ndim() < 2) value_error("[matrix_transpose] Array must be at least 2-d, got shape ", a.shape(), ".");
        return swapaxes(a, -1, -2, s);
      },
      nb::arg(), nb::kw_only(), stream, "Swaps the last two axes.");
  m.def(
      "broadcast_to",
      [](const Operand& a, const Shape& shape, const StreamOrDevice& s) { return broadcast_to(to_array(a), shape, s); },
      nb::arg(), "shape"_a, nb::kw_only(), stream, "A view of the array with the given shape.");
  m.def(
      "broadcast_arrays",
      [](nb::args args, const StreamOrDevice& s) {
        Arrays in;
        for (nb::handle h : args) in.push_back(to_array(h));
        return to_tuple(broadcast_arrays(in, s));
      },
      "arrays"_a, nb::kw_only(), stream, "Arrays broadcast against each other, as a tuple.");
  m.def(
      "broadcast_shapes",
      [](nb::args args) {
        if (args.size() == 0) value_error("[broadcast_shapes] Must provide at least one shape.");
        Shape shape;
        for (nb::handle h : args) shape = broadcast_shapes(shape, to_shape(h));
        return shape;
      },
      "shapes"_a, "The shape that all given shapes broadcast to.");
  m.def(
      "as_strided",
      [](const array& a, std::optional<Shape> shape, std::optional<std::vector<int64_t>> strides, int64_t offset,
         const StreamOrDevice& s) {
        Shape to = shape.value_or(a.shape());
        Strides step = strides ? Strides(strides->begin(), strides->end()) : row_major_strides(to);
        return as_strided(a, to, step, offset, s);
      },
      nb::arg(), "shape"_a = nb::none(), "strides"_a = nb::none(), "offset"_a = 0, nb::kw_only(), stream,
      "A view with any shape and strides (in elements) of the row-major flattened array.");
  m.def("contiguous", contiguous, nb::arg(), "allow_col_major"_a = false, nb::kw_only(), stream,
        "The array with row-major memory (a copy only where needed).");
  m.def("stop_gradient", stop_gradient, nb::arg(), nb::kw_only(), stream, "The values, cut off from gradients.");
  m.def("positive", copy, nb::arg(), nb::kw_only(), stream, "Elementwise +x: the array itself.");
  m.def(
      "astype", [](const array& a, Dtype d, const StreamOrDevice& s) { return astype(a, d, s); }, nb::arg(), nb::arg(),
      nb::kw_only(), stream, "The values converted to a dtype.");
  m.def(
      "view", [](const Operand& a, Dtype d, const StreamOrDevice& s) { return view(to_array(a), d, s); }, "a"_a,
      "dtype"_a, stream, "The bytes seen as another dtype; the last axis scales with the item size.");

  for (const char* name : {"concatenate", "concat"}) {
    m.def(name, concatenate_any, "arrays"_a, "axis"_a.none() = 0, nb::kw_only(), stream,
          "Joins arrays along an axis (None: the flattened arrays).");
  }
  m.def(
      "stack",
      [](nb::handle arrays, int axis, const StreamOrDevice& s) { return stack(to_arrays_list(arrays), axis, s); },
      "arrays"_a, "axis"_a = 0, nb::kw_only(), stream, "Joins arrays along a new axis.");
  m.def("split", split_any, nb::arg(), "indices_or_sections"_a, "axis"_a = 0, nb::kw_only(), stream,
        "A list of pieces: that many equal ones, or cut at the indices.");
  m.def(
      "unstack",
      [](const array& x, int axis, const StreamOrDevice& s) { return to_tuple(unstack(x, axis, s)); }, nb::arg(),
      nb::kw_only(), "axis"_a = 0, stream, "The slices along an axis, as a tuple.");
  m.def("pad", pad_any, "a"_a, "pad_width"_a, "mode"_a = "constant", "constant_values"_a = 0, nb::kw_only(), stream,
        "Pads every axis; mode is constant, edge, reflect or symmetric.");
  m.def(
      "tile", [](const array& a, nb::handle reps, const StreamOrDevice& s) { return tile(a, to_ints(reps), s); },
      nb::arg(), nb::arg(), nb::kw_only(), stream, "Repeats the array along each axis.");
  m.def(
      "repeat",
      [](const array& a, int repeats, std::optional<int> axis, const StreamOrDevice& s) {
        return axis ? repeat(a, repeats, *axis, s) : repeat(flatten(a, 0, -1, s), repeats, 0, s);
      },
      "array"_a, "repeats"_a, "axis"_a = nb::none(), nb::kw_only(), stream, "Repeats every entry along an axis.");
  m.def("roll", roll_any, "a"_a, "shift"_a, "axis"_a = nb::none(), nb::kw_only(), stream,
        "Rolls entries along axes, those that fall off coming back at the other end.");
  m.def(
      "flip",
      [](const array& a, nb::handle axis, const StreamOrDevice& s) { return flip(a, to_axes(axis, a), s); }, nb::arg(),
      "axis"_a = nb::none(), nb::kw_only(), stream, "Reverses the order along axes.");
  m.def(
      "meshgrid",
      [](nb::args args, bool sparse, const std::string& indexing, const StreamOrDevice& s) {
        if (indexing != "xy" && indexing != "ij") value_error("[meshgrid] Invalid indexing '", indexing, "'.");
        Arrays in;
        for (nb::handle h : args) in.push_back(to_array(h));
        return to_tuple(meshgrid(in, sparse, indexing == "xy", s));
      },
      "arrays"_a, "sparse"_a = false, "indexing"_a = "xy", stream, "Coordinate arrays from 1-d arrays, as a tuple.");
  m.def("kron", kron, "a"_a, "b"_a, nb::kw_only(), stream, "The Kronecker product.");
  m.def("diagonal", diagonal, "a"_a, "offset"_a = 0, "axis1"_a = 0, "axis2"_a = 1, stream,
        "The diagonals of the matrices over two axes, as the last axis.");
  m.def("diag", diag, nb::arg(), "k"_a = 0, nb::kw_only(), stream,
        "A diagonal matrix from a vector, or the diagonal of a matrix.");
  struct AtLeast {
    const char* name;
    int n;
  };
  for (auto [name, n] : {AtLeast{"atleast_1d", 1}, AtLeast{"atleast_2d", 2}, AtLeast{"atleast_3d", 3}}) {
    m.def(
        name, [n = n](nb::args args, const StreamOrDevice& s) { return at_least(args, n, s); }, "arys"_a,
        nb::kw_only(), stream, "Arrays with at least that many axes.");
  }

  auto cls = nb::borrow<nb::class_<array>>(m.attr("array"));
  cls.def("astype", [](const array& a, Dtype d, const StreamOrDevice& s) { return astype(a, d, s); }, "dtype"_a, stream)
      .def("view", [](const array& a, Dtype d, const StreamOrDevice& s) { return view(a, d, s); }, "dtype"_a,
           nb::kw_only(), stream)
      .def(
          "reshape",
          [](const array& a, nb::args shape, const StreamOrDevice& s) { return reshape(a, to_shape(unpack(shape)), s); },
          "shape"_a, nb::kw_only(), stream)
      .def(
          "transpose",
          [](const array& a, nb::args axes, const StreamOrDevice& s) {
            if (axes.size() == 1 && axes[0].is_none()) return transpose(a, s);
            return transpose_any(a, unpack(axes), s);
          },
          "axes"_a, nb::kw_only(), stream)
      .def("flatten", [](const array& a, int b, int e, const StreamOrDevice& s) { return flatten(a, b, e, s); },
           "start_axis"_a = 0, "end_axis"_a = -1, nb::kw_only(), stream)
      .def("squeeze", squeeze_any, "axis"_a = nb::none(), nb::kw_only(), stream)
      .def("swapaxes", swapaxes, "axis1"_a, "axis2"_a, nb::kw_only(), stream)
      .def("moveaxis", moveaxis, "source"_a, "destination"_a, nb::kw_only(), stream)
      .def("split", split_any, "indices_or_sections"_a, "axis"_a = 0, nb::kw_only(), stream)
      .def("diagonal", diagonal, "offset"_a = 0, "axis1"_a = 0, "axis2"_a = 1, stream)
      .def("diag", diag, "k"_a = 0, nb::kw_only(), stream)
      .def_prop_ro("mT", [](const array& a) {
        if (a.ndim() < 2) value_error("[mT] Array must be at least 2-d, got shape ", a.shape(), ".");
        return swapaxes(a, -1, -2);
      });
}

}  // namespace mlx_rocm::python
