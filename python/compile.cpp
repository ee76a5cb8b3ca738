#include "backend/transforms/compile.h"

#include "python/tree.h"

namespace mlx_rocm::python {
namespace {

// Marks of the structure among the constants that a call is recognised by.
enum Mark : uint64_t {
  array_mark = 0xa0761d6478bd642full,
  sequence_mark = 0xe7037ed1a0b428dbull,
  dict_mark = 0x8ebc6af09c88c6e3ull,
  none_mark = 0x589965cc75374cc3ull,
  bool_mark = 0x1d8e4e27c47d124full,
  int_mark = 0xeb44accab455d165ull,
  float_mark = 0x9c3cc0b1d0f7a2e5ull,
  text_mark = 0xd6e8feb86659fd93ull,
};

uint64_t hash_of(nb::handle h) {
  Py_hash_t v = PyObject_Hash(h.ptr());
  if (v == -1 && PyErr_Occurred()) throw nb::python_error();
  return uint64_t(v);
}

// Sorts the leaves of the arguments into arrays and constants.
void describe(nb::handle h, Arrays& arrays, std::vector<uint64_t>& constants) {
  PyObject* o = h.ptr();
  if (is_array(h)) {
    arrays.push_back(nb::cast<array>(h));
    constants.push_back(array_mark);
  } else if (PyTuple_Check(o) || PyList_Check(o)) {
    bool plain = PyTuple_CheckExact(o) || PyList_CheckExact(o);
    constants.push_back(plain ? uint64_t(sequence_mark) : uint64_t(reinterpret_cast<uintptr_t>(Py_TYPE(o))));
    constants.push_back(uint64_t(PySequence_Fast_GET_SIZE(o)));
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(o); ++i) {
      describe(PySequence_Fast_GET_ITEM(o, i), arrays, constants);
    }
  } else if (PyDict_Check(o)) {
    constants.push_back(dict_mark);
    constants.push_back(uint64_t(PyDict_Size(o)));
    for (auto [k, v] : nb::borrow<nb::dict>(h)) {
      constants.push_back(hash_of(k));
      describe(v, arrays, constants);
    }
  } else if (h.is_none()) {
    constants.push_back(none_mark);
  } else if (PyBool_Check(o)) {
    constants.push_back(bool_mark + (o == Py_True));
  } else if (PyLong_Check(o)) {
    constants.push_back(int_mark);
    int overflow = 0;
    long long v = PyLong_AsLongLongAndOverflow(o, &overflow);
    constants.push_back(overflow ? hash_of(h) : uint64_t(v));
  } else if (PyFloat_Check(o)) {
    constants.push_back(float_mark);
    double v = PyFloat_AS_DOUBLE(o);
    uint64_t bits;
    std::memcpy(&bits, &v, sizeof(bits));
    constants.push_back(bits);
  } else if (PyUnicode_Check(o)) {
    constants.push_back(text_mark);
    constants.push_back(hash_of(h));
  } else {
    value_error("[compile] Function arguments must be trees of arrays or constants (floats, ints, strings, or None), "
                "but received type ", nb::cast<std::string>(nb::type_name(h.type())), ".");
  }
}

// What lists and dicts held, to put it back when tracing fails half-way.
class Snapshot {
 public:
  explicit Snapshot(nb::handle tree) { take(tree); }
  void restore() const {
    for (const auto& [container, copy] : saved_) {
      if (PyList_Check(container.ptr())) {
        PyList_SetSlice(container.ptr(), 0, PyList_GET_SIZE(container.ptr()), copy.ptr());
      } else {
        PyDict_Clear(container.ptr());
        PyDict_Update(container.ptr(), copy.ptr());
      }
    }
    PyErr_Clear();
  }

 private:
  void take(nb::handle h) {
    if (PyList_Check(h.ptr())) {
      saved_.push_back({nb::borrow(h), nb::list(h)});
      for (nb::handle x : h) take(x);
    } else if (PyTuple_Check(h.ptr())) {
      for (nb::handle x : h) take(x);
    } else if (PyDict_Check(h.ptr())) {
      saved_.push_back({nb::borrow(h), nb::steal(PyDict_Copy(h.ptr()))});
      for (auto [k, v] : nb::borrow<nb::dict>(h)) take(v);
    }
  }
  std::vector<std::pair<nb::object, nb::object>> saved_;
};

void fill(nb::handle tree, const Arrays& arrays, size_t first) {
  update_tree(tree, [&](nb::handle h) {
    return is_array(h) && first < arrays.size() ? nb::cast(arrays[first++]) : nb::borrow(h);
  });
}

// Puts `originals` where the stand-ins still are; what the function wrote stays.
void replace_stand_ins(nb::handle tree, const Arrays& stand_ins, size_t first, const Arrays& originals) {
  std::unordered_map<const Node*, size_t> index;
  for (size_t i = 0; i < originals.size(); ++i) index[stand_ins[first + i].node()] = i;
  update_tree(tree, [&](nb::handle h) {
    if (!is_array(h)) return nb::borrow(h);
    auto it = index.find(nb::cast<array>(h).node());
    return it == index.end() ? nb::borrow(h) : nb::cast(originals[it->second]);
  });
}

struct Result {
  nb::object structure;
  size_t count;  // arrays in it; captured outputs follow
};

class CompiledFunction {
 public:
  CompiledFunction(nb::object inputs, nb::object outputs, bool shapeless)
      : inputs_(std::move(inputs)), outputs_(std::move(outputs)), cache_(shapeless) {}

