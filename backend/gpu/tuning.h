// Choices among implementations of the same work, measured on this machine and kept on disk.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace mlx_rocm::gpu {

// What was fastest for each key, in $XDG_CACHE_HOME/mlx_rocm/tuned/<name>-<digest of identity>.tsv: a line for each, the
// choice and then the key's numbers. Lines that are no such line are passed over, a later line replaces an earlier one, and
// where nothing can be written the choices live as long as the process. `identity` is all that a choice depends on.
class TunedChoices {
 public:
  using Key = std::vector<int64_t>;
  TunedChoices(const std::string& name, const std::string& identity);
  std::optional<int> find(const Key& key) const;
  void keep(const Key& key, int choice);

 private:
  std::string path_;
  mutable std::mutex mutex_;
  std::map<Key, int> known_;
};

// The index of the candidate that takes the least time, or -1 when all are out. A candidate gives its work to the device and
// returns false when it cannot do it; `finish` waits for the work. The first one wins unless another is faster by more
// than noise. The first two are always tried, others until a quarter of a second went into measuring.
int fastest(const std::vector<std::function<bool()>>& candidates, const std::function<void()>& finish);

// After how many uses of the same product its implementations are measured: $MLX_ROCM_TUNE, 0 for never, 256 by default, so
// that measuring (some thirty products) is a small part of the work that is sure to have been there.
int64_t uses_before_tuning();

}  // namespace mlx_rocm::gpu
