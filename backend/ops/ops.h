// Every op as a C++ function, by family.
#pragma once

#include "backend/ops/cast.h"
#include "backend/ops/create.h"
#include "backend/ops/elementwise.h"
#include "backend/ops/matmul.h"
#include "backend/ops/reduce.h"
#include "backend/ops/shape.h"
