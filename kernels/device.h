// The vocabulary of the kernels, and the one file that knows which compiler reads it: clang or hiprtc for
// AMD, NVRTC or nvcc for NVIDIA. It needs no header of either SDK and none of a C library.
//
// Facts of the target come in as defines: WAVE (lanes of a wave), LDS_BYTES (of a workgroup), MMA (see
// mma.h), ATOMIC_PK_F16 and ATOMIC_PK_BF16 (see atomics.h), DOT2_F16, DOT2_BF16 and DOT4 (see dot.h). Kernels have defines of their own, often of one
// letter, so the headers use none of those as names. scalar.h takes what it needs from here.
#pragma once

#if defined(__HIP__)
#define GPU_AMD 1
#define GPU_NVIDIA 0
#elif defined(__CUDACC__)
#define GPU_AMD 0
#define GPU_NVIDIA 1
#else
#error "device.h is for GPU compilers; host code shares scalar.h"
#endif

// Not stdint's names, which hiprtc and nvcc define differently.
using u8 = unsigned char;
using u16 = unsigned short;
using u32 = unsigned int;
using u64 = unsigned long long;
using i8 = signed char;
using i16 = short;
using i32 = int;
using i64 = long long;

// The unsigned type of a size in bytes.
template <int Bytes>
struct UnsignedOf;
template <>
struct UnsignedOf<1> {
  using type = u8;
};
template <>
struct UnsignedOf<2> {
  using type = u16;
};
template <>
struct UnsignedOf<4> {
  using type = u32;
};
template <>
struct UnsignedOf<8> {
  using type = u64;
};
template <int Bytes>
using Unsigned = typename UnsignedOf<Bytes>::type;

#if GPU_AMD
#define DEVICE __attribute__((device, always_inline)) inline
#define SHARED __attribute__((shared))
#define KERNEL(threads) extern "C" __attribute__((global, amdgpu_flat_work_group_size(1, threads))) void
// With registers for at least `waves` resident waves of a SIMD.
#define KERNEL_WAVES(threads, waves)                                           \
  extern "C" __attribute__((global, amdgpu_flat_work_group_size(1, threads), \
                            amdgpu_waves_per_eu(waves))) void
#define STRUCT_ARGUMENT const
#define WORKGROUP_LDS(Type, name, count) SHARED alignas(16) Type name[count]
#else
#define DEVICE __device__ __forceinline__
#define SHARED __shared__
#define KERNEL(threads) extern "C" __global__ void __launch_bounds__(threads)
#define KERNEL_WAVES(threads, waves) extern "C" __global__ void __launch_bounds__(threads, ((waves) * 128 + (threads) - 1) / (threads))
#define STRUCT_ARGUMENT const __grid_constant__
#define WORKGROUP_LDS(Type, name, count)                          \
  extern __shared__ __align__(128) unsigned char dynamic_lds[]; \
  Type* const name = (Type*)dynamic_lds
#endif
// WORKGROUP_LDS declares LDS that may exceed 48 KiB, which NVIDIA's compiler takes for static arrays: there it is
// dynamic, and the launch says how much (gpu::launch_lds), at most one array a kernel.
// STRUCT_ARGUMENT stands before the type of a struct passed by value, e.g. a Layout: NVIDIA's compiler may otherwise
// copy it to the memory of every thread, to be indexed there.

#define UNROLL _Pragma("unroll")

template <class To, class From>
DEVICE constexpr To bit_cast(From x) {
  static_assert(sizeof(To) == sizeof(From), "bit_cast between types of different size");
  return __builtin_bit_cast(To, x);
}

DEVICE constexpr float infinity() { return bit_cast<float>(0x7f800000u); }
DEVICE constexpr float quiet_nan() { return bit_cast<float>(0x7fc00000u); }

// ---- where a thread is ------------------------------------------------------------------------------------

