// Functions in files: traced programs with the constants they need.
//
// A file is a header (magic, version, shapeless flag, number of traces, metadata) and records. A constant record holds
// one array; a trace record holds a program that refers to constants by number, so that traces share them. Header and
// records carry a checksum: a file that was cut short or changed is refused with RuntimeError.
#pragma once

#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>

#include "backend/transforms/program.h"

namespace mlx_rocm {

using NamedArrays = std::map<std::string, array>;
using NamedFunction = std::function<Arrays(const Arrays& args, const NamedArrays& kwargs)>;

// True while a function is traced for export: it need not be able to run here.
bool in_export_tracing();

// What calls a trace is for.
struct Signature {
  size_t positional = 0;
  std::vector<std::string> keywords;  // sorted
  std::vector<Spec> inputs;           // positional, then by keyword

  Signature() = default;
  Signature(const Arrays& args, const NamedArrays& kwargs);
  bool matches(const Signature& call, bool shapeless) const;
};

struct ExportedTrace {
  Signature signature;
  Program program;
};

// Traces f for these inputs.
ExportedTrace trace_for_export(const NamedFunction& f, const Arrays& args, const NamedArrays& kwargs, bool shapeless);

// Writes traces of a function to a file, one per call.
class FunctionExporter {
 public:
  FunctionExporter(std::string path, NamedFunction f, bool shapeless, std::string metadata);
  // RuntimeError after close, and for a signature that was exported before.
  void operator()(const Arrays& args, const NamedArrays& kwargs);
  void close();

 private:
  int constant_index(const array& a);
  void write_record(char tag, const std::string& head, const char* data, size_t size);

  std::string path_;
  NamedFunction f_;
  bool shapeless_;
  std::fstream file_;
  uint64_t traces_ = 0;
  bool closed_ = false;
  std::vector<Signature> signatures_;
  std::unordered_map<const Node*, int> constants_;
  Arrays kept_;  // so that addresses stay unique
};

class ImportedFunction {
 public:
  explicit ImportedFunction(const std::string& path);
  // ValueError when no trace fits the arguments.
  Arrays operator()(const Arrays& args, const NamedArrays& kwargs);
  const std::string& metadata() const { return metadata_; }

 private:
  struct Imported {
    ExportedTrace trace;
    std::vector<int> stream_of_step;  // index into streams_
  };
  Imported read_trace(Reader& r, const Arrays& constants);

  std::string path_, metadata_;
  bool shapeless_ = false;
  std::vector<Imported> traces_;
  std::vector<std::pair<StreamOrDevice, std::pair<int, int>>> streams_;  // and (device, index) in the file
};

// A graph in DOT format: ops as boxes, arrays as ellipses. `names` are for arrays that have one.
std::string graph_to_dot(const Arrays& outputs, const std::vector<std::pair<std::string, array>>& names);

// A, B, ..., Z, AA, ... in the order of first use.
class ValueNames {
 public:
  void set(const void* id, std::string name) { names_[id] = std::move(name); }
  const std::string& of(const void* id);

 private:
  std::unordered_map<const void*, std::string> names_;
  int next_ = 0;
};

// The name and parameters of an op as export callbacks see them.
std::pair<std::string, std::vector<Parameter>> describe_for_export(const Op& op);

}  // namespace mlx_rocm
