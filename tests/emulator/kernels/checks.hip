// Kernels with a mistake each, and their correct neighbours: test_emulator_checks.py says what must be
// reported.
#include "device.h"

// What is in LDS stays there: the compiler does not forward values past this point.
DEVICE void compiler_fence() { asm volatile("" ::: "memory"); }

KERNEL(256) write_at(u32* out, const u32* index) { out[index[thread_x()]] = 1; }

KERNEL(256) read_at(u32* out, const u32* index) { out[thread_x()] = out[index[thread_x()]]; }

// A pointer that is off by one byte.
KERNEL(64) misaligned(u8* out) { *(volatile u32*)(out + 1 + 8 * thread_x()) = 7; }

// Each thread reads what a thread of another wave wrote; `synchronised` has the barrier that makes that
// right.
KERNEL(256) race(u32* out) {
  SHARED u32 cells[256];
  cells[thread_x()] = thread_x();
  compiler_fence();
  out[thread_x()] = cells[255 - thread_x()];
}
// The same through flat pointers (volatile hides the address space).
KERNEL(256) flat_race(u32* out) {
  SHARED u32 cells[256];
  volatile u32* shared = cells;
  shared[thread_x()] = thread_x();
  out[thread_x()] = shared[255 - thread_x()];
}
KERNEL(256) synchronised(u32* out) {
  SHARED u32 cells[256];
  cells[thread_x()] = thread_x();
  barrier();
  out[thread_x()] = cells[255 - thread_x()];
}
// Waves write neighbouring bytes of the same words: no race.
KERNEL(256) neighbouring_bytes(u8* out) {
  SHARED u8 cells[256];
  volatile u8* shared = cells;
  u32 at = thread_x() % 8 * 32 + thread_x() / 8;
  shared[at] = at;
  barrier();
  out[thread_x()] = shared[thread_x()];
}
// Write after read by another wave.
KERNEL(256) overwrite(u32* out) {
  SHARED u32 cells[256];
  volatile u32* shared = cells;
  shared[thread_x()] = thread_x();
  barrier();
  u32 other = shared[255 - thread_x()];
  shared[thread_x()] = other;
  out[thread_x()] = other;
}
KERNEL(256) lds_counter(u32* out) {
  SHARED u32 count;
  if (thread_x() == 0) count = 0;
  barrier();
  __hip_atomic_fetch_add(&count, 1, __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_WORKGROUP);
  barrier();
  if (thread_x() == 0) out[0] = count;
}

KERNEL(64) past_lds(u32* out, u32 at) {
  SHARED u32 cells[64];
  cells[thread_x() + at] = 1;
  barrier();
  out[thread_x()] = cells[thread_x()];
}

// LDS, memory and registers that nothing has written.
KERNEL(64) uninitialised(float* out, const float* never_written) {
  SHARED float cells[64];
  volatile float* shared = cells;
  float lane;
  asm volatile("; %0 is not set" : "=v"(lane));
  out[thread_x()] = shared[thread_x()];
  out[64 + thread_x()] = never_written[thread_x()];
  out[128 + thread_x()] = lane;
}

KERNEL(64) endless(volatile u32* flag) {
  while (flag[0] == 0) {
  }
}

// The workgroup's waves note in which order they came.
KERNEL(256) arrival(u32* order, u32* next) {
  if (lane() == 0)
    order[__hip_atomic_fetch_add(next, 1, __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_AGENT)] = thread_x() / WAVE;
}

KERNEL(64) product(float* out, const float* x, float y) { out[thread_x()] = x[thread_x()] * y; }

// The first wave waits for the second one without a barrier. Through memory: in LDS that would count as a
// race.
KERNEL(128) spin(u32* out, u32* flag) {
  if (thread_x() < WAVE) {
    while (__hip_atomic_load(flag, __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_WORKGROUP) == 0) {
    }
    out[0] = 5;
  } else if (thread_x() == WAVE) {
    __hip_atomic_store(flag, 1, __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_WORKGROUP);
  }
}

KERNEL(64) trap() { __builtin_trap(); }

// Bank conflicts and cache lines: lane l uses word l * stride.
KERNEL(64) strided(const u32* x, u32* out, u32 stride) {
  SHARED u32 cells[64 * 32];
  cells[thread_x() % WAVE * stride] = x[thread_x() % WAVE * stride];
  compiler_fence();
  out[thread_x()] = cells[thread_x() % WAVE * stride];
}

// An instruction that the emulator has no row for.
KERNEL(64) unknown(u32* out) {
  u32 x = thread_x();
  asm volatile("v_lerp_u8 %0, %0, %0, %0" : "+v"(x));
  out[thread_x()] = x;
}
