// The parts of a concatenation, a kernel argument passed by value.
#pragma once
#include "layout.h"
#include "row_tiles.h"

constexpr int MAX_PARTS = 8;

struct JoinPart {
  Layout<2> layout;  // of rows: the part, the output
  RowTiles tiles;
  long long step, step_y, start;  // from column to column in the part and in the output; where it starts in the output
};
struct JoinParts {
  JoinPart part[MAX_PARTS];
};
