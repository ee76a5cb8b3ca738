// vjp, jvp, grad, value_and_grad, custom_function, checkpoint, depends.
#include <algorithm>
#include <optional>
#include <set>

#include "backend/transforms/custom.h"
#include "backend/transforms/grad.h"
#include "python/tree.h"

namespace mlx_rocm::python {
namespace {

std::string kind_of(nb::handle h) { return nb::cast<std::string>(nb::type_name(h.type())); }

// What to differentiate by.
struct Arguments {
  std::vector<int> nums;  // sorted
  std::set<std::string> names;
  std::string op;  // for messages
};

using ArgNums = std::variant<std::monostate, int, std::vector<int>>;

Arguments parse_arguments(const ArgNums& argnums, nb::handle argnames, std::string op) {
  Arguments a;
  a.op = std::move(op);
  if (PyUnicode_Check(argnames.ptr())) {
    a.names.insert(nb::cast<std::string>(argnames));
  } else {
    for (nb::handle n : argnames) a.names.insert(nb::cast<std::string>(n));
  }
  if (auto* one = std::get_if<int>(&argnums)) {
    a.nums = {*one};
  } else if (auto* many = std::get_if<std::vector<int>>(&argnums)) {
    a.nums = *many;
  } else if (a.names.empty()) {
    a.nums = {0};
  }
  if (a.nums.empty() && a.names.empty()) value_error(a.op, " Gradient wrt no argument requested.");
  std::sort(a.nums.begin(), a.nums.end());
  if (!a.nums.empty() && a.nums[0] < 0) {
    value_error(a.op, " Can't compute the gradient of negative argument index ", a.nums[0], ".");
  }
  auto twice = std::adjacent_find(a.nums.begin(), a.nums.end());
  if (twice != a.nums.end()) value_error(a.op, " Duplicate argument index ", *twice, " is not allowed.");
  return a;
}

void check_call(const Arguments& wanted, const nb::args& args, const nb::kwargs& kwargs) {
  if (!wanted.nums.empty() && size_t(wanted.nums.back()) >= args.size()) {
    value_error(wanted.op, " Can't compute the gradient of argument index ", wanted.nums.back(),
                " because the function is called with only ", args.size(), " positional arguments.");
  }
  for (const std::string& name : wanted.names) {
    if (kwargs.contains(name.c_str())) continue;
    std::string given;
    for (auto [k, v] : kwargs) given += (given.empty() ? "" : ", ") + nb::cast<std::string>(k);
    value_error(wanted.op, " Can't compute the gradient of keyword argument '", name,
                "' because the function is called with the keyword arguments {", given, "}.");
  }
}

void check_result(const Arguments& wanted, nb::handle result, bool scalar_only) {
  if (is_array(result)) return;
  if (scalar_only) {
    value_error(wanted.op, " The function must return a scalar array, but it returned ", kind_of(result), ".");
  }
  if (!nb::isinstance<nb::tuple>(result)) {
    value_error(wanted.op, " The function must return a scalar array or a tuple that starts with one, but it returned ",
                kind_of(result), ".");
  }
  nb::tuple t = nb::borrow<nb::tuple>(result);
  if (t.size() == 0) {
    value_error(wanted.op, " The function must return a scalar array or a tuple that starts with one, but it returned "
                "an empty tuple.");
  }
  if (!is_array(t[0])) {
    value_error(wanted.op, " The function must return a scalar array or a tuple that starts with one, but its tuple "
                "starts with ", kind_of(t[0]), ".");
  }
}

// The arrays of a call's arguments, and the runs of them to differentiate by.
struct CallArrays {
  Arrays arrays;
  std::vector<nb::object> objects;  // the Python objects they came in
  std::vector<int> argnums;         // indices into arrays
  std::vector<std::pair<nb::object, size_t>> positional, keyword;  // (argument or key, first gradient)

