// Kernels that users write (mx.fast.hip_kernel): the names of CUDA and HIP that such sources use, in a namespace of
// their own, where they come before those that hiprtc and NVRTC have or lack. The generated text is the user's header
// and one kernel, custom_kernel.
//
// BLOCK_Y, BLOCK_Z: sizes of the workgroup, whose threads are launched as one row; BOUND: the most threads it may have.
#include "atomics.h"
#include "scalar.h"

#ifndef __device__
#define __device__ __attribute__((device))
#endif
#ifndef __shared__
#define __shared__ __attribute__((shared))
#endif
#ifndef __forceinline__
#define __forceinline__ inline __attribute__((always_inline))
#endif

// What device.h does not have: workgroups along y and z.
#if GPU_AMD
DEVICE u32 hidden_group_count(u32 axis) {
  return ((const __attribute__((address_space(4))) u32*)__builtin_amdgcn_implicitarg_ptr())[axis];
}
#else
DEVICE u32 hidden_group_count(u32 axis) { return axis == 0 ? gridDim.x : axis == 1 ? gridDim.y : gridDim.z; }
DEVICE void wave_barrier() { __syncwarp(); }
#endif
#if GPU_AMD
DEVICE void wave_barrier() { __builtin_amdgcn_wave_barrier(); }
template <class Type>
DEVICE Type atomic_set(Type* p, Type x) {
  return __hip_atomic_exchange(p, x, __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_AGENT);
}
template <class Type>
DEVICE Type atomic_and(Type* p, Type x) {
  return __hip_atomic_fetch_and(p, x, __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_AGENT);
}
template <class Type>
DEVICE Type atomic_or(Type* p, Type x) {
  return __hip_atomic_fetch_or(p, x, __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_AGENT);
}
template <class Type>
DEVICE Type atomic_xor(Type* p, Type x) {
  return __hip_atomic_fetch_xor(p, x, __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_AGENT);
}
template <class Type>
DEVICE Type atomic_compare_set(Type* p, Type expected, Type x) {
  __hip_atomic_compare_exchange_strong(p, &expected, x, __ATOMIC_RELAXED, __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_AGENT);
  return expected;
}
#else
template <class Type>
DEVICE Type atomic_set(Type* p, Type x) {
  return ::atomicExch(p, x);
}
template <class Type>
DEVICE Type atomic_and(Type* p, Type x) {
  return ::atomicAnd(p, x);
}
template <class Type>
DEVICE Type atomic_or(Type* p, Type x) {
  return ::atomicOr(p, x);
}
template <class Type>
DEVICE Type atomic_xor(Type* p, Type x) {
  return ::atomicXor(p, x);
}
template <class Type>
DEVICE Type atomic_compare_set(Type* p, Type expected, Type x) {
  return ::atomicCAS(p, expected, x);
}
#endif

