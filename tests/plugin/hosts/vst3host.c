/* A host for VST3, through the interface of C that DPF brings: does what the lines of its input say.

   vst3host BINARY < LINES

     new RATE                    another instance; the lines that follow are about it
     use N                       the lines that follow are about instance N
     in FILE SAMPLES / out FILE  what is played; where it goes: raw files of float32, channel after channel
     set PLACE SHARE             with the next block, a parameter to a share of its range / get PLACE
     blocks N M                  play up to sample M in blocks of N
     crowd N M                   the same for all instances at once, each on a thread of its own
     save FILE / load FILE / latency
     stress SEED ACTIONS         random blocks on the audio thread while the main thread asks for all it may */
#include "host.h"

#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
/* The header of views is C++ in two places. */
typedef struct v3_event_handler v3_event_handler;
typedef struct v3_timer_handler v3_timer_handler;
#include <travesty/audio_processor.h>
#include <travesty/component.h>
#include <travesty/edit_controller.h>
#include <travesty/factory.h>

enum { MOST_INSTANCES = 64, MOST_BLOCK = 8192, MOST_STATE = 131072, MOST_CHANGES = 32, ACTIONS_PER_BLOCK = 4 };
#define CALL(object, call, ...) (*object)->call(object, ##__VA_ARGS__)

/* ---- what the host offers: a stream of bytes, and changes of parameters ---- */

static v3_result no_interface(void *self, const v3_tuid id, void **object) {
  (void)self, (void)id;
  *object = NULL;
  return V3_NO_INTERFACE;
}
static uint32_t not_counted(void *self) {
  (void)self;
  return 1;
}
#define UNKNOWN {no_interface, not_counted, not_counted}

struct stream {
  const struct v3_bstream *calls;
  char bytes[MOST_STATE];
  int32_t size, at;
};

static v3_result read_some(void *self, void *to, int32_t count, int32_t *done) {
  struct stream *s = self;
  *done = s->size - s->at < count ? s->size - s->at : count;
  memcpy(to, s->bytes + s->at, (size_t)*done);
  s->at += *done;
  return V3_OK;
}
static v3_result write_all(void *self, void *from, int32_t count, int32_t *done) {
  struct stream *s = self;
  DEMAND(s->at + count <= MOST_STATE);
  memcpy(s->bytes + s->at, from, (size_t)count);
  *done = count, s->size = s->at += count;
  return V3_OK;
}
static v3_result seek(void *self, int64_t to, int32_t mode, int64_t *result) {
  struct stream *s = self;
  s->at = (int32_t)to + (mode == V3_SEEK_CUR ? s->at : mode == V3_SEEK_END ? s->size : 0);
  if (result) *result = s->at;
  return V3_OK;
}
static v3_result tell(void *self, int64_t *at) {
  *at = ((struct stream *)self)->at;
  return V3_OK;
}
static const struct v3_bstream STREAM = {UNKNOWN, read_some, write_all, seek, tell};
#define STREAM_OF(s) ((struct v3_bstream **)(s))

struct change {
  const struct v3_param_value_queue *calls;
  v3_param_id id;
  int32_t offset;
  double value;
};
struct changes {
  const struct v3_param_changes *calls;
  int32_t count;
  struct change all[MOST_CHANGES];
};

static v3_param_id id_of(void *self) { return ((struct change *)self)->id; }
static int32_t one_point(void *self) {
  (void)self;
  return 1;
}
static v3_result point(void *self, int32_t index, int32_t *offset, double *value) {
  const struct change *c = self;
  *offset = c->offset, *value = c->value;
  return index ? V3_INVALID_ARG : V3_OK;
}
static v3_result add_point(void *self, int32_t offset, double value, int32_t *index) {
  struct change *c = self;
  c->offset = offset, c->value = value, *index = 0;
  return V3_OK;
}
static const struct v3_param_value_queue CHANGE = {UNKNOWN, id_of, one_point, point, add_point};
static int32_t change_count(void *self) { return ((struct changes *)self)->count; }
static struct v3_param_value_queue **change_at(void *self, int32_t index) {
  return (struct v3_param_value_queue **)&((struct changes *)self)->all[index];
}
static struct v3_param_value_queue **add_change(void *self, v3_param_id *id, int32_t *index) {
  struct changes *c = self;
  *index = c->count % MOST_CHANGES;
  c->all[*index] = (struct change){&CHANGE, *id, 0, 0.0};
  if (c->count < MOST_CHANGES) c->count++;
  return change_at(c, *index);
}
static const struct v3_param_changes CHANGES = {UNKNOWN, change_count, change_at, add_change};