  void add(nb::handle tree, bool strict, const std::string& op) {
    visit_tree(tree, [&](nb::handle h) {
      if (is_array(h)) {
        if (strict) argnums.push_back(int(arrays.size()));
        arrays.push_back(nb::cast<array>(h));
        objects.push_back(nb::borrow(h));
      } else if (strict) {
        value_error(op, " The arguments to differentiate by should contain only arrays, but found a ", kind_of(h),
                    ".");
      }
    });
  }
};

CallArrays collect_arguments(const Arguments& wanted, const nb::args& args, const nb::kwargs& kwargs) {
  CallArrays c;
  for (size_t i = 0; i < args.size(); ++i) {
    bool needed = std::binary_search(wanted.nums.begin(), wanted.nums.end(), int(i));
    if (needed) c.positional.push_back({nb::borrow(args[i]), c.argnums.size()});
    c.add(args[i], needed, wanted.op);
  }
  for (auto [k, v] : kwargs) {
    bool needed = wanted.names.count(nb::cast<std::string>(k)) > 0;
    if (needed) c.keyword.push_back({nb::borrow(k), c.argnums.size()});
    c.add(v, needed, wanted.op);
  }
  return c;
}

nb::object gradients_as_arguments(const CallArrays& call, const nb::kwargs& kwargs, const Arrays& grads) {
  nb::object positional = nb::none();
  if (call.positional.size() == 1) {
    positional = unflatten_tree(call.positional[0].first, grads, call.positional[0].second);
  } else if (call.positional.size() > 1) {
    nb::list all;
    for (const auto& [tree, first] : call.positional) all.append(unflatten_tree(tree, grads, first));
    positional = nb::tuple(all);
  }
  if (call.keyword.empty()) return positional;
  nb::dict named;
  for (const auto& [key, first] : call.keyword) named[key] = unflatten_tree(nb::object(kwargs[key]), grads, first);
  return nb::make_tuple(positional, named);
}

std::pair<nb::object, nb::object> python_value_and_grad(const Arguments& wanted, bool scalar_only,
                                                        nb::handle function, const nb::args& args,
                                                        const nb::kwargs& kwargs) {
  check_call(wanted, args, kwargs);
  CallArrays call = collect_arguments(wanted, args, kwargs);
  nb::object result;
  auto traced = [&](const Arrays& inputs) {
    // The containers the caller gave hold the traced arrays while the function runs, so that what it stores in
    // them is seen; places it did not write to get their own arrays back.
    nb::list tree;
    tree.append(args);
    tree.append(kwargs);
    size_t i = 0;
    update_tree(tree, [&](nb::handle h) { return is_array(h) ? nb::cast(inputs[i++]) : nb::borrow(h); });
    auto restore = [&] {
      size_t at = 0;
      update_tree(tree, [&](nb::handle h) {
        if (!is_array(h) || at == inputs.size()) return nb::borrow(h);
        size_t k = at++;
        return same(nb::cast<array>(h), inputs[k]) ? call.objects[k] : nb::borrow(h);
      });
    };
    try {
      result = function(*nb::borrow<nb::args>(tree[0]), **nb::borrow<nb::kwargs>(tree[1]));
    } catch (...) {
      restore();
      throw;
    }
    restore();
    check_result(wanted, result, scalar_only);
    return flatten_tree(result);
  };
  auto [values, grads] = value_and_grad(traced, call.arrays, call.argnums);
  nb::object py_grads = gradients_as_arguments(call, kwargs, grads);
  return {unflatten_tree(result, values), py_grads};
}

Function array_function(nb::handle fun) {
  return [fun](const Arrays& in) { return array_list(fun(*nb::cast(in))); };
}

// --- custom_function

struct CustomFunction {
  nb::object f, vjp, jvp, vmap;
};

int custom_traverse(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(self));
  if (!nb::inst_ready(self)) return 0;
  auto* c = nb::inst_ptr<CustomFunction>(self);
  for (nb::object* o : {&c->f, &c->vjp, &c->jvp, &c->vmap}) Py_VISIT(o->ptr());
  return 0;
}
int custom_clear(PyObject* self) {
  auto* c = nb::inst_ptr<CustomFunction>(self);
  for (nb::object* o : {&c->f, &c->vjp, &c->jvp, &c->vmap}) o->reset();
  return 0;
}
PyType_Slot custom_slots[] = {{Py_tp_traverse, reinterpret_cast<void*>(custom_traverse)},
                              {Py_tp_clear, reinterpret_cast<void*>(custom_clear)},
                              {0, nullptr}};

// The arguments of a rule: a single positional argument is passed bare.
nb::object bare_if_single(nb::handle args) {
  return nb::len(args) == 1 ? nb::object(args[0]) : nb::borrow(args);
}

nb::tuple positional_only(nb::handle structure, const Arrays& arrays, const char* rule) {
  nb::object both = put_together(structure, arrays);
  if (nb::len(nb::object(both[1])) > 0) {
    value_error("[custom_function] A custom ", rule, " takes functions with positional arguments only.");
  }
  return nb::borrow<nb::tuple>(nb::object(both[0]));
}

Function inner_function(SharedObject f, SharedObject inputs, SharedObject outputs) {
  return [f, inputs, outputs](const Arrays& in) {
    nb::gil_scoped_acquire gil;
    nb::object call = put_together(*inputs, in);
    auto [arrays, structure] =
        take_apart((*f)(*nb::borrow<nb::args>(nb::object(call[0])), **nb::borrow<nb::kwargs>(nb::object(call[1]))));
    *outputs = structure;
    return std::move(arrays);
  };
}

auto vjp_rule(SharedObject rule, SharedObject inputs, SharedObject outputs) {
  return [rule, inputs, outputs](const Arrays& primals, const Arrays& cotangents, const Arrays& values) {
    nb::gil_scoped_acquire gil;
    nb::object call = put_together(*inputs, primals);
    return flatten_tree((*rule)(bare_if_single(call[0]), put_together(*outputs, cotangents),
                                put_together(*outputs, values),
                                **nb::borrow<nb::kwargs>(nb::object(call[1]))));
  };
}

auto jvp_rule(SharedObject rule, SharedObject inputs) {
  return [rule, inputs](const Arrays& primals, const Arrays& tangents, const std::vector<int>& argnums) {
    nb::gil_scoped_acquire gil;
    nb::tuple args = positional_only(*inputs, primals, "jvp");
    std::vector<nb::object> at(primals.size(), nb::none());
    for (size_t i = 0; i < argnums.size(); ++i) {
      if (size_t(argnums[i]) < at.size()) at[argnums[i]] = nb::cast(tangents[i]);
    }
    size_t next = 0;
    nb::object dargs = map_tree(args, [&](nb::handle h) { return is_array(h) ? at[next++] : nb::none(); });
    return flatten_tree((*rule)(bare_if_single(args), bare_if_single(dargs)));
  };
}

void read_axes(nb::handle outputs, nb::handle axes, Arrays& arrays, std::vector<int>& flat) {
  if (is_array(outputs)) {
    arrays.push_back(nb::cast<array>(outputs));
    flat.push_back(axes.is_none() ? -1 : nb::cast<int>(axes));
    return;
  }
  bool spread = axes.is_none() || PyLong_Check(axes.ptr());
  if (PyDict_Check(outputs.ptr())) {
    for (auto [k, v] : nb::borrow<nb::dict>(outputs)) {
      read_axes(v, spread ? nb::borrow(axes) : nb::object(axes[k]), arrays, flat);
    }
  } else if (PyList_Check(outputs.ptr()) || PyTuple_Check(outputs.ptr())) {
    size_t n = nb::len(outputs);
    if (!spread && nb::len(axes) != n) {
      value_error("[custom_function] The vmap rule must return an axis for every output.");
    }
    for (size_t i = 0; i < n; ++i) {
      read_axes(nb::object(outputs[i]), spread ? nb::borrow(axes) : nb::object(axes[i]), arrays, flat);
    }
  }
}

auto vmap_rule(SharedObject rule, SharedObject inputs) {
  return [rule, inputs](const Arrays& in, const std::vector<int>& axes) {
    nb::gil_scoped_acquire gil;
    nb::tuple args = positional_only(*inputs, in, "vmap");
    size_t next = 0;
    nb::object py_axes = map_tree(args, [&](nb::handle h) -> nb::object {
      if (!is_array(h)) return nb::none();
      int axis = axes[next++];
      return axis < 0 ? nb::none() : nb::object(nb::int_(axis));
    });
    nb::object result = (*rule)(bare_if_single(args), bare_if_single(py_axes));
    if (!nb::isinstance<nb::tuple>(result) || nb::len(result) != 2) {
      value_error("[custom_function] The vmap rule must return a tuple of outputs and axes.");
    }
    std::pair<Arrays, std::vector<int>> out;
    read_axes(nb::object(result[0]), nb::object(result[1]), out.first, out.second);
    return out;
  };
}

nb::object call_custom(CustomFunction& c, nb::args args, nb::kwargs kwargs) {
  if (!c.vjp && !c.jvp && !c.vmap) return c.f(*args, **kwargs);
  auto [arrays, structure] = take_apart(nb::make_tuple(args, kwargs));
  SharedObject inputs(structure), outputs{nb::none()};
  auto rules = std::make_shared<CustomRules>();
  rules->f = inner_function(SharedObject(c.f), inputs, outputs);
  if (c.vjp) rules->vjp = vjp_rule(SharedObject(c.vjp), inputs, outputs);
  if (c.jvp) rules->jvp = jvp_rule(SharedObject(c.jvp), inputs);
  if (c.vmap) rules->vmap = vmap_rule(SharedObject(c.vmap), inputs);
  Arrays result = apply_custom(std::move(rules), arrays);
  return put_together(*outputs, result);
}

nb::object call_checkpointed(nb::handle fun, nb::args args, nb::kwargs kwargs) {
  auto [arrays, structure] = take_apart(nb::make_tuple(args, kwargs));
  SharedObject outputs{nb::none()};
  Arrays result =
      checkpoint(inner_function(SharedObject(nb::borrow(fun)), SharedObject(structure), outputs), arrays);
  return put_together(*outputs, result);
}

void init_custom_function(nb::module_& m) {
  nb::class_<CustomFunction> cls(
      m, "custom_function", nb::type_slots(custom_slots),
      "Decorator: a function whose vjp, jvp or vmap is given by hand, each with the decorator of that name. What is "
      "not given is derived from the function. Captured arrays are constants: they get no gradient. A rule gets a "
      "single positional argument bare and several as a tuple.");
  cls.def(
      "__init__", [](CustomFunction* self, nb::object f) { new (self) CustomFunction{std::move(f), {}, {}, {}}; },
      "f"_a, nb::sig("def __init__(self, f: Callable)"));
  cls.def("__call__", call_custom);
  auto setter = [&](const char* name, nb::object CustomFunction::*rule, const char* signature, const char* doc) {
    cls.def(
        name,
        [rule](CustomFunction& c, nb::object f) -> CustomFunction& {
          c.*rule = std::move(f);
          return c;
        },
        "f"_a, nb::rv_policy::none, nb::sig(signature), doc);
  };
  setter("vjp", &CustomFunction::vjp, "def vjp(self, f: Callable)",
         "Sets f(primals, cotangents, outputs), which returns cotangents in the structure of the primals.");
  setter("jvp", &CustomFunction::jvp, "def jvp(self, f: Callable)",
         "Sets f(primals, tangents), which returns tangents in the structure of the outputs. A tangent is None where "
         "there is none.");
  setter("vmap", &CustomFunction::vmap, "def vmap(self, f: Callable)",
         "Sets f(inputs, axes), which returns the batched outputs and their axes (None: not batched).");
}

Arrays one_or_many(const std::variant<array, Arrays>& v) {
  if (auto* a = std::get_if<array>(&v)) return {*a};
  return std::get<Arrays>(v);
}

}  // namespace