#if GPU_AMD
DEVICE u32 thread_x() { return __builtin_amdgcn_workitem_id_x(); }
DEVICE u32 thread_y() { return __builtin_amdgcn_workitem_id_y(); }
DEVICE u32 thread_z() { return __builtin_amdgcn_workitem_id_z(); }
DEVICE u32 group_x() { return __builtin_amdgcn_workgroup_id_x(); }
DEVICE u32 group_y() { return __builtin_amdgcn_workgroup_id_y(); }
DEVICE u32 group_z() { return __builtin_amdgcn_workgroup_id_z(); }
DEVICE u32 group_size_x() { return __builtin_amdgcn_workgroup_size_x(); }
// Code object version 5 starts the hidden arguments with the numbers of workgroups.
DEVICE u32 group_count_x() {
  return ((const __attribute__((address_space(4))) u32*)__builtin_amdgcn_implicitarg_ptr())[0];
}
DEVICE u32 lane() {
  u32 low = __builtin_amdgcn_mbcnt_lo(~0u, 0u);
  return WAVE == 64 ? __builtin_amdgcn_mbcnt_hi(~0u, low) : low;
}
#else
DEVICE u32 thread_x() { return threadIdx.x; }
DEVICE u32 thread_y() { return threadIdx.y; }
DEVICE u32 thread_z() { return threadIdx.z; }
DEVICE u32 group_x() { return blockIdx.x; }
DEVICE u32 group_y() { return blockIdx.y; }
DEVICE u32 group_z() { return blockIdx.z; }
DEVICE u32 group_size_x() { return blockDim.x; }
DEVICE u32 group_count_x() { return gridDim.x; }
DEVICE u32 lane() { return threadIdx.x % 32; }
#endif

// Which wave of a workgroup this is, where threads count along x only: the compiler sees that a wave agrees on it.
#if GPU_AMD
DEVICE u32 wave_number() { return (u32)__builtin_amdgcn_readfirstlane((int)(thread_x() / WAVE)); }
#else
DEVICE u32 wave_number() { return __shfl_sync(~0u, thread_x() / WAVE, 0); }
#endif

// ---- order ------------------------------------------------------------------------------------------------

#if GPU_AMD
// Threads of the workgroup meet; what they wrote to LDS and to memory before it is seen by all of them after
// it.
DEVICE void barrier() {
  __builtin_amdgcn_fence(__ATOMIC_RELEASE, "workgroup");
  __builtin_amdgcn_s_barrier();
  __builtin_amdgcn_fence(__ATOMIC_ACQUIRE, "workgroup");
}
// The same for LDS alone: accesses to memory may stay in flight across it, and no cache is emptied.
DEVICE void barrier_lds() {
  __builtin_amdgcn_fence(__ATOMIC_RELEASE, "workgroup", "local");
  __builtin_amdgcn_s_barrier();
  __builtin_amdgcn_fence(__ATOMIC_ACQUIRE, "workgroup", "local");
}
// What this thread wrote is seen by the whole device before what it writes next.
DEVICE void fence_device() { __builtin_amdgcn_fence(__ATOMIC_SEQ_CST, "agent"); }
#else
DEVICE void barrier() { __syncthreads(); }
DEVICE void barrier_lds() { __syncthreads(); }
DEVICE void fence_device() { __threadfence(); }
#endif

// ---- 16-bit floats are bits with conversions; arithmetic is done in float ---------------------------------

struct bf16 {
  u16 bits;
};
struct f16 {
  u16 bits;
};

