#include "backend/gpu/tuning.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "backend/core/error.h"
#include "backend/gpu/cache.h"
#include "backend/gpu/sha256.h"

namespace mlx_rocm::gpu {
namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

constexpr double kGain = 0.97;         // of the first candidate's time, from which another one counts as faster
constexpr double kMostSeconds = 0.25;  // of measuring, first runs apart: they load code
constexpr double kBatchSeconds = 2e-3, kOnceIsEnough = 1e-2;
constexpr int kMostRepeats = 20, kBatches = 3;
constexpr int64_t kDefaultUses = 256;

// Seconds a run, the least of several batches; negative when the candidate is out. Adds what it took to `spent`.
double measure(const std::function<bool()>& work, const std::function<void()>& finish, double& spent) {
  auto batch = [&](int repeats) {
    const auto begin = Clock::now();
    for (int i = 0; i < repeats; ++i) {
      if (!work()) return -1.0;
    }
    finish();
    const double time = Seconds(Clock::now() - begin).count();
    spent += time;
    return time / repeats;
  };
  const double before = spent;
  if (batch(1) < 0) return -1;
  spent = before;
  const double once = batch(1);
  if (once < 0) return -1;
  const int repeats = int(std::clamp(kBatchSeconds / once, 1.0, double(kMostRepeats)));
  double least = once;
  for (int i = 0; i < kBatches && once < kOnceIsEnough; ++i) {
    const double time = batch(repeats);
    if (time < 0) return -1;
    least = std::min(least, time);
  }
  return least;
}

std::string line_of(const TunedChoices::Key& key, int choice) {
  std::string line = std::to_string(choice);
  for (int64_t x : key) line += "\t" + std::to_string(x);
  return line + "\n";
}

// Empty for a line that is not whole.
std::vector<int64_t> numbers_of(const std::string& line) {
  std::vector<int64_t> numbers;
  std::istringstream in(line);
  for (std::string part; std::getline(in, part, '\t');) {
    int64_t x = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), x);
    if (error != std::errc{} || end != part.data() + part.size()) return {};
    numbers.push_back(x);
  }
  return numbers;
}

}  // namespace

TunedChoices::TunedChoices(const std::string& name, const std::string& identity) {
  const std::string root = cache_folder();
  if (root.empty()) return;
  path_ = root + "/tuned/" + name + "-" + sha256(identity).substr(0, 16) + ".tsv";
  std::ifstream file(path_);
  for (std::string line; std::getline(file, line);) {
    if (file.eof()) break;  // cut short while it was written
    const Key numbers = numbers_of(line);
    if (numbers.size() > 1) known_[Key(numbers.begin() + 1, numbers.end())] = int(numbers[0]);
  }
}

std::optional<int> TunedChoices::find(const Key& key) const {
  std::lock_guard lock(mutex_);
  const auto it = known_.find(key);
  return it == known_.end() ? std::nullopt : std::optional(it->second);
}

void TunedChoices::keep(const Key& key, int choice) {
  std::lock_guard lock(mutex_);
  known_[key] = choice;
  if (!path_.empty()) append_to_file(path_, line_of(key, choice));
}

int fastest(const std::vector<std::function<bool()>>& candidates, const std::function<void()>& finish) {
  int best = -1;
  double least = 0, spent = 0;
  for (size_t i = 0; i < candidates.size(); ++i) {
    if (i > 1 && best >= 0 && spent > kMostSeconds) break;
    const double time = measure(candidates[i], finish, spent);
    if (time < 0) continue;
    if (best < 0 || time < least * (best == 0 ? kGain : 1.0)) {
      best = int(i);
      least = time;
    }
  }
  return best;
}

int64_t uses_before_tuning() {
  static const int64_t uses = [] {
    const char* set = std::getenv("MLX_ROCM_TUNE");
    if (!set || !*set) return kDefaultUses;
    const std::vector<int64_t> numbers = numbers_of(set);
    if (numbers.size() != 1 || numbers[0] < 0) {
      value_error("[gpu] MLX_ROCM_TUNE is '", set, "': it takes the number of uses after which a product is measured, or 0.");
    }
    return numbers[0];
  }();
  return uses;
}

}  // namespace mlx_rocm::gpu
