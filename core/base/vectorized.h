// QROAR_VECTORIZED in front of a function: compiled once for every x86-64, once for AVX2/FMA (x86-64-v3) and
// once for AVX-512 (x86-64-v4); the loader takes the best the processor has. For plain loops that the
// compiler vectorises by itself; what they call must be inlined. Not for loops that want other tile sizes on
// other processors: those are in panel_kernels.cpp. Other processors and compilers get the one plain version.
#pragma once

// Sanitized programs start before their runtime does when the loader chooses functions.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__)        \
    && !defined(__SANITIZE_THREAD__)
#define QROAR_VECTORIZED __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))
#else
#define QROAR_VECTORIZED
#endif
