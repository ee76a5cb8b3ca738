#pragma once

#include "backend/core/array.h"

namespace mlx_rocm {

// Computes these arrays and everything they need, and detaches them from the graph (unless a gradient is being
// traced through them). Throws what an op throws; arrays evaluated before that stay valid, the rest stay lazy.
void eval(Arrays outputs);
// As eval; on a GPU it returns once the work is queued.
void async_eval(Arrays outputs);
// Throws what made an async_eval of this thread fail, if one did.
void rethrow_async_error();

}  // namespace mlx_rocm
