#include "backend/transforms/export.h"

#include <fstream>

#include "python/tree.h"

namespace mlx_rocm::python {
namespace {

struct CallInputs {
  Arrays args;
  NamedArrays kwargs;
};

[[noreturn]] void bad_inputs(const char* op) {
  value_error("[", op, "] Inputs can be positional and keyword arrays, or a single tuple or list of arrays and/or a "
              "dictionary of arrays.");
}

Arrays to_arrays_or_fail(nb::handle h, const char* op) {
  Arrays out;
  if (!PyTuple_Check(h.ptr()) && !PyList_Check(h.ptr())) bad_inputs(op);
  for (nb::handle x : h) {
    if (!is_array(x)) bad_inputs(op);
    out.push_back(nb::cast<array>(x));
  }
  return out;
}

NamedArrays to_named_or_fail(nb::handle h, const char* op) {
  NamedArrays out;
  if (!PyDict_Check(h.ptr())) bad_inputs(op);
  for (auto [k, v] : nb::borrow<nb::dict>(h)) {
    if (!PyUnicode_Check(k.ptr()) || !is_array(v)) bad_inputs(op);
    out[nb::cast<std::string>(k)] = nb::cast<array>(v);
  }
  return out;
}

// f(a, b, x=c), f((a, b)), f({"x": c}) and f((a, b), {"x": c}).
CallInputs parse_inputs(const nb::args& args, const nb::kwargs& kwargs, const char* op) {
  if (args.size() == 0 || is_array(args[0])) return {to_arrays_or_fail(args, op), to_named_or_fail(kwargs, op)};
  if (kwargs.size() > 0 || args.size() > 2) bad_inputs(op);
  if (args.size() == 2) return {to_arrays_or_fail(args[0], op), to_named_or_fail(args[1], op)};
  nb::object only = args[0];
  if (PyDict_Check(only.ptr())) return {{}, to_named_or_fail(only, op)};
  return {to_arrays_or_fail(only, op), {}};
}

NamedFunction python_function(nb::object fun) {
  return [fun = SharedObject(fun)](const Arrays& args, const NamedArrays& kwargs) {
    nb::dict named;
    for (const auto& [name, a] : kwargs) named[name.c_str()] = a;
    nb::tuple positional = nb::tuple(nb::cast(args));
    nb::object result = (*fun)(*positional, **named);
    if (is_array(result)) return Arrays{nb::cast<array>(result)};
    Arrays out;
    bool sequence = PyTuple_Check(result.ptr()) || PyList_Check(result.ptr());
    for (nb::handle x : sequence ? result : nb::object(nb::make_tuple(result))) {
      if (!is_array(x)) {
        value_error("[export_function] Outputs can be a single array, or a tuple or list of arrays.");
      }
      out.push_back(nb::cast<array>(x));
    }
    return out;
  };
}

nb::object to_python(const Parameter& p) {
  return std::visit(
      [](const auto& v) -> nb::object {
        using T = std::decay_t<decltype(v)>;
        if constexpr (std::is_same_v<T, std::monostate>) {
          return nb::none();
        } else {
          return nb::cast(v);
        }
      },
      p);
}

// Describes a trace to a callback, one dictionary per call.
class Narrator {
 public:
  Narrator(nb::handle callback, const ExportedTrace& t) : callback_(callback), p_(t.program), signature_(t.signature) {}

  void run() {
    std::vector<int> inputs(p_.num_inputs);
    for (int i = 0; i < p_.num_inputs; ++i) inputs[i] = i;
    tell("inputs", {{"inputs", values(inputs)}});
    nb::list keywords;
    for (size_t k = 0; k < signature_.keywords.size(); ++k) {
      keywords.append(nb::make_tuple(signature_.keywords[k], name(int(signature_.positional + k))));
    }
    tell("keyword_inputs", {{"keywords", keywords}});
    tell("outputs", {{"outputs", values(p_.outputs)}});
    nb::list constants;
    for (const auto& [v, a] : p_.constants) constants.append(nb::make_tuple(name(v), a));
    tell("constants", {{"constants", constants}});
    for (const Program::Step& s : p_.steps) {
      std::vector<int> outputs;
      for (int k = 0; k < s.num_outputs; ++k) outputs.push_back(s.first_output + k);
      auto [op_name, parameters] = describe_for_export(*s.op);
      nb::list arguments;
      for (const Parameter& x : parameters) arguments.append(to_python(x));
      tell("primitive", {{"inputs", values(s.inputs)},
                         {"outputs", values(outputs)},
                         {"name", nb::cast(op_name)},
                         {"op", nb::str(s.op->name())},  // as registered here
                         {"arguments", arguments}});
    }
  }

 private:
  const std::string& name(int v) { return names_.of(&p_.values[v]); }
  nb::list values(const std::vector<int>& ids) {
    nb::list out;
    for (int v : ids) out.append(nb::make_tuple(name(v), p_.values[v].shape, p_.values[v].dtype));
    return out;
  }
  void tell(const char* type, std::vector<std::pair<const char*, nb::object>> items) {
    nb::dict d;
    d["type"] = type;
    for (auto& [k, v] : items) d[k] = v;
    callback_(d);
  }