void init_autodiff(nb::module_& m) {
  init_custom_function(m);
  m.def(
      "vjp",
      [](nb::callable fun, const Arrays& primals, const Arrays& cotangents) {
        return vjp(array_function(fun), primals, cotangents);
      },
      "fun"_a, "primals"_a, "cotangents"_a,
      nb::sig("def vjp(fun: Callable, primals: list[array], cotangents: list[array]) -> tuple[list[array], "
              "list[array]]"),
      "Outputs of fun(*primals) and the products of the cotangents (one per output) with its Jacobian (one per "
      "primal).");
  m.def(
      "jvp",
      [](nb::callable fun, const Arrays& primals, const Arrays& tangents) {
        return jvp(array_function(fun), primals, tangents);
      },
      "fun"_a, "primals"_a, "tangents"_a,
      nb::sig("def jvp(fun: Callable, primals: list[array], tangents: list[array]) -> tuple[list[array], "
              "list[array]]"),
      "Outputs of fun(*primals) and the products of its Jacobian with the tangents (one per primal).");
  m.def(
      "value_and_grad",
      [](nb::callable fun, const ArgNums& argnums, nb::object argnames) {
        auto call = [wanted = parse_arguments(argnums, argnames, "[value_and_grad]")](
                        nb::handle f, nb::args args, nb::kwargs kwargs) -> nb::object {
          auto [value, grads] = python_value_and_grad(wanted, false, f, args, kwargs);
          return nb::make_tuple(value, grads);
        };
        return make_transformed(fun, call);
      },
      "fun"_a, "argnums"_a = nb::none(), "argnames"_a = nb::list(),
      nb::sig("def value_and_grad(fun: Callable, argnums: int | Sequence[int] | None = None, argnames: str | "
              "Sequence[str] = []) -> Callable"),
      "A function that returns fun's value and its gradient by the arguments `argnums` (the first when neither is "
      "given) and the keyword arguments `argnames`. fun returns a scalar array, or a tuple that starts with one. "
      "Gradients have the structure of the arguments: one argument's, a tuple for several argnums, and (those, dict) "
      "when argnames are given.");
  m.def(
      "grad",
      [](nb::callable fun, const ArgNums& argnums, nb::object argnames) {
        auto call = [wanted = parse_arguments(argnums, argnames, "[grad]")](nb::handle f, nb::args args,
                                                                            nb::kwargs kwargs) {
          return python_value_and_grad(wanted, true, f, args, kwargs).second;
        };
        return make_transformed(fun, call);
      },
      "fun"_a, "argnums"_a = nb::none(), "argnames"_a = nb::list(),
      nb::sig("def grad(fun: Callable, argnums: int | Sequence[int] | None = None, argnames: str | Sequence[str] = "
              "[]) -> Callable"),
      "As value_and_grad, but the function returns the gradient only and fun returns a scalar array.");
  m.def(
      "checkpoint", [](nb::callable fun) { return make_transformed(fun, call_checkpointed); }, "fun"_a,
      nb::sig("def checkpoint(fun: Callable) -> Callable"),
      "fun, recomputing its intermediate values for the gradient instead of keeping them in memory.");
  m.def(
      "stop_gradient", [](const array& a, const StreamOrDevice& s) { return stop_gradient(a, s); }, nb::arg(),
      nb::kw_only(),       "stream"_a = nb::none(), "The array itself, as a constant of every derivative.");
  m.def(
      "depends",
      [](const std::variant<array, Arrays>& inputs, const std::variant<array, Arrays>& dependencies) -> nb::object {
        Arrays out = depends(one_or_many(inputs), one_or_many(dependencies));
        if (std::holds_alternative<array>(inputs)) return nb::cast(out[0]);
        return nb::cast(out);
      },
      "inputs"_a, "dependencies"_a,
      "The inputs, unchanged, to be available only after the dependencies have been computed: orders side effects.");
}

}  // namespace mlx_rocm::python
