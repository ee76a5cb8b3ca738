// A record of the kernels that this user's programs asked for: what `mlx-rocm warm` compiles ahead for
// another architecture or a new version. One line for each in $XDG_CACHE_HOME/mlx_rocm/manifest.tsv:
//   file  entry  generated text  NAME=value ...
// separated by tabs; a tab, a line end and a backslash inside are \t, \n and \\.
#pragma once

#include <string>
#include <vector>

#include "backend/gpu/jit.h"

namespace mlx_rocm::gpu {

std::string manifest_line(const KernelSpec& spec);
// Throws ValueError for a damaged line.
KernelSpec parse_manifest_line(const std::string& line);

// Appends the spec unless it is there. Does nothing where the file cannot be written.
void record(const KernelSpec& spec);
// The lines of all specs, without repetitions, in the order of their first use.
std::vector<std::string> recorded();

}  // namespace mlx_rocm::gpu
