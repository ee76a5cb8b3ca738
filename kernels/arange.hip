// y[i] = start + i * step, rounded as on the CPU (backend/ops/create.cpp). Written once, 16 bytes a thread:
// memory limits it.
//
// Defines: T, START (the type of start and step: i64 for integers, double for complex64, else float), ITEMS
// (of a thread: one aligned access).
#include "device.h"
#include "scalar.h"

template <class To>
struct Value {
  static DEVICE To at(u32 i, i64 start, i64 step) { return (To)((u64)start + i * (u64)step); }
};
template <>
struct Value<float> {
  static DEVICE float at(u32 i, float start, float step) { return math_fma((float)i, step, start); }
};
template <>
struct Value<bf16> {
  static DEVICE bf16 at(u32 i, float start, float step) {
    return cast<bf16>(start + rounded_product((float)i, step));
  }
};
template <>
struct Value<f16> {
  static DEVICE f16 at(u32 i, float start, float step) {
    return cast<f16>(start + rounded_product((float)i, step));
  }
};
template <>
struct Value<complex64> {
  static DEVICE complex64 at(u32 i, double start, double step) {
    return {(float)(start + rounded_product((double)i, step)), 0.0f};
  }
};

KERNEL(256) arange(T* y, START start, START step, u32 n) {
  for (u64 i = ((u64)group_x() * 256 + thread_x()) * ITEMS; i < n; i += (u64)group_count_x() * 256 * ITEMS) {
    Vec<T, ITEMS> out;
    UNROLL
    for (int j = 0; j < ITEMS; j++) out[j] = Value<T>::at((u32)i + j, start, step);
    if (i + ITEMS <= n) {
      store<ITEMS>(y + i, out);
    } else {
      UNROLL
      for (int j = 0; j < ITEMS; j++) {
        if (i + j < n) y[i + j] = out[j];
      }
    }
  }
}