/* ---- life ---- */

struct instance {
  struct v3_component **component;
  struct v3_audio_processor **processor;
  struct v3_edit_controller **controller;
  float *in, *out;
  long samples, at;
  struct changes changes, told;
};

static struct instance all[MOST_INSTANCES];
static int count;
static struct v3_plugin_factory **factory;

static void begin(struct instance *i) {
  struct v3_class_info info;
  DEMAND(CALL(factory, num_classes) >= 1 && CALL(factory, get_class_info, 0, &info) == V3_OK);
  DEMAND(CALL(factory, create_instance, info.class_id, v3_component_iid, (void **)&i->component) == V3_OK);
  DEMAND(CALL(i->component, initialize, NULL) == V3_OK);
  DEMAND(CALL(i->component, query_interface, v3_audio_processor_iid, (void **)&i->processor) == V3_OK);
  DEMAND(CALL(i->component, query_interface, v3_edit_controller_iid, (void **)&i->controller) == V3_OK);
  i->changes.calls = i->told.calls = &CHANGES;
}

static void switch_on(struct instance *i, double rate) {
  struct v3_process_setup setup = {V3_REALTIME, V3_SAMPLE_32, MOST_BLOCK, rate};
  DEMAND(CALL(i->processor, setup_processing, &setup) == V3_OK);
  DEMAND(CALL(i->component, set_active, true) == V3_OK && CALL(i->processor, set_processing, true) == V3_OK);
}

static void switch_off(struct instance *i) {
  CALL(i->processor, set_processing, false);
  CALL(i->component, set_active, false);
}

static void end(struct instance *i) {
  CALL(i->controller, unref);
  CALL(i->processor, unref);
  CALL(i->component, terminate);
  CALL(i->component, unref);
}

static void change(struct instance *i, v3_param_id id, int32_t offset, double share) {
  DEMAND(i->changes.count < MOST_CHANGES);
  i->changes.all[i->changes.count++] = (struct change){&CHANGE, id, offset, share};
}

static void play(struct instance *i, float *in, float *out, long stride, int32_t n) {
  float *from[] = {in, in + stride}, *to[] = {out, out + stride};
  struct v3_audio_bus_buffers input = {.num_channels = 2, .channel_buffers_32 = from};
  struct v3_audio_bus_buffers output = {.num_channels = 2, .channel_buffers_32 = to};
  struct v3_process_data data = {.process_mode = V3_REALTIME, .symbolic_sample_size = V3_SAMPLE_32, .nframes = n,
                                 .num_input_buses = 1, .num_output_buses = 1, .inputs = &input, .outputs = &output};
  data.input_params = (struct v3_param_changes **)&i->changes, data.output_params = (struct v3_param_changes **)&i->told;
  i->told.count = 0;
  DEMAND(CALL(i->processor, process, &data) == V3_OK);
  i->changes.count = 0;
}

struct stretch {
  struct instance *i;
  long size, until;
};

static void *play_all(void *handle) {
  const struct stretch *s = handle;
  struct instance *i = s->i;
  while (i->at < s->until) {
    const long n = s->until - i->at < s->size ? s->until - i->at : s->size;
    play(i, i->in + i->at, i->out + i->at, i->samples, (int32_t)n);
    i->at += n;
  }
  return NULL;
}

static void save(struct instance *i, struct stream *s) {
  s->calls = &STREAM, s->size = s->at = 0;
  DEMAND(CALL(i->component, get_state, STREAM_OF(s)) == V3_OK);
}

