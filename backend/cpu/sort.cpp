#include "backend/cpu/sort.h"

#include <algorithm>
#include <array>
#include <memory>

#include "backend/cpu/pool.h"
#include "backend/cpu/radix_sort.h"
#include "backend/cpu/sort_keys.h"

namespace mlx_rocm::cpu {
namespace {

constexpr int64_t kItemsPerTask = 4096;  // about 20 us of sorting

// The rows along the axis: n elements each, element strides in and out, and where each row starts.
struct Rows {
  int64_t n, count, in_stride, out_stride;
  Shape shape;
  Strides in_strides, out_strides;

  explicit Rows(const SortArgs& args)
      : n(args.shape[args.axis]), shape(args.shape), in_strides(args.strides), out_strides(row_major_strides(shape)) {
    in_stride = in_strides[args.axis];
    out_stride = out_strides[args.axis];
    shape.erase(shape.begin() + args.axis);
    in_strides.erase(in_strides.begin() + args.axis);
    out_strides.erase(out_strides.begin() + args.axis);
    count = n == 0 ? 0 : num_elements(shape);
  }

  // Calls fn(in offset, out offset) for each row of [begin, end).
  template <class F>
  void visit(int64_t begin, int64_t end, F&& fn) const {
    Walker in(shape, in_strides, begin), out(shape, out_strides, begin);
    for (int64_t r = begin; r < end; ++r, in.next(), out.next()) fn(in.offset(), out.offset());
  }

