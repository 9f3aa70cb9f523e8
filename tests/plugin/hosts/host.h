/* What the tests' hosts have in common: what must be so, samples in raw files, chance. */
#ifndef HOST_H
#define HOST_H
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int line_number;
#define DEMAND(what) \
  do { \
    if (!(what)) { \
      fprintf(stderr, "line %d: not so: %s\n", line_number, #what); \
      exit(1); \
    } \
  } while (0)

/* Float32 of two channels, one after the other. */
static inline void read_samples(const char *path, float **in, float **out, long samples) {
  FILE *file = fopen(path, "rb");
  free(*in);
  free(*out);
  *in = malloc(8 * (size_t)samples), *out = calloc(8, (size_t)samples);
  DEMAND(file && *in && *out && fread(*in, 4, 2 * (size_t)samples, file) == 2 * (size_t)samples);
  fclose(file);
}

static inline void read_side(const char *path, float **side, long samples) {
  FILE *file = fopen(path, "rb");
  free(*side);
  *side = malloc(8 * (size_t)samples);
  DEMAND(file && *side && fread(*side, 4, 2 * (size_t)samples, file) == 2 * (size_t)samples);
  fclose(file);
}

static inline void write_samples(const char *path, const float *out, long samples) {
  FILE *file = fopen(path, "wb");
  DEMAND(file && fwrite(out, 4, 2 * (size_t)samples, file) == 2 * (size_t)samples);
  fclose(file);
}

static inline uint32_t next_random(uint32_t *seed) {
  *seed ^= *seed << 13, *seed ^= *seed >> 17, *seed ^= *seed << 5;
  return *seed;
}

/* The size of a block, and noise for two channels of it, now and then with what is no number. */
static inline uint32_t some_noise(float *noise, uint32_t *seed) {
  static const uint32_t SIZES[] = {0, 1, 7, 63, 64, 65, 480, 1024, 4096, 5000};
  const uint32_t n = SIZES[next_random(seed) % 10];
  const float level = (float)(next_random(seed) % 4) * 0.4f;
  for (uint32_t k = 0; k < 2 * n; k++) noise[k] = level * ((float)(next_random(seed) % 2001) - 1000.0f) * 1e-3f;
  if (n && next_random(seed) % 50 == 0) memset(noise, 0xff, 4);
  return n;
}

/* A copy of what was saved: whole, cut off, or with a bit that fell over, which `kind` says; how long it is. */
static inline size_t some_damage(char *copy, const char *bytes, size_t size, uint32_t *seed, uint32_t kind) {
  memcpy(copy, bytes, size);
  if (kind == 1 && size) size = next_random(seed) % size;
  if (kind == 2 && size) copy[next_random(seed) % size] ^= (char)(1 << next_random(seed) % 8);
  return size;
}
#endif
