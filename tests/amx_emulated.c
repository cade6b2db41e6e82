/* amx_emulated.c - src/kernels/amx.c with the tiles of tiles.h: kernels_amx_emulated. */
#if defined(__x86_64__)
#include "tiles.h"
#define kernels_amx kernels_amx_emulated
#include "../src/kernels/amx.c"
#else
typedef int nothing; /* a file must hold something */
#endif
