// Loads, stores and atomics of every width, through every memory: test_emulator_memory.py.
#include "device.h"

struct __attribute__((aligned(4))) U96 {
  u32 a, b, c;
};
struct __attribute__((aligned(16))) U128 {
  u32 a, b, c, d;
};

DEVICE void compiler_fence() { asm volatile("" ::: "memory"); }

// Element at[i] of x goes through LDS to y[i].
#define THROUGH_LDS(name, T)                         \
  KERNEL(64) name(const T* x, const u32* at, T* y) { \
    SHARED T cells[64];                              \
    cells[63 - thread_x()] = x[at[thread_x()]];      \
    compiler_fence();                                \
    __builtin_amdgcn_s_barrier();                    \
    y[thread_x()] = cells[63 - thread_x()];          \
  }
THROUGH_LDS(move_u8, u8)
THROUGH_LDS(move_u16, u16)
THROUGH_LDS(move_u32, u32)
THROUGH_LDS(move_u64, u64)
THROUGH_LDS(move_u96, U96)
THROUGH_LDS(move_u128, U128)

// Sign extension of small loads from memory and from LDS.
#define EXTEND(name, T)                     \
  KERNEL(64) name(const T* x, i32* y) {     \
    SHARED T cells[64];                     \
    T value = x[thread_x()];                \
    cells[thread_x()] = value;              \
    compiler_fence();                       \
    y[thread_x()] = value;                  \
    y[64 + thread_x()] = cells[thread_x()]; \
  }
EXTEND(extend_i8, i8)
EXTEND(extend_i16, i16)
EXTEND(extend_u16, u16)

// Two halves of a word from two addresses (d16 loads and stores).
KERNEL(64) interleave(const u16* x, const u16* y, u32* out, u16* high) {
  u32 word = x[thread_x()] | (u32)y[thread_x()] << 16;
  out[thread_x()] = word;
  asm volatile("" : "+v"(word));
  high[thread_x()] = word >> 16;
}

// An array that is indexed at run time lives in scratch.
KERNEL(64) scratch_sort(const i32* x, i32* y) {
  i32 values[16];
  for (int i = 0; i < 16; i++) values[(i * 5 + thread_x()) % 16] = x[thread_x() * 16 + i];
  i32 sum = 0;
  for (int i = 0; i < 16; i++) sum = sum * 3 + values[(i + thread_x() * 7) % 16];
  y[thread_x()] = sum;
}

// A real call with a stack frame.
__attribute__((device, noinline)) i32 collatz(i32 n, i32* steps) {
  volatile i32 local = n;
  while (local != 1) {
    local = local % 2 ? 3 * local + 1 : local / 2;
    ++*steps;
  }
  return local;
}
KERNEL(64) calls(const i32* x, i32* y) {
  i32 steps = 0;
  i32 last = collatz(x[thread_x()], &steps);
  y[thread_x()] = steps + last;
}

// Buffers with a descriptor: reads past its end give zero, writes are dropped.
KERNEL(64) buffer_copy(u32* x, u32* y, u32 bytes) {
  auto from = __builtin_amdgcn_make_buffer_rsrc(x, 0, bytes, 0x31004000);
  auto to = __builtin_amdgcn_make_buffer_rsrc(y, 0, bytes, 0x31004000);
  u32 value = __builtin_amdgcn_raw_buffer_load_b32(from, thread_x() * 4, 0, 0);
  __builtin_amdgcn_raw_buffer_store_b32(value + 1, to, thread_x() * 4, 0, 0);
}

// Every atomic on memory and on LDS: four cells, the old values come back.
#define ATOMIC(name, T, operation)                                                                        \
  KERNEL(64) name(T* cells, const T* x, T* old) {                                                         \
    SHARED T shared[4];                                                                                   \
    u32 i = thread_x();                                                                                   \
    if (i < 4) shared[i] = cells[i];                                                                      \
    barrier();                                                                                            \
    old[i] =                                                                                              \
        __hip_atomic_fetch_##operation(cells + i % 4, x[i], __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_AGENT);  \
    __hip_atomic_fetch_##operation(shared + i % 4, x[i], __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_WORKGROUP); \
    barrier();                                                                                            \
    if (i < 4) cells[4 + i] = shared[i];                                                                  \
  }
#define ATOMIC_INTEGER(type, T)     \
  ATOMIC(atomic_add_##type, T, add) \
  ATOMIC(atomic_and_##type, T, and) \
  ATOMIC(atomic_or_##type, T, or)   \
  ATOMIC(atomic_xor_##type, T, xor) \
  ATOMIC(atomic_min_##type, T, min) \
  ATOMIC(atomic_max_##type, T, max)
ATOMIC_INTEGER(i32, i32)
ATOMIC_INTEGER(u32, u32)
ATOMIC_INTEGER(i64, i64)
ATOMIC_INTEGER(u64, u64)
ATOMIC(atomic_add_f32, float, add)
ATOMIC(atomic_add_f64, double, add)

KERNEL(64) exchange(u32* cell, u32* old) {
  old[thread_x()] = __hip_atomic_exchange(cell, thread_x(), __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_AGENT);
}
KERNEL(64) compare_exchange(u64* cell) {
  u64 seen = __hip_atomic_load(cell, __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_AGENT);
  while (!__hip_atomic_compare_exchange_strong(cell, &seen, seen * 3 + 1, __ATOMIC_RELAXED, __ATOMIC_RELAXED,
                                               __HIP_MEMORY_SCOPE_AGENT)) {
  }
}

// Workgroup and thread numbers of a three-dimensional launch.
KERNEL(1024) where(u32* out) {
  u32 group = (group_z() * 2 + group_y()) * 3 + group_x();
  u32 thread = (thread_z() * 3 + thread_y()) * 5 + thread_x();
  out[group * 60 + thread] = group * 1000 + thread + 100000 * group_count_x() + 1000000 * group_size_x();
}