template <class To, class From>
DEVICE To cast(From x) {
  return (To)x;
}
template <>
DEVICE float cast<float, bf16>(bf16 x) {
  return bit_cast<float>((u32)x.bits << 16);
}
#if GPU_AMD
template <>
DEVICE bf16 cast<bf16, float>(float x) {
  return {bit_cast<u16>((__bf16)x)};
}
template <>
DEVICE float cast<float, f16>(f16 x) {
  return (float)bit_cast<_Float16>(x.bits);
}
template <>
DEVICE f16 cast<f16, float>(float x) {
  return {bit_cast<u16>((_Float16)x)};
}
#else
template <>
DEVICE bf16 cast<bf16, float>(float x) {
  bf16 out;
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(out.bits) : "f"(x));
  return out;
}
template <>
DEVICE float cast<float, f16>(f16 x) {
  float out;
  asm("cvt.f32.f16 %0, %1;" : "=f"(out) : "h"(x.bits));
  return out;
}
template <>
DEVICE f16 cast<f16, float>(float x) {
  f16 out;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(out.bits) : "f"(x));
  return out;
}
#endif
// The nearest number that Type has, as a float.
template <class Type>
DEVICE float rounded(float x) {
  return cast<float>(cast<Type>(x));
}
#if GPU_NVIDIA
// Into the high half of a word, which then is that float. The conversion of two numbers has four times the rate of
// that of one.
template <>
DEVICE float rounded<bf16>(float x) {
  u32 out;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(out) : "f"(x), "f"(0.0f));
  return bit_cast<float>(out);
}
#endif
template <>
DEVICE bf16 cast<bf16, bf16>(bf16 x) {
  return x;
}
template <>
DEVICE f16 cast<f16, f16>(f16 x) {
  return x;
}

// ---- memory -----------------------------------------------------------------------------------------------

// Count neighbouring elements that move as one access of up to 16 bytes.
template <class Type, int Count>
struct alignas(sizeof(Type) * Count < 16 ? sizeof(Type) * Count : 16) Vec {
  Type v[Count];
  DEVICE Type& operator[](int i) { return v[i]; }
  DEVICE const Type& operator[](int i) const { return v[i]; }
};

// As floats. Two of bf16 come from their word by a shift and a mask.
template <int Count, class Type>
DEVICE void widen(const Vec<Type, Count>& x, float* out) {
  UNROLL
  for (int i = 0; i < Count; i++) out[i] = cast<float>(x[i]);
}
template <int Count>
DEVICE void widen(const Vec<bf16, Count>& x, float* out) {
  if constexpr (Count % 2 == 0) {
    const auto words = bit_cast<Vec<u32, Count / 2>>(x);
    UNROLL
    for (int i = 0; i < Count / 2; i++) {
      out[2 * i] = bit_cast<float>(words[i] << 16);
      out[2 * i + 1] = bit_cast<float>(words[i] & 0xffff0000u);
    }
  } else {
    UNROLL
    for (int i = 0; i < Count; i++) out[i] = cast<float>(x[i]);
  }
}

#if GPU_AMD
typedef u32 Words1 __attribute__((may_alias));
typedef u32 Words2 __attribute__((ext_vector_type(2), may_alias));
typedef u32 Words4 __attribute__((ext_vector_type(4), may_alias));
template <class Words>
DEVICE Words load_words_once(const Words* p) {
  return __builtin_nontemporal_load(p);
}
#else
using Words1 = u32;
using Words2 = uint2;
using Words4 = uint4;
template <class Words>
DEVICE Words load_words_once(const Words* p) {
  return __ldcs(p);
}
#endif

// `p` is aligned to the access: min(16, Count * sizeof(Type)) bytes. Whole words are moved, since the compiler takes
// a structure apart when its elements meet different fates, and then loads them one by one.
template <int Count, class Type>
DEVICE Vec<Type, Count> load(const Type* p) {
  using Value = Vec<Type, Count>;
  if constexpr (sizeof(Value) == 16) {
    return bit_cast<Value>(*(const Words4*)p);
  } else if constexpr (sizeof(Value) == 8) {
    return bit_cast<Value>(*(const Words2*)p);
  } else if constexpr (sizeof(Value) == 4) {
    return bit_cast<Value>(*(const Words1*)p);
  } else {
    return *(const Value*)p;
  }
}
template <int Count, class Type>
DEVICE void store(Type* p, const Vec<Type, Count>& x) {
  using Value = Vec<Type, Count>;
  if constexpr (sizeof(Value) == 16) {
    *(Words4*)p = bit_cast<Words4>(x);
  } else if constexpr (sizeof(Value) == 8) {
    *(Words2*)p = bit_cast<Words2>(x);
  } else if constexpr (sizeof(Value) == 4) {
    *(Words1*)p = bit_cast<Words1>(x);
  } else {
    *(Value*)p = x;
  }
}

