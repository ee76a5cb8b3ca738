// Copies between layouts.
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "backend/cpu/move.h"
#include "backend/cpu/pool.h"
#include "backend/cpu/tile.h"

namespace mlx_rocm::cpu {
namespace {

constexpr int64_t kGrain = 8192;  // elements a thread takes at a time

template <class T>
void small_rows(const char* from, int64_t row_stride, int64_t stride, char* to, int64_t rows, int64_t columns) {
  auto* src = reinterpret_cast<const T*>(from);
  auto* dst = reinterpret_cast<T*>(to);
  for (int64_t r = 0; r < rows; ++r, src += row_stride) {
    for (int64_t c = 0; c < columns; ++c) *dst++ = src[c * stride];
  }
}
using SmallRows = void (*)(const char*, int64_t, int64_t, char*, int64_t, int64_t);
SmallRows small_rows_of(size_t item) {
  return item == 1   ? small_rows<uint8_t>
         : item == 2 ? small_rows<uint16_t>
         : item == 4 ? small_rows<uint32_t>
                     : small_rows<uint64_t>;
}

void copy_bytes(const char* src, char* dst, int64_t bytes) {
  const bool past = size_t(bytes) > stream_threshold();
  parallel_for(bytes, 1 << 18, [&](int64_t begin, int64_t end) {
    if (past) {
      move_table().stream(src + begin, dst + begin, size_t(end - begin));
    } else {
      std::memcpy(dst + begin, src + begin, size_t(end - begin));
    }
  });
}

// One copy: a shape, and for each side its strides. Collapsed.
struct Move {
  Shape shape;
  Strides strides[2];  // source, destination
  size_t item;
  const char* src;
  char* dst;

  int inner() const { return int(shape.size()) - 1; }

  // The axis along which the source is contiguous where the destination is so along the last one, or -1.
  int transposed_axis() const {
    const int last = inner();
    const int64_t s = strides[0][last];
    if (strides[1][last] != 1 || s == 0 || s == 1 || s == -1 || shape[last] < 8) return -1;
    for (int k = 0; k < last; ++k) {
      if (strides[0][k] == 1 && shape[k] >= 8) return k;
    }
    return -1;
  }

  // Blocks of a plane: long enough in both directions for whole cache lines, small enough to share out.
  void transpose(int axis) const {
    constexpr int64_t kRows = 256, kColumns = 64;
    const int last = inner();
    Shape outer;
    Strides from, to;
    for (int i = 0; i < last; ++i) {
      if (i == axis) continue;
      outer.push_back(shape[i]);
      from.push_back(strides[0][i]);
      to.push_back(strides[1][i]);
    }
    const int64_t rows = shape[axis], columns = shape[last];
    const int64_t down = (rows + kRows - 1) / kRows, across = (columns + kColumns - 1) / kColumns;
    const int64_t planes = num_elements(outer), step = int64_t(item);
    const bool past = size_t(planes * rows * columns) * item > stream_threshold();
    const auto plane = move_kernels(item).transpose;
    const int64_t grain = std::max<int64_t>(1, kGrain / (std::min(rows, kRows) * std::min(columns, kColumns)));
    parallel_for(planes * down * across, grain, [&](int64_t begin, int64_t end) {
      for (int64_t t = begin; t < end; ++t) {
        const int64_t p = t / (down * across), r = t / across % down * kRows, c = t % across * kColumns;
        const int64_t a = offset_of(p, outer, from) + r + c * strides[0][last];
        const int64_t b = offset_of(p, outer, to) + r * strides[1][axis] + c;
        plane(src + a * step, strides[0][last], dst + b * step, strides[1][axis], std::min(kRows, rows - r),
              std::min(kColumns, columns - c), past);
      }
    });
  }

