/* A host for CLAP: does what the lines of its input say, one after another, on the threads that CLAP prescribes.

   claphost PLUGIN < LINES. Samples come from and go to raw files of float32, channel after channel.

     new                         another instance; the lines that follow are about it
     since                       prints how many ms ago the library began to be loaded
     use N                       the lines that follow are about instance N
     kind N                      choose a configuration of ports
     on RATE / off               activate and start, stop and deactivate
     side FILE                   what is at the side then, from sample 0 on, as long
     in FILE SAMPLES / out FILE  what is played; where it goes
     event OFFSET ID VALUE       in the next block
     block N [inplace]           play the next N samples on the audio thread; `blocks N M` up to sample M in blocks of N
     paced N M                   up to sample M in blocks of N, each when it is due; prints the longest call in ms
     cost N M                    up to sample M in blocks of N, on this thread; prints the mean and median call in us
     flush / reset / offline 0|1
     save FILE / load FILE / get ID / latency
     stress SEED ACTIONS         random blocks on the audio thread while the main thread asks for all it may */
#include "host.h"

#include <clap/entry.h>
#include <clap/ext/audio-ports.h>
#include <clap/ext/latency.h>
#include <clap/ext/params.h>
#include <clap/ext/state.h>
#include <clap/plugin-factory.h>
#include <clap/plugin.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>
#ifdef _WIN32
#include <windows.h>
#define dlopen(path, how) ((void *)LoadLibraryA(path))
#define dlsym(library, name) ((void *)GetProcAddress((HMODULE)(library), name))
#define dlerror() "it cannot be loaded"
#else
#include <dlfcn.h>
#endif

enum { MOST_INSTANCES = 64, MOST_EVENTS = 256, MOST_BLOCK = 65536, RATE_HZ = 48000 };

/* The extension of ports' configurations, as far as it is used. */
struct configs {
  uint32_t (*count)(const clap_plugin_t *);
  bool (*get)(const clap_plugin_t *, uint32_t, void *);
  bool (*select)(const clap_plugin_t *, clap_id);
};
struct render {
  bool (*has_hard_realtime_requirement)(const clap_plugin_t *);
  bool (*set)(const clap_plugin_t *, int32_t);
};

struct instance {
  const clap_plugin_t *plugin;
  float *in, *out, *side;
  long samples, at;
  char out_path[512];
  clap_event_param_value_t events[MOST_EVENTS];
  uint32_t event_count;
  int in_count, out_count, is_on;
};

static struct instance all[MOST_INSTANCES];
static int count;
static _Atomic int restarts;

static const void *host_extension(const clap_host_t *host, const char *id) {
  (void)host, (void)id;
  return NULL;
}
static void host_restart(const clap_host_t *host) {
  (void)host;
  atomic_fetch_add(&restarts, 1);
}
static void host_nothing(const clap_host_t *host) { (void)host; }
static const clap_host_t HOST = {CLAP_VERSION_INIT, NULL, "claphost", "", "", "1", host_extension, host_restart,
                                 host_nothing, host_nothing};

static uint32_t events_size(const clap_input_events_t *list) { return ((struct instance *)list->ctx)->event_count; }
static const clap_event_header_t *events_get(const clap_input_events_t *list, uint32_t index) {
  return &((struct instance *)list->ctx)->events[index].header;
}
static bool push(const clap_output_events_t *list, const clap_event_header_t *event) {
  (void)list;
  return event->size >= sizeof *event;
}

struct job {
  struct instance *i;
  uint32_t samples;
  int in_place;
};

