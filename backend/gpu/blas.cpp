#include <algorithm>
#include <cstdlib>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "backend/gpu/blas.h"
#include "backend/gpu/blas_lt.h"

namespace mlx_rocm::gpu {
namespace {

constexpr size_t kWorkspace = 32 << 20;  // what both vendors recommend for their largest devices

bool variable_is(const char* name, const char* value) {
  const char* set = std::getenv(name);
  return set && std::string(set) == value;
}

BlasLt open() {
  if (variable_is("MLX_ROCM_BLAS", "0")) return {};
  BlasLt lt = target().arch.starts_with("sm_") ? open_cublaslt() : open_hipblaslt();
  // A stand-in driver has devices that the real libraries do not see, and they end the process when they see
  // none.
  const char* folder = std::getenv("MLX_ROCM_LIBRARIES");
  if (folder && *folder && !lt.library.path().starts_with(folder)) return {};
  return lt;
}

const BlasLt& library() {
  static const BlasLt& lt = *new BlasLt(open());  // never closed: the libraries do not like it at exit
  return lt;
}

// One geometry, ready to be launched. The library's structs differ in size between versions, so the heuristic
// is asked for one result, in a buffer that fits any of them; the algorithm is its first member.
struct Plan {
  void* operation = nullptr;
  void *a = nullptr, *b = nullptr, *out = nullptr;
  uint32_t alignment[4] = {};  // in bytes, of what the library calls a, b, c and d
  alignas(16) char result[4096] = {};
  bool refused = false;
  bool retried = false;
};

// What belongs to one stream of one device.
struct Session {
  void* handle = nullptr;
  array workspace;
  std::map<std::vector<int64_t>, std::unique_ptr<Plan>> plans;
};

struct State {
  std::mutex mutex;
  std::map<void*, Session> sessions;  // by stream
  // The libraries may read alpha and beta after the call returned.
  std::map<float, std::unique_ptr<const float>> numbers;

