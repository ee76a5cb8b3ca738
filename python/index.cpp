// Indexing: x[...], x[...] = v, x.at[...], and the gather/scatter functions.
//
// An index expression is parsed once into a Selection: a basic slice, then (when arrays take part) a gather, then the
// arrangement of axes that NumPy's rules ask for. Reading applies it forwards; writing runs the same steps
// backwards on the update.
#include "python/bind.h"

namespace mlx_rocm::python {
namespace {

struct Selection {
  const array& source;
  // Step 1: the basic slice. Integers become windows of size 1 here unless arrays take part.
  Shape start, stop, step;
  bool sliced = false;
  // Step 2: index arrays and their axes.
  Arrays indices;
  Axes axes;
  Shape index_shape;
  // Step 3: which axes of the window stay (integers and indexed ones go), and where None inserts one. Entry -1 is
  // a None, entry k >= 0 is source axis k.
  std::vector<int> layout;
  int index_position = 0;  // how many layout entries come before the index arrays' axes

  explicit Selection(const array& a) : source(a), start(a.ndim(), 0), stop(a.shape()), step(a.ndim(), 1) {}

  Shape window() const {
    Shape w;
    for (size_t i = 0; i < start.size(); ++i) {
      int64_t span = int64_t(stop[i]) - start[i];
      int64_t n = step[i] > 0 ? (span + step[i] - 1) / step[i] : (span + step[i] + 1) / step[i];
      w.push_back(int32_t(std::max<int64_t>(0, n)));
    }
    return w;
  }
  // Shape of source[index].
  Shape result_shape() const {
    Shape w = window(), out;
    for (size_t i = 0; i <= layout.size(); ++i) {
      if (int(i) == index_position) out.append(index_shape.begin(), index_shape.end());
      if (i < layout.size()) out.push_back(layout[i] < 0 ? 1 : w[layout[i]]);
    }
    return out;
  }
  Shape gather_sizes() const {
    Shape sizes = window();
    for (int ax : axes) sizes[ax] = 1;
    return sizes;
  }
};

[[noreturn]] void bad_index(nb::handle h) {
  value_error("Cannot index an array with an object of type ", nb::cast<std::string>(nb::str(h.type())), ".");
}

int32_t slice_bound(nb::handle h, int32_t otherwise) {
  if (h.is_none()) return otherwise;
  if (is_array(h)) return int32_t(nb::cast<array>(h).item<int64_t>());
  int64_t v;
  try {
    v = nb::cast<int64_t>(h);
  } catch (const nb::cast_error&) {
    value_error("Slice indices must be integers or None.");
  }
  if (v < INT32_MIN || v > INT32_MAX) value_error("Slice index ", v, " is outside the range of int32.");
  return int32_t(v);
}

// Fills axis `ax` of the basic slice as Python's slice.indices does.
void apply_slice(Selection& sel, int ax, nb::handle h) {
  auto s = nb::borrow<nb::slice>(h);
  int32_t n = sel.source.shape(ax), step = slice_bound(s.attr("step"), 1);
  if (step == 0) value_error("Slice step cannot be zero.");
  int32_t low = step > 0 ? 0 : -1, high = step > 0 ? n : n - 1;
  auto clip = [&](int32_t v) { return std::clamp(v < 0 ? int32_t(std::max<int64_t>(int64_t(v) + n, -1)) : v, low, high); };
  nb::object b = s.attr("start"), e = s.attr("stop");
  sel.start[ax] = b.is_none() ? (step > 0 ? low : high) : clip(slice_bound(b, 0));
  sel.stop[ax] = e.is_none() ? (step > 0 ? high : low) : clip(slice_bound(e, 0));
  sel.step[ax] = step;
  sel.sliced = sel.sliced || sel.start[ax] != 0 || sel.stop[ax] != n || step != 1;
}

// Python ints and what acts as one (NumPy integers), but no arrays of ours and no bools.
bool is_integer_scalar(nb::handle h) {
  return (PyLong_Check(h.ptr()) || PyIndex_Check(h.ptr())) && !PyBool_Check(h.ptr()) && !is_array(h) &&
         !PyObject_HasAttrString(h.ptr(), "ndim");
}
bool is_numpy_integer(nb::handle h) {
  return PyIndex_Check(h.ptr()) && PyObject_HasAttrString(h.ptr(), "ndim") && !is_array(h) &&
         nb::cast<int>(h.attr("ndim")) == 0;
}
int64_t to_index(nb::handle h) {
  nb::object n = nb::steal(PyNumber_Index(h.ptr()));
  if (!n.is_valid()) throw nb::python_error();
  int overflow = 0;
  long long v = PyLong_AsLongLongAndOverflow(n.ptr(), &overflow);
  if (overflow || v < INT32_MIN || v > INT32_MAX) {
    value_error("Index ", nb::cast<std::string>(nb::str(n)), " is outside the range of int32.");
  }
  return v;
}

array index_array(nb::handle h) {
  array a = is_array(h) ? nb::cast<array>(h) : make_array(h, std::nullopt);
  if (a.size() == 0 && !is_array(h)) a = astype(a, int32);
  if (is_inexact(a.dtype())) value_error("Indices must be integers, got ", a.dtype(), ".");
  return a;
}

Selection parse(const array& a, nb::handle index) {
  std::vector<nb::object> entries;
  if (PyTuple_Check(index.ptr())) {
    for (nb::handle h : index) entries.push_back(nb::borrow(h));
  } else {
    entries.push_back(nb::borrow(index));
  }

  int consumed = 0, arrays = 0;
  bool ellipsis = false;
  for (auto& h : entries) {
    if (h.is_none()) continue;
    if (h.ptr() == Py_Ellipsis) {
      if (ellipsis) value_error("An index can only have a single ellipsis ('...').");
      ellipsis = true;
      continue;
    }
    if (is_numpy_integer(h)) h = nb::int_(to_index(h));
    if (PySlice_Check(h.ptr()) || is_integer_scalar(h)) {
      ++consumed;
    } else if (is_array(h) || PyList_Check(h.ptr())) {
      ++consumed;
      ++arrays;
    } else {
      bad_index(h);
    }
  }
  if (consumed > a.ndim()) {
    throw AxisError(concat_text("Too many indices for array with ", a.ndim(), " dimensions: got ", consumed, "."));
  }

  Selection sel(a);
  int ax = 0, first = -1, last = -1, at = 0;  // positions in the tuple, ellipsis counted as one
  bool separated = false;
  auto keep_rest = [&](int n) {
    for (; n > 0; --n) sel.layout.push_back(ax++);
  };
  for (auto& h : entries) {
    bool advanced = false;
    if (h.is_none()) {
      sel.layout.push_back(-1);
    } else if (h.ptr() == Py_Ellipsis) {
      keep_rest(a.ndim() - consumed);
    } else if (PySlice_Check(h.ptr())) {
      apply_slice(sel, ax, h);
      sel.layout.push_back(ax++);
    } else if (is_integer_scalar(h)) {
      int64_t v = to_index(h), n = a.shape(ax), k = v < 0 ? v + n : v;
      if (k < 0 || k >= n) index_error("Index ", v, " is out of range for axis ", ax, " with size ", n, ".");
      if (arrays > 0) {
        sel.indices.push_back(array::scalar(int64_t(k), int32));
        sel.axes.push_back(ax);
        advanced = true;
      } else {
        sel.start[ax] = int32_t(k);
        sel.stop[ax] = int32_t(k + 1);
        sel.sliced = true;
      }
      ++ax;
    } else {
      array i = index_array(h);
      if (i.dtype() == bool_) {
        value_error("Boolean indices are not supported for reading, because the result's shape would depend on "
                    "values; use mx.where, or x[mask] = v to write.");
      }
      sel.indices.push_back(i);
      sel.axes.push_back(ax++);
      advanced = true;
    }
    if (advanced) {
      if (first < 0) {
        first = at;
        sel.index_position = int(sel.layout.size());
      } else if (last != at - 1) {
        separated = true;
      }
      last = at;
    }
    ++at;
  }
  keep_rest(a.ndim() - ax);
  if (separated) sel.index_position = 0;
  for (const array& i : sel.indices) sel.index_shape = broadcast_shapes(sel.index_shape, i.shape(), "index");
  return sel;
}

// Indices into the sliced array start at the slice's corner, which is 0 on indexed axes: nothing to shift.
array read(const Selection& sel) {
  array w = sel.sliced ? slice(sel.source, sel.start, sel.stop, sel.step) : sel.source;
  if (sel.indices.empty()) {
    // Drop integer axes, then add the Nones.
    std::vector<bool> kept(w.ndim(), false);
    Axes gone, fresh;
    for (size_t i = 0; i < sel.layout.size(); ++i) {
      if (sel.layout[i] < 0) {
        fresh.push_back(int(i));
      } else {
        kept[sel.layout[i]] = true;
      }
    }
    for (int i = 0; i < w.ndim(); ++i) {
      if (!kept[i]) gone.push_back(i);
    }
    return expand_dims(squeeze(w, gone), fresh);
  }
  array y = gather(w, sel.indices, sel.axes, sel.gather_sizes());
  const int n_index = int(sel.index_shape.size());
  Axes gone;
  for (int ax : sel.axes) gone.push_back(n_index + ax);
  y = squeeze(y, gone);
  Axes fresh;
  for (size_t i = 0; i < sel.layout.size(); ++i) {
    if (sel.layout[i] < 0) fresh.push_back(n_index + int(i));
  }
  y = expand_dims(y, fresh);
  if (sel.index_position == 0 || n_index == 0) return y;
  Axes order;
  for (int i = 0; i < sel.index_position; ++i) order.push_back(n_index + i);
  for (int i = 0; i < n_index; ++i) order.push_back(i);
  for (int i = n_index + sel.index_position; i < y.ndim(); ++i) order.push_back(i);
  return transpose(y, order);
}

// The update broadcast to the selection, with leading axes of size 1 dropped as NumPy does.
array fit_update(const array& value, const Shape& shape) {
  array v = value;
  Axes lead;
  while (v.ndim() - int(lead.size()) > int(shape.size()) && v.shape(int(lead.size())) == 1) {
    lead.push_back(int(lead.size()));
  }
  v = squeeze(v, lead);
  if (v.ndim() > int(shape.size())) {
    value_error("Cannot write an array of shape ", value.shape(), " into a selection of shape ", shape, ".");
  }
  return broadcast_to(v, shape);
}

// Brings an update of the selection's shape into the form of gather's output: index axes, then one axis per source
// axis (size 1 where indexed).
array to_scatter_form(const Selection& sel, array v) {
  const int n_index = int(sel.index_shape.size());
  if (sel.index_position != 0 && n_index != 0) {
    Axes order;
    for (int i = 0; i < n_index; ++i) order.push_back(sel.index_position + i);
    for (int i = 0; i < sel.index_position; ++i) order.push_back(i);
    for (int i = sel.index_position + n_index; i < v.ndim(); ++i) order.push_back(i);
    v = transpose(v, order);
  }
  Shape shape = sel.index_shape, sizes = sel.gather_sizes();
  shape.append(sizes.begin(), sizes.end());
  return reshape(v, shape);
}

// source with its selection combined with `value`.
array write(const Selection& sel, const array& value, ScatterMode mode) {
  array v = fit_update(value, sel.result_shape());
  array w = sel.sliced && (mode != ScatterMode::assign || !sel.indices.empty())
                ? slice(sel.source, sel.start, sel.stop, sel.step)
                : sel.source;
  array updated;
  if (!sel.indices.empty()) {
    updated = scatter(w, sel.indices, to_scatter_form(sel, v), sel.axes, mode);
  } else {
    v = reshape(v, sel.window());
    switch (mode) {
      case ScatterMode::assign: updated = v; break;
      case ScatterMode::sum: updated = add(w, v); break;
      case ScatterMode::prod: updated = multiply(w, v); break;
      case ScatterMode::max: updated = maximum(w, v); break;
      case ScatterMode::min: updated = minimum(w, v); break;
    }
  }
  if (!sel.sliced) return broadcast_to(astype(updated, sel.source.dtype()), sel.source.shape());
  return slice_update(sel.source, updated, sel.start, sel.stop, sel.step);
}

// A boolean mask as the whole index (a bool, a bool array, a list of bools).
std::optional<array> as_mask(nb::handle index) {
  if (PyTuple_Check(index.ptr()) && nb::len(index) == 1) index = nb::borrow<nb::tuple>(index)[0];
  if (PyBool_Check(index.ptr())) return array::scalar(index.ptr() == Py_True, bool_);
  if (is_array(index)) {
    array a = nb::cast<array>(index);
    if (a.dtype() == bool_) return a;
  } else if (PyList_Check(index.ptr())) {
    array a = make_array(index, std::nullopt);
    if (a.dtype() == bool_) return a;
  } else if (!PyTuple_Check(index.ptr()) && PyObject_CheckBuffer(index.ptr())) {
    array a = make_array(index, std::nullopt);
    if (a.dtype() == bool_) return a;
  }
  return std::nullopt;
}

array get_item(const array& a, nb::handle index) {
  // x[i] on the first axis, the most common form, needs no parse.
  if (is_array(index)) {
    array i = nb::cast<array>(index);
    if (i.dtype() != bool_) {
      if (a.ndim() == 0) throw AxisError("Too many indices for array with 0 dimensions: got 1.");
      if (is_inexact(i.dtype())) value_error("Indices must be integers, got ", i.dtype(), ".");
      return take(a, i, 0);
    }
  }
  return read(parse(a, index));
}

void set_item(array& a, nb::handle index, const Operand& value) {
  array v = to_array(value, a.dtype());
  if (auto mask = as_mask(index)) {
    a = masked_scatter(a, *mask, v);
    return;
  }
  a = write(parse(a, index), astype(v, a.dtype()), ScatterMode::assign);
}

// x.at[index].add(v) and its kind: repeated indices accumulate.
struct ArrayAt {
  array a;
  nb::object index;