static void *play(void *handle) {
  struct job *job = handle;
  struct instance *i = job->i;
  static float nothing[MOST_BLOCK];
  float *in[2], *side[2], *out[2];
  for (int k = 0; k < 2; k++) {
    side[k] = i->side ? i->side + k * i->samples + i->at : nothing;
    in[k] = i->in ? i->in + k * i->samples + i->at : nothing;
    out[k] = i->out ? i->out + k * i->samples + i->at : nothing;
    if (job->in_place) memcpy(out[k], in[k], sizeof(float) * job->samples), in[k] = out[k];
  }
  const clap_audio_buffer_t from[] = {{in, NULL, (uint32_t)i->in_count, 0, 0}, {side, NULL, (uint32_t)i->in_count, 0, 0}};
  clap_audio_buffer_t to = {out, NULL, (uint32_t)i->out_count, 0, 0};
  const clap_input_events_t events = {i, events_size, events_get};
  const clap_output_events_t told = {i, push};
  const clap_process_t block = {i->at, job->samples, NULL, from, &to, i->side ? 2 : 1, 1, &events, &told};
  DEMAND(i->plugin->process(i->plugin, &block) != CLAP_PROCESS_ERROR);
  i->at += job->samples;
  i->event_count = 0;
  return NULL;
}

static void on_audio_thread(struct job *job) {
  pthread_t thread;
  DEMAND(!pthread_create(&thread, NULL, play, job));
  DEMAND(!pthread_join(thread, NULL));
}

static void switch_on(struct instance *i, double rate) {
  const clap_plugin_audio_ports_t *ports = i->plugin->get_extension(i->plugin, CLAP_EXT_AUDIO_PORTS);
  clap_audio_port_info_t info;
  DEMAND(ports->get(i->plugin, 0, true, &info));
  i->in_count = (int)info.channel_count;
  DEMAND(ports->get(i->plugin, 0, false, &info));
  i->out_count = (int)info.channel_count;
  DEMAND(i->plugin->activate(i->plugin, rate, 1, MOST_BLOCK));
  DEMAND(i->plugin->start_processing(i->plugin));
  i->is_on = 1;
}

static void switch_off(struct instance *i) {
  if (!i->is_on) return;
  i->plugin->stop_processing(i->plugin);
  i->plugin->deactivate(i->plugin);
  i->is_on = 0;
}