// As load and store, for single elements of 16 bits beside each other at odd addresses: volatile keeps AMD's compiler
// from joining two to an access that is not aligned.
template <int Count, class Type>
DEVICE Vec<Type, Count> load_apart(const Type* p) {
  if constexpr (Count == 1 && sizeof(Type) == 2) {
    return bit_cast<Vec<Type, Count>>(*(const volatile u16*)p);
  } else {
    return load<Count>(p);
  }
}
template <int Count, class Type>
DEVICE void store_apart(Type* p, const Vec<Type, Count>& x) {
  if constexpr (Count == 1 && sizeof(Type) == 2) {
    *(volatile u16*)p = bit_cast<u16>(x);
  } else {
    store<Count>(p, x);
  }
}

// 8 or 16 bytes that nobody reads again (weights during decode): they need not push other data out of the caches.
template <int Count, class Type>
DEVICE Vec<Type, Count> load_once(const Type* p) {
  static_assert(sizeof(Type) * Count == 16 || sizeof(Type) * Count == 8, "load_once moves 8 or 16 bytes");
  if constexpr (sizeof(Type) * Count == 8) return bit_cast<Vec<Type, Count>>(load_words_once((const Words2*)p));
  if constexpr (sizeof(Type) * Count == 16) return bit_cast<Vec<Type, Count>>(load_words_once((const Words4*)p));
}

// Leaves the caches to what is read: on NVIDIA such lines go first. On AMD the stores of that kind would pass
// by the last cache, where the next kernel may look for them.
template <int Count, class Type>
DEVICE void store_streamed(Type* p, const Vec<Type, Count>& x) {
#if GPU_NVIDIA
  using Value = Vec<Type, Count>;
  if constexpr (sizeof(Value) == 16) return __stcs((Words4*)p, bit_cast<Words4>(x));
  if constexpr (sizeof(Value) == 8) return __stcs((Words2*)p, bit_cast<Words2>(x));
  if constexpr (sizeof(Value) == 4) return __stcs((Words1*)p, bit_cast<Words1>(x));
#endif
  store(p, x);
}

// ---- moving values between the lanes of a wave ------------------------------------------------------------

#if GPU_AMD
DEVICE u32 shuffle_word(u32 x, u32 from) {
  return (u32)__builtin_amdgcn_ds_bpermute((int)(from << 2), (int)x);
}
#if WAVE == 64
DEVICE u64 wave_ballot(bool p) { return __builtin_amdgcn_ballot_w64(p); }
#else
DEVICE u64 wave_ballot(bool p) { return __builtin_amdgcn_ballot_w32(p); }
#endif
// A fixed pattern inside each row of 16 lanes, free of LDS. `Control` is the ISA's dpp_ctrl.
template <int Control>
DEVICE u32 dpp_word(u32 x) {
  return (u32)__builtin_amdgcn_update_dpp(0, (int)x, Control, 0xf, 0xf, true);
}
template <int Mask>
DEVICE u32 shuffle_xor_word(u32 x) {
#if WAVE == 64
  if constexpr (Mask == 1) {
    return dpp_word<0xB1>(x);  // quad_perm:[1,0,3,2]
  } else if constexpr (Mask == 2) {
    return dpp_word<0x4E>(x);  // quad_perm:[2,3,0,1]
  } else if constexpr (Mask < 32) {
    return (u32)__builtin_amdgcn_ds_swizzle((int)x, Mask << 10 | 0x1f);
  } else {
    return shuffle_word(x, lane() ^ Mask);
  }
#else
  if constexpr (Mask < 16) {
    return dpp_word<0x160 | Mask>(x);  // row_xmask
  } else {
    return (u32)__builtin_amdgcn_permlanex16(0, (int)x, 0x76543210, 0xfedcba98, true, false);
  }
#endif
}
// Like shuffle_xor once lanes that differ in lower bits hold the same value: then a mirror does on CDNA as
// well.
template <int Mask>
DEVICE u32 fold_word(u32 x) {
#if WAVE == 64
  if constexpr (Mask == 4) return dpp_word<0x141>(x);  // row_half_mirror
  if constexpr (Mask == 8) return dpp_word<0x140>(x);  // row_mirror
#endif
  return shuffle_xor_word<Mask>(x);
}
#else
DEVICE u32 shuffle_word(u32 x, u32 from) { return __shfl_sync(~0u, x, from); }
DEVICE u64 wave_ballot(bool p) { return __ballot_sync(~0u, p); }
template <int Mask>
DEVICE u32 shuffle_xor_word(u32 x) {
  return __shfl_xor_sync(~0u, x, Mask);
}
template <int Mask>
DEVICE u32 fold_word(u32 x) {
  return shuffle_xor_word<Mask>(x);
}
#endif

