#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "backend/core/error.h"
#include "backend/gpu/blas.h"
#include "backend/gpu/blas_lt.h"
#include "backend/gpu/runtime.h"
#include "backend/gpu/tuning.h"

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

constexpr int kMostResults = 8;      // of the heuristic
constexpr size_t kMostResult = 512;  // bytes; the libraries' structs have 56 to 96
constexpr int kOurs = -1;            // the choice that is no algorithm of the library
constexpr size_t kMostPlans = 2048;  // of a stream: prompts of every length have plans of their own

// One geometry, ready to be launched. `results` are the heuristic's, best first; each starts with its algorithm. Their size
// differs between versions of a library: result_bytes() finds it out.
struct Plan {
  explicit Plan(const BlasLt& library) : lt(library) {}
  Plan(const Plan&) = delete;
  Plan& operator=(const Plan&) = delete;
  ~Plan() {
    for (void* layout : {a, b, out}) {
      if (layout) lt.layout_destroy(layout);
    }
    if (operation) lt.operation_destroy(operation);
  }

  const BlasLt& lt;
  void* operation = nullptr;
  void *a = nullptr, *b = nullptr, *out = nullptr;
  uint32_t alignment[4] = {};  // in bytes, of what the library calls a, b, c and d
  std::vector<char> results = std::vector<char>(kMostResult);
  int found = 0;
  const char* algorithm = nullptr;  // the one in use; null: ours
  int64_t uses = 0;
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

// Asks the heuristic for `wanted` results; the number it has.
int ask(const BlasLt& lt, Session& session, const Plan& plan, size_t workspace, int wanted, char* results) {
  void* preference = nullptr;
  if (lt.preference_create(&preference)) return 0;
  int found = 0;
  const uint64_t bytes = workspace;
  bool ok = lt.preference_set(preference, lt.workspace_bytes, &bytes, sizeof bytes) == 0;
  for (int i = 0; i < 4 && ok && lt.alignment_a; ++i) {
    ok = lt.preference_set(preference, lt.alignment_a + i, &plan.alignment[i], sizeof plan.alignment[i]) == 0;
  }
  ok = ok &&
       lt.heuristic(session.handle, plan.operation, plan.a, plan.b, plan.out, plan.out, preference, wanted,
                    results, &found) == 0;
  lt.preference_destroy(preference);
  return ok ? std::min(found, wanted) : 0;
}

bool find_algorithm(const BlasLt& lt, Session& session, Plan& plan, size_t workspace) {
  plan.found = ask(lt, session, plan, workspace, 1, plan.results.data());
  plan.algorithm = plan.results.data();
  return plan.found > 0;
}

// Bytes of one result, or 0 when that does not come out: the end of what two results write minus the end of one. Two
// fillings, so that written bytes which equal one of them are seen as well.
size_t result_bytes(const BlasLt& lt, Session& session, const Plan& plan) {
  auto end_of = [&](int wanted) -> size_t {
    std::vector<char> low(kMostResults * kMostResult, '\x00'), high(low.size(), '\xff');
    for (auto* room : {&low, &high}) {
      if (ask(lt, session, plan, kWorkspace, wanted, room->data()) != wanted) return 0;
    }
    size_t end = low.size();
    while (end > 0 && low[end - 1] == '\x00' && high[end - 1] == '\xff') --end;
    return end;
  };
  const size_t one = end_of(1), two = end_of(2);
  const size_t bytes = two > one && one > 0 ? two - one : 0;
  return bytes % 8 == 0 && bytes >= 32 && bytes <= kMostResult && bytes >= one ? bytes : 0;
}

// All results that the heuristic has, and the size of each.
size_t find_algorithms(const BlasLt& lt, Session& session, Plan& plan) {
  const size_t bytes = result_bytes(lt, session, plan);
  if (bytes == 0) return 0;
  std::vector<char> results(kMostResults * kMostResult);
  const int found = ask(lt, session, plan, kWorkspace, kMostResults, results.data());
  if (found == 0) return 0;
  plan.results = std::move(results);
  plan.algorithm = plan.results.data();
  plan.found = found;
  return bytes;
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

bool tf32() {
  static const bool on = variable_is("MLX_ENABLE_TF32", "1");
  return on;
}

bool make_plan(const BlasLt& lt, Session& session, Plan& plan, const BlasGemm& g) {
  const int compute = g.dtype == float32 && tf32() ? lt.compute_tf32 : lt.compute_float;
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

// What a choice depends on beside the product: the device and this very library.
TunedChoices& choices(const BlasLt& lt) {
  static std::map<int, std::unique_ptr<TunedChoices>>& all = *new std::map<int, std::unique_ptr<TunedChoices>>;
  const GpuDevice& d = current().device();
  auto& slot = all[d.index];
  if (!slot) {
    struct stat file{};
    const char* path = lt.library.path().c_str();
    if (stat(path, &file) != 0) file = {};
    slot = std::make_unique<TunedChoices>(
        "blas", concat_text(d.facts.arch, ' ', d.facts.name, ' ', d.facts.compute_units, ' ', path, ' ', file.st_size, ' ',
                            file.st_mtime));
  }
  return *slot;
}

void choose(Plan& plan, int choice, size_t bytes) {
  plan.algorithm = choice == kOurs ? nullptr : plan.results.data() + size_t(choice) * bytes;
}

// Takes the choice that was measured before, if there is one.
bool recall(const BlasLt& lt, Session& session, Plan& plan, const TunedChoices::Key& key) {
  const std::optional<int> choice = choices(lt).find(key);
  if (!choice) return false;
  if (*choice == kOurs) {
    choose(plan, kOurs, 0);
  } else if (*choice > 0) {  // 0 is what a plan starts with
    const size_t bytes = find_algorithms(lt, session, plan);
    if (bytes > 0 && *choice < plan.found) choose(plan, *choice, bytes);
  }
  return true;
}

// Measures the library's algorithms and our kernels. The products write the true result, all of them the same one.
template <class Product>
void tune(const BlasLt& lt, Session& session, Plan& plan, const TunedChoices::Key& key, Product product,
          const std::function<void()>& ours) {
  const size_t bytes = find_algorithms(lt, session, plan);
  std::vector<int> numbers = {0, kOurs};
  for (int i = 1; i < plan.found && bytes > 0; ++i) numbers.push_back(i);
  std::vector<std::function<bool()>> candidates;
  for (int n : numbers) {
    candidates.push_back([&, n] {
      if (n != kOurs) return product(plan.results.data() + size_t(n) * bytes) == 0;
      try {
        ours();
        return true;
      } catch (const std::exception&) {  // no memory for its sums, say: the library's product goes on
        return false;
      }
    });
  }
  const int best = fastest(candidates, [] {
    current().advance();  // for what the library launched
    current().wait(current().issued());
  });
  if (best < 0) return;
  choose(plan, numbers[size_t(best)], bytes);
  choices(lt).keep(key, numbers[size_t(best)]);
}

bool run(const BlasLt& lt, const BlasGemm& g, const array& a, const array& b, const array& out,
         const std::function<void()>& ours) {
  void* stream = native_stream();
  std::lock_guard lock(state().mutex);
  Session* session = session_of(lt, stream);
  if (!session) return false;
  const void *x = device_pointer(a, false), *y = device_pointer(b, false);
  void* to = device_pointer(out, true);
  const TunedChoices::Key key = {int64_t(g.dtype.val), tf32(), g.m, g.n, g.k, g.batch, g.a.lead,
                                 g.a.transposed, g.a.item, g.b.lead, g.b.transposed, g.b.item, g.out.lead,
                                 g.out.item, g.beta != 0.0f, alignment(x), alignment(y), alignment(to)};
  if (session->plans.size() >= kMostPlans && !session->plans.contains(key)) session->plans.clear();
  auto& plan = session->plans[key];
  if (!plan) {
    plan = std::make_unique<Plan>(lt);
    plan->alignment[0] = alignment(y);
    plan->alignment[1] = alignment(x);
    plan->alignment[2] = plan->alignment[3] = alignment(to);
    plan->refused = !make_plan(lt, *session, *plan, g);
    if (!plan->refused) recall(lt, *session, *plan, key);
  }
  if (plan->refused) return false;
  State& s = state();
  auto product = [&](const void* algorithm) {
    return lt.matmul(session->handle, plan->operation, s.number(g.alpha), y, plan->a, x, plan->b, s.number(g.beta), to,
                     plan->out, to, plan->out, algorithm, device_pointer(session->workspace, true), kWorkspace, stream);
  };
  // A product that adds to its result is not one to repeat. Another stream may have measured it meanwhile.
  if (++plan->uses == uses_before_tuning() && g.beta == 0.0f && !recall(lt, *session, *plan, key)) {
    tune(lt, *session, *plan, key, product, ours);
  }
  if (!plan->algorithm) return false;
  for (;;) {
    if (product(plan->algorithm) == 0) return true;
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
  find(library, operation_destroy, p + "MatmulDescDestroy", all);
  find(library, operation_set, p + "MatmulDescSetAttribute", all);
  find(library, layout_create, p + "MatrixLayoutCreate", all);
  find(library, layout_destroy, p + "MatrixLayoutDestroy", all);
  find(library, layout_set, p + "MatrixLayoutSetAttribute", all);
  find(library, preference_create, p + "MatmulPreferenceCreate", all);
  find(library, preference_set, p + "MatmulPreferenceSetAttribute", all);
  find(library, preference_destroy, p + "MatmulPreferenceDestroy", all);
  find(library, heuristic, p + "MatmulAlgoGetHeuristic", all);
  find(library, matmul, p + "Matmul", all);
  return all;
}

bool blas_available() { return bool(library()); }

bool blas_gemm(const BlasGemm& g, const array& a, const array& b, const array& out, const std::function<void()>& ours) {
  const BlasLt& lt = library();
  if (!lt || g.batch > INT32_MAX) return false;
  uses_before_tuning();  // a bad value of the variable is the user's to know, not the library's failure
  try {
    return run(lt, g, a, b, out, ours);
  } catch (
      const std::exception&) {  // of the library: hipBLASLt throws where its files for a device are missing
    return false;
  }
}

}  // namespace mlx_rocm::gpu
