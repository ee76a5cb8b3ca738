// Atomic operations on memory and LDS: relaxed, device scope. add and max and min return the value before;
// for the half types, and for atomic_apply, there is no value. Pick atomic_add, atomic_max and atomic_min
// where they exist (4 and 8 bytes; floats have no 8), atomic_apply for every other operation or type.
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
// u32 or u64, as for atomic_replace.
template <class Word>
DEVICE Word atomic_read(Word* p) {
  return __hip_atomic_load(p, __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_AGENT);
}
// True when *p was `expected` and now is `x`; otherwise `expected` becomes what *p is.
template <class Word>
DEVICE bool atomic_replace(Word* p, Word& expected, Word x) {
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
DEVICE i64 atomic_add(i64* p, i64 x) { return (i64)atomicAdd((u64*)p, (u64)x); }  // CUDA has it for u64 alone
template <class Word>
DEVICE Word atomic_read(Word* p) {
  return *(volatile Word*)p;
}
template <class Word>
DEVICE bool atomic_replace(Word* p, Word& expected, Word x) {
  Word seen = atomicCAS(p, expected, x);
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

// *p = op(*p, x) for any type of 1, 2, 4 or 8 bytes, by compare and swap of the word that holds it; where
// `op` changes nothing there is no swap. Types below 4 bytes share their word with neighbours, which keep
// their values.
template <class Op, class Type>
DEVICE void atomic_apply(Type* p, Type x) {
  Op op;
  if constexpr (sizeof(Type) >= 4) {
    using Word = Unsigned<sizeof(Type)>;
    Word* word = (Word*)p;
    Word seen = atomic_read(word), next;
    do {
      next = bit_cast<Word>(op(bit_cast<Type>(seen), x));
    } while (next != seen && !atomic_replace(word, seen, next));
  } else {
    using Part = Unsigned<sizeof(Type)>;
    u32 byte = (u32)(u64)p & 3, shift = byte * 8;
    u32* word = (u32*)((u8*)p - byte);  // not through an integer: the compiler would lose the address space
    u32 mask = (sizeof(Type) == 1 ? 0xffu : 0xffffu) << shift;
    u32 seen = atomic_read(word), next;
    do {
      u32 result = bit_cast<Part>(op(bit_cast<Type>((Part)(seen >> shift)), x));
      next = (seen & ~mask) | result << shift;
    } while (next != seen && !atomic_replace(word, seen, next));
  }
}

// 16-bit floats are added in the 4-byte word that holds them, by compare and swap ...
struct AddHalves {
  template <class Type>
  DEVICE Type operator()(Type a, Type b) const {
    return cast<Type>(cast<float>(a) + cast<float>(b));
  }
  template <class Type>
  DEVICE Vec<Type, 2> operator()(Vec<Type, 2> a, Vec<Type, 2> b) const {
    return {{(*this)(a[0], b[0]), (*this)(a[1], b[1])}};
  }
};
// ... or natively where the target can. Hardware adds pairs as cheaply as one: atomic_add_pair takes two
// neighbours at a multiple of 4 bytes. A single value on AMD is a pair as well: the neighbour gets -0, which
// changes no value.
#if GPU_AMD
#define GLOBAL __attribute__((address_space(1)))
#if ATOMIC_PK_F16
typedef _Float16 HalfPair __attribute__((ext_vector_type(2)));
DEVICE void add_pair_word(f16* p, u32 pair) {
  __builtin_amdgcn_global_atomic_fadd_v2f16((GLOBAL HalfPair*)p, bit_cast<HalfPair>(pair));
}
#endif
#if ATOMIC_PK_BF16
typedef short ShortPair __attribute__((ext_vector_type(2)));
DEVICE void add_pair_word(bf16* p, u32 pair) {
  __builtin_amdgcn_global_atomic_fadd_v2bf16((GLOBAL ShortPair*)p, bit_cast<ShortPair>(pair));
}
#endif
#undef GLOBAL
template <class Type>
DEVICE void add_one_of_pair(Type* p, Type x) {
  u32 odd = (u32)(u64)p & 2;
  add_pair_word((Type*)((u8*)p - odd), odd ? 0x8000u | (u32)x.bits << 16 : 0x80000000u | x.bits);
}
#else
DEVICE void add_one_of_pair(f16* p, f16 x) {
  asm volatile("red.global.add.noftz.f16 [%0], %1;" ::"l"(p), "h"(x.bits) : "memory");
}
DEVICE void add_pair_word(f16* p, u32 pair) {
  asm volatile("red.global.add.noftz.f16x2 [%0], %1;" ::"l"(p), "r"(pair) : "memory");
}
#if ATOMIC_PK_BF16
DEVICE void add_one_of_pair(bf16* p, bf16 x) {
  asm volatile("red.global.add.noftz.bf16 [%0], %1;" ::"l"(p), "h"(x.bits) : "memory");
}
DEVICE void add_pair_word(bf16* p, u32 pair) {
  asm volatile("red.global.add.noftz.bf16x2 [%0], %1;" ::"l"(p), "r"(pair) : "memory");
}
#endif
#endif

#if ATOMIC_PK_F16
DEVICE void atomic_add(f16* p, f16 x) { add_one_of_pair(p, x); }
DEVICE void atomic_add_pair(f16* p, Vec<f16, 2> x) { add_pair_word(p, bit_cast<u32>(x)); }
#else
DEVICE void atomic_add(f16* p, f16 x) { atomic_apply<AddHalves>(p, x); }
DEVICE void atomic_add_pair(f16* p, Vec<f16, 2> x) { atomic_apply<AddHalves>((Vec<f16, 2>*)p, x); }
#endif
#if ATOMIC_PK_BF16
DEVICE void atomic_add(bf16* p, bf16 x) { add_one_of_pair(p, x); }
DEVICE void atomic_add_pair(bf16* p, Vec<bf16, 2> x) { add_pair_word(p, bit_cast<u32>(x)); }
#else
DEVICE void atomic_add(bf16* p, bf16 x) { atomic_apply<AddHalves>(p, x); }
DEVICE void atomic_add_pair(bf16* p, Vec<bf16, 2> x) { atomic_apply<AddHalves>((Vec<bf16, 2>*)p, x); }
#endif
