#include "backend/gpu/driver.h"

#include <cstdlib>

#include "backend/core/error.h"

namespace mlx_rocm::gpu {
namespace {

struct Choice {
  Driver* driver = nullptr;
  std::string reason;
};

const Choice& choice() {
  // Never destroyed: buffers may outlive static destruction.
  static const Choice* c = [] {
    auto* made = new Choice;
    const char* wanted = std::getenv("MLX_ROCM_DRIVER");
    const std::string name = wanted ? wanted : "";
    if (name == "none") {
      made->reason = "MLX_ROCM_DRIVER=none turns GPUs off.";
      return made;
    }
    if (!name.empty() && name != "hip" && name != "cuda") {
      made->reason = "MLX_ROCM_DRIVER is '" + name + "'; it may be hip, cuda or none.";
      return made;
    }
    std::string why;
    if (name != "cuda") {
      made->driver = open_hip(&why);
      if (!made->driver) made->reason += "hip: " + why + " ";
    }
    if (!made->driver && name != "hip") {
      made->driver = open_cuda(&why);
      if (!made->driver) made->reason += "cuda: " + why;
    }
    return made;
  }();
  return *c;
}

}  // namespace

void Driver::fail(int status, const char* call) const {
  runtime_error("[gpu] ", call, " failed: ", error_text(status), " (", name(), " status ", status, ").");
}

Driver* driver() { return choice().driver; }
const std::string& no_driver_reason() { return choice().reason; }

}  // namespace mlx_rocm::gpu
