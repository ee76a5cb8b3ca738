// Atomic operations on memory and LDS: relaxed, device scope. add and max and min return the value before.
#pragma once
#include "device.h"

#if GPU_AMD
template <class Type>
DEVICE Type atomic_add(Type* p, Type x) {
  return __hip_atomic_fetch_add(p, x, __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_AGENT);
}
template <class Type>
DEVICE Type atomic_max(Type* p, Type x) {
  return __hip_atomic_fetch_max(p, x, __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_AGENT);
}
template <class Type>
DEVICE Type atomic_min(Type* p, Type x) {
  return __hip_atomic_fetch_min(p, x, __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_AGENT);
}
DEVICE u32 atomic_read(u32* p) { return __hip_atomic_load(p, __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_AGENT); }
// True when *p was `expected` and now is `x`; otherwise `expected` becomes what *p is.
DEVICE bool atomic_replace(u32* p, u32& expected, u32 x) {
  return __hip_atomic_compare_exchange_strong(p, &expected, x, __ATOMIC_RELAXED, __ATOMIC_RELAXED,
                                              __HIP_MEMORY_SCOPE_AGENT);
}
#else
template <class Type>
DEVICE Type atomic_add(Type* p, Type x) {
  return atomicAdd(p, x);
}
template <class Type>
DEVICE Type atomic_max(Type* p, Type x) {
  return atomicMax(p, x);
}
template <class Type>
DEVICE Type atomic_min(Type* p, Type x) {
  return atomicMin(p, x);
}
DEVICE u32 atomic_read(u32* p) { return *(volatile u32*)p; }
DEVICE bool atomic_replace(u32* p, u32& expected, u32 x) {
  u32 seen = atomicCAS(p, expected, x);
  bool done = seen == expected;
  expected = seen;
  return done;
}
#endif

// Float maximum through integers: bit patterns of non-negative floats are ordered like signed integers, those
// of negative floats in reverse. NaN is not for here.
DEVICE void atomic_max(float* p, float x) {
  if (bit_cast<i32>(x) >= 0) {
    atomic_max((i32*)p, bit_cast<i32>(x));
  } else {
    atomic_min((u32*)p, bit_cast<u32>(x));
  }
}
DEVICE void atomic_min(float* p, float x) {
  if (bit_cast<i32>(x) >= 0) {
    atomic_min((i32*)p, bit_cast<i32>(x));
  } else {
    atomic_max((u32*)p, bit_cast<u32>(x));
  }
}

// 16-bit floats are added in the 4-byte word that holds them, by compare and swap ...
template <class Type>
DEVICE void atomic_add_by_swap(Type* p, Type x) {
  u32 odd = (u32)(u64)p & 2, shift = odd * 8;
  u32* word = (u32*)((u8*)p - odd);  // not through an integer: the compiler would lose the address space
  u32 seen = atomic_read(word), next;
  do {
    Type sum = cast<Type>(cast<float>(Type{(u16)(seen >> shift)}) + cast<float>(x));
    next = (seen & ~(0xffffu << shift)) | (u32)sum.bits << shift;
  } while (!atomic_replace(word, seen, next));
}
// ... or natively where the target can. AMD adds pairs: the neighbour gets -0, which changes no value.
#if GPU_AMD
template <class Pair, class Type>
DEVICE Pair with_neutral_neighbour(Type* p, Type x) {
  return bit_cast<Pair>((u64)p & 2 ? 0x8000u | (u32)x.bits << 16 : 0x80000000u | x.bits);
}
#define GLOBAL __attribute__((address_space(1)))
#if ATOMIC_PK_F16
typedef _Float16 HalfPair __attribute__((ext_vector_type(2)));
DEVICE void atomic_add(f16* p, f16 x) {
  __builtin_amdgcn_global_atomic_fadd_v2f16((GLOBAL HalfPair*)((u64)p & ~3ull),
                                            with_neutral_neighbour<HalfPair>(p, x));
}
#else
DEVICE void atomic_add(f16* p, f16 x) { atomic_add_by_swap(p, x); }
#endif
#if ATOMIC_PK_BF16
typedef short ShortPair __attribute__((ext_vector_type(2)));
DEVICE void atomic_add(bf16* p, bf16 x) {
  __builtin_amdgcn_global_atomic_fadd_v2bf16((GLOBAL ShortPair*)((u64)p & ~3ull),
                                             with_neutral_neighbour<ShortPair>(p, x));
}
#else
DEVICE void atomic_add(bf16* p, bf16 x) { atomic_add_by_swap(p, x); }
#endif
#undef GLOBAL
#else
DEVICE void atomic_add(f16* p, f16 x) {
  asm volatile("red.global.add.noftz.f16 [%0], %1;" ::"l"(p), "h"(x.bits) : "memory");
}
#if ATOMIC_PK_BF16
DEVICE void atomic_add(bf16* p, bf16 x) {
  asm volatile("red.global.add.noftz.bf16 [%0], %1;" ::"l"(p), "h"(x.bits) : "memory");
}
#else
DEVICE void atomic_add(bf16* p, bf16 x) { atomic_add_by_swap(p, x); }
#endif
#endif