static v3_result load(struct instance *i, struct stream *s) {
  s->calls = &STREAM, s->at = 0;
  return CALL(i->component, set_state, STREAM_OF(s));
}

/* ---- random actions: an audio thread that plays, a main thread that asks ---- */

struct stress {
  struct instance *i;
  uint32_t seed;
  _Atomic long blocks;
  _Atomic int is_over;
  int masters; /* at a rate that is not known what is no number comes through */
};

static v3_param_id some_param(struct instance *i, uint32_t *seed) {
  struct v3_param_info info;
  const int32_t place = (int32_t)(next_random(seed) % (uint32_t)CALL(i->controller, get_parameter_count));
  DEMAND(CALL(i->controller, get_parameter_info, place, &info) == V3_OK);
  return info.param_id;
}

static void *play_randomly(void *handle) {
  struct stress *s = handle;
  float *noise = malloc(8 * MOST_BLOCK), *result = malloc(8 * MOST_BLOCK);
  for (s->blocks = 0; !atomic_load(&s->is_over); s->blocks++) {
    const uint32_t n = some_noise(noise, &s->seed), is_in_place = next_random(&s->seed) % 2;
    for (uint32_t changes = next_random(&s->seed) % 3; changes; changes--) {
      const int32_t offset = n ? (int32_t)(next_random(&s->seed) % n) : 0;
      change(s->i, some_param(s->i, &s->seed), offset, (double)(next_random(&s->seed) % 1001) * 1e-3);
    }
    float *out = is_in_place ? noise : result;
    play(s->i, noise, out, n, (int32_t)n);
    for (uint32_t k = 0; s->masters && k < 2 * n; k++) DEMAND(out[k] >= -16.2f && out[k] <= 16.2f);
  }
  free(noise);
  free(result);
  return NULL;
}

static void ask_something(struct instance *i, uint32_t *seed, struct stream *kept) {
  const v3_param_id id = some_param(i, seed);
  v3_str_128 text;
  double value;
  switch (next_random(seed) % 6) {
  case 0: DEMAND(CALL(i->controller, get_parameter_normalised, id) >= 0.0); break;
  case 1:
    value = CALL(i->controller, get_parameter_normalised, id);
    DEMAND(CALL(i->controller, get_parameter_string_for_value, id, value, text) == V3_OK);
    CALL(i->controller, get_parameter_value_for_string, id, text, &value);
    break;
  case 2: save(i, kept); break;
  case 3: {
    const uint32_t kind = next_random(seed) % 4;
    struct stream *copy = malloc(sizeof *copy);
    DEMAND(copy);
    copy->size = (int32_t)some_damage(copy->bytes, kept->bytes, (size_t)kept->size, seed, kind);
    const v3_result result = load(i, copy);
    if (kept->size && (kind == 0 || kind == 3)) DEMAND(result == V3_OK);
    free(copy);
    break;
  }
  case 4: CALL(i->controller, set_parameter_normalised, id, (double)(next_random(seed) % 1001) * 1e-3); break;
  default: DEMAND(CALL(i->processor, get_latency_samples) <= 64);
  }
}

static void stress(uint32_t seed, long actions) {
  static const double RATES[] = {44100, 48000, 96000, 192000, 22050};
  static struct stream kept;
  long blocks = 0;
  struct instance *i = &all[0];
  while (actions > 0) {
    if (next_random(&seed) % 4 == 0) {
      end(i);
      begin(i);
    }
    const uint32_t rate = next_random(&seed) % 5;
    switch_on(i, RATES[rate]);
    struct stress s = {.i = i, .seed = next_random(&seed) | 1, .masters = rate < 4};
    pthread_t thread;
    DEMAND(!pthread_create(&thread, NULL, play_randomly, &s));
    const long rounds = 20 + next_random(&seed) % 300;
    for (long round = 0; round < rounds && actions > 0; round++, actions--) {
      ask_something(i, &seed, &kept);
      while (atomic_load(&s.blocks) < round / ACTIONS_PER_BLOCK) sched_yield();
    }
    atomic_store(&s.is_over, 1);
    DEMAND(!pthread_join(thread, NULL));
    blocks += s.blocks;
    switch_off(i);
  }
  printf("%ld blocks\n", blocks);
}