// Bytes of two words, chosen by the nibbles (NVIDIA) or bytes (AMD) of `which`: 0 to 3 of `low`, 4 to 7 of `high`.
#if GPU_AMD
DEVICE u32 select_bytes(u32 low, u32 high, u32 which) { return __builtin_amdgcn_perm(high, low, which); }
// The bytes of `even` and `odd` in turn: the lower and the upper two of each.
DEVICE u32 interleave_low(u32 even, u32 odd) { return select_bytes(even, odd, 0x05010400u); }
DEVICE u32 interleave_high(u32 even, u32 odd) { return select_bytes(even, odd, 0x07030602u); }
#else
DEVICE u32 select_bytes(u32 low, u32 high, u32 which) { return __byte_perm(low, high, which); }
DEVICE u32 interleave_low(u32 even, u32 odd) { return select_bytes(even, odd, 0x5140u); }
DEVICE u32 interleave_high(u32 even, u32 odd) { return select_bytes(even, odd, 0x7362u); }
#endif

// How many bits are set; and the numbers of the lowest and the highest of them, for an `x` that is not 0.
#if GPU_AMD
DEVICE u32 count_bits(u64 x) { return (u32)__builtin_popcountll(x); }
DEVICE u32 lowest_bit(u64 x) { return (u32)__builtin_ctzll(x); }
DEVICE u32 highest_bit(u64 x) { return 63 - (u32)__builtin_clzll(x); }
#else
DEVICE u32 count_bits(u64 x) { return (u32)__popcll(x); }
DEVICE u32 lowest_bit(u64 x) { return (u32)__ffsll((long long)x) - 1; }
DEVICE u32 highest_bit(u64 x) { return 63 - (u32)__clzll((long long)x); }
#endif

// What lanes exchange goes word by word: any type of a multiple of 4 bytes.
template <class Type>
struct WordsOf {
  static_assert(sizeof(Type) % 4 == 0, "lanes exchange whole words");
  static constexpr int count = sizeof(Type) / 4;
  u32 w[count];
};

// The value of lane `from`. All lanes of the wave take part.
template <class Type>
DEVICE Type shuffle(Type x, u32 from) {
  auto words = bit_cast<WordsOf<Type>>(x);
  UNROLL
  for (u32& w : words.w) w = shuffle_word(w, from);
  return bit_cast<Type>(words);
}
// The value of the lane whose number differs in the bit `Mask` (a power of two, at most WAVE / 2).
template <int Mask, class Type>
DEVICE Type shuffle_xor(Type x) {
  auto words = bit_cast<WordsOf<Type>>(x);
  UNROLL
  for (u32& w : words.w) w = shuffle_xor_word<Mask>(w);
  return bit_cast<Type>(words);
}
// One step of a reduction over all lanes; steps go from Mask 1 upwards.
template <int Mask, class Type>
DEVICE Type fold(Type x) {
  auto words = bit_cast<WordsOf<Type>>(x);
  UNROLL
  for (u32& w : words.w) w = fold_word<Mask>(w);
  return bit_cast<Type>(words);
}

