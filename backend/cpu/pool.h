// Fork-join over the cores this process may use.
//
// A loop is cut into chunks that any thread may claim. The caller works too and, when no chunk is left, waits only
// for chunks that another thread has begun: a worker that the scheduler has not started yet costs nothing. That
// keeps a loop at one-thread speed when other processes hold the cores, where a spinning barrier loses whole
// scheduler slices.
#pragma once

#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>

namespace mlx_rocm::cpu {

// A non-owning reference to a callable; valid only while the callable lives.
template <class Signature>
class function_ref;

template <class R, class... Args>
class function_ref<R(Args...)> {
 public:
  template <class F, class = std::enable_if_t<!std::is_same_v<std::remove_cvref_t<F>, function_ref>>>
  function_ref(F&& f) noexcept
      : object_(const_cast<void*>(static_cast<const void*>(std::addressof(f)))),
        call_([](void* object, Args... args) -> R {
          return (*static_cast<std::remove_reference_t<F>*>(object))(std::forward<Args>(args)...);
        }) {}

  R operator()(Args... args) const { return call_(object_, std::forward<Args>(args)...); }

 private:
  void* object_;
  R (*call_)(void*, Args...);
};

using RangeFn = function_ref<void(int64_t begin, int64_t end)>;

// How many threads a loop may use: MLX_ROCM_CPU_THREADS if set, else the cores allowed by the scheduler affinity and
// the cgroup CPU quota. At least 1.
int num_threads();

// Changes num_threads() for this process (tests and measurements); values below 1 become 1.
void set_num_threads(int count);

// True inside a chunk of parallel_for (where further calls run inline).
bool in_parallel_region();

// Calls fn(begin, end) on disjoint ranges that cover [0, n). A range has at least `grain` items (except the last), so
// choose a grain worth about 20 us of work. Runs inline when n <= grain, with one thread, or inside another loop. May be
// called from several threads at once. The first exception of a chunk is rethrown here, after the begun chunks ended.
void parallel_for(int64_t n, int64_t grain, RangeFn fn);

}  // namespace mlx_rocm::cpu
