#include "backend/core/device.h"

#include "backend/core/buffer.h"
#include "backend/cpu/isa.h"
#include "backend/gpu/evaluation.h"
#include "backend/gpu/runtime.h"
#include "backend/transforms/compile.h"
#include "backend/transforms/eval.h"
#include "python/bind.h"
#include "python/gil.h"

namespace mlx_rocm::python {

template <class T>
static std::string text(const T& v) {
  return concat_text(v);
}

// `with mx.stream(s):` makes s the default stream, and its device the default device, of the block.
struct StreamContext {
  StreamOrDevice target;
  Device old_device;
  Stream old_stream;

  void enter() {
    Stream s = to_stream(target);
    old_device = default_device();
    old_stream = default_stream(s.device);
    set_default_device(s.device);
    // A stream of another thread may be named here; using it is what fails.
    force_default_stream(s);
  }
  void exit() {
    set_default_device(old_device);
    force_default_stream(old_stream);
  }
};

// Devices have limits of their own: those that are opened later would not know of it.
template <size_t (*set)(size_t)>
static size_t set_on_all(size_t bytes) {
  device_count(Device::gpu);
  return set(bytes);
}

static nb::dict cpu_info() {
  nb::dict info;
  info["device_name"] = std::string("cpu");
  info["architecture"] = std::string(cpu::isa_name(cpu::isa()));
  info["memory_size"] = memory::physical();
  info["max_recommended_working_set_size"] = memory::physical() / 10 * 8;
  info["max_buffer_length"] = memory::physical();
  return info;
}

static nb::dict gpu_info(Device d) {
  if (!is_available(d)) value_error("[device_info] ", d, " is not available. ", gpu::why_no_device());
  gpu::GpuDevice& g = gpu::device(d.index);
  const auto counters = g.allocator.counters();
  size_t free = 0, total = 0;
  g.bind();
  g.check(g.call.mem_info(&free, &total), "asking for free memory");
  nb::dict info;
  info["device_name"] = g.facts.name;
  info["architecture"] = g.facts.arch;
  info["memory_size"] = g.facts.memory;
  info["free_memory"] = free;
  info["max_recommended_working_set_size"] = counters.limit;
  info["max_buffer_length"] = g.facts.memory;
  info["driver"] = std::string(g.driver.name());
  info["integrated"] = g.facts.integrated;
  info["compute_units"] = g.facts.compute_units;
  info["driver_allocations"] = counters.driver_calls;
  return info;
}

void init_device(nb::module_& m) {
  nb::enum_<Device::Type>(m, "DeviceType", "cpu or gpu.")
      .value("cpu", Device::cpu)
      .value("gpu", Device::gpu)
      .export_values()
      .def("__eq__", [](Device::Type a, nb::handle b) {
        if (nb::isinstance<Device::Type>(b)) return a == nb::cast<Device::Type>(b);
        return nb::isinstance<Device>(b) && nb::cast<Device>(b) == Device(a);
      });
  nb::class_<Device>(m, "Device", "A device that runs ops.")
      .def(nb::init<Device::Type, int>(), "type"_a, "index"_a = 0)
      .def_ro("type", &Device::type)
      .def_ro("index", &Device::index)
      .def("__repr__", text<Device>)
      .def("__hash__", [](Device d) { return int(d.type) * 1024 + d.index; })
      .def("__eq__", [](Device a, nb::handle b) {
        if (nb::isinstance<Device>(b)) return a == nb::cast<Device>(b);
        return nb::isinstance<Device::Type>(b) && a == Device(nb::cast<Device::Type>(b));
      });
  nb::class_<Stream>(m, "Stream", "An ordered queue of work on a device, usable on the thread that made it.")
      .def_ro("device", &Stream::device)
      .def_ro("index", &Stream::index)
      .def("__repr__", text<Stream>)
      .def("__hash__", [](Stream s) { return s.index; })
      .def("__eq__", [](Stream a, nb::handle b) { return nb::isinstance<Stream>(b) && a == nb::cast<Stream>(b); });
  nb::class_<ThreadLocalStream>(m, "ThreadLocalStream", "A stream that is another one in every thread.")
      .def_ro("device", &ThreadLocalStream::device)
      .def_ro("index", &ThreadLocalStream::id)
      .def("__repr__", text<ThreadLocalStream>)
      .def("__hash__", [](ThreadLocalStream s) { return s.id; })
      .def("__eq__", [](ThreadLocalStream a, nb::handle b) {
        return nb::isinstance<ThreadLocalStream>(b) && a == nb::cast<ThreadLocalStream>(b);
      });
  nb::implicitly_convertible<Device::Type, Device>();

  m.def("default_device", default_device, "The device that ops use when none is named.");
  m.def("set_default_device", set_default_device, "device"_a, "Sets the default device of the process.");
  m.def("is_available", is_available, "device"_a, "Whether the device is there.");
  m.def("device_count", device_count, "device_type"_a, "How many devices of the type there are.");
  m.def("default_stream", default_stream, "device"_a, "This thread's default stream of a device.");
  m.def(
      "set_default_stream", [](const StreamOrDevice& s) { set_default_stream(to_stream(s)); }, "stream"_a,
      "Sets this thread's default stream of the stream's device.");
  m.def("new_stream", new_stream, "device"_a, "A new stream, usable on this thread.");
  m.def("new_thread_unsafe_stream", new_thread_unsafe_stream, "device"_a,
        "A new stream that any thread may use, one at a time.");
  m.def("new_thread_local_stream", new_thread_local_stream, "device"_a,
        "A stream handle that stands for a stream of its own in every thread.");
  m.def(
      "clear_streams",
      [] {
        clear_compiled();
        random::forget_state();
        clear_streams();
      },
      "Forgets the streams of this thread, what it compiled and its random key.");
  m.def(
      "synchronize",
      [](const StreamOrDevice& s) {
        {
          WithoutGil release;
          synchronize(to_stream(s));
        }
        rethrow_async_error();
      },
      "stream"_a = nb::none(),
      "Waits until the stream (default: the default stream) has finished.");

  nb::class_<StreamContext>(m, "StreamContext", "Context manager that mx.stream returns.")
      .def("__init__", [](StreamContext* self, const StreamOrDevice& s) { new (self) StreamContext{s, {}, {}}; }, "s"_a)
      .def("__enter__", [](StreamContext& c) { c.enter(); })
      .def("__exit__", [](StreamContext& c, nb::args) { c.exit(); }, "args"_a);
  m.def(
      "stream", [](const StreamOrDevice& s) { return StreamContext{s, {}, {}}; }, "s"_a,
      "Context manager: ops in the block go to this stream or device.");

  m.def("get_active_memory", memory::active, "Bytes in use by arrays.");
  m.def("get_peak_memory", memory::peak, "The most bytes in use since the last reset.");
  m.def("reset_peak_memory", memory::reset_peak, "Starts the peak anew.");
  m.def("get_cache_memory", memory::cached, "Bytes freed by arrays and kept for reuse.");
  m.def("get_memory_limit", memory::limit, "Bytes beyond which cached memory is given back before more is taken.");
  m.def("set_memory_limit", set_on_all<memory::set_limit>, "limit"_a, "Sets the memory limit in bytes; returns the old one.");
  m.def("set_cache_limit", set_on_all<memory::set_cache_limit>, "limit"_a, "Sets how many bytes to keep; returns the old limit.");
  m.def(
      "set_wired_limit", [](size_t) { return size_t(0); }, "limit"_a,
      "Exists for Metal, where it pins memory; here it does nothing and returns 0.");
  m.def("clear_cache", memory::clear_cache, "Gives cached memory back to the system.");
  m.def("_set_poison", memory::set_poison, "on"_a, "For tests: fill fresh memory with NaN. Returns the old setting.");
  m.def(
      "device_info",
      [](const std::variant<std::monostate, Device, Device::Type>& d) {
        Device device = default_device();
        if (auto* given = std::get_if<Device>(&d)) device = *given;
        if (auto* type = std::get_if<Device::Type>(&d)) device = Device(*type);
        return device.type == Device::cpu ? cpu_info() : gpu_info(device);
      },
      "d"_a = nb::none(), "Facts about a device: name, architecture, memory_size in bytes; of a GPU also driver, integrated, compute_units,\n"
      "free_memory. ValueError: there is no such device.");

  nb::module_ metal = m.def_submodule("metal", "Apple's GPU API: never available here.");
  metal.def("is_available", [] { return false; }, "Whether Metal is available: no.");
  // The memory functions under their older names.
  for (const char* name : {"get_active_memory", "get_peak_memory", "reset_peak_memory", "get_cache_memory",
                           "set_memory_limit", "set_cache_limit", "set_wired_limit", "clear_cache", "device_info"}) {
    metal.attr(name) = m.attr(name);
  }
  metal.def("start_capture", [](const std::string&) { runtime_error("[metal] start_capture needs Metal."); }, "path"_a,
            "Needs Metal.");
  metal.def("stop_capture", [] { runtime_error("[metal] stop_capture needs Metal."); }, "Needs Metal.");
  nb::module_ cuda = m.def_submodule("cuda", "NVIDIA's GPU API.");
  cuda.def(
      "is_available",
      [] {
        if (device_count(Device::gpu) == 0) return false;
        const char* wanted = std::getenv("MLX_ROCM_CUDA_API");
        return (wanted && std::string(wanted) == "1") || gpu::driver()->api() == gpu::Api::cuda;
      },
      "Whether GPUs are reached through NVIDIA's driver. MLX_ROCM_CUDA_API=1 makes it True on AMD as well, for programs that\n"
      "choose between fast.metal_kernel and fast.cuda_kernel by it: cuda_kernel runs on either.");
}

}  // namespace mlx_rocm::python