// ---- math: math_exp and so on, for float and double --------------------------------------------------------

// One row a function: our name, that of AMD's device library, that of CUDA.
#if GPU_AMD
#define MATH1(name, amd, cuda)                                                 \
  extern "C" __attribute__((device, const)) float __ocml_##amd##_f32(float);   \
  extern "C" __attribute__((device, const)) double __ocml_##amd##_f64(double); \
  DEVICE float math_##name(float x) { return __ocml_##amd##_f32(x); }          \
  DEVICE double math_##name(double x) { return __ocml_##amd##_f64(x); }
#define MATH2(name, amd, cuda)                                                         \
  extern "C" __attribute__((device, const)) float __ocml_##amd##_f32(float, float);    \
  extern "C" __attribute__((device, const)) double __ocml_##amd##_f64(double, double); \
  DEVICE float math_##name(float x, float y) { return __ocml_##amd##_f32(x, y); }      \
  DEVICE double math_##name(double x, double y) { return __ocml_##amd##_f64(x, y); }
#else
#define MATH1(name, amd, cuda)                               \
  DEVICE float math_##name(float x) { return ::cuda##f(x); } \
  DEVICE double math_##name(double x) { return ::cuda(x); }
#define MATH2(name, amd, cuda)                                           \
  DEVICE float math_##name(float x, float y) { return ::cuda##f(x, y); } \
  DEVICE double math_##name(double x, double y) { return ::cuda(x, y); }
#endif

MATH1(exp, exp, exp)
MATH1(exp2, exp2, exp2)
MATH1(expm1, expm1, expm1)
MATH1(log, log, log)
MATH1(log2, log2, log2)
MATH1(log10, log10, log10)
MATH1(log1p, log1p, log1p)
MATH1(sin, sin, sin)
MATH1(cos, cos, cos)
MATH1(tan, tan, tan)
MATH1(asin, asin, asin)
MATH1(acos, acos, acos)
MATH1(atan, atan, atan)
MATH1(sinh, sinh, sinh)
MATH1(cosh, cosh, cosh)
MATH1(tanh, tanh, tanh)
MATH1(asinh, asinh, asinh)
MATH1(acosh, acosh, acosh)
MATH1(atanh, atanh, atanh)
MATH1(erf, erf, erf)
MATH1(erfinv, erfinv, erfinv)
MATH1(lgamma, lgamma, lgamma)
MATH1(sqrt, sqrt, sqrt)
MATH1(rsqrt, rsqrt, rsqrt)
MATH1(floor, floor, floor)
MATH1(ceil, ceil, ceil)
MATH1(round, rint, rint)  // halves to even
MATH1(trunc, trunc, trunc)
MATH1(abs, fabs, fabs)
MATH2(pow, pow, pow)
MATH2(atan2, atan2, atan2)
MATH2(fmod, fmod, fmod)
MATH2(hypot, hypot, hypot)
MATH2(max, fmax, fmax)  // the other operand when one is NaN
MATH2(min, fmin, fmin)
#undef MATH1
#undef MATH2

#if GPU_AMD
DEVICE float math_fma(float x, float y, float z) { return __builtin_fmaf(x, y, z); }
#else
DEVICE float math_fma(float x, float y, float z) { return ::fmaf(x, y, z); }
#endif
// A product that is rounded before anything is added to it: both compilers would make one fma of the two.
#if GPU_AMD
template <class Type>
DEVICE Type rounded_product(Type x, Type y) {
#pragma clang fp contract(off)
  return x * y;
}
#else
DEVICE float rounded_product(float x, float y) { return __fmul_rn(x, y); }
DEVICE double rounded_product(double x, double y) { return __dmul_rn(x, y); }
#endif
