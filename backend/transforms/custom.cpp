#include "backend/transforms/custom.h"

#include "backend/core/error.h"
#include "backend/core/op.h"
#include "backend/ops/ops.h"
#include "backend/transforms/vmap.h"

namespace mlx_rocm {
namespace {

// Passes its first inputs through; the others only have to be there first.
class Depends : public OpBase<Depends> {
 public:
  static constexpr const char* kName = "depends";
  int count = 0;
  Depends() = default;
  explicit Depends(int n) : count(n) {}
  static auto fields(auto& self) { return std::tie(self.count); }

  std::vector<Spec> infer(const Arrays& in) const override {
    std::vector<Spec> specs;
    for (int i = 0; i < count; ++i) specs.push_back(in[i].spec());
    return specs;
  }
  void cpu(const Arrays& in, const Arrays& out) override {
    for (int i = 0; i < count; ++i) out[i].share(in[i]);
  }
  bool is_view() const override { return true; }
  Arrays vjp(const Arrays& primals, const Arrays& cotangents, const std::vector<int>& argnums,
             const Arrays&) override {
    Arrays result;
    for (int arg : argnums) result.push_back(arg < count ? cotangents[arg] : zeros_like(primals[arg]));
    return result;
  }
  Arrays jvp(const Arrays& primals, const Arrays& tangents, const std::vector<int>& argnums) override {
    Arrays result;
    for (int i = 0; i < count; ++i) result.push_back(zeros_like(primals[i]));
    for (size_t i = 0; i < argnums.size(); ++i) {
      if (argnums[i] < count) result[argnums[i]] = tangents[i];
    }
    return result;
  }
  std::pair<Arrays, std::vector<int>> vmap(const Arrays& inputs, const std::vector<int>& axes) override {
    return {apply_multi(Ref<Op>(this), inputs), std::vector<int>(axes.begin(), axes.begin() + count)};
  }
};
REGISTER_OP(Depends)

// The inputs of the function followed by its outputs, which are passed on: the op marks where the rules apply.
class Custom : public Op {
 public:
  Custom(std::shared_ptr<const CustomRules> rules, int outputs) : rules_(std::move(rules)), outputs_(outputs) {}
  const char* name() const override { return "custom_function"; }

  std::vector<Spec> infer(const Arrays& in) const override {
    std::vector<Spec> specs;
    for (size_t i = in.size() - outputs_; i < in.size(); ++i) specs.push_back(in[i].spec());
    return specs;
  }
  void cpu(const Arrays& in, const Arrays& out) override {
    for (int i = 0; i < outputs_; ++i) out[i].share(in[in.size() - outputs_ + i]);
  }
  bool is_view() const override { return true; }

  Arrays vjp(const Arrays& primals, const Arrays& cotangents, const std::vector<int>& argnums,
             const Arrays& outputs) override {
    Arrays inputs = arguments(primals);
    Arrays all = rules_->vjp ? rules_->vjp(inputs, cotangents, outputs)
                             : mlx_rocm::vjp(rules_->f, inputs, cotangents).second;
    Arrays result;
    for (int arg : argnums) {
      if (size_t(arg) >= inputs.size()) {
        result.push_back(zeros_like(primals[arg]));
        continue;
      }
      if (size_t(arg) >= all.size()) {
        value_error("[custom_function] The vjp returned ", all.size(), " cotangents for ", inputs.size(), " inputs.");
      }
      result.push_back(all[arg]);
    }
    return result;
  }

  Arrays jvp(const Arrays& primals, const Arrays& tangents, const std::vector<int>& argnums) override {
    Arrays inputs = arguments(primals);
    if (rules_->jvp) {
      Arrays result = rules_->jvp(inputs, tangents, argnums);
      if (result.size() != size_t(outputs_)) {
        value_error("[custom_function] The jvp returned ", result.size(), " tangents for ", outputs_, " outputs.");
      }
      return result;
    }
    Arrays all;
    for (const array& in : inputs) all.push_back(zeros_like(in));
    for (size_t i = 0; i < argnums.size(); ++i) {
      if (size_t(argnums[i]) < all.size()) all[argnums[i]] = tangents[i];
    }
    return mlx_rocm::jvp(rules_->f, inputs, all).second;
  }

  std::pair<Arrays, std::vector<int>> vmap(const Arrays& primals, const std::vector<int>& axes) override {
    Arrays inputs = arguments(primals);
    std::vector<int> in_axes(axes.begin(), axes.begin() + inputs.size());
    if (rules_->vmap) return rules_->vmap(inputs, in_axes);
    std::vector<int> out_axes(outputs_, 0);
    auto at_front = [&](const Arrays&) { return out_axes; };
    return {mlx_rocm::vmap(rules_->f, inputs, in_axes, at_front), out_axes};
  }

  int forwards(int output, int num_inputs) const override { return num_inputs - outputs_ + output; }
  bool equals(const Op& other) const override { return this == &other; }
  void save(Writer&) const override {
    runtime_error("[export_function] A custom_function cannot be exported; export what it wraps.");
  }

 private:
  Arrays arguments(const Arrays& in) const { return Arrays(in.begin(), in.end() - outputs_); }

  std::shared_ptr<const CustomRules> rules_;
  int outputs_;
};

}  // namespace

Arrays apply_custom(std::shared_ptr<const CustomRules> rules, const Arrays& inputs) {
  Arrays outputs = rules->f(inputs);
  if (outputs.empty()) return outputs;
  Stream s = outputs[0].has_call() ? outputs[0].stream() : default_stream(default_device());
  Arrays in = inputs;
  for (const array& out : outputs) in.push_back(stop_gradient(out));
  return apply_multi(op<Custom>(std::move(rules), int(outputs.size())), std::move(in), s);
}

Arrays checkpoint(const Function& f, const Arrays& inputs) {
  auto rules = std::make_shared<CustomRules>();
  rules->f = f;
  rules->vjp = [f](const Arrays& primals, const Arrays& cotangents, const Arrays& outputs) {
    return vjp(f, depends(primals, outputs), cotangents).second;
  };
  return apply_custom(std::move(rules), inputs);
}

Arrays depends(const Arrays& inputs, const Arrays& dependencies) {
  if (inputs.empty()) return {};
  Arrays all = inputs;
  all.insert(all.end(), dependencies.begin(), dependencies.end());
  Stream s = inputs[0].has_call() ? inputs[0].stream() : default_stream(default_device());
  return apply_multi(op<Depends>(int(inputs.size())), std::move(all), s);
}

}  // namespace mlx_rocm
