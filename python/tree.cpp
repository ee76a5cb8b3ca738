#include "python/tree.h"

#include <memory>
#include <mutex>

namespace mlx_rocm::python {
namespace {

std::vector<StateLeaf>& state_leaves() {
  static auto* leaves = new std::vector<StateLeaf>;
  return *leaves;
}

const StateLeaf* state_leaf(nb::handle h) {
  for (const StateLeaf& s : state_leaves()) {
    if (h.is(s.object)) return &s;
  }
  return nullptr;
}

// A tuple of the same type: NamedTuples take their items one by one, other subclasses as one iterable.
nb::object same_tuple(nb::handle original, nb::list items) {
  if (PyTuple_CheckExact(original.ptr())) return nb::tuple(items);
  nb::handle type = original.type();
  return nb::hasattr(type, "_fields") ? type(*items) : type(items);
}

nb::object map_tuple(nb::handle tree, const std::function<nb::object(nb::handle)>& each) {
  nb::list items;
  for (nb::handle x : tree) items.append(each(x));
  return same_tuple(tree, items);
}

nb::object placeholder() {
  static PyObject* p = PyObject_CallNoArgs(reinterpret_cast<PyObject*>(&PyBaseObject_Type));
  return nb::borrow(p);
}

// Objects whose last reference went away on a thread without the GIL.
std::mutex orphans_mutex;
std::vector<nb::object*> orphans;

int delete_orphans(void*) {
  std::vector<nb::object*> mine;
  {
    std::lock_guard lock(orphans_mutex);
    mine.swap(orphans);
  }
  for (nb::object* o : mine) delete o;
  return 0;
}

struct Transformed {
  nb::object function;
  Implementation call;
  std::vector<nb::object> held;
};

int transformed_traverse(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(self));
  if (!nb::inst_ready(self)) return 0;
  auto* t = nb::inst_ptr<Transformed>(self);
  Py_VISIT(t->function.ptr());
  for (nb::object& o : t->held) Py_VISIT(o.ptr());
  return 0;
}

int transformed_clear(PyObject* self) {
  auto* t = nb::inst_ptr<Transformed>(self);
  t->call = nullptr;
  t->held.clear();
  t->function.reset();
  return 0;
}

// Everything but what makes it callable comes from the wrapped function.
PyObject* transformed_getattr(PyObject* self, PyObject* name) {
  auto* t = nb::inst_ptr<Transformed>(self);
  const char* s = PyUnicode_AsUTF8(name);
  bool own = !s || !strcmp(s, "__class__") || !strcmp(s, "__nb_signature__") || !strcmp(s, "__call__") ||
             !strcmp(s, "__reduce_ex__") || !strcmp(s, "__reduce__") || !t->function;
  if (!own) {
    if (PyObject* found = PyObject_GetAttr(t->function.ptr(), name)) return found;
    if (!PyErr_ExceptionMatches(PyExc_AttributeError)) return nullptr;
    PyErr_Clear();
  }
  return PyObject_GenericGetAttr(self, name);
}

PyType_Slot transformed_slots[] = {{Py_tp_traverse, reinterpret_cast<void*>(transformed_traverse)},
                                   {Py_tp_clear, reinterpret_cast<void*>(transformed_clear)},
                                   {Py_tp_getattro, reinterpret_cast<void*>(transformed_getattr)},
                                   {0, nullptr}};

}  // namespace

void visit_tree(nb::handle tree, const std::function<void(nb::handle)>& leaf) {
  PyObject* o = tree.ptr();
  if (PyList_Check(o) || PyTuple_Check(o)) {
    for (nb::handle x : tree) visit_tree(x, leaf);
  } else if (PyDict_Check(o)) {
    for (auto [k, v] : nb::borrow<nb::dict>(tree)) visit_tree(v, leaf);
  } else if (const StateLeaf* s = state_leaf(tree)) {
    leaf(nb::cast(s->get()));
  } else {
    leaf(tree);
  }
}