  const float* number(float x) {
    auto& kept = numbers[x];
    if (!kept) kept = std::make_unique<const float>(x);
    return kept.get();
  }
};
State& state() {
  static State& s = *new State;
  return s;
}

int type_of(const BlasLt& lt, Dtype d) {
  return d == float32 ? lt.type_float : d == float16 ? lt.type_f16 : lt.type_bf16;
}

bool find_algorithm(const BlasLt& lt, Session& session, Plan& plan, size_t workspace) {
  void* preference = nullptr;
  if (lt.preference_create(&preference)) return false;
  int found = 0;
  const uint64_t bytes = workspace;
  bool ok = lt.preference_set(preference, lt.workspace_bytes, &bytes, sizeof bytes) == 0;
  for (int i = 0; i < 4 && ok && lt.alignment_a; ++i) {
    ok = lt.preference_set(preference, lt.alignment_a + i, &plan.alignment[i], sizeof plan.alignment[i]) == 0;
  }
  ok = ok &&
       lt.heuristic(session.handle, plan.operation, plan.a, plan.b, plan.out, plan.out, preference, 1,
                    plan.result, &found) == 0 &&
       found > 0;
  lt.preference_destroy(preference);
  return ok;
}

// The libraries are column-major: they compute out^T = b^T @ a^T, and a row-major matrix is its transpose's
// column-major form.
bool make_layout(const BlasLt& lt, void** layout, const BlasGemm& g, const BlasMatrix& m, int64_t rows,
                 int64_t columns) {
  const auto [down, across] = m.transposed ? std::pair(rows, columns) : std::pair(columns, rows);
  if (lt.layout_create(layout, type_of(lt, g.dtype), uint64_t(down), uint64_t(across), m.lead)) return false;
  if (g.batch == 1) return true;
  const int32_t count = int32_t(g.batch);
  return lt.layout_set(*layout, lt.batch_count, &count, sizeof count) == 0 &&
         lt.layout_set(*layout, lt.batch_stride, &m.item, sizeof m.item) == 0;
}

bool make_plan(const BlasLt& lt, Session& session, Plan& plan, const BlasGemm& g) {
  static const bool tf32 = variable_is("MLX_ENABLE_TF32", "1");
  const int compute = g.dtype == float32 && tf32 ? lt.compute_tf32 : lt.compute_float;
  if (lt.operation_create(&plan.operation, compute, lt.type_float)) return false;
  const int32_t first = g.b.transposed ? lt.transpose : lt.no_transpose;
  const int32_t second = g.a.transposed ? lt.transpose : lt.no_transpose;
  return lt.operation_set(plan.operation, lt.transpose_a, &first, sizeof first) == 0 &&
         lt.operation_set(plan.operation, lt.transpose_b, &second, sizeof second) == 0 &&
         make_layout(lt, &plan.a, g, g.b, g.k, g.n) && make_layout(lt, &plan.b, g, g.a, g.m, g.k) &&
         make_layout(lt, &plan.out, g, g.out, g.m, g.n) && find_algorithm(lt, session, plan, kWorkspace);
}

uint32_t alignment(const void* p) {
  const auto address = reinterpret_cast<uintptr_t>(p);
  return uint32_t(std::min<uintptr_t>(address & -address, 256));
}

Session* session_of(const BlasLt& lt, void* stream) {
  auto [at, fresh] = state().sessions.try_emplace(stream);
  Session& s = at->second;
  if (fresh) {
    if (lt.create(&s.handle)) s.handle = nullptr;
    if (s.handle) s.workspace = temporary(Shape{int(kWorkspace)}, uint8);
  }
  return s.handle ? &s : nullptr;
}

bool run(const BlasLt& lt, const BlasGemm& g, const array& a, const array& b, const array& out) {
  void* stream = native_stream();
  std::lock_guard lock(state().mutex);
  Session* session = session_of(lt, stream);
  if (!session) return false;
  const void *x = device_pointer(a, false), *y = device_pointer(b, false);
  void* to = device_pointer(out, true);
  const std::vector<int64_t> key = {int64_t(g.dtype.val),
                                    g.m,
                                    g.n,
                                    g.k,
                                    g.batch,
                                    g.a.lead,
                                    g.a.transposed,
                                    g.a.item,
                                    g.b.lead,
                                    g.b.transposed,
                                    g.b.item,
                                    g.out.lead,
                                    g.out.item,
                                    g.beta != 0.0f,
                                    alignment(x),
                                    alignment(y),
                                    alignment(to)};
  auto& plan = session->plans[key];
  if (!plan) {
    plan = std::make_unique<Plan>();
    plan->alignment[0] = alignment(y);
    plan->alignment[1] = alignment(x);
    plan->alignment[2] = plan->alignment[3] = alignment(to);
    plan->refused = !make_plan(lt, *session, *plan, g);
  }
  if (plan->refused) return false;
  State& s = state();
  for (;;) {
    const int status = lt.matmul(session->handle, plan->operation, s.number(g.alpha), y, plan->a, x, plan->b,
                                 s.number(g.beta), to, plan->out, to, plan->out, plan->result,
                                 device_pointer(session->workspace, true), kWorkspace, stream);
    if (status == 0) return true;
    // Once more with the heuristic's answer for no workspace, which is another algorithm; then never again.
    if (plan->retried || !find_algorithm(lt, *session, *plan, 0)) {
      plan->refused = true;
      return false;
    }
    plan->retried = true;
  }
}

template <class F>
void find(const Library& library, F*& function, const std::string& name, bool& all) {
  function = reinterpret_cast<F*>(library.find(name.c_str()));
  all = all && function;
}

}  // namespace

bool BlasLt::bind(const char* prefix) {
  bool all = bool(library);
  const std::string p = prefix;
  find(library, create, p + "Create", all);
  find(library, operation_create, p + "MatmulDescCreate", all);
  find(library, operation_set, p + "MatmulDescSetAttribute", all);
  find(library, layout_create, p + "MatrixLayoutCreate", all);
  find(library, layout_set, p + "MatrixLayoutSetAttribute", all);
  find(library, preference_create, p + "MatmulPreferenceCreate", all);
  find(library, preference_set, p + "MatmulPreferenceSetAttribute", all);
  find(library, preference_destroy, p + "MatmulPreferenceDestroy", all);
  find(library, heuristic, p + "MatmulAlgoGetHeuristic", all);
  find(library, matmul, p + "Matmul", all);
  return all;
}

bool blas_available() { return bool(library()); }

bool blas_gemm(const BlasGemm& g, const array& a, const array& b, const array& out) {
  const BlasLt& lt = library();
  if (!lt || g.batch > INT32_MAX) return false;
  try {
    return run(lt, g, a, b, out);
  } catch (
      const std::exception&) {  // of the library: hipBLASLt throws where its files for a device are missing
    return false;
  }
}

}  // namespace mlx_rocm::gpu
