#include "backend/gpu/source.h"

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <set>
#include <string_view>

#include "backend/core/error.h"
#include "backend/gpu/jit.h"

namespace mlx_rocm::gpu {
namespace {

std::string_view trimmed(std::string_view line) {
  size_t first = line.find_first_not_of(" \t");
  if (first == line.npos) return {};
  size_t last = line.find_last_not_of(" \t\r");
  return line.substr(first, last - first + 1);
}

// The rest of a directive: "include \"x.h\"" of `#  include "x.h"`; empty for other lines.
std::string_view directive(std::string_view line) {
  line = trimmed(line);
  return line.starts_with('#') ? trimmed(line.substr(1)) : std::string_view{};
}

// The name in quotes of an include directive, else empty.
std::string included_file(std::string_view line) {
  std::string_view rest = directive(line);
  if (!rest.starts_with("include")) return {};
  size_t open = rest.find('"'), close = rest.rfind('"');
  return open != rest.npos && close > open ? std::string(rest.substr(open + 1, close - open - 1))
                                           : std::string{};
}

class Flattener {
 public:
  explicit Flattener(const std::string& generated) : generated_(generated) {}

  void add(const std::string& name) {
    if (!seen_.insert(name).second) return;
    if (name == "generated.h") {
      add_text(name, generated_);
    } else {
      add_text(name, kernel_file(name));
    }
  }
  std::string take() { return std::move(out_); }

 private:
  void mark(const std::string& name, int line) {
    out_ += "#line " + std::to_string(line) + " \"" + name + "\"\n";
  }

  void add_text(const std::string& name, std::string_view text) {
    mark(name, 1);
    for (int number = 1; !text.empty(); ++number) {
      std::string_view line = text.substr(0, text.find('\n'));
      text.remove_prefix(std::min(text.size(), line.size() + 1));
      if (std::string header = included_file(line); !header.empty()) {
        add(header);
        mark(name, number + 1);
      } else if (directive(line).starts_with("pragma once")) {
        out_ += '\n';
      } else {
        out_.append(line) += '\n';
      }
    }
  }

  const std::string& generated_;
  std::set<std::string> seen_;
  std::string out_;
};

}  // namespace

std::string kernel_file(const std::string& name) {
  if (const char* folder = std::getenv("MLX_ROCM_KERNELS"); folder && *folder) {
    std::string path = std::string(folder) + "/" + name;
    std::ifstream file(path, std::ios::binary);
    if (!file) runtime_error("[gpu] Kernel source ", path, " (in $MLX_ROCM_KERNELS) cannot be read.");
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }
  auto found = embedded_kernels().find(name);
  if (found == embedded_kernels().end()) runtime_error("[gpu] There is no kernel source named ", name, ".");
  return found->second;
}

std::string flatten(const std::string& file, const std::string& generated) {
  Flattener flattener(generated);
  flattener.add(file);
  return flattener.take();
}

std::string kernel_source(const KernelSpec& spec, const Target& target) {
  // Not -D options: names such as T would reach the compilers' own headers, which use them.
  std::string text;
  auto define = [&](const std::string& name, const std::string& value) {
    text += "#define " + name + " " + value + "\n";
  };
  for (const auto& [name, value] : target.defines()) define(name, value);
  for (const Define& d : spec.defines) define(d.name, d.value);
  return text + flatten(spec.file, spec.generated);
}

}  // namespace mlx_rocm::gpu