nb::object map_tree(nb::handle tree, Leaf leaf) {
  PyObject* o = tree.ptr();
  auto each = [&](nb::handle x) { return map_tree(x, leaf); };
  if (PyList_Check(o)) {
    nb::list out;
    for (nb::handle x : tree) out.append(each(x));
    return out;
  }
  if (PyTuple_Check(o)) return map_tuple(tree, each);
  if (PyDict_Check(o)) {
    nb::dict out;
    for (auto [k, v] : nb::borrow<nb::dict>(tree)) out[k] = each(v);
    return out;
  }
  return leaf(tree);
}

nb::object update_tree(nb::handle tree, Leaf leaf) {
  PyObject* o = tree.ptr();
  auto each = [&](nb::handle x) { return update_tree(x, leaf); };
  if (PyList_Check(o)) {
    nb::list l = nb::borrow<nb::list>(tree);
    for (size_t i = 0; i < l.size(); ++i) l[i] = each(l[i]);
    return l;
  }
  if (PyTuple_Check(o)) return map_tuple(tree, each);
  if (PyDict_Check(o)) {
    nb::dict d = nb::borrow<nb::dict>(tree);
    for (nb::handle key : nb::list(d.keys())) d[key] = each(nb::object(d[key]));
    return d;
  }
  if (const StateLeaf* s = state_leaf(tree)) {
    s->set(nb::cast<array>(leaf(nb::cast(s->get()))));
    return nb::borrow(tree);
  }
  return leaf(tree);
}

Arrays flatten_tree(nb::handle tree, bool strict, const char* what) {
  Arrays out;
  visit_tree(tree, [&](nb::handle h) {
    if (is_array(h)) {
      out.push_back(nb::cast<array>(h));
    } else if (strict) {
      value_error("[", what, "] The argument should contain only arrays, but it contains a ",
                  nb::cast<std::string>(nb::type_name(h.type())), ".");
    }
  });
  return out;
}

nb::object unflatten_tree(nb::handle tree, const Arrays& arrays, size_t first) {
  return map_tree(tree, [&](nb::handle h) { return is_array(h) ? nb::cast(arrays[first++]) : nb::borrow(h); });
}

std::pair<Arrays, nb::object> take_apart(nb::handle tree) {
  Arrays arrays;
  if (is_array(tree)) return {{nb::cast<array>(tree)}, placeholder()};
  nb::object structure = map_tree(tree, [&](nb::handle h) {
    if (!is_array(h)) return nb::borrow(h);
    arrays.push_back(nb::cast<array>(h));
    return placeholder();
  });
  return {std::move(arrays), std::move(structure)};
}

nb::object put_together(nb::handle structure, const Arrays& arrays, size_t first) {
  nb::handle hole = placeholder();
  if (structure.is(hole)) return nb::cast(arrays[first]);
  return map_tree(structure,
                  [&](nb::handle h) { return h.is(hole) ? nb::cast(arrays[first++]) : nb::borrow(h); });
}

Arrays array_list(nb::handle h) {
  if (is_array(h)) return {nb::cast<array>(h)};
  return nb::cast<Arrays>(h);
}

void register_state_leaf(StateLeaf leaf) { state_leaves().push_back(std::move(leaf)); }

void SharedObject::release(nb::object* o) {
  if (!nb::is_alive()) return;  // the interpreter took it along
  if (PyGILState_Check()) {
    delete o;
    return;
  }
  // Waiting for the GIL here could deadlock: the caller may hold the evaluation lock. The interpreter does it soon.
  std::lock_guard lock(orphans_mutex);
  orphans.push_back(o);
  Py_AddPendingCall(delete_orphans, nullptr);
}

nb::object make_transformed(nb::object function, Implementation call, std::vector<nb::object> held) {
  return nb::cast(Transformed{std::move(function), std::move(call), std::move(held)});
}

void init_tree(nb::module_& m) {
  nb::class_<Transformed>(m, "_Transformed", nb::type_slots(transformed_slots), nb::is_weak_referenceable(),
                          "A function made by grad, vmap, compile and the like.")
      .def("__call__",
           [](nb::handle self, nb::args args, nb::kwargs kwargs) {
             auto* t = nb::inst_ptr<Transformed>(self);
             return t->call(t->function, std::move(args), std::move(kwargs));
           })
      // None, so that tools which know nanobind's functions ask the wrapped function instead.
      .def_prop_ro("__nb_signature__", [](const Transformed&) { return nb::none(); });
}

}  // namespace mlx_rocm::python
