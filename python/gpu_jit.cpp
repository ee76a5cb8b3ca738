// The kernel compiler and its cache, for `mlx-rocm warm`, the tests and whoever looks for a mistake. A kernel
// is given as a line of the manifest (backend/gpu/manifest.h), an architecture as the driver names it.
#include "backend/gpu/cache.h"
#include "backend/gpu/compiler.h"
#include "backend/gpu/driver.h"
#include "backend/gpu/library.h"
#include "backend/gpu/manifest.h"
#include "backend/gpu/prefetch.h"
#include "backend/gpu/progress.h"
#include "backend/gpu/sha256.h"
#include "python/bind.h"
#include "python/gil.h"

namespace mlx_rocm::python {

static gpu::Api api_of(const std::string& arch) {
  return arch.starts_with("sm_") ? gpu::Api::cuda : gpu::Api::hip;
}

static nb::bytes compile(const std::string& line, const std::string& arch) {
  std::string code;
  {
    WithoutGil release;
    code = gpu::machine_code(gpu::parse_manifest_line(line), api_of(arch), arch);
  }
  return nb::bytes(code.data(), code.size());
}

static std::vector<std::string> site_packages() {
  std::vector<std::string> folders;
  for (nb::handle entry : nb::borrow<nb::list>(nb::module_::import_("sys").attr("path"))) {
    if (!nb::isinstance<nb::str>(entry)) continue;
    std::string folder = nb::cast<std::string>(entry);
    if (folder.ends_with("-packages")) folders.push_back(std::move(folder));
  }
  return folders;
}

void init_gpu_jit(nb::module_& m) {
  gpu::set_package_folders(site_packages());
  m.def("_gpu_compile", compile, "line"_a, "arch"_a, "Machine code for a device of this machine.");
  m.def(
      "_gpu_is_compiled",
      [](const std::string& line, const std::string& arch) {
        return gpu::is_compiled(gpu::parse_manifest_line(line), api_of(arch), arch);
      },
      "line"_a, "arch"_a, "Whether the kernel would be found without compiling it.");
  m.def(
      "_gpu_make_seed",
      [](const std::string& line, const std::string& arch, const std::string& folder) {
        return gpu::make_seed(gpu::parse_manifest_line(line), api_of(arch), arch, folder);
      },
      nb::call_guard<WithoutGil>(), "line"_a, "arch"_a, "folder"_a,
      "Compiles for any architecture into a folder; False: it was there.");
  m.def(
      "_gpu_source",
      [](const std::string& line, const std::string& arch) {
        return gpu::kernel_source(gpu::parse_manifest_line(line), gpu::target_of(arch));
      },
      "line"_a, "arch"_a, "The text that is compiled.");
  m.def(
      "_gpu_prefetch",
      [](const std::vector<std::string>& lines, const std::string& arch) {
        std::vector<gpu::KernelSpec> specs;
        for (const std::string& line : lines) specs.push_back(gpu::parse_manifest_line(line));
        gpu::prefetch(std::move(specs), api_of(arch), arch);
      },
      nb::call_guard<WithoutGil>(), "lines"_a, "arch"_a, "Compiles in the background.");
  m.def(
      "_gpu_compiler", [](const std::string& arch) { return gpu::device_compiler(api_of(arch)).identity(); },
      "arch"_a, "Kind, version and options of the compiler for a device of this machine.");
  m.def(
      "_gpu_missing_reason", [] { return gpu::driver() ? std::string() : gpu::no_driver_reason(); },
      "Why there is no GPU; empty when there is one.");
  m.def("_gpu_recorded_kernels", gpu::recorded, "The lines of all kernels that were ever used.");
  m.def("_gpu_cache_folder", gpu::cache_folder, "Where kernels are kept; empty: nowhere.");
  m.def(
      "_gpu_compile_counts",
      [] {
        auto counts = gpu::compile_counts();
        return nb::make_tuple(counts.done, counts.seconds);
      },
      "How many kernels this process has compiled, and in how many seconds.");
  m.def("_sha256", [](nb::bytes data) { return gpu::sha256({data.c_str(), data.size()}); }, "data"_a);
}

}  // namespace mlx_rocm::python
