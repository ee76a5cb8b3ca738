#include "backend/gpu/prefetch.h"
#include "python/bind.h"
#include "python/gil.h"

namespace mlx_rocm::python {

static void init_errors(nb::module_& m) {
  // One class for both: MLX's versions disagree whether a bad axis is a ValueError or an IndexError.
  static PyObject* axis_error = nullptr;
  nb::object bases = nb::make_tuple(nb::handle(PyExc_ValueError), nb::handle(PyExc_IndexError));
  axis_error = PyErr_NewExceptionWithDoc("mlx_rocm.core.AxisError", "An axis is out of range.", bases.ptr(), nullptr);
  m.attr("AxisError") = nb::borrow(axis_error);

  nb::register_exception_translator(
      [](const std::exception_ptr& p, void*) {
        try {
          std::rethrow_exception(p);
        } catch (const TypeError& e) {
          PyErr_SetString(PyExc_TypeError, e.what());
        } catch (const AxisError& e) {
          PyErr_SetString(axis_error, e.what());
        } catch (const OverflowError& e) {
          PyErr_SetString(PyExc_OverflowError, e.what());
        } catch (const NotImplemented& e) {
          PyErr_SetString(PyExc_NotImplementedError, e.what());
        }
      },
      nullptr);
}

}  // namespace mlx_rocm::python

NB_MODULE(core, m) {
  using namespace mlx_rocm::python;
  m.doc() = "mlx_rocm: an MLX-compatible array framework for AMD GPUs.";
  // The version of the API that this module implements: programs compare it with MLX's.
  m.attr("__version__") = "0.32.4";
  m.attr("__mlx_rocm_version__") = MLX_ROCM_VERSION;
  // Arrays held by module state at interpreter exit are not leaks worth reporting.
  nb::set_leak_warnings(false);
  init_errors(m);
  init_dtype(m);
  init_device(m);
  init_array(m);
  init_elementwise(m);
  init_tree(m);
  init_autodiff(m);
  init_vmap(m);
  init_matmul(m);
  init_shape(m);
  init_create(m);
  init_reduce(m);
  init_index(m);
  init_fast(m);
  init_conv(m);
  init_interop(m);
  init_core_misc(m);
  init_quantized(m);
  init_compile(m);
  init_export(m);
  init_contract(m);
  init_sort(m);
  init_random(m);
  init_fft(m);
  init_linalg(m);
  init_transforms(m);
  init_io(m);
  init_distributed(m);
  init_gpu_jit(m);
  init_gpu_routes(m);
  // Before the interpreter and the libraries of compilers and drivers are taken down.
  nb::module_::import_("atexit").attr("register")(nb::cpp_function([] {
    mlx_rocm::end_threads_outside_gil();
    const mlx_rocm::WithoutGil free;
    mlx_rocm::gpu::stop_prefetch();
  }));
}