namespace custom {

// ---- types

using int8_t = signed char;
using uint8_t = unsigned char;
using int16_t = short;
using uint16_t = unsigned short;
using int32_t = int;
using uint32_t = unsigned int;
using int64_t = long long;
using uint64_t = unsigned long long;
using uint = unsigned int;
using complex64_t = ::complex64;

template <bool First, class A, class B>
struct Choose {
  using type = A;
};
template <class A, class B>
struct Choose<false, A, B> {
  using type = B;
};

// A 16-bit float that computes as float. Its template argument is no type: one of the global namespace would make calls
// with it find the functions there.
template <bool Brain>
struct SmallFloat {
  using Bits = typename Choose<Brain, ::bf16, ::f16>::type;
  unsigned short bits;
  SmallFloat() = default;
  DEVICE SmallFloat(float x) : bits(cast<Bits>(x).bits) {}
  DEVICE operator float() const { return cast<float>(Bits{bits}); }
  DEVICE SmallFloat& operator+=(float x) { return *this = SmallFloat(*this + x); }
  DEVICE SmallFloat& operator-=(float x) { return *this = SmallFloat(*this - x); }
  DEVICE SmallFloat& operator*=(float x) { return *this = SmallFloat(*this * x); }
  DEVICE SmallFloat& operator/=(float x) { return *this = SmallFloat(*this / x); }
};
using __half = SmallFloat<false>;
using __nv_bfloat16 = SmallFloat<true>;
using half = __half;
using float16_t = __half;
using __hip_bfloat16 = __nv_bfloat16;
using hip_bfloat16 = __nv_bfloat16;
using nv_bfloat16 = __nv_bfloat16;
using bfloat16_t = __nv_bfloat16;
DEVICE __half __float2half(float x) { return x; }
DEVICE float __half2float(__half x) { return x; }
DEVICE __nv_bfloat16 __float2bfloat16(float x) { return x; }
DEVICE float __bfloat162float(__nv_bfloat16 x) { return x; }

constexpr int MAX_NDIM = 8;
template <class Type>
struct PerAxis {
  Type v[MAX_NDIM];
  DEVICE const Type* data() const { return v; }
  DEVICE Type operator[](int axis) const { return v[axis]; }
};
using Shape = PerAxis<int32_t>;
using Strides = PerAxis<int64_t>;

// The offset of the element that is number `index` in row-major order.
template <class Index>
DEVICE int64_t elem_to_loc(Index index, const int32_t* shape, const int64_t* strides, int ndim) {
  int64_t at = 0;
  for (int i = ndim - 1; i >= 0 && index > 0; i--) {
    const Index next = index / (Index)shape[i];
    at += (int64_t)(index - next * (Index)shape[i]) * strides[i];
    index = next;
  }
  return at;
}

// ---- where a thread is

struct uint3 {
  uint32_t x, y, z;
};
using dim3 = uint3;
DEVICE uint3 block_size() { return {group_size_x() / (BLOCK_Y * BLOCK_Z), BLOCK_Y, BLOCK_Z}; }
DEVICE uint3 thread_index() {
  const uint32_t t = thread_x(), width = block_size().x;
  if (BLOCK_Y * BLOCK_Z == 1) return {t, 0, 0};
  return {t % width, t / width % BLOCK_Y, t / width / BLOCK_Y};
}
DEVICE uint3 block_index() { return {group_x(), group_y(), group_z()}; }
DEVICE uint3 grid_size() { return {hidden_group_count(0), hidden_group_count(1), hidden_group_count(2)}; }

DEVICE void __syncthreads() { barrier(); }
DEVICE void __threadfence() { fence_device(); }
DEVICE void __syncwarp(uint32_t = 0) { wave_barrier(); }

namespace cooperative_groups {
struct GridGroup {
  DEVICE uint64_t block_rank() const {
    const uint3 b = block_index(), n = grid_size();
    return ((uint64_t)b.z * n.y + b.y) * n.x + b.x;
  }
  DEVICE uint64_t thread_rank() const { return block_rank() * group_size_x() + thread_x(); }
  DEVICE uint64_t num_blocks() const { return (uint64_t)grid_size().x * grid_size().y * grid_size().z; }
  DEVICE uint64_t num_threads() const { return num_blocks() * group_size_x(); }
  DEVICE uint64_t size() const { return num_threads(); }
};
struct ThreadBlock {
  DEVICE uint32_t thread_rank() const { return thread_x(); }
  DEVICE uint32_t num_threads() const { return group_size_x(); }
  DEVICE uint32_t size() const { return group_size_x(); }
  DEVICE uint3 thread_index() const { return custom::thread_index(); }
  DEVICE uint3 group_index() const { return block_index(); }
  DEVICE uint3 dim_threads() const { return block_size(); }
  DEVICE void sync() const { barrier(); }
};
DEVICE GridGroup this_grid() { return {}; }
DEVICE ThreadBlock this_thread_block() { return {}; }
DEVICE void sync(ThreadBlock) { barrier(); }
}  // namespace cooperative_groups
namespace cg = cooperative_groups;

// ---- lanes of a wave

template <class Type>
DEVICE Type lane_value(Type x, uint32_t from) {
  if constexpr (sizeof(Type) < 4) {
    struct Padded {
      Type x;
      alignas(4) uint32_t rest;
    };
    return shuffle(Padded{x, 0}, from).x;
  } else {
    return shuffle(x, from);
  }
}
template <class Type>
DEVICE Type __shfl(Type x, int from, int width = WAVE) {
  return lane_value(x, (lane() & ~(width - 1)) | (from & (width - 1)));
}
template <class Type>
DEVICE Type __shfl_xor(Type x, int mask, int = WAVE) {
  return lane_value(x, lane() ^ mask);
}
template <class Type>
DEVICE Type __shfl_down(Type x, uint32_t by, int width = WAVE) {
  const uint32_t at = lane() & (width - 1);
  return lane_value(x, at + by < (uint32_t)width ? lane() + by : lane());
}
template <class Type>
DEVICE Type __shfl_up(Type x, uint32_t by, int width = WAVE) {
  const uint32_t at = lane() & (width - 1);
  return lane_value(x, at >= by ? lane() - by : lane());
}
template <class Type>
DEVICE Type __shfl_sync(uint64_t, Type x, int from, int width = WAVE) {
  return __shfl(x, from, width);
}
template <class Type>
DEVICE Type __shfl_xor_sync(uint64_t, Type x, int mask, int width = WAVE) {
  return __shfl_xor(x, mask, width);
}
template <class Type>
DEVICE Type __shfl_down_sync(uint64_t, Type x, uint32_t by, int width = WAVE) {
  return __shfl_down(x, by, width);
}
template <class Type>
DEVICE Type __shfl_up_sync(uint64_t, Type x, uint32_t by, int width = WAVE) {
  return __shfl_up(x, by, width);
}
DEVICE uint64_t __ballot(int p) { return wave_ballot(p != 0); }
DEVICE uint64_t __ballot_sync(uint64_t, int p) { return wave_ballot(p != 0); }

// ---- atomic operations, which return the value before

template <class Type>
struct Itself {
  using type = Type;
};
#define CUSTOM_ATOMIC(name, operation)                                 \
  template <class Type>                                                \
  DEVICE Type name(Type* p, typename Itself<Type>::type x) {           \
    return operation(p, x);                                            \
  }
CUSTOM_ATOMIC(atomicAdd, atomic_add)
CUSTOM_ATOMIC(atomicMax, atomic_max)
CUSTOM_ATOMIC(atomicMin, atomic_min)
CUSTOM_ATOMIC(atomicExch, atomic_set)
CUSTOM_ATOMIC(atomicAnd, atomic_and)
CUSTOM_ATOMIC(atomicOr, atomic_or)
CUSTOM_ATOMIC(atomicXor, atomic_xor)
#undef CUSTOM_ATOMIC
template <class Type>
DEVICE Type atomicSub(Type* p, typename Itself<Type>::type x) {
  return atomic_add(p, (Type)-x);
}
template <class Type>
DEVICE Type atomicCAS(Type* p, typename Itself<Type>::type expected, typename Itself<Type>::type x) {
  return atomic_compare_set(p, expected, x);
}
DEVICE void atomicAdd(__half* p, __half x) { atomic_add((::f16*)p, ::f16{x.bits}); }
DEVICE void atomicAdd(__nv_bfloat16* p, __nv_bfloat16 x) { atomic_add((::bf16*)p, ::bf16{x.bits}); }

// ---- math

#define CUSTOM_MATH1(name, function)                                \
  DEVICE float name(float x) { return math_##function(x); }         \
  DEVICE double name(double x) { return math_##function(x); }       \
  DEVICE float name(int x) { return math_##function((float)x); }    \
  DEVICE float name##f(float x) { return math_##function(x); }
CUSTOM_MATH1(exp, exp)
CUSTOM_MATH1(exp2, exp2)
CUSTOM_MATH1(expm1, expm1)
CUSTOM_MATH1(log, log)
CUSTOM_MATH1(log2, log2)
CUSTOM_MATH1(log10, log10)
CUSTOM_MATH1(log1p, log1p)
CUSTOM_MATH1(sin, sin)
CUSTOM_MATH1(cos, cos)
CUSTOM_MATH1(tan, tan)
CUSTOM_MATH1(asin, asin)
CUSTOM_MATH1(acos, acos)
CUSTOM_MATH1(atan, atan)
CUSTOM_MATH1(sinh, sinh)
CUSTOM_MATH1(cosh, cosh)
CUSTOM_MATH1(tanh, tanh)
CUSTOM_MATH1(asinh, asinh)
CUSTOM_MATH1(acosh, acosh)
CUSTOM_MATH1(atanh, atanh)
CUSTOM_MATH1(erf, erf)
CUSTOM_MATH1(lgamma, lgamma)
CUSTOM_MATH1(sqrt, sqrt)
CUSTOM_MATH1(rsqrt, rsqrt)
CUSTOM_MATH1(floor, floor)
CUSTOM_MATH1(ceil, ceil)
CUSTOM_MATH1(rint, round)
CUSTOM_MATH1(trunc, trunc)
CUSTOM_MATH1(fabs, abs)
#undef CUSTOM_MATH1
#define CUSTOM_MATH2(name, function)                                                \
  DEVICE float name(float x, float y) { return math_##function(x, y); }             \
  DEVICE double name(double x, double y) { return math_##function(x, y); }          \
  DEVICE float name##f(float x, float y) { return math_##function(x, y); }
CUSTOM_MATH2(pow, pow)
CUSTOM_MATH2(atan2, atan2)
CUSTOM_MATH2(fmod, fmod)
CUSTOM_MATH2(hypot, hypot)
CUSTOM_MATH2(fmax, max)
CUSTOM_MATH2(fmin, min)
#undef CUSTOM_MATH2
DEVICE float __expf(float x) { return math_exp(x); }
DEVICE float __logf(float x) { return math_log(x); }
DEVICE float fma(float x, float y, float z) { return math_fma(x, y, z); }
DEVICE float fmaf(float x, float y, float z) { return math_fma(x, y, z); }
DEVICE bool isnan(float x) { return x != x; }
DEVICE bool isinf(float x) { return math_abs(x) == infinity(); }
template <class Type>
DEVICE Type abs(Type x) {
  return x < Type(0) ? Type(-x) : x;
}
template <class A, class B>
DEVICE auto max(A a, B b) -> decltype(a + b) {
  return a > b ? a : b;
}
template <class A, class B>
DEVICE auto min(A a, B b) -> decltype(a + b) {
  return a < b ? a : b;
}

}  // namespace custom

#define threadIdx thread_index()
#define blockIdx block_index()
#define blockDim block_size()
#define gridDim grid_size()
#define WARP_SIZE WAVE
#define warpSize WAVE
#ifndef INFINITY
#define INFINITY infinity()
#endif
#ifndef NAN
#define NAN quiet_nan()
#endif

namespace custom {
#if defined(GENERATED)
#include "generated.h"
#else
// What a generated kernel looks like.
KERNEL(BOUND) custom_kernel(const __half* x, STRUCT_ARGUMENT Shape x_shape, STRUCT_ARGUMENT Strides x_strides, int x_ndim, float* y,
                            __half* total) {
  auto i = cooperative_groups::this_grid().thread_rank();
  auto at = elem_to_loc(i, x_shape.data(), x_strides.data(), x_ndim);
  __half value = x[at];
  value += __shfl_xor_sync(0xffffffff, value, 1);
  y[i] = exp(value) / WARP_SIZE + threadIdx.x + blockDim.x * blockIdx.y;
  atomicAdd(total, value);
}
#endif
}  // namespace custom
