#include "backend/gpu/scan.h"

#include <algorithm>
#include <bit>

namespace mlx_rocm::gpu {
namespace {

constexpr uint32_t kThreads = 256;      // of kernels/scan.h
constexpr int64_t kGroupsPerUnit = 8;   // workgroups that keep a compute unit busy
constexpr int64_t kMinPieceChunks = 4;  // shorter pieces, in steps of a workgroup, are not worth their start
constexpr int64_t kMinPieceOfLine = 64;

int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

ScanPlan plan_rows(int64_t outer, int64_t n, int items, int wave, int units) {
  const int64_t chunk = int64_t(kThreads) * items;
  if (n <= int64_t(wave) * items || (outer >= kGroupsPerUnit * 2 * units && n < kMinPieceChunks * chunk)) {
    const auto needed = std::bit_ceil(uint64_t(divide_up(n, items)));
    return {ScanRoute::rows, int(std::min<uint64_t>(needed, wave)), 1, n};
  }
  const int64_t wanted = divide_up(kGroupsPerUnit * units, outer);  // pieces of a row that fill the device
  if (outer >= 2 * units || n < 2 * kMinPieceChunks * chunk) return {ScanRoute::pieces, 0, 1, n};
  const int64_t piece = std::max(divide_up(divide_up(n, wanted), chunk), kMinPieceChunks) * chunk;
  return {ScanRoute::pieces, 0, divide_up(n, piece), piece};
}

ScanPlan plan_columns(int64_t outer, int64_t n, int64_t inner, int vec, int units) {
  const int64_t threads = outer * (inner / vec), wanted = kThreads * kGroupsPerUnit / 2 * units;
  const int64_t pieces = std::min(wanted / std::max<int64_t>(threads, 1), n / kMinPieceOfLine);
  if (pieces < 2) return {ScanRoute::columns, 0, 1, n};
  const int64_t piece = divide_up(n, pieces);
  return {ScanRoute::columns, 0, divide_up(n, piece), piece};
}

struct Variant {
  ScanSpec spec;
  Dtype type;
  int vec, items;

  Defines defines() const {
    return {{"T", type},
            {"ACC", spec.accumulator},
            {"OP", spec.op},
            {"IDENTITY", spec.identity},
            {"REVERSE", int(spec.reverse)},
            {"INCLUSIVE", int(spec.inclusive)},
            {"VEC", vec},
            {"ITEMS", items}};
  }
};

// Where each piece starts: the totals of the pieces before it. Null where nothing is cut.
array piece_starts(const Variant& v, const ScanPlan& plan, const array& x, int64_t outer, int64_t n,
                   int64_t inner) {
  if (plan.pieces == 1) return array();
  array totals = temporary({int32_t(outer * plan.pieces), int32_t(inner)}, v.spec.accumulator);
  const bool rows = plan.route == ScanRoute::pieces;
  if (rows) {
    const Kernel& k = kernel("scan.hip", "piece_totals", v.defines());
    launch(k, cover(outer * plan.pieces * kThreads, kThreads), kThreads, in(x), out(totals),
           uint64_t(outer), uint32_t(n), uint32_t(plan.pieces), uint32_t(plan.piece));
  } else {
    const Kernel& k = kernel("scan_columns.hip", "column_totals", v.defines());
    launch(k, cover(outer * plan.pieces * (inner / v.vec), kThreads), kThreads, in(x), out(totals),
           uint64_t(outer), uint32_t(n), uint32_t(inner), uint32_t(plan.pieces), uint32_t(plan.piece));
  }
  ScanSpec exclusive = v.spec;
  exclusive.reverse = false;  // pieces are numbered in the order of the scan
  exclusive.inclusive = false;
  scan(exclusive, totals, totals, outer, plan.pieces, inner);
  return totals;
}

}  // namespace

ScanPlan scan_plan(int64_t outer, int64_t n, int64_t inner, int items, int vec, int wave, int units) {
  return inner == 1 ? plan_rows(outer, n, items, wave, units) : plan_columns(outer, n, inner, vec, units);
}

int aligned_elements(std::initializer_list<const array*> arrays, int64_t length, int most) {
  int vec = std::bit_floor(unsigned(most));
  const auto fits = [&](const array* a) {
    const int64_t bytes = int64_t(a->itemsize()) * vec;
    return bytes <= 16 && a->offset() % bytes == 0;
  };
  while (vec > 1 && (length % vec != 0 || !std::all_of(arrays.begin(), arrays.end(), fits))) vec /= 2;
  return vec;
}

void scan(const ScanSpec& spec, const array& x, const array& y, int64_t outer, int64_t n, int64_t inner) {
  const int size = int(x.itemsize());
  // Rows: 16 bytes a thread, so that one access of a wave is of one stretch of memory (measured on an H200). Columns: at
  // least 4 bytes a lane, so that a wave moves 128.
  const int items = std::min(std::clamp(16 / size, 2, 16), spec.most_items);
  const int vec = inner == 1 ? aligned_elements({&x, &y}, n, items)
                             : aligned_elements({&x, &y}, inner, std::max(4 / size, 1));
  const ScanPlan plan = scan_plan(outer, n, inner, items, vec, target().wave, compute_units());
  const Variant v{spec, x.dtype(), vec, inner == 1 ? items : 1};
  const array starts = piece_starts(v, plan, x, outer, n, inner);
  switch (plan.route) {
    case ScanRoute::rows: {
      const Kernel& k = kernel("scan.hip", "scan_rows", v.defines());
      launch(k, cover(outer * plan.lanes, kThreads), kThreads, in(x), out(y), uint64_t(outer), uint32_t(n),
             uint32_t(plan.lanes));
      return;
    }
    case ScanRoute::pieces: {
      const Kernel& k = kernel("scan.hip", "scan_pieces", v.defines());
      launch(k, cover(outer * plan.pieces * kThreads, kThreads), kThreads, in(x), out(y), in(starts),
             uint64_t(outer), uint32_t(n), uint32_t(plan.pieces), uint32_t(plan.piece));
      return;
    }
    case ScanRoute::columns: {
      const Kernel& k = kernel("scan_columns.hip", "scan_columns", v.defines());
      launch(k, cover(outer * plan.pieces * (inner / vec), kThreads), kThreads, in(x), out(y), in(starts),
             uint64_t(outer), uint32_t(n), uint32_t(inner), uint32_t(plan.pieces), uint32_t(plan.piece));
      return;
    }
  }
}

}  // namespace mlx_rocm::gpu
