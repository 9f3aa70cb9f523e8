/* The engine's life: its arrays, the cut of a block into what happens in it, who listens and when, what is kept.

   What is heard and decided is due at fixed sample counts and acts a fixed time later. So it does not matter when
   a worker does it, as long as it is in time; a worker that is late is waited for, or done without, where samples
   run faster than time: then nobody listens. */
#include "core.h"
#include "due.h"
#include "made.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sched.h>
#include <time.h>

enum { CHUNK = 4096, LINE = 64, PACE_SAMPLES = 480 };
enum { F64, F32, I64, HEARD64, HEARD32, HEARDI, REF64, REF32, REFI, ARRAYS };
enum { IDLE, ASKED, TAKEN };

/* Samples that are so far ahead of the clock are no sound that anybody hears now. */
static const double LEAST_LEAD_S = 0.1, FORGET_LEAD_S = 10.0;

static const size_t SIZES[ARRAYS] = {8 * E_F64_SIZE, 4 * E_F32_SIZE, 8 * E_I64_SIZE,
                                     8 * A_F64_SIZE, 4 * A_F32_SIZE, 8 * A_I64_SIZE,
                                     8 * A_F64_SIZE, 4 * A_F32_SIZE, 8 * A_I64_SIZE};

/* What a project keeps. */
struct learned {
  double suggestion[PARAM_COUNT], fine_db[A_FINE_BANDS], ride_db;
  double statistics[A_STATISTICS_SIZE];
  double profile[A_AIM_SIZE];
  int has_heard, has_profile;
};

/* What the audio thread asks for, as it was at that sample. */
struct question {
  int64_t from;
  double target_lufs, boldness, style_strength;
  int style, learn, is_side;
  double suggestion[PARAM_COUNT], fine_db[A_FINE_BANDS], ride_db;
};

/* What hears: see rt_automix.analysis.layout. */
struct ears {
  double *f64;
  float *f32;
  int64_t *i64;
};

struct rtm {
  char *memory, *starts[ARRAYS];
  double *f64, *masters, *decision, *passing, *work, *statistics;
  float *f32, *left, *right, *peaks, *side_left, *side_right; /* sides: rings, as the chain has of its input */
  int64_t *i64;
  struct ears heard, reference; /* what is mastered; what is learned as the reference */
  const struct rate *rate;
  const double *solve;
  int channels, is_direct;
  double values[CONTROL_COUNT];
  int has_news;
  _Atomic double shown[CONTROL_COUNT], readings[METER_COUNT];
  _Atomic int is_shown_newer;

  /* audio's */
  int is_asked;
  int64_t ask_at, act_at, interval, delay;
  int64_t read_at, summed, paced_at;
  double asked_s, paced_s, lead_s;
  const float *side[2];

  /* audio's until `job` is ASKED, then of whoever makes it TAKEN, until it is IDLE */
  struct question question;
  double wanted[A_AIM_SIZE], step_s;
  double place[A_STATISTICS_SIZE], *against; /* what is held against a reference; against whatever is wanted */
  int style, is_new_profile, was_applause, is_learning, learns_side;
  double profile[A_AIM_SIZE]; /* of the reference that was learned */
  int has_profile;
  _Atomic int job, is_offline;
  _Atomic int64_t heard_samples, late, gaps;

  void (*wake)(void *);
  void *handle;
  pthread_t thread;
  due due;
  int has_thread;
  _Atomic int ends;

  pthread_mutex_t kept; /* the audio thread only tries */
  struct learned loaded, newest;
  _Atomic int is_loaded;
  _Atomic double profile_lufs;
};

/* ---- memory ---------------------------------------------------------------------------------------- */

static size_t in_lines(size_t size) { return (size + LINE - 1) / LINE * LINE; }

rtm *rtm_new(void) {
  rtm *c = calloc(1, sizeof *c);
  if (!c) return NULL;
  const size_t more[] = {8 * A_MASTERS_SIZE, 8 * A_DECISION_SIZE, 8 * A_PASSING_SIZE, 8 * WORK_SIZE, 4 * CHUNK,
                         4 * CHUNK, 4 * TRUE_PEAK_SIZE, 4 * E_RING_SAMPLES, 4 * E_RING_SAMPLES};
  size_t total = LINE;
  for (int k = 0; k < ARRAYS; k++) total += in_lines(SIZES[k]);
  for (size_t k = 0; k < sizeof more / sizeof *more; k++) total += in_lines(more[k]);
  c->memory = calloc(1, total);
  if (!c->memory) {
    free(c);
    return NULL;
  }
  char *at = c->memory + (LINE - (uintptr_t)c->memory % LINE) % LINE;
  void *starts[ARRAYS + sizeof more / sizeof *more];
  for (int k = 0; k < ARRAYS; k++) starts[k] = at, at += in_lines(SIZES[k]);
  for (size_t k = 0; k < sizeof more / sizeof *more; k++) starts[ARRAYS + k] = at, at += in_lines(more[k]);
  memcpy(c->starts, starts, sizeof c->starts);
  c->f64 = starts[F64], c->f32 = starts[F32], c->i64 = starts[I64];
  c->heard = (struct ears){starts[HEARD64], starts[HEARD32], starts[HEARDI]};
  c->reference = (struct ears){starts[REF64], starts[REF32], starts[REFI]};
  c->masters = starts[ARRAYS], c->decision = starts[ARRAYS + 1], c->passing = starts[ARRAYS + 2];
  c->work = starts[ARRAYS + 3], c->left = starts[ARRAYS + 4], c->right = starts[ARRAYS + 5];
  c->peaks = starts[ARRAYS + 6], c->side_left = starts[ARRAYS + 7], c->side_right = starts[ARRAYS + 8];
  c->statistics = c->heard.f64 + A_STATISTICS;
  const float *rough = (const float *)(rtm_data + MASTERS_AT);
  for (int k = 0; k < A_MASTERS_SIZE; k++) c->masters[k] = rough[k];
  memcpy(c->masters + MASTERS_EXACT_START, rtm_data + MASTERS_EXACT_AT, 8 * MASTERS_EXACT_COUNT);
  for (int k = 0; k < CONTROL_COUNT; k++) c->values[k] = CONTROLS[k].normal, atomic_init(&c->shown[k], CONTROLS[k].normal);
  const double *automatic = (const double *)(rtm_data + PROFILES_AT);
  atomic_init(&c->profile_lufs, automatic[A_AIM_LOUDNESS]);
  pthread_mutex_init(&c->kept, NULL);
  due_new(&c->due);
  return c;
}

