#include "backend/gpu/sort.h"

#include <algorithm>
#include <bit>

#include "backend/gpu/scan.h"

namespace mlx_rocm::gpu {
namespace {

constexpr int kRadixThreads = 256, kDigits = 256;  // of kernels/radix.hip

// What kernels/sort.hip holds in registers for an element.
enum class Item { word, pair, wide };
Item item_of(int key_bytes, bool positions) {
  if (key_bytes == 8) return positions ? Item::wide : Item::pair;
  return positions && key_bytes == 4 ? Item::pair : Item::word;
}

// The longest rows that one workgroup sorts, as a power of two. A workgroup of 1024 threads with 16 words
// each fits the registers of every device.
int longest_short_row(Item item) { return item == Item::word ? 14 : item == Item::pair ? 13 : 12; }

Dtype key_type(int bytes) { return bytes == 1 ? uint8 : bytes == 2 ? uint16 : bytes == 4 ? uint32 : uint64; }

void sort_short(const SortPlan& plan, const array& x, const array& y, int64_t rows, int64_t n,
                bool positions) {
  const int vec = aligned_elements({&y}, n, 1 << plan.log_items);
  const Kernel& k = kernel("sort.hip", "sort_rows",
                           {{"T", x.dtype()},
                            {"POSITIONS", int(positions)},
                            {"THREADS", plan.threads},
                            {"LOG_ITEMS", plan.log_items},
                            {"VEC", vec}});
  const int64_t threads_of_row = int64_t(1) << (plan.log_row - plan.log_items);
  launch(k, cover(rows * threads_of_row, plan.threads), plan.threads, in(x), out(y), uint64_t(rows),
         uint32_t(n), uint32_t(plan.log_row));
}

// Keys, and for positions the positions, between passes.
struct Stage {
  array keys, positions;
};

void radix_pass(const SortPlan& plan, int pass, const Stage& from, const Stage& to, Dtype type, int64_t rows,
                int64_t n, bool positions) {
  const bool first = pass == 0, last = pass == plan.passes - 1;
  // Passes from keys to keys are the same for all types of a size.
  const Dtype key = key_type(int(type.size())), counted = first ? type : key;
  const Dtype moved = first || (last && !positions) ? type : key;
  const Defines count = {{"T", counted},
                         {"POSITIONS", int(positions && first)},
                         {"FIRST", int(first)},
                         {"ITEMS", plan.items}};
  const Defines scatter = {{"T", moved},
                           {"POSITIONS", int(positions)},
                           {"FIRST", int(first)},
                           {"LAST", int(last)},
                           {"SUM_TILES", int(plan.sum_tiles)},
                           {"ITEMS", plan.items}};
  const int64_t tiles = plan.tiles;
  const Grid grid = cover(rows * tiles * kRadixThreads, kRadixThreads);
  const uint32_t shift = uint32_t(8 * pass);
  array counts = temporary({int32_t(rows), int32_t(tiles), kDigits}, uint32);
  launch(kernel("radix_count.hip", "radix_count", count), grid, kRadixThreads, in(from.keys), out(counts),
         uint64_t(rows), uint32_t(n), uint32_t(tiles), shift);
  if (!plan.sum_tiles) scan({"Add", "0", uint32}, counts, counts, rows, tiles, kDigits);
  launch(kernel("radix.hip", "radix_scatter", scatter), grid, kRadixThreads, in(from.keys),
         in(from.positions), in(counts), out(to.keys), out(to.positions), uint64_t(rows), uint32_t(n),
         uint32_t(tiles), shift);
}

// Passes go back and forth between two places and end in y.
void sort_by_radix(const SortPlan& plan, const array& x, const array& y, int64_t rows, int64_t n,
                   bool positions) {
  const Shape shape{int32_t(rows), int32_t(n)};
  const Dtype key = key_type(int(x.itemsize()));
  const Stage start{x, array()};
  Stage place[2];  // an odd pass writes 1, an even one 0; the last pass is odd, or the only one
  if (plan.passes > 1) place[0] = {temporary(shape, key), positions ? temporary(shape, uint32) : array()};
  place[1] = positions ? Stage{plan.passes > 2 ? temporary(shape, key) : array(), y} : Stage{y, array()};
  for (int pass = 0; pass < plan.passes; ++pass) {
    const bool last = pass == plan.passes - 1;
    const Stage& from = pass == 0 ? start : place[(pass + 1) % 2];
    radix_pass(plan, pass, from, last ? place[1] : place[pass % 2], x.dtype(), rows, n, positions);
  }
}

}  // namespace

SortPlan sort_plan(int64_t rows, int64_t n, int key_bytes, int key_bits, bool positions, int units) {
  SortPlan plan;
  const Item item = item_of(key_bytes, positions);
  plan.log_row = std::bit_width(uint64_t(n - 1));
  plan.short_rows = plan.log_row <= longest_short_row(item);
  if (plan.short_rows) {
    // Few items a thread where rows are short, so that several rows fit a workgroup and neighbours load
    // neighbours.
    plan.log_items = plan.log_row <= 5 ? 0 : plan.log_row <= 10 ? 2 : item == Item::wide ? 3 : 4;
    plan.threads = std::max(256, 1 << (plan.log_row - plan.log_items));
    return plan;
  }
  plan.passes = (key_bits + 7) / 8;
  // Large tiles leave longer runs of a digit to store, small ones keep more compute units busy.
  const int64_t per_unit = rows * n / (int64_t(kRadixThreads) * units);
  if (per_unit < 16) plan.items = 4;
  if (per_unit >= 128 && key_bytes < 8) plan.items = 16;
  const int64_t tile = int64_t(kRadixThreads) * plan.items;
  plan.tiles = (n + tile - 1) / tile;
  // At most 64 MiB of reads from the L2.
  plan.sum_tiles = plan.tiles <= 256 && rows * plan.tiles * plan.tiles <= 65536;
  return plan;
}

void sort_rows(const array& x, const array& y, int64_t rows, int64_t n, bool positions) {
  const int bytes = int(x.itemsize()), bits = x.dtype() == bool_ ? 1 : 8 * bytes;
  const SortPlan plan = sort_plan(rows, n, bytes, bits, positions, compute_units());
  if (plan.short_rows) return sort_short(plan, x, y, rows, n, positions);
  sort_by_radix(plan, x, y, rows, n, positions);
}

}  // namespace mlx_rocm::gpu
