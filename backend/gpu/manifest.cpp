#include "backend/gpu/manifest.h"

#include <fstream>
#include <mutex>
#include <set>

#include "backend/core/error.h"
#include "backend/gpu/cache.h"

namespace mlx_rocm::gpu {
namespace {

std::string escaped(const std::string& text) {
  std::string out;
  for (char c : text) {
    if (c == '\\') out += "\\\\";
    else if (c == '\t') out += "\\t";
    else if (c == '\n') out += "\\n";
    else out += c;
  }
  return out;
}

std::string unescaped(const std::string& text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      out += text[i];
      continue;
    }
    char c = text[++i];
    out += c == 't' ? '\t' : c == 'n' ? '\n' : c;
  }
  return out;
}

std::vector<std::string> fields(const std::string& line) {
  std::vector<std::string> all;
  for (size_t at = 0; at <= line.size();) {
    size_t tab = std::min(line.find('\t', at), line.size());
    all.push_back(unescaped(line.substr(at, tab - at)));
    at = tab + 1;
  }
  return all;
}

// Names of defines are literals elsewhere, so Define keeps only the pointer.
const char* interned(const std::string& name) {
  static std::mutex mutex;
  static std::set<std::string>& names = *new std::set<std::string>;
  std::lock_guard lock(mutex);
  return names.insert(name).first->c_str();
}

std::string path() {
  const std::string root = cache_folder();
  return root.empty() ? "" : root + "/manifest.tsv";
}

}  // namespace

std::string manifest_line(const KernelSpec& spec) {
  std::string line = escaped(spec.file) + "\t" + escaped(spec.entry) + "\t" + escaped(spec.generated);
  for (const Define& d : spec.defines) line += "\t" + escaped(std::string(d.name) + "=" + d.value);
  return line;
}

KernelSpec parse_manifest_line(const std::string& line) {
  const std::vector<std::string> parts = fields(line);
  if (parts.size() < 3) value_error("[gpu] Not a line of a kernel manifest: ", line);
  KernelSpec spec{parts[0], parts[1], {}, parts[2]};
  for (size_t i = 3; i < parts.size(); ++i) {
    size_t equals = parts[i].find('=');
    if (equals == std::string::npos) value_error("[gpu] Not a define in a kernel manifest: ", parts[i]);
    spec.defines.emplace_back(interned(parts[i].substr(0, equals)), parts[i].substr(equals + 1));
  }
  return spec;
}

std::vector<std::string> recorded() {
  std::vector<std::string> lines;
  std::set<std::string> seen;
  std::ifstream file(path());
  for (std::string line; std::getline(file, line);) {
    if (!line.empty() && seen.insert(line).second) lines.push_back(line);
  }
  return lines;
}

void record(const KernelSpec& spec) {
  if (path().empty()) return;
  static std::mutex mutex;
  static std::set<std::string>* known = nullptr;
  std::lock_guard lock(mutex);
  if (!known) {
    auto lines = recorded();
    known = new std::set<std::string>(lines.begin(), lines.end());
  }
  std::string line = manifest_line(spec);
  if (!known->insert(line).second) return;
  if (!append_to_file(path(), line + "\n")) known->erase(line);
}

}  // namespace mlx_rocm::gpu