void rtm_free(rtm *c) {
  if (!c) return;
  rtm_stop_worker(c);
  due_free(&c->due);
  pthread_mutex_destroy(&c->kept);
  free(c->memory);
  free(c);
}

static void put(rtm *c, const struct run *runs, int count) {
  for (int k = 0; k < count; k++) {
    const int size = runs[k].array % 3 == 1 ? 4 : 8;
    memcpy(c->starts[runs[k].array] + (size_t)size * runs[k].start, rtm_data + runs[k].offset, (size_t)size * runs[k].count);
  }
}

/* Roots of unity for the ears' transform, as dsp.vectors.fft.new_table has them. */
static void roots(float *real, float *imaginary, int64_t count, int64_t length, int64_t step) {
  const double turn = -2.0 * M_PI / (double)length;
  for (int64_t k = 0; k < count; k++) {
    real[k] = (float)cos(turn * (double)(k * step));
    imaginary[k] = (float)sin(turn * (double)(k * step));
  }
}

static void make_tables(rtm *c) {
  const float *net = (const float *)(rtm_data + SPEECH_NET_AT);
  for (int k = 0; k < A_SPEECH_NET_SIZE; k++) c->heard.f64[A_SPEECH_NET + k] = net[k];
  const int64_t hop = c->heard.i64[A_HOP], *plan = c->heard.i64 + A_FFT_PLAN;
  const int64_t rows = plan[FFT_ROWS], columns = plan[FFT_COLUMNS], size = plan[FFT_SIZE];
  for (int64_t k = 0; k < 2 * hop; k++)
    c->heard.f32[A_HANN + k] = (float)(0.5 * (0.5 - 0.5 * cos(M_PI * (double)k / (double)hop)));
  float *table = c->heard.f32 + A_FFT_TABLE;
  for (int64_t row = 0; row < rows; row++)
    roots(table + row * plan[FFT_STRIDE], table + size + row * plan[FFT_STRIDE], plan[FFT_STRIDE], plan[FFT_LENGTH], row);
  table += 2 * size;
  roots(table, table + rows, rows, rows, 1);
  roots(table + 2 * rows, table + 2 * rows + columns, columns, columns, 1);
}

static void forget(struct ears *ears) {
  const double memory = ears->f64[A_STATISTICS + A_MEMORY_FRAMES];
  memset(ears->f64, 0, 8 * A_F64_MEMORY);
  memset(ears->f32, 0, 4 * A_F32_MEMORY);
  memset(ears->i64, 0, 8 * A_I64_MEMORY);
  k_means_clear(ears->f64 + A_STATISTICS, A_STATISTICS_SIZE, memory);
  k_means_clear(ears->f64 + A_OTHER, A_STATISTICS_SIZE, memory);
  for (int k = 0; k < WINDOW_SIZE; k++) ears->f32[A_WINDOW + k] = (float)ROW_FLOOR_DB;
}

/* ---- messages to the chain ------------------------------------------------------------------------- */

static double lin_from_db(double level_db) { return pow(10.0, level_db / 20.0); }

static double db_from_lin(double level) { return level > 1e-10 ? 20.0 * log10(level) : -200.0; }

static int style_of(const rtm *c) {
  const int style = (int)c->values[P_STYLE];
  return style < STYLE_COUNT ? style : 0;
}

static void want(rtm *c, int style) {
  const int is_learned = style == STYLE_LEARNED && c->has_profile;
  const void *shipped = rtm_data + PROFILES_AT + 8 * (size_t)A_AIM_SIZE * style;
  memcpy(c->wanted, is_learned ? c->profile : shipped, 8 * A_AIM_SIZE);
  c->style = style;
}

static double target_lufs(rtm *c) {
  if (c->values[P_STYLE_LOUDNESS] == 0.0) return c->values[P_TARGET_LUFS];
  if (style_of(c) == STYLE_LEARNED) return atomic_load_explicit(&c->profile_lufs, memory_order_relaxed);
  return ((const double *)(rtm_data + PROFILES_AT))[A_AIM_SIZE * style_of(c) + A_AIM_LOUDNESS];
}

static void publish_controls(rtm *c) {
  const double *v = c->values;
  double message[E_CONTROL_SIZE] = {0};
  const int listen = (int)v[P_LISTEN];
  message[E_AMOUNT] = v[P_AMOUNT];
  message[E_LISTEN] = v[P_BYPASS] != 0.0 ? E_LISTEN_BYPASS : listen;
  message[E_FREEZE] = v[P_FREEZE];
  message[E_CEILING_LIN] = lin_from_db(v[P_CEILING_DBTP]);
  message[E_TARGET_LUFS] = target_lufs(c);
  message[E_RIDE] = v[P_RIDE];
  message[E_MAX_TRIM_DB] = v[P_MAX_TRIM_DB];
  message[E_OUTPUT_TRIM_LIN] = v[P_BYPASS] != 0.0 ? 1.0 : lin_from_db(v[P_OUTPUT_TRIM_DB]);
  message[E_FINE_TONE] = v[P_FINE_TONE];
  for (int k = 0; k < PARAM_COUNT; k++) message[E_TRIMS + k] = v[P_TRIM_INPUT_GAIN_DB + k];
  k_atomics_triple_publish(c->i64 + E_CONTROL_INDEX, 3, c->f64 + E_CONTROL_SLOTS, 3 * E_CONTROL_SIZE, message,
                           E_CONTROL_SIZE);
  c->has_news = 0;
}

