/* Calls that are timed where a host makes them, without an interpreter around. Samples: blocks of two channels. */
#include <stdint.h>
#include <time.h>

static int64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return 1000000000 * (int64_t)now.tv_sec + now.tv_nsec;
}

typedef void connect(void *handle, uint32_t port, void *to);
typedef void run(void *handle, uint32_t samples);

/* Blocks through an LV2, in place; the whole time. */
int64_t lv2_turn(connect *connect, run *run, void *handle, float *blocks, int64_t count, int64_t samples) {
  const int64_t start = now_ns();
  for (int64_t k = 0; k < count; k++) {
    float *left = blocks + 2 * k * samples, *right = left + samples;
    connect(handle, 0, left), connect(handle, 1, right), connect(handle, 2, left), connect(handle, 3, right);
    run(handle, (uint32_t)samples);
  }
  return now_ns() - start;
}

typedef void pair(float *left, int64_t left_samples, float *right, int64_t right_samples, double *f64, int64_t f64_size,
                  float *f32, int64_t f32_size, int64_t *i64, int64_t i64_size);

/* The same through the chain that the engine's callback calls. */
int64_t chain_turn(pair *process, double *f64, int64_t f64_size, float *f32, int64_t f32_size, int64_t *i64,
                   int64_t i64_size, float *blocks, int64_t count, int64_t samples) {
  const int64_t start = now_ns();
  for (int64_t k = 0; k < count; k++) {
    float *left = blocks + 2 * k * samples, *right = left + samples;
    process(left, samples, right, samples, f64, f64_size, f32, f32_size, i64, i64_size);
  }
  return now_ns() - start;
}