static double now_s(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static int by_size(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static void print_cost(struct instance *i, long size, long until) {
  const long most = (until - i->at) / size;
  double *times = malloc(sizeof(double) * (size_t)most), total = 0.0;
  DEMAND(times && most > 0);
  for (long k = 0; k < most; k++) {
    struct job job = {i, (uint32_t)size, 0};
    const double before_s = now_s();
    play(&job);
    total += times[k] = now_s() - before_s;
  }
  qsort(times, (size_t)most, sizeof *times, by_size);
  printf("%.3f %.3f\n", 1e6 * total / (double)most, 1e6 * times[most / 2]);
  free(times);
}

static double play_in_time(struct instance *i, long size, long until) {
  const double start_s = now_s();
  double longest_s = 0.0;
  while (i->at < until) {
    struct job job = {i, (uint32_t)(until - i->at < size ? until - i->at : size), 0};
    const double wait_s = start_s + (double)i->at / RATE_HZ - now_s(), before_s = now_s() + (wait_s > 0.0 ? wait_s : 0.0);
    if (wait_s > 0.0) usleep((useconds_t)(1e6 * wait_s));
    play(&job);
    if (now_s() - before_s > longest_s) longest_s = now_s() - before_s;
  }
  return 1000.0 * longest_s;
}

/* Streams that take and give a few bytes at a time. */
static int64_t write_few(const clap_ostream_t *stream, const void *bytes, uint64_t size) {
  return (int64_t)fwrite(bytes, 1, size < 700 ? size : 700, stream->ctx);
}
static int64_t read_few(const clap_istream_t *stream, void *bytes, uint64_t size) {
  return (int64_t)fread(bytes, 1, size < 500 ? size : 500, stream->ctx);
}

static bool save_to(struct instance *i, FILE *file) {
  const clap_plugin_state_t *state = i->plugin->get_extension(i->plugin, CLAP_EXT_STATE);
  const clap_ostream_t stream = {file, write_few};
  return state->save(i->plugin, &stream);
}

static bool load_from(struct instance *i, FILE *file) {
  const clap_plugin_state_t *state = i->plugin->get_extension(i->plugin, CLAP_EXT_STATE);
  const clap_istream_t stream = {file, read_few};
  return state->load(i->plugin, &stream);
}

static void add_event(struct instance *i, uint32_t time, clap_id id, double value) {
  DEMAND(i->event_count < MOST_EVENTS);
  clap_event_param_value_t *event = &i->events[i->event_count++];
  memset(event, 0, sizeof *event);
  event->header = (clap_event_header_t){sizeof *event, time, CLAP_CORE_EVENT_SPACE_ID, CLAP_EVENT_PARAM_VALUE, 0};
  event->param_id = id;
  event->note_id = event->port_index = event->channel = event->key = -1;
  event->value = value;
}

/* ---- random actions: an audio thread that plays, a main thread that asks ---- */

static clap_param_info_t some_param(const clap_plugin_t *plugin, uint32_t *seed) {
  const clap_plugin_params_t *params = plugin->get_extension(plugin, CLAP_EXT_PARAMS);
  clap_param_info_t info;
  DEMAND(params->get_info(plugin, next_random(seed) % params->count(plugin), &info));
  return info;
}

struct stress {
  struct instance *i;
  uint32_t seed;
  long blocks;
  _Atomic int is_over;
};

static void *play_randomly(void *handle) {
  struct stress *s = handle;
  float *noise = malloc(4 * 2 * MOST_BLOCK), *result = malloc(4 * 2 * MOST_BLOCK);
  for (s->blocks = 0; !atomic_load(&s->is_over); s->blocks++) {
    const uint32_t n = some_noise(noise, &s->seed), in_place = next_random(&s->seed) % 2;
    float *in[2] = {noise, noise + n}, *out[2] = {in_place ? noise : result, in_place ? noise + n : result + n};
    s->i->event_count = 0;
    for (uint32_t k = 0, time = 0; k < next_random(&s->seed) % 4; k++) {
      const clap_param_info_t info = some_param(s->i->plugin, &s->seed);
      const double share = (double)(next_random(&s->seed) % 1201) / 1000.0 - 0.1;
      time = n ? time + next_random(&s->seed) % (n - time) : 0;
      add_event(s->i, time, info.id, info.min_value + share * (info.max_value - info.min_value));
    }
    clap_audio_buffer_t from = {in, NULL, (uint32_t)s->i->in_count, 0, 0},
                        to = {out, NULL, (uint32_t)s->i->out_count, 0, 0};
    const clap_input_events_t events = {s->i, events_size, events_get};
    const clap_output_events_t told = {s->i, push};
    const clap_process_t block = {0, n, NULL, &from, &to, 1, 1, &events, &told};
    DEMAND(s->i->plugin->process(s->i->plugin, &block) != CLAP_PROCESS_ERROR);
    for (int c = 0; c < s->i->out_count; c++)
      for (uint32_t k = 0; k < n; k++) DEMAND(out[c][k] >= -1.01f * 16 && out[c][k] <= 1.01f * 16);
    if (next_random(&s->seed) % 200 == 0) s->i->plugin->reset(s->i->plugin);
  }
  free(noise);
  free(result);
  return NULL;
}

static void ask_something(struct instance *i, uint32_t *seed, char *kept, long *kept_size) {
  const clap_plugin_params_t *params = i->plugin->get_extension(i->plugin, CLAP_EXT_PARAMS);
  const clap_param_info_t info = some_param(i->plugin, seed);
  double value;
  char text[64];
  switch (next_random(seed) % 6) {
  case 0: DEMAND(params->get_value(i->plugin, info.id, &value)); break;
  case 1:
    DEMAND(params->value_to_text(i->plugin, info.id, info.default_value, text, sizeof text));
    DEMAND(params->text_to_value(i->plugin, info.id, text, &value));
    break;
  case 2: {
    FILE *file = tmpfile();
    DEMAND(file && save_to(i, file));
    *kept_size = ftell(file);
    rewind(file);
    DEMAND(*kept_size <= MOST_BLOCK && fread(kept, 1, (size_t)*kept_size, file) == (size_t)*kept_size);
    fclose(file);
    break;
  }
  case 3: {
    /* sometimes of another one, sometimes cut off, sometimes with a bit that fell over */
    const uint32_t kind = next_random(seed) % 4;
    FILE *file = tmpfile();
    char *copy = malloc((size_t)*kept_size + 1);
    DEMAND(file && copy);
    const size_t size = some_damage(copy, kept, (size_t)*kept_size, seed, kind);
    DEMAND(fwrite(copy, 1, size, file) == size);
    rewind(file);
    const bool is_taken = load_from(i, file);
    DEMAND(is_taken || kind != 0 || !*kept_size);
    free(copy);
    fclose(file);
    break;
  }
  case 4: {
    const clap_plugin_latency_t *latency = i->plugin->get_extension(i->plugin, CLAP_EXT_LATENCY);
    DEMAND(latency->get(i->plugin) <= 64);
    break;
  }
  default: {
    const struct render *render = i->plugin->get_extension(i->plugin, "clap.render");
    DEMAND(render->set(i->plugin, next_random(seed) % 2));
  }
  }
}

static void stress(struct instance *i, uint32_t seed, long actions) {
  static const double RATES[] = {44100, 48000, 96000, 192000};
  static char kept[MOST_BLOCK];
  long kept_size = 0;
  long blocks = 0;
  const struct configs *configs = i->plugin->get_extension(i->plugin, "clap.audio-ports-config");
  while (actions > 0) {
    DEMAND(configs->select(i->plugin, next_random(&seed) % 3));
    switch_on(i, RATES[next_random(&seed) % 4]);
    struct stress s = {.i = i, .seed = next_random(&seed) | 1};
    pthread_t thread;
    DEMAND(!pthread_create(&thread, NULL, play_randomly, &s));
    for (long round = 20 + next_random(&seed) % 300; round > 0 && actions > 0; round--, actions--)
      ask_something(i, &seed, kept, &kept_size);
    atomic_store(&s.is_over, 1);
    DEMAND(!pthread_join(thread, NULL));
    blocks += s.blocks;
    switch_off(i);
  }
  printf("%ld blocks\n", blocks);
}

/* ---- lines ---- */

int main(int argument_count, char **arguments) {
  if (argument_count != 2) return 2;
  const double start_s = now_s();
  void *library = dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    fprintf(stderr, "%s\n", dlerror());
    return 1;
  }
  const clap_plugin_entry_t *entry = dlsym(library, "clap_entry");
  DEMAND(entry && entry->init(arguments[1]));
  const clap_plugin_factory_t *factory = entry->get_factory(CLAP_PLUGIN_FACTORY_ID);
  DEMAND(factory && factory->get_plugin_count(factory) == 1);
  const clap_plugin_descriptor_t *found = factory->get_plugin_descriptor(factory, 0);
  struct instance *i = all;
  char line[1024], verb[32], path[512];
  while (fgets(line, sizeof line, stdin)) {
    line_number++;
    long a = 0, b = 0, c = 0;
    double value = 0.0;
    if (sscanf(line, "%31s", verb) != 1) continue;
    if (!strcmp(verb, "new")) {
      DEMAND(count < MOST_INSTANCES);
      i = &all[count++];
      i->plugin = factory->create_plugin(factory, &HOST, found->id);
      DEMAND(i->plugin && i->plugin->init(i->plugin));
    } else if (!strcmp(verb, "since")) {
      printf("%.3f\n", 1000.0 * (now_s() - start_s));
    } else if (sscanf(line, "use %ld", &a) == 1) {
      i = &all[a];
    } else if (sscanf(line, "kind %ld", &a) == 1) {
      const struct configs *configs = i->plugin->get_extension(i->plugin, "clap.audio-ports-config");
      DEMAND(configs->select(i->plugin, (clap_id)a));
    } else if (sscanf(line, "on %lf", &value) == 1) {
      switch_on(i, value);
    } else if (!strcmp(verb, "off")) {
      switch_off(i);
    } else if (sscanf(line, "in %511s %ld", path, &i->samples) == 2) {
      read_samples(path, &i->in, &i->out, i->samples);
      i->at = 0;
    } else if (sscanf(line, "side %511s", path) == 1) {
      read_side(path, &i->side, i->samples);
    } else if (sscanf(line, "out %511s", i->out_path) == 1) {
      write_samples(i->out_path, i->out, i->samples);
    } else if (sscanf(line, "event %ld %ld %lf", &a, &b, &value) == 3) {
      add_event(i, (uint32_t)a, (clap_id)b, value);
    } else if (sscanf(line, "blocks %ld %ld", &a, &c) == 2) {
      while (i->at < c) {
        struct job job = {i, (uint32_t)(c - i->at < a ? c - i->at : a), strstr(line, "inplace") != NULL};
        on_audio_thread(&job);
      }
    } else if (sscanf(line, "cost %ld %ld", &a, &c) == 2) {
      print_cost(i, a, c);
    } else if (sscanf(line, "paced %ld %ld", &a, &c) == 2) {
      printf("%.2f\n", play_in_time(i, a, c));
    } else if (sscanf(line, "block %ld", &a) == 1) {
      struct job job = {i, (uint32_t)a, strstr(line, "inplace") != NULL};
      on_audio_thread(&job);
    } else if (!strcmp(verb, "reset")) {
      i->plugin->reset(i->plugin);
    } else if (!strcmp(verb, "flush")) {
      const clap_plugin_params_t *params = i->plugin->get_extension(i->plugin, CLAP_EXT_PARAMS);
      const clap_input_events_t events = {i, events_size, events_get};
      params->flush(i->plugin, &events, NULL);
      i->event_count = 0;
    } else if (sscanf(line, "offline %ld", &a) == 1) {
      const struct render *render = i->plugin->get_extension(i->plugin, "clap.render");
      DEMAND(render->set(i->plugin, (int32_t)a));
    } else if (sscanf(line, "save %511s", path) == 1) {
      FILE *file = fopen(path, "wb");
      DEMAND(file && save_to(i, file));
      fclose(file);
    } else if (sscanf(line, "load %511s", path) == 1) {
      FILE *file = fopen(path, "rb");
      DEMAND(file);
      printf("%d\n", load_from(i, file));
      fclose(file);
    } else if (sscanf(line, "get %ld", &a) == 1) {
      const clap_plugin_params_t *params = i->plugin->get_extension(i->plugin, CLAP_EXT_PARAMS);
      DEMAND(params->get_value(i->plugin, (clap_id)a, &value));
      printf("%.17g\n", value);
    } else if (!strcmp(verb, "latency")) {
      const clap_plugin_latency_t *latency = i->plugin->get_extension(i->plugin, CLAP_EXT_LATENCY);
      printf("%u %d\n", latency->get(i->plugin), atomic_load(&restarts));
    } else if (sscanf(line, "stress %ld %ld", &a, &b) == 2) {
      stress(i, (uint32_t)a | 1, b);
    } else {
      fprintf(stderr, "line %d is not understood: %s", line_number, line);
      return 2;
    }
  }
  for (int k = 0; k < count; k++) {
    switch_off(&all[k]);
    all[k].plugin->destroy(all[k].plugin);
    free(all[k].in);
    free(all[k].out);
    free(all[k].side);
  }
  entry->deinit();
  return 0;
}