  nb::object call(nb::handle fun, const nb::args& args, const nb::kwargs& kwargs) {
    if (!compile_enabled()) return fun(*args, **kwargs);
    Arrays arrays;
    std::vector<uint64_t> constants;
    describe(args, arrays, constants);
    size_t positional = arrays.size();
    if (kwargs.size() > 0) describe(kwargs, arrays, constants);
    size_t own = arrays.size();
    if (!inputs_.is_none()) {
      Arrays state = flatten_tree(inputs_);
      arrays.insert(arrays.end(), state.begin(), state.end());
    }
    // Inside another transform the function is just part of what that one traces.
    for (const array& a : arrays) {
      if (a.is_tracer()) return fun(*args, **kwargs);
    }
    auto entry = cache_.find(arrays, constants);
    if (!entry) entry = trace(fun, args, kwargs, arrays, positional, own, std::move(constants));
    Arrays out = CompileCache::run(*entry, arrays);
    auto& result = *static_cast<Result*>(entry->extra.get());
    if (!outputs_.is_none()) fill(outputs_, out, result.count);
    return put_together(result.structure, out);
  }

 private:
  CompileCache::Hit trace(nb::handle fun, const nb::args& args, const nb::kwargs& kwargs, const Arrays& arrays,
                          size_t positional, size_t own, std::vector<uint64_t> constants) {
    std::shared_ptr<Result> result(new Result, [](Result* r) {
      if (!nb::is_alive()) return;
      nb::gil_scoped_acquire gil;
      delete r;
    });
    auto f = [&](const Arrays& stand_ins) {
      if (!inputs_.is_none()) fill(inputs_, stand_ins, own);
      nb::object a = unflatten_tree(args, stand_ins), k = unflatten_tree(kwargs, stand_ins, positional);
      auto [out, structure] = take_apart(fun(*nb::borrow<nb::args>(a), **nb::borrow<nb::kwargs>(k)));
      *result = {structure, out.size()};
      if (!outputs_.is_none()) {
        Arrays state = flatten_tree(outputs_);
        out.insert(out.end(), state.begin(), state.end());
      }
      if (!inputs_.is_none()) {
        replace_stand_ins(inputs_, stand_ins, own, Arrays(arrays.begin() + own, arrays.end()));
      }
      return std::move(out);
    };
    Snapshot state_in(inputs_), state_out(outputs_);
    try {
      auto entry = cache_.compile(f, arrays, std::move(constants));
      entry->extra = result;
      return entry;
    } catch (...) {
      state_out.restore();
      state_in.restore();
      throw;
    }
  }

  nb::object inputs_, outputs_;
  CompileCache cache_;
};

}  // namespace

void init_compile(nb::module_& m) {
  m.def(
      "compile",
      [](nb::callable fun, nb::object inputs, nb::object outputs, bool shapeless) {
        std::shared_ptr<CompiledFunction> compiled(new CompiledFunction(inputs, outputs, shapeless),
                                                   [](CompiledFunction* c) {
                                                     if (!nb::is_alive()) return;
                                                     nb::gil_scoped_acquire gil;
                                                     delete c;
                                                   });
        auto call = [compiled](nb::handle f, nb::args args, nb::kwargs kwargs) {
          return compiled->call(f, args, kwargs);
        };
        return make_transformed(fun, call, {inputs, outputs});
      },
      "fun"_a, "inputs"_a = nb::none(), "outputs"_a = nb::none(), "shapeless"_a = false,
      nb::sig("def compile(fun: Callable, inputs: object | None = None, outputs: object | None = None, shapeless: bool "
              "= False) -> Callable"),
      "fun, traced at the first call and replayed later with elementwise ops fused. Arguments are trees of arrays and "
      "constants (numbers, strings, None); other constants, shapes or dtypes are traced anew, with shapeless=True "
      "other shapes of the same rank are not. `inputs` and `outputs` are lists or dicts of state that fun reads and "
      "writes besides its arguments.");
  m.def("disable_compile", disable_compile, "Makes compiled functions run as they were written.");
  m.def("enable_compile", enable_compile, "Undoes disable_compile, and MLX_DISABLE_COMPILE in the environment.");
}

}  // namespace mlx_rocm::python