/* ---- lines ---- */

static void crowd(long size, long until) {
  pthread_t threads[MOST_INSTANCES];
  struct stretch stretches[MOST_INSTANCES];
  for (int k = 0; k < count; k++) {
    stretches[k] = (struct stretch){&all[k], size, until};
    DEMAND(!pthread_create(&threads[k], NULL, play_all, &stretches[k]));
  }
  for (int k = 0; k < count; k++) DEMAND(!pthread_join(threads[k], NULL));
}

static void keep_state(struct instance *i, const char *path, int is_to_save) {
  static struct stream stream;
  FILE *file = fopen(path, is_to_save ? "wb" : "rb");
  DEMAND(file);
  if (is_to_save) {
    save(i, &stream);
    DEMAND(fwrite(stream.bytes, 1, (size_t)stream.size, file) == (size_t)stream.size);
  } else {
    stream.size = (int32_t)fread(stream.bytes, 1, MOST_STATE, file);
    DEMAND(load(i, &stream) == V3_OK);
  }
  fclose(file);
}

int main(int argument_count, char **arguments) {
  void *library = argument_count == 2 ? dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL) : NULL;
  DEMAND(library);
  bool (*enter)(void *) = (bool (*)(void *))dlsym(library, "ModuleEntry");
  bool (*leave)(void) = (bool (*)(void))dlsym(library, "ModuleExit");
  const void *(*get)(void) = (const void *(*)(void))dlsym(library, "GetPluginFactory");
  DEMAND(enter && leave && get && enter(library));
  factory = (struct v3_plugin_factory **)get();
  struct instance *i = all;
  char line[1024], word[512];
  while (fgets(line, sizeof line, stdin)) {
    line_number++;
    long a = 0, b = 0;
    double value = 0.0;
    if (sscanf(line, "new %lf", &value) == 1) {
      DEMAND(count < MOST_INSTANCES);
      i = &all[count++];
      begin(i);
      switch_on(i, value);
    } else if (sscanf(line, "use %ld", &a) == 1) {
      i = &all[a];
    } else if (sscanf(line, "in %511s %ld", word, &i->samples) == 2) {
      read_samples(word, &i->in, &i->out, i->samples);
      i->at = 0;
    } else if (sscanf(line, "out %511s", word) == 1) {
      write_samples(word, i->out, i->samples);
    } else if (sscanf(line, "set %ld %lf", &a, &value) == 2) {
      change(i, (v3_param_id)a, 0, value);
    } else if (sscanf(line, "get %ld", &a) == 1) {
      printf("%.9g\n", CALL(i->controller, get_parameter_normalised, (v3_param_id)a));
    } else if (sscanf(line, "blocks %ld %ld", &a, &b) == 2) {
      play_all(&(struct stretch){i, a, b});
    } else if (sscanf(line, "crowd %ld %ld", &a, &b) == 2) {
      crowd(a, b);
    } else if (sscanf(line, "save %511s", word) == 1) {
      keep_state(i, word, 1);
    } else if (sscanf(line, "load %511s", word) == 1) {
      keep_state(i, word, 0);
    } else if (strstr(line, "latency") == line) {
      printf("%u\n", CALL(i->processor, get_latency_samples));
    } else if (sscanf(line, "stress %ld %ld", &a, &b) == 2) {
      switch_off(i);
      stress((uint32_t)a | 1, b);
      switch_on(i, 48000);
    } else {
      fprintf(stderr, "line %d is not understood: %s", line_number, line);
      return 2;
    }
  }
  for (int k = 0; k < count; k++) {
    switch_off(&all[k]);
    end(&all[k]);
    free(all[k].in);
    free(all[k].out);
  }
  CALL(factory, unref);
  leave();
  return 0;
}