  nb::handle callback_;
  const Program& p_;
  const Signature& signature_;
  ValueNames names_;
};

struct PythonExporter {
  std::unique_ptr<FunctionExporter> exporter;
  nb::object fun;
};

int exporter_traverse(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(self));
  if (!nb::inst_ready(self)) return 0;
  Py_VISIT(nb::inst_ptr<PythonExporter>(self)->fun.ptr());
  return 0;
}
int exporter_clear(PyObject* self) {
  auto* e = nb::inst_ptr<PythonExporter>(self);
  e->exporter.reset();
  e->fun.reset();
  return 0;
}
PyType_Slot exporter_slots[] = {{Py_tp_traverse, reinterpret_cast<void*>(exporter_traverse)},
                                {Py_tp_clear, reinterpret_cast<void*>(exporter_clear)},
                                {0, nullptr}};

// The exporter's function refers to the Python object without owning it: the collector sees the one reference there
// is, in PythonExporter.
NamedFunction borrowed_function(nb::handle fun) {
  return [fun](const Arrays& args, const NamedArrays& kwargs) {
    return python_function(nb::borrow(fun))(args, kwargs);
  };
}

void init_exporter(nb::module_& m) {
  nb::class_<PythonExporter>(m, "FunctionExporter", nb::type_slots(exporter_slots),
                             "Writes several traces of a function to one file; made by exporter(). A context manager "
                             "that closes the file at its end.")
      .def("close", [](PythonExporter& e) { e.exporter->close(); }, "Ends the export; no trace can be added.")
      .def("__enter__", [](nb::handle self) { return nb::borrow(self); })
      .def(
          "__exit__", [](PythonExporter& e, nb::handle, nb::handle, nb::handle) { e.exporter->close(); },
          "exc_type"_a = nb::none(), "exc_value"_a = nb::none(), "traceback"_a = nb::none())
      .def("__call__", [](PythonExporter& e, nb::args args, nb::kwargs kwargs) {
        CallInputs in = parse_inputs(args, kwargs, "export_function");
        (*e.exporter)(in.args, in.kwargs);
      });
  m.def(
      "exporter",
      [](const std::string& file, nb::callable fun, bool shapeless, const std::optional<std::string>& metadata) {
        return PythonExporter{std::make_unique<FunctionExporter>(file, borrowed_function(fun), shapeless,
                                                                 metadata.value_or("")),
                              fun};
      },
      "file"_a, "fun"_a, nb::kw_only(), "shapeless"_a = false, "metadata"_a = nb::none(),
      "A FunctionExporter: each call of it adds the trace for these arguments to the file.");
}

}  // namespace

void init_export(nb::module_& m) {
  m.def(
      "export_function",
      [](nb::handle target, nb::callable fun, nb::args args, bool shapeless, const std::optional<std::string>& metadata,
         nb::kwargs kwargs) {
        CallInputs in = parse_inputs(args, kwargs, "export_function");
        if (PyUnicode_Check(target.ptr()) || nb::hasattr(target, "__fspath__")) {
          std::string path = nb::cast<std::string>(nb::str(target));
          FunctionExporter e(path, python_function(fun), shapeless, metadata.value_or(""));
          e(in.args, in.kwargs);
          e.close();
          return;
        }
        if (metadata && !metadata->empty()) {
          value_error("[export_function] metadata is for files; a callback gets none.");
        }
        ExportedTrace t = trace_for_export(python_function(fun), in.args, in.kwargs, shapeless);
        Narrator(target, t).run();
      },
      nb::arg("file_or_callback"), "fun"_a, "args"_a, nb::kw_only(), "shapeless"_a = false, "metadata"_a = nb::none(),
      "kwargs"_a,
      nb::sig("def export_function(file_or_callback: str | Callable, fun: Callable, *args, shapeless: bool = False, "
              "metadata: str | None = None, **kwargs) -> None"),
      "Traces fun for the given arrays and writes the trace to a file, or describes it to a callback with one "
      "dictionary per part. With shapeless=True the function can later be called with other sizes. fun returns an "
      "array, or a tuple or list of arrays.");
  m.def(
      "import_function",
      [](const std::string& file, bool return_metadata) -> nb::object {
        auto imported = std::make_shared<ImportedFunction>(file);
        nb::object fun = nb::cpp_function([imported](nb::args args, nb::kwargs kwargs) {
          CallInputs in = parse_inputs(args, kwargs, "import_function");
          return nb::tuple(nb::cast((*imported)(in.args, in.kwargs)));
        });
        if (!return_metadata) return fun;
        return nb::make_tuple(fun, imported->metadata());
      },
      "file"_a, "return_metadata"_a = false,
      nb::sig("def import_function(file: str, return_metadata: bool = False) -> Callable | tuple[Callable, str]"),
      "The function in a file, which returns a tuple of arrays. ValueError when it is called with arguments it was not "
      "exported for; RuntimeError when the file is damaged.");
  init_exporter(m);
  m.def(
      "export_to_dot",
      [](nb::handle file, nb::args args, nb::kwargs kwargs) {
        Arrays outputs = flatten_tree(nb::make_tuple(args, kwargs), true, "export_to_dot");
        std::vector<std::pair<std::string, array>> names;
        for (auto [k, v] : kwargs) {
          if (is_array(v)) names.push_back({nb::cast<std::string>(k), nb::cast<array>(v)});
        }
        std::string dot = graph_to_dot(outputs, names);
        if (PyUnicode_Check(file.ptr())) {
          std::ofstream(nb::cast<std::string>(file)) << dot;
        } else if (nb::hasattr(file, "write")) {
          file.attr("write")(dot);
        } else {
          value_error("[export_to_dot] The file must be a path or an object with a write method.");
        }
      },
      "file"_a, "args"_a, "kwargs"_a, nb::sig("def export_to_dot(file: object, *args, **kwargs) -> None"),
      "Writes the graph of unevaluated arrays to a file in DOT format; keyword arguments name arrays.");
}

}  // namespace mlx_rocm::python
