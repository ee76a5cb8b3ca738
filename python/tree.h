// Trees of list, tuple and dict whose leaves are arrays or anything else.
#pragma once

#include <functional>
#include <memory>

#include "python/bind.h"

namespace mlx_rocm::python {

using Leaf = const std::function<nb::object(nb::handle)>&;

void visit_tree(nb::handle tree, const std::function<void(nb::handle)>& leaf);
// A tree with fresh containers of the same types and leaf(x) for every leaf x.
nb::object map_tree(nb::handle tree, Leaf leaf);
// As above, but lists and dicts are changed in place: who else holds them sees the new leaves.
nb::object update_tree(nb::handle tree, Leaf leaf);

// The arrays of a tree in order. Strict: ValueError when a leaf is none.
Arrays flatten_tree(nb::handle tree, bool strict = false, const char* what = "tree_flatten");
// The same tree with arrays[first], arrays[first + 1], ... in place of its arrays.
nb::object unflatten_tree(nb::handle tree, const Arrays& arrays, size_t first = 0);

// The arrays of a tree, and the tree without them: what is needed to put others in later.
std::pair<Arrays, nb::object> take_apart(nb::handle tree);
nb::object put_together(nb::handle structure, const Arrays& arrays, size_t first = 0);
// Arrays, or a single one, as a list (what vjp and jvp take from functions).
Arrays array_list(nb::handle h);

// A leaf that stands for state kept elsewhere, as mx.random.state stands for this thread's key: trees see the value
// that `get` returns, and storing there calls `set`.
struct StateLeaf {
  nb::handle object;
  std::function<array()> get;
  std::function<void(const array&)> set;
};
void register_state_leaf(StateLeaf leaf);

// A Python object in a C++ closure that may be destroyed on any thread.
class SharedObject {
 public:
  explicit SharedObject(nb::object o) : object_(new nb::object(std::move(o)), release) {}
  nb::object& operator*() const { return *object_; }

 private:
  static void release(nb::object* o);
  std::shared_ptr<nb::object> object_;
};

// A Python callable that a transform made from a function: visible to the garbage collector, and with the
// attributes of that function. `held` are the other objects the implementation refers to.
using Implementation = std::function<nb::object(nb::handle function, nb::args args, nb::kwargs kwargs)>;
nb::object make_transformed(nb::object function, Implementation call, std::vector<nb::object> held = {});


}  // namespace mlx_rocm::python
