#pragma once

#include <memory>

#include "backend/core/array.h"
#include "backend/io/file.h"

namespace mlx_rocm {

// The array whose row-major elements lie in a file from byte `offset` on; read when it is evaluated. `swapped`: the
// file has the other byte order. Large aligned arrays share the file's pages instead of copying them.
array load_from(std::shared_ptr<io::File> file, uint64_t offset, Shape shape, Dtype dtype, bool swapped,
                const StreamOrDevice& s = {});

}  // namespace mlx_rocm
