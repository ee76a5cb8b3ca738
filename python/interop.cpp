// Other array libraries: buffer protocol, DLPack, NumPy's __array__, pickling, the array API's info.
#include <cstring>

#include "python/bind.h"

namespace mlx_rocm::python {
namespace {

// --- buffer protocol: np.asarray and memoryview alias the memory.

struct BufferInfo {
  std::vector<Py_ssize_t> shape, strides;
  array owner;
};

const char* format_of(Dtype d) {
  constexpr const char* formats[Dtype::count] = {"?", "B", "H", "I", "Q", "b",        "h",
                                                 "i", "q", "e", "f", "d", "bfloat16", "Zf"};
  return formats[d.val];
}

int get_buffer(PyObject* self, Py_buffer* view, int) {
  auto* info = new BufferInfo{{}, {}, array()};
  try {
    info->owner = nb::cast<array>(nb::handle(self));
    eval_no_gil({info->owner});
  } catch (const std::exception& e) {
    delete info;
    view->obj = nullptr;
    PyErr_SetString(PyExc_RuntimeError, e.what());
    return -1;
  }
  const array& a = info->owner;
  for (int i = 0; i < a.ndim(); ++i) {
    info->shape.push_back(a.shape(i));
    info->strides.push_back(a.strides()[i] * Py_ssize_t(a.itemsize()));
  }
  std::memset(view, 0, sizeof(*view));
  static char empty;
  view->obj = Py_NewRef(self);
  view->buf = a.size() == 0 ? &empty : a.bytes();
  a.buffer()->export_view();
  view->len = Py_ssize_t(a.nbytes());
  view->itemsize = Py_ssize_t(a.itemsize());
  view->ndim = a.ndim();
  view->format = const_cast<char*>(format_of(a.dtype()));
  view->shape = info->shape.data();
  view->strides = info->strides.data();
  view->internal = info;
  return 0;
}
void release_buffer(PyObject*, Py_buffer* view) {
  auto* info = static_cast<BufferInfo*>(view->internal);
  info->owner.buffer()->release_view();
  delete info;
}

// --- DLPack 0.x: the layout of its structs is a stable ABI.

struct DLDevice {
  int32_t type, id;
};
struct DLTensor {
  void* data;
  DLDevice device;
  int32_t ndim;
  uint8_t code, bits;
  uint16_t lanes;
  int64_t *shape, *strides;
  uint64_t byte_offset;
};
struct DLManagedTensor {
  DLTensor tensor;
  void* context;
  void (*deleter)(DLManagedTensor*);
};
struct Exported {
  DLManagedTensor managed;
  array owner;
  std::vector<int64_t> shape, strides;
};

uint8_t dlpack_code(Dtype d) {
  if (d == bool_) return 6;
  if (d == bfloat16) return 4;
  if (d == complex64) return 5;
  if (is_floating(d)) return 2;
  return is_unsigned(d) ? 1 : 0;
}

nb::object to_dlpack(const array& source, bool copy_requested) {
  array a = source;
  if (copy_requested) {
    a = astype(source, source.dtype());
    array fresh = array::uninitialised(a.shape(), a.dtype());
    eval_no_gil({a});
    a = contiguous(a);
    eval_no_gil({a});
    if (a.size()) std::memcpy(fresh.bytes(), a.bytes(), a.nbytes());
    a = fresh;
  }
  eval_no_gil({a});
  a.buffer()->export_view();
  auto* e = new Exported{{}, a, {}, {}};
  e->shape.assign(a.shape().begin(), a.shape().end());
  e->strides.assign(a.strides().begin(), a.strides().end());
  e->managed.tensor = {a.size() == 0 ? nullptr : a.bytes(), {1, 0}, a.ndim(), dlpack_code(a.dtype()),
                       uint8_t(a.itemsize() * 8), 1, e->shape.data(), e->strides.data(), 0};
  e->managed.context = e;
  e->managed.deleter = [](DLManagedTensor* m) {
    auto* exported = static_cast<Exported*>(m->context);
    exported->owner.buffer()->release_view();
    delete exported;
  };
  PyObject* capsule = PyCapsule_New(&e->managed, "dltensor", [](PyObject* c) {
    if (!PyCapsule_IsValid(c, "dltensor")) return;  // consumed
    auto* m = static_cast<DLManagedTensor*>(PyCapsule_GetPointer(c, "dltensor"));
    m->deleter(m);
  });
  return nb::steal(capsule);
}

nb::object to_numpy(const array& a, nb::handle dtype, std::optional<bool> copy_requested) {
  if (a.dtype() == bfloat16) {
    type_error("bfloat16 arrays cannot be converted to NumPy; convert with .astype(mx.float32) first.");
  }
  nb::module_ np = nb::module_::import_("numpy");
  nb::object view = np.attr("asarray")(nb::module_::import_("builtins").attr("memoryview")(nb::cast(a)));
  if (a.ndim() == 0) view = view.attr("reshape")(nb::make_tuple());
  nb::object out = dtype.is_none() ? view : view.attr("astype")(dtype, nb::arg("copy") = false);
  if (copy_requested && *copy_requested) return out.attr("copy")();
  return out;
}

// asarray / from_dlpack: other libraries' memory is copied, because an array may be donated to an op that overwrites
// it.
array as_array(nb::handle x, std::optional<Dtype> dtype, std::optional<bool> copy_requested) {
  if (copy_requested && !*copy_requested) {
    value_error("[asarray] Cannot make an array of this object without a copy.");
  }
  return make_array(x, dtype);
}

// --- array API standard

struct NamespaceInfo {};

nb::dict info_dtypes(nb::module_ m, nb::handle kind) {
  struct Group {
    const char* kind;
    std::vector<Dtype> dtypes;
  };
  static const std::vector<Group> groups = {
      {"bool", {bool_}},
      {"signed integer", {int8, int16, int32, int64}},
      {"unsigned integer", {uint8, uint16, uint32, uint64}},
      {"real floating", {float16, bfloat16, float32, float64}},
      {"complex floating", {complex64}},
  };
  auto wanted = [&](const std::string& group, const std::string& k) {
    if (k == group) return true;
    if (k == "integral") return group.find("integer") != std::string::npos;
    if (k == "numeric") return group != "bool";
    return false;
  };
  nb::dict out;
  for (const Group& g : groups) {
    bool take = kind.is_none();
    if (nb::isinstance<nb::str>(kind)) take = wanted(g.kind, nb::cast<std::string>(kind));
    if (nb::isinstance<nb::tuple>(kind)) {
      for (nb::handle k : kind) take = take || wanted(g.kind, nb::cast<std::string>(k));
    }
    if (!take) continue;
    for (Dtype d : g.dtypes) out[d.name()] = m.attr(d == bool_ ? "bool_" : d.name());
  }
  return out;
}

}  // namespace

PyType_Slot* array_slots() {
  static PyType_Slot slots[] = {{Py_bf_getbuffer, reinterpret_cast<void*>(get_buffer)},
                                {Py_bf_releasebuffer, reinterpret_cast<void*>(release_buffer)},
                                {0, nullptr}};
  return slots;
}

void init_interop(nb::module_& m) {
  auto cls = nb::borrow<nb::class_<array>>(m.attr("array"));
  cls.def(
      "__array__",
      [](const array& a, nb::handle dtype, std::optional<bool> c) { return to_numpy(a, dtype, c); },
      "dtype"_a = nb::none(), "copy"_a = nb::none(), "The array as a NumPy array (aliasing the memory if it can).");
  cls.def(
      "__dlpack__",
      [](const array& a, nb::handle, nb::handle, nb::handle, std::optional<bool> c) {
        return to_dlpack(a, c.value_or(false));
      },
      nb::kw_only(), "stream"_a = nb::none(), "max_version"_a = nb::none(), "dl_device"_a = nb::none(),
      "copy"_a = nb::none());
  cls.def("__dlpack_device__", [](const array&) { return nb::make_tuple(1, 0); });
  cls.def(
      "__array_namespace__",
      [](const array&, nb::handle) { return nb::module_::import_("mlx_rocm.core"); }, "api_version"_a = nb::none());
  cls.def("__bytes__", [](const array& a) {
    array c = contiguous(a);
    eval_no_gil({c});
    return nb::bytes(c.size() ? c.bytes() : "", c.nbytes());
  });
  cls.def("__format__", [](nb::handle self, const std::string& spec) -> nb::object {
    const array& a = nb::cast<const array&>(self);
    if (spec.empty()) return nb::str(self);
    if (a.ndim() > 0) type_error("Only arrays with no axes can be formatted with a format spec.");
    return to_python_scalar(a).attr("__format__")(spec);
  });
  // bfloat16 travels as the uint16 of its bits.
  cls.def("__getstate__", [](const array& a) {
    array bits = a.dtype() == bfloat16 ? view(a, uint16) : a;
    return nb::make_tuple(to_numpy(bits, nb::none(), true), int(a.dtype().val));
  });
  cls.def("__setstate__", [](array& a, const nb::tuple& state) {
    if (state.size() != 2) value_error("[array] The pickled state must be (values, dtype).");
    int val = nb::cast<int>(state[1]);
    if (val < 0 || val >= Dtype::count) value_error("[array] The pickled dtype number ", val, " is unknown.");
    Dtype d = Dtype::Val(val);
    array values = make_array(state[0], d == bfloat16 ? uint16 : d);
    new (&a) array(d == bfloat16 ? view(values, bfloat16) : values);
  });

  m.def("asarray", as_array, "a"_a, "dtype"_a = nb::none(), nb::kw_only(), "copy"_a = nb::none(),
        "An array from a scalar, sequence, array or anything with the buffer or DLPack protocol.");
  m.def(
      "from_dlpack",
      [](nb::handle x, std::optional<bool> c) {
        if (!nb::hasattr(x, "__dlpack__")) type_error("[from_dlpack] The object has no __dlpack__ method.");
        if (c && !*c) value_error("[from_dlpack] The memory of another library cannot be shared without a copy.");
        if (is_array(x)) return copy(nb::cast<array>(x));
        array a = copy_with_strides(x);
        return a.dtype() == float64 ? astype(a, float32, Device::cpu) : a;  // no GPU takes float64
      },
      nb::arg(), nb::kw_only(), "copy"_a = nb::none(), "An array from an object with the DLPack protocol.");

  nb::class_<NamespaceInfo>(m, "ArrayNamespaceInfo", "Inspection API of the array API standard.")
      .def("capabilities",
           [](const NamespaceInfo&) {
             nb::dict d;
             d["boolean indexing"] = false;
             d["data-dependent shapes"] = false;
             d["max dimensions"] = nb::none();
             return d;
           })
      .def("default_device", [](const NamespaceInfo&) { return default_device(); })
      .def(
          "default_dtypes",
          [m](const NamespaceInfo&, nb::handle) {
            nb::dict d;
            d["real floating"] = float32;
            d["complex floating"] = complex64;
            d["integral"] = int32;
            d["indexing"] = uint32;
            return d;
          },
          nb::kw_only(), "device"_a = nb::none())
      .def(
          "dtypes", [m](const NamespaceInfo&, nb::handle, nb::handle kind) { return info_dtypes(m, kind); },
          nb::kw_only(), "device"_a = nb::none(), "kind"_a = nb::none())
      .def("devices", [](const NamespaceInfo&) {
        nb::list l;
        l.append(Device(Device::cpu));
        for (int i = 0; i < device_count(Device::gpu); ++i) l.append(Device(Device::gpu, i));
        return l;
      });
  m.def("__array_namespace_info__", [] { return NamespaceInfo{}; }, "Inspection object of the array API standard.");
}

}  // namespace mlx_rocm::python
