#pragma once

// Runs steps * 12 independent 8-lane multiply-adds (192 operations a step) on the calling thread.
float fma_steps(long steps);
