// What an op's gpu() uses: memory for its outputs, kernels by name, launches. Everything goes to the stream of the
// op that is being evaluated and returns at once; memory released by then is reused in the order of the stream.
//
//   void gpu(const Arrays& in, const Arrays& out) override {
//     array x = gpu::contiguous(in[0]);
//     gpu::allocate(out[0]);
//     if (out[0].size() == 0) return;
//     const auto& k = gpu::kernel("softmax.hip", "softmax", {{"T", x.dtype()}, {"VEC", 8}});
//     gpu::launch(k, rows, 256, gpu::in(x), gpu::out(out[0]), uint32_t(n));
//   }
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <type_traits>
#include <vector>

#include "backend/core/array.h"
#include "backend/gpu/target.h"
#include "kernels/layout.h"

namespace mlx_rocm::gpu {

// --- the device of the op under evaluation

const Target& target();    // facts of the architecture: wave size, LDS, matrix instructions
int compute_units();       // of this very device

// --- memory

void allocate(const array& out);                        // fresh and row-contiguous
void allocate(const array& out, const Strides& dense);  // fresh, with the given dense layout
array temporary(Shape shape, Dtype dtype);              // scratch, freed in stream order when it goes out of scope
// Gives `out` the memory of `x` when nobody else can see it and the layouts agree (both row-contiguous, same size
// of element), else fresh memory. True: it was donated.
bool donate_or_allocate(const array& x, const array& out);
// `a` in row-major order on this device: `a` itself when it is so already, else a copy.
array contiguous(const array& a);
array contiguous(const array& a, Dtype dtype);
// dst = src, converted to dst's dtype; dst has memory of any layout and the same shape.
void copy(const array& src, const array& dst);
// dst, which has no memory yet, gets src's values converted to its dtype, in src's memory where that may be overwritten.
void astype(const array& src, const array& dst);
// For libraries that launch by themselves: the driver's stream, and the address of an array's first element for work that is
// about to go there (write: the work writes it).
void* native_stream();
void* device_pointer(const array& a, bool write);
// Sets every byte of a row-contiguous array.
void fill_bytes(const array& dst, uint8_t value);

// --- kernels

// The type's name in kernels: "float", "bf16", "f16", "bool", "u8" ... "i64", "complex64" (of scalar.h).
const char* type_name(Dtype d);
// The one a value of it is computed in: float for the half types.
const char* compute_name(Dtype d);

struct Define {
  const char* name;
  std::string value;
  Define(const char* n, const char* v) : name(n), value(v) {}
  Define(const char* n, std::string v) : name(n), value(std::move(v)) {}
  Define(const char* n, Dtype d) : name(n), value(type_name(d)) {}
  template <class I>
    requires std::is_integral_v<I>
  Define(const char* n, I v) : name(n), value(std::to_string(v)) {}
};
using Defines = std::vector<Define>;

// A loaded kernel. References stay valid as long as the process.
struct Kernel {
  void* function = nullptr;
  std::string name;          // entry and defines, for messages
  uint32_t max_threads = 0;  // that a workgroup may have
  uint32_t dynamic_lds = 0;  // bytes that a launch may ask for
};
// The kernel `entry` of kernels/`file`, specialised by defines; compiled or taken from the cache at first use. `generated`
// is text that stands where the file says #include "generated.h".
const Kernel& kernel(const char* file, const char* entry, Defines defines, const std::string& generated = {});

// --- launches

// Numbers of workgroups. launch() checks them: threads along x below 2^32, y and z at most 65535.
struct Grid {
  uint64_t x = 1, y = 1, z = 1;
  template <class I>
    requires std::is_integral_v<I>
  Grid(I gx) : x(uint64_t(gx)) {}  // NOLINT: a number of workgroups is a grid
  Grid(uint64_t gx, uint64_t gy, uint64_t gz = 1) : x(gx), y(gy), z(gz) {}
};
// Workgroups of `threads` for `items`, capped so that threads stay below 2^32: the kernel loops over the rest with
// stride group_count_x() * threads.
Grid cover(int64_t items, uint32_t threads);

struct Operand {
  const array* a;
  bool write;
};
// The address of an array's first element; a null array passes a null pointer. The array must live until launch() returns.
inline Operand in(const array& a) { return {&a, false}; }
inline Operand out(const array& a) { return {&a, true}; }

namespace detail {
struct Argument {
  const void* value;
  const array* operand;  // not null: an array, whose address takes the place of `value`
  bool write;
};
template <class T>
Argument argument(const T& v) {
  if constexpr (std::is_same_v<T, Operand>) {
    return {nullptr, v.a, v.write};
  } else {
    static_assert(std::is_trivially_copyable_v<T> && !std::is_pointer_v<T>,
                  "kernel arguments are in(array), out(array) or plain values");
    return {&v, nullptr, false};
  }
}
void launch(const Kernel& k, Grid groups, uint32_t threads, uint32_t lds, Argument* arguments, size_t count);
}  // namespace detail

template <class... Args>
void launch_lds(const Kernel& k, Grid groups, uint32_t threads, uint32_t lds_bytes, const Args&... args) {
  detail::Argument list[] = {detail::argument(args)...};
  detail::launch(k, groups, threads, lds_bytes, list, sizeof...(args));
}
template <class... Args>
void launch(const Kernel& k, Grid groups, uint32_t threads, const Args&... args) {
  launch_lds(k, groups, threads, 0, args...);
}

// --- layouts of operands

// The common shape of the operands with neighbouring axes merged. False when more than LAYOUT_MAX_DIMS remain: make
// them contiguous then. `views` have the shape `shape`, each with its strides.
template <int N>
bool make_layout(Shape shape, Strides (&strides)[N], Layout<N>* to) {
  collapse(shape, strides);
  if (shape.size() > size_t(LAYOUT_MAX_DIMS)) return false;
  to->ndim = int(shape.size());
  for (int i = 0; i < LAYOUT_MAX_DIMS; ++i) {
    bool there = i < to->ndim;
    to->shape[i] = there ? shape[i] : 1;
    for (int k = 0; k < N; ++k) to->strides[k][i] = there ? strides[k][i] : 0;
  }
  return true;
}
// Whether every element offset of these views, and every count up to their size, fits 32 bits.
bool fits_u32(const Arrays& views);

}  // namespace mlx_rocm::gpu
