// A hipBLASLt that computes on the CPU, beside the emulated GPU: what reaches it through backend/gpu/blas.cpp
// is checked here as strictly as the real library would, and the result by test_blas.py.
//
// STAND_IN_LOG names a file that gets a line a call. STAND_IN_FAIL=n: the first n products fail.
// STAND_IN_NO_ALGORITHM: the heuristic finds nothing, as for an architecture that the library does not know.
// STAND_IN_DELAYS="30 0 30": there are three algorithms, which take so many milliseconds more; without it there is one.
#include <dlfcn.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace {

struct Layout {
  int type;
  uint64_t rows, columns;
  int64_t lead;
  int32_t count = 1;
  int64_t stride = 0;
};
struct Operation {
  int32_t transpose[2] = {111, 111};
};
struct Preference {
  uint64_t workspace = 0;
};
struct Algorithm {
  uint64_t magic;
  uint64_t workspace;
  int32_t index;
};
// What the heuristic writes for each; the end of it stays as it was.
struct Result {
  Algorithm algorithm;
  uint64_t workspace;
  int32_t status;
  int32_t unused[5];
};
constexpr uint64_t kMagic = 0x616c676f72697468;
constexpr int kOk = 0, kInvalid = 3;

template <class F>
F* driver(const char* name) {
  static void* library =
      dlopen((std::string(std::getenv("MLX_ROCM_LIBRARIES")) + "/libamdhip64.so").c_str(), RTLD_NOW);
  return reinterpret_cast<F*>(dlsym(library, name));
}

void log(const std::string& line) {
  const char* path = std::getenv("STAND_IN_LOG");
  if (!path) return;
  FILE* f = std::fopen(path, "a");
  std::fprintf(f, "%s\n", line.c_str());
  std::fclose(f);
}

std::vector<int> delays() {
  const char* text = std::getenv("STAND_IN_DELAYS");
  std::istringstream in(text ? text : "0");
  return {std::istream_iterator<int>(in), {}};
}

