// The end of a product whose k was split: out = alpha * sum over `splits` of parts[split][item][row][column]
// + beta * c. ACC: float, or complex64 where T is. Moves splits * 4 bytes an element: memory is the limit.
#include "gemm_args.h"
#include "gemm_scalar.h"

#ifndef T
#define T bf16
#define ACC float
#endif
#ifndef EPILOGUE
#define EPILOGUE 0
#endif

KERNEL(256)
sum_splits(const ACC* __restrict__ parts, const T* __restrict__ c, T* __restrict__ out,
           STRUCT_ARGUMENT GemmArgs g, int splits) {
  const u64 matrix = (u64)g.m * g.n, size = matrix * g.batch;
  for (u64 i = (u64)group_x() * 256 + thread_x(); i < size; i += (u64)group_count_x() * 256) {
    const u32 item = (u32)(i / matrix), row = (u32)((i - item * matrix) / g.n);
    const u32 column = (u32)(i - item * matrix - (u64)row * g.n);
    ACC sum = parts[i];
    for (int s = 1; s < splits; s++) sum = sum + parts[i + s * size];
    sum = sum * g.alpha;
#if EPILOGUE == 1
    i64 at[3];
    g.items.offsets(item, at);
    sum = sum + widen(c[at[2] + row * g.c_row + column * g.c_col]) * g.beta;
#endif
    out[item * g.out_item + row * g.out_row + column * g.out_col] = narrow<T>(sum);
  }
}