static void publish_suggestion(rtm *c, double effective_at, double input_lufs, int applause) {
  double message[E_SUGGESTION_SIZE];
  message[E_EFFECTIVE_AT] = effective_at;
  message[E_INPUT_LUFS] = input_lufs;
  message[E_APPLAUSE] = applause;
  message[E_BEYOND_DB] = c->decision[A_BEYOND_DB];
  message[E_TONE_LU] = c->decision[A_TONE_LU];
  message[E_FINE_LU] = c->decision[A_FINE_LU];
  memcpy(message + E_SUGGESTED, c->decision + A_SUGGESTED, 8 * PARAM_COUNT);
  memcpy(message + E_FINE_SUGGESTED, c->decision + A_FINE_SUGGESTED, 8 * A_FINE_BANDS);
  k_atomics_triple_publish(c->i64 + E_SUGGESTION_INDEX, 3, c->f64 + E_SUGGESTION_SLOTS, 3 * E_SUGGESTION_SIZE, message,
                           E_SUGGESTION_SIZE);
}

/* ---- controls -------------------------------------------------------------------------------- */

static double allowed(int place, double value) {
  const struct control *control = &CONTROLS[place];
  value = fmin(fmax(value, control->low), control->high);
  return control->is_stepped ? rint(value) : value;
}

void rtm_set(rtm *c, int place, double value) {
  if (value != value) return;
  value = allowed(place, value);
  if (value == c->values[place]) return;
  c->values[place] = value;
  c->has_news = 1;
  atomic_store_explicit(&c->shown[place], value, memory_order_relaxed);
}

void rtm_set_from_afar(rtm *c, int place, double value) {
  if (value != value) return;
  atomic_store_explicit(&c->shown[place], allowed(place, value), memory_order_relaxed);
  atomic_store_explicit(&c->is_shown_newer, 1, memory_order_release);
}

static void take_over_shown(rtm *c) {
  if (!atomic_load_explicit(&c->is_shown_newer, memory_order_relaxed)) return; /* an exchange costs, in every block */
  if (!atomic_exchange_explicit(&c->is_shown_newer, 0, memory_order_acquire)) return;
  for (int k = 0; k < CONTROL_COUNT; k++) rtm_set(c, k, atomic_load_explicit(&c->shown[k], memory_order_relaxed));
}

/* ---- hearing and deciding -------------------------------------------------------------------------- */

static void undo_steps(double *decision) {
  const int count = (int)decision[A_PAST_STEP_COUNT];
  if (count == 0) return;
  memcpy(decision + A_SUGGESTED, decision + A_PAST_STEPS + (count - 1) * A_STEP_SIZE, 8 * A_STEP_SIZE);
  decision[A_PAST_STEP_COUNT] = 0.0;
}

static int is_moving(const double *decision) {
  for (int k = 0; k < PARAM_COUNT; k++)
    if (decision[A_MOVING + k] != 0.0) return 1;
  for (int k = 0; k < A_FINE_BANDS; k++)
    if (decision[A_FINE_MOVING + k] != 0.0) return 1;
  return 0;
}

static void match(rtm *c) {
  memset(c->passing, 0, 8 * A_PASSING_SIZE);
  c->passing[A_TARGET_LUFS] = c->question.target_lufs;
  c->passing[A_BOLDNESS] = c->question.boldness;
  c->passing[A_STYLE_STRENGTH] = c->question.style_strength;
  c->against = c->statistics;
  if (c->wanted[A_AIM_HAS_FINE] != 0.0) {
    k_speech_set_aside(c->heard.f64, A_F64_SIZE, c->place, A_STATISTICS_SIZE);
    c->against = c->place;
  }
  k_deciding_match(c->against, A_STATISTICS_SIZE, c->passing, A_PASSING_SIZE, c->wanted, A_AIM_SIZE, c->masters,
                   A_MASTERS_SIZE, c->decision, A_DECISION_SIZE, c->work, WORK_SIZE);
}

static void take(rtm *c) {
  c->decision[A_HAS_ANSWER] = 0.0;
  k_deciding_take(c->against, A_STATISTICS_SIZE, c->passing, A_PASSING_SIZE, 1.0, c->solve,
                  A_FINE_BANDS * A_FINE_POINTS, c->step_s, c->decision, A_DECISION_SIZE, c->work, WORK_SIZE);
}

static void hear(struct ears *ears, const float *left, const float *right, int64_t at) {
  k_hearing_hear_hop(left, E_RING_SAMPLES, right, E_RING_SAMPLES, at, ears->f64, A_F64_SIZE, ears->f32, A_F32_SIZE,
                     ears->i64, A_I64_SIZE);
}

static void begin_learning(rtm *c) {
  struct ears *r = &c->reference;
  memcpy(r->f64, c->heard.f64, 8 * A_F64_SIZE);
  memcpy(r->f32, c->heard.f32, 4 * A_F32_SIZE);
  memcpy(r->i64, c->heard.i64, 8 * A_I64_SIZE);
  r->i64[A_JUDGES] = 0;
  r->f64[A_STATISTICS + A_MEMORY_FRAMES] = INFINITY;
  if (c->channels == 1) r->f64[A_LOUDNESS_SCALE] *= 2.0; /* as it sounds from two loudspeakers */
  forget(r);
  memset(c->peaks, 0, 4 * TRUE_PEAK_SIZE);
  c->is_learning = 1, c->learns_side = c->question.is_side;
}