  // Rows, in pieces where they are long.
  void rows() const {
    const int last = inner();
    const Shape outer(shape.begin(), shape.begin() + last);
    const Strides from(strides[0].begin(), strides[0].begin() + last);
    const Strides to(strides[1].begin(), strides[1].begin() + last);
    const int64_t length = shape[last], piece = std::min<int64_t>(length, 4 * kGrain);
    const int64_t pieces = (length + piece - 1) / piece, step = int64_t(item);
    const auto run = move_kernels(item).run;
    parallel_for(num_elements(outer) * pieces, std::max<int64_t>(1, kGrain / piece), [&](int64_t begin, int64_t end) {
      Walker a(outer, from, begin / pieces), b(outer, to, begin / pieces);
      for (int64_t t = begin; t < end; ++t) {
        const int64_t at = t % pieces * piece, n = std::min(piece, length - at);
        run(src + (a.offset() + at * strides[0][last]) * step, strides[0][last],
            dst + (b.offset() + at * strides[1][last]) * step, strides[1][last], n);
        if (at + n == length) {
          a.next();
          b.next();
        }
      }
    });
  }

  void operator()() {
    collapse(shape, strides);
    const int last = inner();
    const int64_t size = num_elements(shape);
    if (last == 0 && strides[0][0] == 1 && strides[1][0] == 1) {
      return copy_bytes(src, dst, size * int64_t(item));
    }
    if (int axis = transposed_axis(); axis >= 0) return transpose(axis);
    if (shape[last] < 64 && strides[1] == row_major_strides(shape)) {
      parallel_for(size, kGrain, [&](int64_t begin, int64_t end) {
        gather(src, item, shape, strides[0], begin, end - begin, dst + begin * int64_t(item));
      });
      return;
    }
    rows();
  }
};

}  // namespace

size_t stream_threshold() {
  static const size_t bytes = [] {
    long cache = 0;
#if defined(_SC_LEVEL3_CACHE_SIZE)
    cache = sysconf(_SC_LEVEL3_CACHE_SIZE);
#endif
    return cache > 0 ? size_t(cache) / 2 : size_t(16) << 20;
  }();
  return bytes;
}

void gather(const char* base, size_t itemsize, const Shape& shape, const Strides& strides, int64_t begin, int64_t n,
            char* dst) {
  const auto run = move_kernels(itemsize).run;
  const auto item = int64_t(itemsize);
  const int inner = int(shape.size()) - 1;
  Shape index(shape.size(), 0);
  int64_t offset = 0;
  for (int i = inner; i >= 0 && begin > 0; --i) {
    index[i] = int32_t(begin % shape[i]);
    begin /= shape[i];
    offset += index[i] * strides[i];
  }
  const bool short_rows = inner > 0 && shape[inner] <= 16;
  while (n > 0) {
    int level = inner;  // the axis that moves on
    int64_t count;
    if (short_rows && index[inner] == 0 && n >= shape[inner]) {
      // Whole short rows at once.
      level = inner - 1;
      count = std::min<int64_t>(n / shape[inner], shape[level] - index[level]);
      small_rows_of(itemsize)(base + offset * item, strides[level], strides[inner], dst, count, shape[inner]);
      n -= count * shape[inner];
      dst += count * shape[inner] * item;
    } else {
      count = std::min<int64_t>(n, shape[inner] - index[inner]);
      run(base + offset * item, strides[inner], dst, 1, count);
      n -= count;
      dst += count * item;
    }
    index[level] += int32_t(count);
    offset += count * strides[level];
    for (int i = level; i >= 0 && index[i] == shape[i]; --i) {
      offset -= index[i] * strides[i];
      index[i] = 0;
      if (i > 0) {
        ++index[i - 1];
        offset += strides[i - 1];
      }
    }
  }
}

void copy(const array& src, const array& dst) {
  if (dst.size() == 0) return;
  if (src.dtype() == dst.dtype()) {
    Move{src.shape(), {src.strides(), row_major_strides(src.shape())}, src.itemsize(), src.bytes(), dst.bytes()}();
  } else {
    copy(contiguous(src, dst.dtype()), dst);
  }
}

void copy_into(const array& src, const array& dst) {
  if (dst.size() == 0) return;
  Strides from = broadcast_strides(src.shape(), src.strides(), dst.shape());
  Move{dst.shape(), {from, dst.strides()}, dst.itemsize(), src.bytes(), dst.bytes()}();
}

}  // namespace mlx_rocm::cpu
