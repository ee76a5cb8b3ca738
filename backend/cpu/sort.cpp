#include "backend/cpu/sort.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "backend/core/buffer.h"
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
    // From the allocator of arrays, which keeps large blocks: fresh pages cost more than the sorting.
    const Ref<Buffer> memory = Buffer::allocate(2 * rows.n * sizeof(Item));
    Item* items = static_cast<Item*>(memory->host());
    rows.visit(begin, end, [&](int64_t in, int64_t out) { fn(in, out, items, items + rows.n); });
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

// Keys between which the element of rank kth very likely lies, from a sorted sample of the row.
template <class T, class Key>
std::pair<Key, Key> guess_bounds(const T* in, int64_t stride, int64_t n, int64_t kth) {
  constexpr int kMaxSample = 1024;
  Key sample[kMaxSample];
  const int count = int(std::min<int64_t>(kMaxSample, n / 8));
  for (int i = 0; i < count; ++i) sample[i] = SortKey<T>::template of<false>(in[n * i / count * stride]);
  std::sort(sample, sample + count);
  const double share = double(kth) / double(n), place = share * count;
  const double margin = 3.0 * std::sqrt(share * (1.0 - share) * count) + 2.0;
  const Key low = place - margin < 0 ? Key(0) : sample[int(place - margin)];
  const Key high = place + margin >= count ? Key(~Key(0)) : sample[int(place + margin)];
  return {low, high};
}

// Calls place(slot, i) for the elements i of a row (the last call for a slot counts), such that the element
// of rank kth is in slot kth, smaller ones before it and larger ones after it. `items` is work memory for n
// items.
template <class T, class Place>
void select_row(const T* in, int64_t stride, int64_t n, int64_t kth, ArgItem<typename SortKey<T>::Key>* items,
                Place&& place) {
  using Key = typename SortKey<T>::Key;
  using Item = ArgItem<Key>;
  constexpr int64_t kSmallSelect = 512;
  int64_t low = 0, high = 0, middle = 0;
  if (n >= kSmallSelect) {
    // One pass: what is below and above the guess is placed from both ends, the rest is kept. All three
    // stores happen and one count moves, so there is no branch to mispredict; a slot written too early is
    // written again.
    const auto [below, above] = guess_bounds<T, Key>(in, stride, n, kth);
    for (int64_t i = 0; i < n; ++i) {
      const Key key = SortKey<T>::template of<false>(in[i * stride]);
      const bool is_low = key < below, is_high = key > above;
      place(low, i);
      place(n - 1 - high, i);
      items[middle] = make_item<Item>(key, uint32_t(i));
      low += is_low;
      high += is_high;
      middle += !(is_low | is_high);
    }
  }
  if (kth < low || kth >= low + middle) {  // a short row or a wrong guess
    low = 0;
    middle = n;
    load_items<Item, false>(in, stride, n, items);
  }
  std::nth_element(items, items + (kth - low), items + middle);
  for (int64_t i = 0; i < middle; ++i) place(low + i, items[i].position());
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

// The positions of kTogether values at once: every step halves the same length for all of them without a
// branch, and their loads overlap.
constexpr int kTogether = 8;

template <class T>
void search_together(const T* sequence, int64_t n, int64_t stride, const typename SortKey<T>::Key (&keys)[kTogether],
                     bool right, int64_t (&at)[kTogether]) {
  for (int64_t& a : at) a = 0;
  // With `right` an equal element lies before the place too.
  const auto before = [&](int64_t i, auto key) {
    const auto here = SortKey<T>::template of<false>(sequence[i * stride]);
    return bool((here < key) | (right & (here == key)));
  };
  int64_t length = n;
  for (; length > 1; length -= length / 2) {
    const int64_t half = length / 2;
    for (int j = 0; j < kTogether; ++j) at[j] += half & -int64_t(before(at[j] + half - 1, keys[j]));
  }
  for (int j = 0; length == 1 && j < kTogether; ++j) at[j] += before(at[j], keys[j]);
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
      for (int64_t i = begin; i < end; i += kTogether) {
        const int count = int(std::min<int64_t>(kTogether, end - i));
        typename SortKey<T>::Key keys[kTogether] = {};
        for (int j = 0; j < count; ++j, at.next()) keys[j] = SortKey<T>::template of<false>(value[at.offset()]);
        int64_t positions[kTogether];
        search_together(sorted, n, stride, keys, right, positions);
        for (int j = 0; j < count; ++j) out[i + j] = uint32_t(positions[j]);
      }
    });
  });
}

}  // namespace mlx_rocm::cpu