/* The same as analysis.aim.profile.measure has it, unless there was too little. */
static void end_learning(rtm *c) {
  const double *statistics = c->reference.f64 + A_STATISTICS, *power = statistics + A_FINE_POWER;
  double *profile = c->profile, mean = 0.0;
  c->is_learning = 0;
  if (statistics[A_HEARD_FRAMES] * HOP_S < MIN_MUSIC_S) return;
  memset(profile, 0, sizeof c->profile);
  k_means_vector(statistics, A_STATISTICS_SIZE, profile, VECTOR_SIZE);
  profile[A_AIM_PEAK] = db_from_lin(k_truepeak_true_peak_lin(c->peaks, TRUE_PEAK_SIZE));
  profile[A_AIM_PLR] = profile[A_AIM_PEAK] - profile[A_AIM_LOUDNESS];
  profile[A_AIM_HAS_FINE] = 1.0;
  for (int k = 0; k < A_FINE_POINTS; k++) {
    const double both = power[k] + power[A_FINE_POINTS + k];
    profile[A_AIM_FINE + k] = fmax(10.0 * log10(fmax(both, 1e-20)), ROW_FLOOR_DB);
    mean += profile[A_AIM_FINE + k] / A_FINE_POINTS;
  }
  for (int k = 0; k < A_FINE_POINTS; k++) profile[A_AIM_FINE + k] -= mean;
  c->has_profile = 1;
  atomic_store_explicit(&c->profile_lufs, profile[A_AIM_LOUDNESS], memory_order_relaxed);
  if (c->style == STYLE_LEARNED) {
    want(c, STYLE_LEARNED);
    c->is_new_profile = 1;
  }
}

/* What was asked about, or what was at its side then, is the reference; or it is no longer. */
static void learn(rtm *c, const float *left, const float *right) {
  if (!c->question.learn) {
    if (c->is_learning) end_learning(c);
    return;
  }
  if (c->question.is_side) left = c->side_left, right = c->channels == 2 ? c->side_right : left;
  if (!c->is_learning || c->learns_side != c->question.is_side) begin_learning(c);
  const int64_t hop = c->heard.i64[A_HOP], next = c->question.from + c->interval;
  for (int64_t at = c->question.from; at < next; at += hop) {
    const int64_t start = at & (E_RING_SAMPLES - 1);
    const int64_t first = hop < E_RING_SAMPLES - start ? hop : E_RING_SAMPLES - start;
    hear(&c->reference, left, right, at);
    k_truepeak_process(c->peaks, TRUE_PEAK_SIZE, left + start, first, right + start, first);
    if (first < hop) k_truepeak_process(c->peaks, TRUE_PEAK_SIZE, left, hop - first, right, hop - first);
  }
}

/* Keep what a project is to be saved with; where somebody is just saving, the next time. */
static void keep(rtm *c) {
  if (pthread_mutex_trylock(&c->kept)) return;
  if (!atomic_load_explicit(&c->is_loaded, memory_order_relaxed)) {
    struct learned *l = &c->newest;
    memcpy(l->suggestion, c->question.suggestion, sizeof l->suggestion);
    memcpy(l->fine_db, c->question.fine_db, sizeof l->fine_db);
    memcpy(l->statistics, c->statistics, sizeof l->statistics);
    l->statistics[A_TEXTURE + A_T_NEXT] = 0.0; /* its ring of the past is not kept */
    memcpy(l->profile, c->profile, sizeof l->profile);
    l->ride_db = c->question.ride_db;
    l->has_heard = 1;
    l->has_profile = c->has_profile;
  }
  pthread_mutex_unlock(&c->kept);
}

/* The same as analysis.deciding.analyst.Analyst.follow, of what was asked. */
static void answer(rtm *c) {
  const struct question *q = &c->question;
  const float *left = c->f32 + E_RING_LEFT, *right = c->channels == 2 ? c->f32 + E_RING_RIGHT : left;
  if (q->style != c->style) {
    want(c, q->style);
    c->is_new_profile = 1;
  }
  const double before = c->statistics[A_HEARD_FRAMES];
  const int64_t next = q->from + c->interval;
  for (int64_t at = q->from; at < next; at += c->heard.i64[A_HOP])
    hear(&c->heard, left, right, at);
  learn(c, left, right);
  const int is_music = c->statistics[A_HEARD_FRAMES] > before, has_question = is_music || c->is_new_profile;
  const int applause = c->heard.i64[A_IS_APPLAUSE] != 0;
  const double input_lufs = k_hearing_recent_lufs(c->heard.f32, A_F32_SIZE, c->heard.i64, A_I64_SIZE, SHORT_TERM_FRAMES);
  if (has_question) match(c);
  if (applause && !c->was_applause) undo_steps(c->decision);
  c->was_applause = applause;
  if (has_question) {
    take(c);
    if (!is_moving(c->decision)) c->is_new_profile = 0;
  }
  publish_suggestion(c, (double)(next + c->delay), input_lufs, applause);
  atomic_store_explicit(&c->heard_samples, next, memory_order_relaxed);
  keep(c);
}

void rtm_work(rtm *c) {
  int asked = ASKED;
  if (!atomic_compare_exchange_strong(&c->job, &asked, TAKEN)) return;
  answer(c);
  atomic_store_explicit(&c->job, IDLE, memory_order_release);
}

