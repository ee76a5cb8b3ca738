#include "backend/transforms/vmap.h"

#include "python/tree.h"

namespace mlx_rocm::python {
namespace {

int one_axis(const array& a, nb::handle axis, bool output) {
  if (axis.is_none()) return -1;
  if (!PyLong_Check(axis.ptr())) value_error("[vmap] An axis must be an int or None.");
  int rank = a.ndim() + output;
  int n = nb::cast<int>(axis);
  int positive = n < 0 ? n + rank : n;
  if (positive < 0 || positive >= rank) {
    value_error("[vmap] Invalid ", output ? "output " : "", "vectorization axis ", n, " for array with shape ",
                a.shape(), ".");
  }
  return positive;
}

// The axis of every array of a tree; `axes` is a prefix of the tree, an int or None standing for a whole subtree.
void read_axes(nb::handle tree, nb::handle axes, bool output, std::vector<int>& flat) {
  PyObject *t = tree.ptr(), *a = axes.ptr();
  if (is_array(tree)) {
    flat.push_back(one_axis(nb::cast<array>(tree), axes, output));
    return;
  }
  bool container = PyList_Check(t) || PyTuple_Check(t) || PyDict_Check(t);
  if (!container) value_error("[vmap] The arguments and results should contain only arrays.");
  bool whole = axes.is_none() || PyLong_Check(a);
  bool same_kind = whole || (PyDict_Check(t) ? PyDict_Check(a) : PyList_Check(t) ? PyList_Check(a) : PyTuple_Check(a));
  if (!same_kind || (!whole && PyObject_Size(t) != PyObject_Size(a))) {
    value_error("[vmap] The axes are not a prefix of the tree of arrays they are given for.");
  }
  if (PyDict_Check(t)) {
    for (auto [key, value] : nb::borrow<nb::dict>(tree)) {
      if (!whole && !nb::borrow<nb::dict>(axes).contains(key)) {
        value_error("[vmap] The axes are not a prefix of the tree of arrays: a key is missing.");
      }
      read_axes(value, whole ? nb::borrow(axes) : nb::object(axes[key]), output, flat);
    }
    return;
  }
  for (Py_ssize_t i = 0, n = PyObject_Size(t); i < n; ++i) {
    read_axes(nb::object(tree[i]), whole ? nb::borrow(axes) : nb::object(axes[i]), output, flat);
  }
}

std::vector<int> tree_axes(nb::handle tree, nb::handle axes, bool output) {
  std::vector<int> flat;
  // For a single array the axis may come in a tuple of one.
  bool in_tuple = is_array(tree) && PyTuple_Check(axes.ptr()) && PyTuple_GET_SIZE(axes.ptr()) == 1;
  read_axes(tree, in_tuple ? nb::object(axes[0]) : nb::borrow(axes), output, flat);
  return flat;
}

nb::object call_vmapped(nb::handle fun, nb::handle in_axes, nb::handle out_axes, const nb::args& args) {
  Arrays inputs = flatten_tree(args, true, "vmap");
  std::vector<int> axes = tree_axes(args.size() == 1 ? nb::object(args[0]) : nb::borrow(args), in_axes, false);
  nb::object result;
  auto f = [&](const Arrays& slices) {
    result = fun(*nb::borrow<nb::args>(unflatten_tree(args, slices)));
    return flatten_tree(result, true, "vmap");
  };
  auto where = [&](const Arrays&) { return tree_axes(result, out_axes, true); };
  return unflatten_tree(result, vmap(f, inputs, axes, where));
}

}  // namespace

void init_vmap(nb::module_& m) {
  m.def(
      "vmap",
      [](nb::callable fun, nb::object in_axes, nb::object out_axes) {
        auto call = [in = SharedObject(in_axes), out = SharedObject(out_axes)](nb::handle f, nb::args args,
                                                                               nb::kwargs kwargs) {
          if (kwargs.size() > 0) type_error("[vmap] Mapped functions take no keyword arguments.");
          return call_vmapped(f, *in, *out, args);
        };
        return make_transformed(fun, call, {in_axes, out_axes});
      },
      "fun"_a, "in_axes"_a.none() = 0, "out_axes"_a.none() = 0,
      nb::sig("def vmap(fun: Callable, in_axes: object = 0, out_axes: object = 0) -> Callable"),
      "fun mapped over an axis of its arguments. The axes are an int, None (not mapped) or a tree of these that is a "
      "prefix of the arguments (of the outputs for out_axes). ValueError when the mapped lengths differ.");
}

}  // namespace mlx_rocm::python