  array combine(const Operand& value, ScatterMode mode) const {
    return combine(to_array(value, a.dtype()), mode);
  }
  array combine(const array& value, ScatterMode mode) const {
    if (!index.is_valid()) value_error("[at] An index is needed first: x.at[index].add(value).");
    return write(parse(a, index), astype(value, a.dtype()), mode);
  }
};

class ArrayIterator {
 public:
  explicit ArrayIterator(const array& a) : rows_(unstack(a, 0)) {}
  array next() {
    if (at_ == rows_.size()) throw nb::stop_iteration();
    return rows_[at_++];
  }

 private:
  Arrays rows_;
  size_t at_ = 0;
};

array take_any(const array& a, const Operand& indices, std::optional<int> axis, const StreamOrDevice& s) {
  array i = to_array(indices);
  if (is_inexact(i.dtype())) value_error("[take] Indices must be integral, got ", i.dtype(), ".");
  return axis ? take(a, i, *axis, s) : take(flatten(a, 0, -1, s), i, 0, s);
}

}  // namespace

void init_index(nb::module_& m) {
  auto stream = "stream"_a = nb::none();
  auto cls = nb::borrow<nb::class_<array>>(m.attr("array"));
  nb::class_<ArrayAt>(m, "ArrayAt", "Updates at an index, from x.at[...]; repeated indices accumulate.")
      .def("__getitem__", [](const ArrayAt& t, nb::handle i) { return ArrayAt{t.a, nb::borrow(i)}; },
           "indices"_a.none())
      .def("add", [](const ArrayAt& t, const Operand& v) { return t.combine(v, ScatterMode::sum); }, "value"_a)
      .def("subtract",
           [](const ArrayAt& t, const Operand& v) {
             return t.combine(negative(to_array(v, t.a.dtype())), ScatterMode::sum);
           },
           "value"_a)
      .def("multiply", [](const ArrayAt& t, const Operand& v) { return t.combine(v, ScatterMode::prod); }, "value"_a)
      .def("divide",
           [](const ArrayAt& t, const Operand& v) {
             return t.combine(reciprocal(to_array(v, t.a.dtype())), ScatterMode::prod);
           },
           "value"_a)
      .def("maximum", [](const ArrayAt& t, const Operand& v) { return t.combine(v, ScatterMode::max); }, "value"_a)
      .def("minimum", [](const ArrayAt& t, const Operand& v) { return t.combine(v, ScatterMode::min); }, "value"_a);

  nb::class_<ArrayIterator>(m, "ArrayIterator", "Iterates over the first axis.")
      .def("__next__", &ArrayIterator::next)
      .def("__iter__", [](nb::handle self) { return self; });

  cls.def_prop_ro("at", [](const array& a) { return ArrayAt{a, nb::object()}; }, "Updates with accumulation: x.at[i].add(v) ...")
      .def("__getitem__", get_item, nb::arg().none())
      .def("__setitem__", set_item, nb::arg().none(), nb::arg())
      .def("__iter__", [](const array& a) {
        if (a.ndim() == 0) type_error("iteration over a 0-d array");
        return ArrayIterator(a);
      });

  m.def("take", take_any, nb::arg(), "indices"_a, "axis"_a = nb::none(), nb::kw_only(), stream,
        "Entries at indices along an axis (None: of the flattened array).");
  m.def(
      "take_along_axis",
      [](const array& a, const array& i, std::optional<int> axis, const StreamOrDevice& s) {
        return axis ? take_along_axis(a, i, *axis, s) : take_along_axis(flatten(a, 0, -1, s), flatten(i, 0, -1, s), 0, s);
      },
      nb::arg(), "indices"_a, "axis"_a.none() = nb::none(), nb::kw_only(), stream,
      "Entries at indices that differ per line along the axis.");
  m.def(
      "put_along_axis",
      [](const array& a, const array& i, const Operand& v, std::optional<int> axis, const StreamOrDevice& s) {
        array values = to_array(v, a.dtype());
        if (axis) return put_along_axis(a, i, values, *axis, s);
        array flat_i = flatten(i, 0, -1, s);
        array flat = put_along_axis(flatten(a, 0, -1, s), flat_i, reshape(broadcast_to(values, i.shape(), s), {-1}, s),
                                    0, s);
        return reshape(flat, a.shape(), s);
      },
      nb::arg(), "indices"_a, "values"_a, "axis"_a.none() = nb::none(), nb::kw_only(), stream,
      "The array with values put at indices along the axis.");
  m.def("slice", dynamic_slice, "a"_a, "start_indices"_a, "axes"_a, "slice_size"_a, nb::kw_only(), stream,
        "The window of slice_size whose corner on axes is start_indices (an array).");
  m.def("slice_update", dynamic_slice_update, "a"_a, "update"_a, "start_indices"_a, "axes"_a, nb::kw_only(), stream,
        "The array with the window at start_indices (an array) replaced by update.");
}

}  // namespace mlx_rocm::python