static double now_s(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static int is_idle(rtm *c) { return atomic_load_explicit(&c->job, memory_order_acquire) == IDLE; }

static void ask(rtm *c) {
  const int64_t written = c->i64[E_SAMPLE_COUNT];
  struct question *q = &c->question;
  q->from = c->ask_at - c->interval;
  if (written - q->from > E_RING_SAMPLES - c->interval) {
    const int64_t newest = (written / c->interval - 1) * c->interval;
    if (newest != q->from) atomic_fetch_add_explicit(&c->gaps, 1, memory_order_relaxed);
    q->from = newest;
  }
  q->target_lufs = target_lufs(c);
  q->boldness = c->values[P_BOLDNESS];
  q->style_strength = c->values[P_STYLE_STRENGTH];
  q->style = style_of(c);
  q->learn = c->values[P_LEARN] != 0.0;
  q->is_side = c->values[P_LEARN_FROM] != 0.0;
  memcpy(q->suggestion, c->f64 + E_BASE, 8 * PARAM_COUNT);
  memcpy(q->fine_db, c->f64 + E_FINE_BASE, 8 * A_FINE_BANDS);
  q->ride_db = k_rider_gain_db(c->f64 + E_RIDER_STATE, RIDER_SIZE) - c->f64[E_NOW + E_S_LOUDER_LU];
  c->ask_at = q->from + 2 * c->interval;
  atomic_store_explicit(&c->job, ASKED, memory_order_release);
  if (atomic_load_explicit(&c->is_offline, memory_order_relaxed) || !c->wake) {
    rtm_work(c);
    return;
  }
  c->act_at = q->from + c->interval + c->delay;
  c->is_asked = 1;
  c->asked_s = now_s();
  c->wake(c->handle);
}

/* By how much samples have run ahead of the clock. */
static double lead_s(const rtm *c, double now) {
  return c->lead_s + (double)(c->i64[E_SAMPLE_COUNT] - c->paced_at) / c->rate->hz - (now - c->paced_s);
}

/* Now and then. What is old is forgotten: two clocks never agree for long, and a stream may have stood still. */
static void keep_pace(rtm *c) {
  if (c->i64[E_SAMPLE_COUNT] - c->paced_at < PACE_SAMPLES) return;
  const double now = now_s(), played_s = (double)(c->i64[E_SAMPLE_COUNT] - c->paced_at) / c->rate->hz;
  const double lead = lead_s(c, now), rest = 1.0 - played_s / FORGET_LEAD_S;
  c->lead_s = lead > 0.0 && rest > 0.0 ? lead * rest : 0.0;
  c->paced_at = c->i64[E_SAMPLE_COUNT], c->paced_s = now;
}

/* What was asked is to act now: it is there, or it is still waited for, or it is late. It is waited for where nobody
   listens, and within a block that is longer than the time there is: who plays so long ones has that time. */
static void want_answer(rtm *c) {
  const double now = now_s();
  if (!is_idle(c) && (lead_s(c, now) > LEAST_LEAD_S || now - c->asked_s < 0.5 * DELAY_S)) {
    rtm_work(c);
    while (!is_idle(c)) sched_yield(); /* faster than time: a worker is in the midst of it */
  }
  if (!is_idle(c)) atomic_fetch_add_explicit(&c->late, 1, memory_order_relaxed);
  c->act_at = INT64_MAX;
}

/* ---- what was learned ------------------------------------------------------------------------------ */

static double energy_from_lufs(double level) { return pow(10.0, (level - LUFS_OFFSET_DB) / 10.0); }

/* The same as dsp.dynamics.rider.resume, settled. */
static void resume_rider(double *state, double gain_db, double target) {
  gain_db = fmin(fmax(gain_db, -RIDER_GAIN_LIMIT_DB), RIDER_GAIN_LIMIT_DB);
  const double energy = energy_from_lufs(target - gain_db);
  memset(state, 0, 8 * RIDER_SIZE);
  for (int k = RIDER_RING; k < RIDER_GAINS; k++) state[k] = energy;
  for (int k = RIDER_BLOCKS; k < RIDER_LONG; k++) state[k] = energy;
  for (int k = RIDER_GAINS; k < RIDER_AT; k++) state[k] = gain_db;
  state[RIDER_STEPS] = RIDER_WINDOW_STEPS;
  state[RIDER_GOAL] = state[RIDER_GAIN] = gain_db;
}

/* Begin with what was loaded; nobody else may be at work. The lock is held. */
static void resume(rtm *c) {
  const struct learned *l = &c->loaded;
  if (atomic_exchange(&c->is_loaded, 0)) {
    c->has_profile = l->has_profile;
    memcpy(c->profile, l->profile, sizeof l->profile);
    if (l->has_profile) atomic_store_explicit(&c->profile_lufs, l->profile[A_AIM_LOUDNESS], memory_order_relaxed);
    want(c, style_of(c));
    publish_controls(c);
  }
  c->newest = *l;
  c->newest.has_profile = c->has_profile;
  memcpy(c->newest.profile, c->profile, sizeof c->profile);
  if (!l->has_heard) return;
  memcpy(c->statistics, l->statistics, sizeof l->statistics);
  memcpy(c->decision + A_SUGGESTED, l->suggestion, sizeof l->suggestion);
  memcpy(c->decision + A_FINE_SUGGESTED, l->fine_db, sizeof l->fine_db);
  publish_controls(c);
  publish_suggestion(c, -1.0, -200.0, 0);
  resume_rider(c->f64 + E_RIDER_STATE, l->ride_db, target_lufs(c));
  k_steering_settle(c->f64, E_F64_SIZE, c->i64, E_I64_SIZE);
}

/* As if nothing had been heard, decided or asked; nobody is at work. */
static void hear_anew(rtm *c) {
  memset(c->decision, 0, 8 * A_DECISION_SIZE);
  memcpy(c->decision + A_SUGGESTED, NEUTRAL, sizeof NEUTRAL);
  forget(&c->heard);
  c->act_at = INT64_MAX, c->is_asked = 0;
  c->is_new_profile = c->was_applause = c->is_learning = 0;
  want(c, style_of(c));
  atomic_store(&c->heard_samples, 0);
}

/* ---- life ------------------------------------------------------------------------------------------ */

static void be_direct(rtm *c, int is_direct) {
  c->is_direct = is_direct;
  if (is_direct)
    put(c, c->rate->direct, c->rate->direct_count);
  else
    put(c, c->rate->ahead, c->rate->ahead_count);
}

/* What cuts is the inverse of what boosts as much: see rt_automix.dsp.tone.fine.design_table. */
static void make_cuts(rtm *c) {
  double *const table = c->f64 + E_FINE_TABLE;
  for (int k = 0; k < FINE_CUTS; k++) {
    const int row = k / FINE_ROW, band = k % FINE_ROW;
    const double *boost = table + ENTRIES * (2 * FINE_CUTS - FINE_ROW * row + band);
    double *cut = table + ENTRIES * k;
    for (int n = 0; n < 2; n++) cut[n] = -boost[n], cut[n + 2] = boost[n + 2] - boost[n];
    cut[4] = 1.0 / boost[4];
  }
}

static void begin(rtm *c) {
  take_over_shown(c);
  memset(c->f64, 0, SIZES[F64]);
  memset(c->f32, 0, SIZES[F32]);
  memset(c->i64, 0, SIZES[I64]);
  put(c, c->rate->all, c->rate->all_count);
  make_cuts(c);
  if (c->channels == 1) put(c, c->rate->mono, c->rate->mono_count);
  be_direct(c, c->is_direct);
  hear_anew(c);
  memset(c->side_left, 0, 4 * E_RING_SAMPLES);
  memset(c->side_right, 0, 4 * E_RING_SAMPLES);
  c->ask_at = c->interval;
  publish_controls(c);
  publish_suggestion(c, -1.0, -200.0, 0);
  k_steering_settle(c->f64, E_F64_SIZE, c->i64, E_I64_SIZE);
  if (!pthread_mutex_trylock(&c->kept)) {
    resume(c);
    pthread_mutex_unlock(&c->kept);
  } else {
    atomic_store(&c->is_loaded, 1); /* somebody is just saving: with the next block */
  }
  for (int k = 0; k < METER_COUNT; k++) atomic_store_explicit(&c->readings[k], METERS[k].normal, memory_order_relaxed);
  c->read_at = c->paced_at = 0, c->summed = -1;
  c->lead_s = 0.0, c->paced_s = now_s();
}

/* Let nobody be at work, and nothing be asked. */
static void be_quiet(rtm *c) {
  int asked = ASKED;
  atomic_compare_exchange_strong(&c->job, &asked, IDLE);
  while (!is_idle(c)) sched_yield();
}

int rtm_prepare(rtm *c, double rate_hz, int channels) {
  const struct rate *found = NULL;
  for (int k = 0; k < RATE_COUNT; k++)
    if (RATES[k].hz == (int)rint(rate_hz)) found = &RATES[k];
  be_quiet(c);
  c->rate = channels == 1 || channels == 2 ? found : NULL;
  if (!c->rate) return 0;
  c->solve = (const double *)(rtm_data + found->solve);
  c->channels = channels;
  take_over_shown(c);
  c->is_direct = c->values[P_DIRECT] != 0.0;
  for (int k = HEARD64; k <= HEARDI; k++) memset(c->starts[k], 0, SIZES[k]);
  put(c, found->all, found->all_count);
  make_tables(c);
  c->interval = INTERVAL_HOPS * c->heard.i64[A_HOP];
  c->step_s = (double)c->interval / found->hz;
  c->delay = (int64_t)rint(DELAY_S * found->hz);
  begin(c);
  return 1;
}

void rtm_reset(rtm *c) {
  if (!c->rate) return;
  be_quiet(c);
  begin(c);
}

double rtm_get(rtm *c, int place) { return atomic_load_explicit(&c->shown[place], memory_order_relaxed); }

void rtm_apply_direct(rtm *c) {
  const int is_direct = c->values[P_DIRECT] != 0.0;
  if (!c->rate || is_direct == c->is_direct) return;
  be_direct(c, is_direct);
  k_limiter_reset(c->f32 + E_LIMITER_STATE, LIMITER_SIZE);
}

int rtm_latency_samples(const rtm *c) { return c->is_direct || !c->rate ? 0 : E_DELAY_SAMPLES; }

void rtm_set_side(rtm *c, const float *left, const float *right) { c->side[0] = left, c->side[1] = right; }

/* Into a ring; one that is not learned from need not be silent. */
static void take_side(rtm *c, float *ring, const float **side, int64_t at, int64_t count) {
  const int64_t start = at & (E_RING_SAMPLES - 1), left = E_RING_SAMPLES - start, first = count < left ? count : left;
  if (*side) {
    memcpy(ring + start, *side, 4 * (size_t)first);
    memcpy(ring, *side + first, 4 * (size_t)(count - first));
    *side += count;
  } else if (c->values[P_LEARN_FROM] != 0.0) {
    memset(ring + start, 0, 4 * (size_t)first);
    memset(ring, 0, 4 * (size_t)(count - first));
  }
}

/* Master up to the next sample at which something is due; how many. */
static int64_t piece(rtm *c, float *left, float *right, int64_t most) {
  const int64_t now = c->i64[E_SAMPLE_COUNT];
  if (now >= c->act_at) want_answer(c);
  if (c->is_asked && c->act_at == INT64_MAX && is_idle(c)) c->is_asked = 0;
  int64_t count = most;
  if (c->ask_at > now && c->ask_at - now < count) count = c->ask_at - now;
  if (c->act_at - now < count) count = c->act_at - now;
  if (c->has_news) publish_controls(c);
  if (c->side[0] || c->side[1] || c->values[P_LEARN_FROM] != 0.0) {
    take_side(c, c->side_left, &c->side[0], now, count);
    take_side(c, c->side_right, &c->side[1], now, count);
  }
  k_chain_process_pair(left, count, right, count, c->f64, E_F64_SIZE, c->f32, E_F32_SIZE, c->i64, E_I64_SIZE);
  /* Here and not before the next one: what is set until then comes after it, however the stream is cut. */
  if (now + count >= c->ask_at && !c->is_asked) ask(c);
  return count;
}

static void resume_if_loaded(rtm *c) {
  if (!atomic_load_explicit(&c->is_loaded, memory_order_acquire)) return;
  int asked = ASKED;
  atomic_compare_exchange_strong(&c->job, &asked, IDLE);
  if (!is_idle(c) || pthread_mutex_trylock(&c->kept)) return; /* the next time */
  if (c->loaded.has_heard) hear_anew(c);
  resume(c);
  pthread_mutex_unlock(&c->kept);
}

static int read_meters(rtm *c);

/* Whether an output lies where something is read that is not its own side's input. */
static int is_crossed(const rtm *c, const float *in, const float *out) {
  return out == in || out == c->side[0] || out == c->side[1];
}

/* Where none does. */
static void run_in_place(rtm *c, const float *in_left, const float *in_right, float *left, float *right, uint32_t n) {
  if (!in_right) in_right = in_left;
  if (in_right != right) memcpy(right, in_right, 4 * (size_t)n);
  if (in_left != left) memcpy(left, in_left, 4 * (size_t)n);
  for (int64_t at = 0; c->rate && at < n;) at += piece(c, left + at, right + at, n - at);
}

/* Where one does, or there is but one output. */
static void run_aside(rtm *c, const float *in_left, const float *in_right, float *out_left, float *out_right,
                      uint32_t n) {
  for (uint32_t done = 0; done < n;) {
    const uint32_t count = n - done < CHUNK ? n - done : CHUNK;
    memcpy(c->left, in_left + done, 4 * (size_t)count);
    memcpy(c->right, (in_right ? in_right : in_left) + done, 4 * (size_t)count);
    for (int64_t at = 0; c->rate && at < count;) at += piece(c, c->left + at, c->right + at, count - at);
    memcpy(out_left + done, c->left, 4 * (size_t)count);
    if (out_right) memcpy(out_right + done, c->right, 4 * (size_t)count);
    done += count;
  }
}

int rtm_run(rtm *c, const float *in_left, const float *in_right, float *out_left, float *out_right, uint32_t n) {
  if (c->rate) {
    keep_pace(c);
    take_over_shown(c);
    resume_if_loaded(c);
  }
  const int is_crossing = is_crossed(c, in_right, out_left) || is_crossed(c, in_left, out_right);
  if (out_right && out_right != out_left && !is_crossing)
    run_in_place(c, in_left, in_right, out_left, out_right, n);
  else
    run_aside(c, in_left, in_right, out_left, out_right, n);
  c->side[0] = c->side[1] = NULL;
  return n && c->rate && read_meters(c);
}

static double reading(rtm *c, const double *read, int place) {
  switch (place) {
  case M_MOMENTARY_LUFS: return read[E_M_MOMENTARY_LUFS];
  case M_SHORT_TERM_LUFS: return read[E_M_SHORT_TERM_LUFS];
  case M_INTEGRATED_LUFS: return k_loudness_integrated_lufs(c->f64 + E_LOUDNESS_STATE, LOUDNESS_SIZE);
  case M_TRUE_PEAK_DBTP: return db_from_lin(read[E_M_OUT_TRUE_PEAK]);
  case M_LIMITING_DB: return read[E_M_LIMITING_DB];
  case M_COMPRESSION_DB: return read[E_M_COMPRESSION_DB];
  case M_GAIN_DB: return read[E_M_GAIN_DB];
  case M_SUGGESTION_AGE_S:
    return (double)(c->i64[E_SAMPLE_COUNT] - atomic_load_explicit(&c->heard_samples, memory_order_relaxed)) / c->rate->hz;
  default: return (double)atomic_load_explicit(&c->late, memory_order_relaxed);
  }
}

/* Twenty times a second, and whether it did; the integrated loudness, a sum over a histogram, twice. */
static int read_meters(rtm *c) {
  const int64_t now = c->i64[E_SAMPLE_COUNT];
  if (now < c->read_at) return 0;
  c->read_at = now + c->rate->hz / 20;
  const double *read = c->f64 + E_METER_SLOTS + E_METER_SIZE * k_atomics_triple_fetch(c->i64 + E_METER_INDEX, 3);
  if (read[E_M_SAMPLES] == 0.0) return 0; /* nothing has been measured yet */
  const int64_t halves = 2 * now / c->rate->hz;
  const int sums = halves != c->summed;
  c->summed = halves;
  for (int k = 0; k < METER_COUNT; k++)
    if (sums || k != M_INTEGRATED_LUFS)
      atomic_store_explicit(&c->readings[k], reading(c, read, k), memory_order_relaxed);
  return 1;
}

double rtm_meter(rtm *c, int place) { return atomic_load_explicit(&c->readings[place], memory_order_relaxed); }

/* ---- a worker of one's own ------------------------------------------------------------------------- */

void rtm_wake_by(rtm *c, void (*wake)(void *), void *handle) { c->wake = wake, c->handle = handle; }

void rtm_set_offline(rtm *c, int is_offline) {
  atomic_store_explicit(&c->is_offline, is_offline, memory_order_relaxed);
}

static void *work_on(void *handle) {
  rtm *c = handle;
  while (!due_wait(&c->due) && !atomic_load(&c->ends)) rtm_work(c);
  return NULL;
}

static void wake_thread(void *handle) { due_call(&((rtm *)handle)->due); }

int rtm_start_worker(rtm *c) {
  if (c->has_thread) return 1;
  atomic_store(&c->ends, 0);
  c->has_thread = !pthread_create(&c->thread, NULL, work_on, c);
  if (c->has_thread) rtm_wake_by(c, wake_thread, c);
  return c->has_thread;
}

void rtm_stop_worker(rtm *c) {
  if (!c->has_thread) return;
  atomic_store(&c->ends, 1);
  due_call(&c->due);
  pthread_join(c->thread, NULL);
  c->has_thread = 0;
  rtm_wake_by(c, NULL, NULL);
  rtm_work(c);
}

/* ---- the state of a project ------------------------------------------------------------------------ */

/* "RTMX", the format's version, then parts: number, how many float64, those. Unknown parts are passed over. */
enum { MARK = 0x584d5452, VERSION = 1, PART_SUGGESTION = 101, PART_FINE = 102, PART_RIDE = 103, PART_PROFILE = 104 };

/* No level, count or sum that was heard comes near; what is larger, of a bit that fell over, would become infinite. */
static const double MOST = 1e9;

static char *write_part(char *to, uint32_t number, const double *values, uint32_t count) {
  const uint32_t head[] = {number, count};
  memcpy(to, head, sizeof head);
  memcpy(to + sizeof head, values, 8 * (size_t)count);
  return to + sizeof head + 8 * (size_t)count;
}

size_t rtm_save(rtm *c, void *bytes) {
  const uint32_t head[] = {MARK, VERSION};
  char *to = (char *)bytes + sizeof head;
  memcpy(bytes, head, sizeof head);
  pthread_mutex_lock(&c->kept);
  const struct learned *l = atomic_load_explicit(&c->is_loaded, memory_order_relaxed) ? &c->loaded : &c->newest;
  if (l->has_heard) {
    for (int k = 0; k < KEPT_COUNT; k++) to = write_part(to, KEPT[k].id, l->statistics + KEPT[k].start, KEPT[k].count);
    to = write_part(to, PART_SUGGESTION, l->suggestion, PARAM_COUNT);
    to = write_part(to, PART_FINE, l->fine_db, A_FINE_BANDS);
    to = write_part(to, PART_RIDE, &l->ride_db, 1);
  }
  if (l->has_profile) to = write_part(to, PART_PROFILE, l->profile, A_AIM_SIZE);
  pthread_mutex_unlock(&c->kept);
  return (size_t)(to - (char *)bytes);
}

static double *place_of(struct learned *l, uint32_t number, uint32_t count) {
  if (number == PART_SUGGESTION && count == PARAM_COUNT) return l->suggestion;
  if (number == PART_FINE && count == A_FINE_BANDS) return l->fine_db;
  if (number == PART_RIDE && count == 1) return &l->ride_db;
  if (number == PART_PROFILE && count == A_AIM_SIZE) return l->profile;
  for (int k = 0; k < KEPT_COUNT; k++)
    if ((uint32_t)KEPT[k].id == number && (uint32_t)KEPT[k].count == count) return l->statistics + KEPT[k].start;
  return NULL;
}

/* What follows from what is kept: of the frames before nothing is known. */
static void complete(struct learned *l) {
  double *texture = l->statistics + A_TEXTURE;
  texture[A_T_NEXT] = 0.0;
  for (int k = 0; k < A_TEXTURE_SIZE - A_T_PAST; k++) texture[A_T_PAST + k] = texture[A_T_MEANS + k % A_TEXTURE_CHANNELS];
  l->statistics[A_RECENT_COUNT] = fmin(fmax(rint(l->statistics[A_RECENT_COUNT]), 0.0), A_BLOCK_FRAMES);
  for (int k = 0; k < PARAM_COUNT; k++) l->suggestion[k] = fmin(fmax(l->suggestion[k], LOW[k]), HIGH[k]);
  for (int k = 0; k < A_FINE_BANDS; k++) l->fine_db[k] = fmin(fmax(l->fine_db[k], -FINE_LIMIT_DB), FINE_LIMIT_DB);
}

int rtm_load(rtm *c, const void *bytes, size_t count) {
  const char *at = bytes, *const end = at + count;
  uint32_t head[2];
  if (count < sizeof head) return 0;
  memcpy(head, at, sizeof head);
  if (head[0] != MARK || head[1] < 1) return 0;
  struct learned *l = calloc(1, sizeof *l);
  if (!l) return 0;
  int is_good = 1, heard = 0;
  for (at += sizeof head; is_good && (size_t)(end - at) >= sizeof head;) {
    memcpy(head, at, sizeof head);
    at += sizeof head;
    if (head[1] > (size_t)(end - at) / 8) {
      is_good = 0;
      break;
    }
    double *to = place_of(l, head[0], head[1]);
    if (to) memcpy(to, at, 8 * (size_t)head[1]);
    for (uint32_t k = 0; to && k < head[1]; k++) is_good = is_good && isfinite(to[k]), to[k] = fmin(fmax(to[k], -MOST), MOST);
    heard += to && head[0] != PART_PROFILE;
    l->has_profile |= to == l->profile;
    at += 8 * (size_t)head[1];
  }
  is_good = is_good && at == end && (heard == 0 || heard == KEPT_COUNT + 3);
  if (is_good) {
    l->has_heard = heard > 0;
    complete(l);
    pthread_mutex_lock(&c->kept);
    c->loaded = *l;
    atomic_store_explicit(&c->is_loaded, 1, memory_order_release);
    pthread_mutex_unlock(&c->kept);
  }
  free(l);
  return is_good;
}
