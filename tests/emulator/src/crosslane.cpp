// Moving values between lanes: readlane, permlane and the LDS permutes (DPP is in the operand readers,
// valu.cpp).
#include "valu.h"

namespace emu {

namespace {

template <class Fn>
Row crosslane(std::string name, Fn fn, Shape shape = Shape::DstSrc) {
  return custom(std::move(name), shape, Class::CrossLane, {b32, b32, b32}, fn);
}

int first_active(const Wave& w) {
  const u64 exec = w.exec();
  return exec ? std::countr_zero(exec) : 0;
}

void add_lane_access(Rows& rows) {
  for (const char* name : {"v_readfirstlane_b32", "v_s_readfirstlane_b32"}) {
    rows.push_back(crosslane(name, [](Wave& w, const Inst& in, auto lanes) {
      constexpr int N = lanes;
      const Operand& from = in.src[0];
      const u32 value =
          from.kind == Kind::Vector ? w.row<N>(from.index)[first_active(w)] : read_scalar<u32>(w, from);
      write_scalar(w, in.dst, value);
    }));
  }
  rows.push_back(crosslane("v_readlane_b32", [](Wave& w, const Inst& in, auto lanes) {
    constexpr int N = lanes;
    const u32 lane = read_scalar<u32>(w, in.src[1]) & (N - 1);
    write_scalar(w, in.dst, w.row<N>(in.src[0].index)[lane]);
  }));
  rows.push_back(crosslane("v_writelane_b32", [](Wave& w, const Inst& in, auto lanes) {
    constexpr int N = lanes;
    const u32 lane = read_scalar<u32>(w, in.src[1]) & (N - 1);
    w.row<N>(in.dst.index)[lane] = read_scalar<u32>(w, in.src[0]);
  }));
  rows.push_back(crosslane("v_swap_b32", [](Wave& w, const Inst& in, auto lanes) {
    constexpr int N = lanes;
    u32 *a = w.row<N>(in.dst.index), *b = w.row<N>(in.src[0].index);
    const u64 exec = w.exec();
    for (int l = 0; l < N; ++l) {
      if ((exec >> l) & 1) std::swap(a[l], b[l]);
    }
  }));
  rows.push_back(crosslane("v_mbcnt_lo_u32_b32", [](Wave& w, const Inst& in, auto lanes) {
    constexpr int N = lanes;
    Source<u32, N> mask(w, in, in.src[0]), base(w, in, in.src[1]);
    alignas(64) u32 result[N];
    for (int l = 0; l < N; ++l) {
      const u32 below = l >= 32 ? ~0u : (1u << l) - 1;
      result[l] = std::popcount(mask.lanes[l] & below) + base.lanes[l];
    }
    write_words<N>(w, in, result);
  }));
  rows.push_back(crosslane("v_mbcnt_hi_u32_b32", [](Wave& w, const Inst& in, auto lanes) {
    constexpr int N = lanes;
    Source<u32, N> mask(w, in, in.src[0]), base(w, in, in.src[1]);
    alignas(64) u32 result[N];
    for (int l = 0; l < N; ++l) {
      const u32 below = l < 32 ? 0 : (1u << (l - 32)) - 1;
      result[l] = std::popcount(mask.lanes[l] & below) + base.lanes[l];
    }
    write_words<N>(w, in, result);
  }));
}

// Lane l takes the value of lane `from(l, selector)`; op_sel bit 0 of permlane16 allows inactive sources.
template <class From>
void add_permlane(Rows& rows, const char* name, From) {
  rows.push_back(crosslane(name, [](Wave& w, const Inst& in, auto lanes) {
    constexpr int N = lanes;
    const u32* source = w.row<N>(in.src[0].index);
    const u64 selectors =
        read_scalar<u32>(w, in.src[1]) | (static_cast<u64>(read_scalar<u32>(w, in.src[2])) << 32);
    const bool fetch_inactive = in.op_sel & 1, zero_invalid = in.op_sel & 2;
    const u64 exec = w.exec();
    alignas(64) u32 result[N];
    const u32* old = w.row<N>(in.dst.index);
    for (int l = 0; l < N; ++l) {
      const int from = From{}(l, static_cast<int>((selectors >> (4 * (l & 15))) & 15));
      const bool valid = fetch_inactive || ((exec >> from) & 1);
      result[l] = valid ? source[from] : zero_invalid ? 0 : old[l];
    }
    write_words<N>(w, in, result);
  }));
}

template <class From>
void add_permlane_var(Rows& rows, const char* name, From) {
  rows.push_back(crosslane(name, [](Wave& w, const Inst& in, auto lanes) {
    constexpr int N = lanes;
    const u32 *source = w.row<N>(in.src[0].index), *selectors = w.row<N>(in.src[1].index);
    alignas(64) u32 result[N];
    for (int l = 0; l < N; ++l) result[l] = source[From{}(l, static_cast<int>(selectors[l] & 15))];
    write_words<N>(w, in, result);
  }));
}

void add_permlanes(Rows& rows) {
  const auto same_row = [](int lane, int selector) { return (lane & ~15) | selector; };
  const auto other_row = [](int lane, int selector) { return ((lane & ~15) ^ 16) | selector; };
  add_permlane(rows, "v_permlane16_b32", same_row);
  add_permlane(rows, "v_permlanex16_b32", other_row);
  add_permlane_var(rows, "v_permlane16_var_b32", same_row);
  add_permlane_var(rows, "v_permlanex16_var_b32", other_row);
  rows.push_back(crosslane("v_permlane64_b32", [](Wave& w, const Inst& in, auto lanes) {
    constexpr int N = lanes;
    if constexpr (N == 64) {
      const u32* source = w.row<N>(in.src[0].index);
      alignas(64) u32 result[N];
      for (int l = 0; l < N; ++l) result[l] = source[l ^ 32];
      write_words<N>(w, in, result);
    }
  }));
  rows.push_back(crosslane("v_permlane32_swap_b32", [](Wave& w, const Inst& in, auto lanes) {
    constexpr int N = lanes;
    u32 *a = w.row<N>(in.dst.index), *b = w.row<N>(in.src[0].index);
    for (int l = 0; l + 32 < N; ++l) std::swap(a[l + 32], b[l]);
  }));
  rows.push_back(crosslane("v_permlane16_swap_b32", [](Wave& w, const Inst& in, auto lanes) {
    constexpr int N = lanes;
    u32 *a = w.row<N>(in.dst.index), *b = w.row<N>(in.src[0].index);
    for (int l = 0; l < N; ++l) {
      if (l & 16) std::swap(a[l], b[l - 16]);
    }
  }));
}

// ds_bpermute in wave64 on RDNA2 and RDNA3 stays inside a half of 32 lanes.
int reachable(const Wave& w, int lane, int wanted) {
  const bool halves = w.lanes == 64 && (w.target->generation == 10 || w.target->generation == 11);
  return halves ? (wanted & 31) | (lane & 32) : wanted & (w.lanes - 1);
}

void add_lds_permutes(Rows& rows) {
  for (const char* name : {"ds_bpermute_b32", "ds_bpermute_fi_b32"}) {
    const bool fetch_inactive = std::string_view(name).find("_fi_") != std::string_view::npos;
    rows.push_back(crosslane(name, [](Wave& w, const Inst& in, auto lanes) {
      constexpr int N = lanes;
      const u32 *address = w.row<N>(in.src[0].index), *data = w.row<N>(in.src[1].index);
      const u64 readable = in.row->detail ? w.all : w.exec();
      alignas(64) u32 result[N];
      for (int l = 0; l < N; ++l) {
        const int from = reachable(w, l, static_cast<int>((address[l] + static_cast<u32>(in.offset)) >> 2));
        result[l] = (readable >> from) & 1 ? data[from] : 0;
      }
      write_words<N>(w, in, result);
    }));
    rows.back().detail = fetch_inactive;
  }
  rows.push_back(crosslane("ds_permute_b32", [](Wave& w, const Inst& in, auto lanes) {
    constexpr int N = lanes;
    const u32 *address = w.row<N>(in.src[0].index), *data = w.row<N>(in.src[1].index);
    const u64 exec = w.exec();
    alignas(64) u32 result[N] = {};
    for (int l = 0; l < N; ++l) {
      const int to = reachable(w, l, static_cast<int>((address[l] + static_cast<u32>(in.offset)) >> 2));
      if ((exec >> l) & 1) result[to] = data[l];
    }
    write_words<N>(w, in, result);
  }));
  rows.push_back(crosslane("ds_swizzle_b32", [](Wave& w, const Inst& in, auto lanes) {
    constexpr int N = lanes;
    const u32* source = w.row<N>(in.src[0].index);
    const u64 exec = w.exec();
    const u32 pattern = static_cast<u32>(in.offset);
    alignas(64) u32 result[N];
    for (int l = 0; l < N; ++l) {
      int from = (l & ~3) | ((pattern >> (2 * (l & 3))) & 3);
      if (!(pattern & 0x8000)) {
        const int keep = pattern & 31, set = (pattern >> 5) & 31, flip = (pattern >> 10) & 31;
        from = (l & 32) | ((((l & 31) & keep) | set) ^ flip);
      }
      result[l] = (exec >> from) & 1 ? source[from] : 0;
    }
    write_words<N>(w, in, result);
  }));
}

}  // namespace

void add_crosslane_rows(Rows& rows) {
  add_lane_access(rows);
  add_permlanes(rows);
  add_lds_permutes(rows);
}

}  // namespace emu
