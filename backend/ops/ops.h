// Every op as a C++ function, by family.
#pragma once

#include "backend/ops/cast.h"
#include "backend/ops/create.h"
#include "backend/ops/elementwise.h"
#include "backend/ops/index.h"
#include "backend/ops/join.h"
#include "backend/ops/matmul.h"
#include "backend/ops/misc.h"
#include "backend/ops/attention.h"
#include "backend/ops/matmul.h"
#include "backend/ops/norm.h"
#include "backend/ops/quantized.h"
#include "backend/ops/rope.h"
#include "backend/ops/softmax.h"
#include "backend/ops/reduce.h"
#include "backend/ops/scan.h"
#include "backend/ops/shape.h"
