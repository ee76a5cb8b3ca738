#include "backend/gpu/pointwise_text.h"

#include "backend/gpu/gpu.h"

namespace mlx_rocm::gpu {
namespace {

std::string number(const char* prefix, size_t i) { return prefix + std::to_string(i); }

class Writer {
 public:
  Writer(const std::vector<Dtype>& inputs, const std::vector<Dtype>& outputs, const PointwiseForm& form)
      : inputs_(inputs), outputs_(outputs), form_(form), vec_(std::to_string(form.vec)),
        index_(form.wide ? "u64" : "u32") {}

  std::string write(const std::string& body) {
    text_ = "DEVICE void element(";
    for (size_t i = 0; i < operands(); ++i) text_ += (i ? ", " : "") + compute(i) + (is_input(i) ? " " : "& ") + name(i);
    text_ += ") {\n" + body + "}\n";
    signature();
    constants();
    loop();
    if (form_.flat && form_.vec > 1) tail();
    return text_ + "}\n";
  }

 private:
  size_t operands() const { return inputs_.size() + outputs_.size(); }
  bool is_input(size_t i) const { return i < inputs_.size(); }
  Dtype dtype(size_t i) const { return is_input(i) ? inputs_[i] : outputs_[i - inputs_.size()]; }
  std::string storage(size_t i) const { return type_name(dtype(i)); }
  std::string compute(size_t i) const { return compute_name(dtype(i)); }
  std::string name(size_t i) const { return is_input(i) ? number("x", i) : number("y", i - inputs_.size()); }
  char kind(size_t i) const { return form_.kinds[i]; }
  bool in_memory(size_t i) const { return kind(i) != kValue && kind(i) != kUniform; }
  std::string widened(size_t i, const std::string& x) const {
    return is_half(dtype(i)) ? "cast<float>(" + x + ")" : x;
  }
  std::string narrowed(size_t i, const std::string& x) const { return "cast<" + storage(i) + ">(" + x + ")"; }
  size_t count_in_memory() const {
    size_t n = 0;
    for (size_t i = 0; i < operands(); ++i) n += in_memory(i);
    return n;
  }

  void signature() {
    text_ += "KERNEL(256) pointwise(";
    for (size_t i = 0; i < operands(); ++i) {
      if (kind(i) == kValue) {
        text_ += number("u64 b", i) + ", ";
      } else {
        text_ += (is_input(i) ? "const " : "") + storage(i) + number("* p", i) + ", ";
      }
    }
    text_ += index_ + " count";
    if (!form_.flat) {
      text_ += ", STRUCT_ARGUMENT Layout<" + std::to_string(count_in_memory()) + "> layout";
      for (size_t i = 0; i < operands(); ++i) {
        if (kind(i) == kApart) text_ += number(", i64 step", i);
      }
    }
    text_ += ") {\n";
  }

  // Operands that are the same for all elements.
  void constants() {
    for (size_t i = 0; i < inputs_.size(); ++i) {
      if (in_memory(i)) continue;
      const std::string read = kind(i) == kValue ? "from_bits<" + storage(i) + ">(" + number("b", i) + ")" : number("p", i) + "[0]";
      text_ += "  const " + compute(i) + number(" c", i) + " = " + widened(i, read) + ";\n";
    }
  }

  void loop() {
    text_ += "  const " + index_ + " first = (" + index_ + ")group_x() * 256 + thread_x();\n";
    text_ += "  const " + index_ + " step = (" + index_ + ")group_count_x() * 256;\n";
    text_ += "  const " + index_ + " vectors = " + (form_.flat && form_.vec > 1 ? "count / " + vec_ : "count") + ";\n";
    text_ += "  for (" + index_ + " i = first; i < vectors; i += step) {\n";
    if (!form_.flat) {
      text_ += std::string("    ") + (form_.wide ? "i64" : "i32") + " at[" + std::to_string(count_in_memory()) + "];\n";
      text_ += "    layout.offsets<" + index_ + ">(i, at);\n";
    }
    std::vector<std::string> places = operand_places();
    for (size_t i = 0; i < inputs_.size(); ++i) {
      if (in_memory(i)) load(i, places[i]);
    }
    for (size_t i = inputs_.size(); i < operands(); ++i) text_ += "    Vec<" + storage(i) + ", " + vec_ + number("> v", i) + ";\n";
    text_ += "    UNROLL\n    for (int e = 0; e < " + vec_ + "; e++) {\n";
    call("[e]", [&](size_t i) { return number("v", i) + "[e]"; });
    text_ += "    }\n";
    for (size_t i = inputs_.size(); i < operands(); ++i) store(i, places[i]);
    text_ += "  }\n";
  }

  std::vector<std::string> operand_places() const {
    std::vector<std::string> places(operands());
    size_t slot = 0;
    for (size_t i = 0; i < operands(); ++i) {
      if (!in_memory(i)) continue;
      places[i] = number("p", i) + (form_.flat ? " + (u64)i * " + vec_ : " + at[" + std::to_string(slot++) + "]");
    }
    return places;
  }

  void load(size_t i, const std::string& place) {
    text_ += "    auto " + number("v", i) + " = ";
    switch (kind(i)) {
      case kRepeat: text_ += "repeat<" + vec_ + ">(*(" + place + "));\n"; break;
      case kApart: text_ += "load_apart<" + vec_ + ">(" + place + ", " + number("step", i) + ");\n"; break;
      default: text_ += "load<" + vec_ + ">(" + place + ");\n";  // kVector
    }
  }

  void store(size_t i, const std::string& place) {
    const std::string v = number("v", i);
    switch (kind(i)) {
      case kRepeat: text_ += "    *(" + place + ") = " + v + "[0];\n"; break;
      case kApart: text_ += "    store_apart(" + place + ", " + number("step", i) + ", " + v + ");\n"; break;
      default: text_ += "    store(" + place + ", " + v + ");\n";  // kVector
    }
  }

  // One element: inputs are the loaded ones with `which` behind them, results go to target(i).
  template <class Target>
  void call(const char* which, Target target) {
    for (size_t i = inputs_.size(); i < operands(); ++i) text_ += "    " + compute(i) + " " + name(i) + ";\n";
    text_ += "    element(";
    for (size_t i = 0; i < operands(); ++i) {
      text_ += i ? ", " : "";
      if (!is_input(i)) {
        text_ += name(i);
      } else {
        text_ += in_memory(i) ? widened(i, number("v", i) + which) : number("c", i);
      }
    }
    text_ += ");\n";
    for (size_t i = inputs_.size(); i < operands(); ++i) text_ += "    " + target(i) + " = " + narrowed(i, name(i)) + ";\n";
  }

  // What is left after the last whole vector of a flat launch.
  void tail() {
    text_ += "  if (first < count % " + vec_ + ") {\n    const " + index_ + " i = count - 1 - first;\n";
    for (size_t i = 0; i < inputs_.size(); ++i) {
      if (in_memory(i)) text_ += "    const " + storage(i) + number(" v", i) + " = " + number("p", i) + "[i];\n";
    }
    call("", [&](size_t i) { return number("p", i) + "[i]"; });
    text_ += "  }\n";
  }

  const std::vector<Dtype>&inputs_, &outputs_;
  const PointwiseForm& form_;
  const std::string vec_, index_;
  std::string text_;
};

}  // namespace

std::string pointwise_text(const std::vector<Dtype>& inputs, const std::vector<Dtype>& outputs, const std::string& body,
                           const PointwiseForm& form) {
  return Writer(inputs, outputs, form).write(body);
}

}  // namespace mlx_rocm::gpu