  int64_t grain() const { return std::max<int64_t>(1, kItemsPerTask / n); }
  // One long row is worth splitting; many rows are dealt out whole.
  bool split_rows() const { return count < num_threads(); }
};

template <class Item, bool exact, class T>
void load_items(const T* in, int64_t stride, int64_t n, Item* items) {
  for (int64_t i = 0; i < n; ++i) {
    items[i] = make_item<Item>(SortKey<T>::template of<exact>(in[i * stride]), uint32_t(i));
  }
}

template <class T, class Item>
void store_items(const Item* items, int64_t n, int64_t stride, T* out) {
  for (int64_t i = 0; i < n; ++i) out[i * stride] = SortKey<T>::back(items[i]);
}

template <class Item>
void store_positions(const Item* items, int64_t n, int64_t stride, uint32_t* out) {
  for (int64_t i = 0; i < n; ++i) out[i * stride] = items[i].position();
}

// Calls fn(in offset, out offset, items, spare) for all rows, with work memory for a row in each thread.
template <class Item, class F>
void for_rows(const Rows& rows, F&& fn) {
  const auto run = [&](int64_t begin, int64_t end) {
    const auto memory = std::make_unique_for_overwrite<Item[]>(2 * rows.n);
    rows.visit(begin, end, [&](int64_t in, int64_t out) { fn(in, out, memory.get(), memory.get() + rows.n); });
  };
  if (rows.split_rows()) {
    run(0, rows.count);
  } else {
    parallel_for(rows.count, rows.grain(), run);
  }
}

template <class T>
constexpr int kKeyBits = std::is_same_v<T, bool> ? 1 : 8 * int(sizeof(T));

template <class T>
void sort_rows(const Rows& rows, const T* in, T* out) {
  using Item = typename SortKey<T>::Key;
  for_rows<Item>(rows, [&](int64_t from, int64_t to, Item* items, Item* spare) {
    load_items<Item, true>(in + from, rows.in_stride, rows.n, items);
    sort_items_parallel(items, spare, rows.n, kKeyBits<T>);
    store_items(items, rows.n, rows.out_stride, out + to);
  });
}

template <class T>
void argsort_rows(const Rows& rows, const T* in, uint32_t* out) {
  using Item = ArgItem<typename SortKey<T>::Key>;
  for_rows<Item>(rows, [&](int64_t from, int64_t to, Item* items, Item* spare) {
    load_items<Item, false>(in + from, rows.in_stride, rows.n, items);
    sort_items_parallel(items, spare, rows.n, kKeyBits<T>);
    store_positions(items, rows.n, rows.out_stride, out + to);
  });
}

// Calls place(slot, i) once for each element i of a row, such that the element of rank kth is in slot kth, smaller ones
// before it and larger ones after it. `items` is work memory for n items.
template <class T, class Place>
void select_row(const T* in, int64_t stride, int64_t n, int64_t kth, ArgItem<typename SortKey<T>::Key>* items,
                Place&& place) {
  using Item = ArgItem<typename SortKey<T>::Key>;
  constexpr int64_t kSmallSelect = 512;
  if (n < kSmallSelect) {
    load_items<Item, false>(in, stride, n, items);
    std::nth_element(items, items + kth, items + n);
    for (int64_t i = 0; i < n; ++i) place(i, items[i].position());
    return;
  }
  // Leading digits tell for most elements on which side they belong; only those that share the digit of rank kth are
  // compared.
  constexpr int kDigit = 11;
  constexpr int shift = std::max(0, kKeyBits<T> - kDigit);
  const auto key = [&](int64_t i) { return SortKey<T>::template of<false>(in[i * stride]); };
  std::array<uint32_t, 1 << kDigit> counts{};
  for (int64_t i = 0; i < n; ++i) ++counts[key(i) >> shift];
  uint64_t bucket = 0;
  int64_t below = 0;
  while (below + counts[bucket] <= kth) below += counts[bucket++];
  int64_t low = 0, high = below + counts[bucket], equal = 0;
  for (int64_t i = 0; i < n; ++i) {
    const auto k = key(i);
    const uint64_t digit = k >> shift;
    if (digit < bucket) place(low++, i);
    else if (digit > bucket) place(high++, i);
    else items[equal++] = make_item<Item>(k, uint32_t(i));
  }
  std::nth_element(items, items + (kth - below), items + equal);
  for (int64_t i = 0; i < equal; ++i) place(below + i, items[i].position());
}

template <class T>
void partition_rows(const Rows& rows, int64_t kth, const T* in, T* out) {
  using Item = ArgItem<typename SortKey<T>::Key>;
  for_rows<Item>(rows, [&](int64_t from, int64_t to, Item* items, Item*) {
    select_row(in + from, rows.in_stride, rows.n, kth, items, [&](int64_t slot, int64_t i) {
      out[to + slot * rows.out_stride] = in[from + i * rows.in_stride];
    });
  });
}

template <class T>
void argpartition_rows(const Rows& rows, int64_t kth, const T* in, uint32_t* out) {
  using Item = ArgItem<typename SortKey<T>::Key>;
  for_rows<Item>(rows, [&](int64_t from, int64_t to, Item* items, Item*) {
    select_row(in + from, rows.in_stride, rows.n, kth, items,
               [&](int64_t slot, int64_t i) { out[to + slot * rows.out_stride] = uint32_t(i); });
  });
}

template <class T>
uint32_t lower_position(const T* sequence, int64_t n, int64_t stride, T value, bool right) {
  const auto key = SortKey<T>::template of<false>(value);
  int64_t low = 0, high = n;
  while (low < high) {
    const int64_t middle = low + (high - low) / 2;
    const auto here = SortKey<T>::template of<false>(sequence[middle * stride]);
    if (right ? here <= key : here < key) low = middle + 1;
    else high = middle;
  }
  return uint32_t(low);
}

}  // namespace

void sort(const SortArgs& args, const void* in, void* out) {
  const Rows rows(args);
  mlx_rocm::visit(args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    sort_rows(rows, static_cast<const T*>(in), static_cast<T*>(out));
  });
}

void argsort(const SortArgs& args, const void* in, uint32_t* out) {
  const Rows rows(args);
  mlx_rocm::visit(args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    argsort_rows(rows, static_cast<const T*>(in), out);
  });
}

void partition(const SortArgs& args, int kth, const void* in, void* out) {
  const Rows rows(args);
  mlx_rocm::visit(args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    partition_rows(rows, kth, static_cast<const T*>(in), static_cast<T*>(out));
  });
}

void argpartition(const SortArgs& args, int kth, const void* in, uint32_t* out) {
  const Rows rows(args);
  mlx_rocm::visit(args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    argpartition_rows(rows, kth, static_cast<const T*>(in), out);
  });
}

void searchsorted(Dtype dtype, const void* sequence, int64_t n, int64_t stride, const Shape& value_shape,
                  const Strides& value_strides, const void* values, bool right, uint32_t* out) {
  mlx_rocm::visit(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T* sorted = static_cast<const T*>(sequence);
    const T* value = static_cast<const T*>(values);
    parallel_for(num_elements(value_shape), 512, [&](int64_t begin, int64_t end) {
      Walker at(value_shape, value_strides, begin);
      for (int64_t i = begin; i < end; ++i, at.next()) {
        out[i] = lower_position(sorted, n, stride, value[at.offset()], right);
      }
    });
  });
}

}  // namespace mlx_rocm::cpu