size_t size_of(int type) { return type == 0 ? 4 : 2; }
float widen(int type, const char* p) {
  if (type == 0) return *reinterpret_cast<const float*>(p);
  const uint16_t bits = *reinterpret_cast<const uint16_t*>(p);
  if (type == 2) return float(*reinterpret_cast<const _Float16*>(&bits));
  const uint32_t wide = uint32_t(bits) << 16;
  float x;
  std::memcpy(&x, &wide, 4);
  return x;
}
void narrow(int type, char* p, float x) {
  if (type == 0) {
    std::memcpy(p, &x, 4);
  } else if (type == 2) {
    const _Float16 h = _Float16(x);
    std::memcpy(p, &h, 2);
  } else {
    uint32_t bits;
    std::memcpy(&bits, &x, 4);
    const uint16_t top = uint16_t((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
    std::memcpy(p, &top, 2);
  }
}

// One matrix of a batch on the host.
struct Host {
  const Layout& layout;
  std::vector<char> bytes;

  Host(const Layout& l, const void* p, int item)
      : layout(l), bytes(((l.columns - 1) * l.lead + l.rows) * size_of(l.type)) {
    driver<int(void*, const void*, size_t, int)>("hipMemcpy")(bytes.data(), at(p, item), bytes.size(), 2);
  }
  const char* at(const void* p, int item) const {
    return static_cast<const char*>(p) + item * layout.stride * int64_t(size_of(layout.type));
  }
  char* element(uint64_t row, uint64_t column) {
    return bytes.data() + (column * layout.lead + row) * size_of(layout.type);
  }
  float get(uint64_t row, uint64_t column) { return widen(layout.type, element(row, column)); }
};

int failures_left = std::getenv("STAND_IN_FAIL") ? std::atoi(std::getenv("STAND_IN_FAIL")) : 0;

}  // namespace

extern "C" {

int hipblasLtCreate(void** handle) {
  *handle = new int(7);
  return kOk;
}
int hipblasLtMatmulDescCreate(void** operation, int compute, int scale) {
  if (compute != 2 || scale != 0) return kInvalid;
  *operation = new Operation;
  return kOk;
}
int hipblasLtMatmulDescSetAttribute(void* operation, int attribute, const void* value, size_t bytes) {
  if (attribute > 1 || bytes != 4) return kInvalid;
  std::memcpy(&static_cast<Operation*>(operation)->transpose[attribute], value, 4);
  return kOk;
}
int hipblasLtMatrixLayoutCreate(void** layout, int type, uint64_t rows, uint64_t columns, int64_t lead) {
  if ((type != 0 && type != 2 && type != 14) || lead < int64_t(rows) || rows == 0 || columns == 0)
    return kInvalid;
  *layout = new Layout{type, rows, columns, lead};
  return kOk;
}
int hipblasLtMatmulDescDestroy(void* operation) {
  delete static_cast<Operation*>(operation);
  return kOk;
}
int hipblasLtMatrixLayoutDestroy(void* layout) {
  delete static_cast<Layout*>(layout);
  return kOk;
}
int hipblasLtMatrixLayoutSetAttribute(void* layout, int attribute, const void* value, size_t bytes) {
  auto* l = static_cast<Layout*>(layout);
  if (attribute == 0 && bytes == 4) return std::memcpy(&l->count, value, 4), kOk;
  if (attribute == 1 && bytes == 8) return std::memcpy(&l->stride, value, 8), kOk;
  return kInvalid;
}
int hipblasLtMatmulPreferenceCreate(void** preference) {
  *preference = new Preference;
  return kOk;
}
int hipblasLtMatmulPreferenceSetAttribute(void* preference, int attribute, const void* value, size_t bytes) {
  if (attribute != 1 || bytes != 8) return kInvalid;
  std::memcpy(&static_cast<Preference*>(preference)->workspace, value, 8);
  return kOk;
}
int hipblasLtMatmulPreferenceDestroy(void* preference) {
  delete static_cast<Preference*>(preference);
  return kOk;
}
int hipblasLtMatmulAlgoGetHeuristic(void*, void*, void*, void*, void*, void*, void* preference, int wanted,
                                    void* results, int* found) {
  log("heuristic");
  if (wanted < 1) return kInvalid;
  *found = std::getenv("STAND_IN_NO_ALGORITHM") ? 0 : std::min(wanted, int(delays().size()));
  const uint64_t workspace = static_cast<Preference*>(preference)->workspace;
  for (int i = 0; i < *found; ++i) {
    auto& result = static_cast<Result*>(results)[i];
    result.algorithm = {kMagic, workspace, i};
    result.workspace = workspace;
    result.status = kOk;
  }
  return kOk;
}
int hipblasLtMatmul(void*, void* operation, const void* alpha, const void* a, void* a_layout, const void* b,
                    void* b_layout, const void* beta, const void* c, void*, void* d, void* d_layout,
                    const void* algorithm, void* workspace, size_t workspace_bytes, void* stream) {
  const auto& algo = *static_cast<const Algorithm*>(algorithm);
  if (algo.magic != kMagic || algo.workspace > workspace_bytes || !workspace || c != d) return kInvalid;
  if (failures_left > 0) return log("failure"), --failures_left, kInvalid;
  const auto& op = *static_cast<Operation*>(operation);
  const auto &la = *static_cast<Layout*>(a_layout), &lb = *static_cast<Layout*>(b_layout);
  const auto& ld = *static_cast<Layout*>(d_layout);
  const bool ta = op.transpose[0] == 112, tb = op.transpose[1] == 112;
  const uint64_t m = ta ? la.columns : la.rows, k = ta ? la.rows : la.columns, n = tb ? lb.rows : lb.columns;
  if (m != ld.rows || n != ld.columns || k != (tb ? lb.columns : lb.rows)) return kInvalid;
  log("product " + std::to_string(m) + " " + std::to_string(n) + " " + std::to_string(k) + " batch " +
      std::to_string(ld.count) + (algo.index ? " by " + std::to_string(algo.index) : ""));
  std::this_thread::sleep_for(std::chrono::milliseconds(delays().at(algo.index)));
  const float scale = *static_cast<const float*>(alpha), keep = *static_cast<const float*>(beta);
  driver<int(void*)>("hipStreamSynchronize")(stream);
  for (int item = 0; item < ld.count; ++item) {
    Host x(la, a, item), y(lb, b, item), z(ld, d, item);
    for (uint64_t i = 0; i < m; ++i) {
      for (uint64_t j = 0; j < n; ++j) {
        float sum = 0;
        for (uint64_t p = 0; p < k; ++p)
          sum += (ta ? x.get(p, i) : x.get(i, p)) * (tb ? y.get(j, p) : y.get(p, j));
        narrow(ld.type, z.element(i, j), scale * sum + (keep == 0 ? 0.0f : keep * z.get(i, j)));
      }
    }
    driver<int(void*, const void*, size_t, int)>("hipMemcpy")(const_cast<char*>(z.at(d, item)),
                                                              z.bytes.data(), z.bytes.size(), 1);
  }
  return kOk;
}
}
