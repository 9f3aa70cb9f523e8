/* A host for LV2 by lilv, the library that LV2's own hosts stand on: does what the lines of its input say.

   lilvhost URI < LINES, with LV2_PATH set. Every instance has a worker on a thread of its own.

     new RATE                    another instance; prints whether there is one; the lines that follow are about it
     use N                       the lines that follow are about instance N
     in FILE SAMPLES / out FILE  what is played; where it goes: raw files of float32, channel after channel
     side FILE                   what is at the side then, from sample 0 on, as long
     set SYMBOL VALUE / get SYMBOL
     blocks N M                  play up to sample M in blocks of N
     crowd N M                   the same for all instances at once, each on a thread of its own
     save FILE / load FILE       by lilv's state, as a project does
     stress SEED ACTIONS         random blocks on the audio thread while the main thread saves and restores */
#include "host.h"

#include <lilv/lilv.h>
#include <lv2/atom/atom.h>
#include <lv2/core/lv2.h>
#include <lv2/state/state.h>
#include <lv2/urid/urid.h>
#include <lv2/worker/worker.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>

enum { MOST_INSTANCES = 64, MOST_PORTS = 64, MOST_URIDS = 256, MOST_BLOCK = 8192, MOST_STATE = 65536 };
enum { ACTIONS_PER_BLOCK = 4 };

struct instance {
  LilvInstance *lilv;
  float *in, *out, *side, ports[MOST_PORTS];
  long samples, at;
  const LV2_Worker_Interface *works;
  LV2_Worker_Schedule schedule;
  pthread_t worker;
  sem_t due;
  _Atomic int ends;
};

static int count, audio_in, audio_out;
static uint32_t port_count;
static float low[MOST_PORTS], high[MOST_PORTS];
static struct instance all[MOST_INSTANCES];
static LilvWorld *world;
static const LilvPlugin *plugin;

/* ---- what the host offers ---- */

static char *uris[MOST_URIDS];
static pthread_mutex_t naming = PTHREAD_MUTEX_INITIALIZER;

static LV2_URID map_uri(LV2_URID_Map_Handle handle, const char *uri) {
  (void)handle;
  uint32_t k = 0;
  pthread_mutex_lock(&naming);
  while (uris[k] && strcmp(uris[k], uri)) k++;
  DEMAND(k + 1 < MOST_URIDS);
  if (!uris[k]) uris[k] = strdup(uri);
  pthread_mutex_unlock(&naming);
  return k + 1;
}
static const char *unmap_uri(LV2_URID_Unmap_Handle handle, LV2_URID urid) {
  (void)handle;
  return urid && urid < MOST_URIDS ? uris[urid - 1] : NULL;
}
static LV2_URID_Map map = {NULL, map_uri};
static LV2_URID_Unmap unmap = {NULL, unmap_uri};

static LV2_Worker_Status schedule(LV2_Worker_Schedule_Handle handle, uint32_t size, const void *data) {
  (void)size, (void)data;
  return sem_post(&((struct instance *)handle)->due) ? LV2_WORKER_ERR_NO_SPACE : LV2_WORKER_SUCCESS;
}
static LV2_Worker_Status respond(LV2_Worker_Respond_Handle handle, uint32_t size, const void *data) {
  (void)handle, (void)size, (void)data;
  return LV2_WORKER_SUCCESS;
}
static void *work(void *handle) {
  struct instance *i = handle;
  const char nothing = 0;
  while (!sem_wait(&i->due) && !atomic_load(&i->ends))
    i->works->work(lilv_instance_get_handle(i->lilv), respond, NULL, 1, &nothing);
  return NULL;
}

/* ---- life ---- */

static int begin(struct instance *i, double rate) {
  i->schedule = (LV2_Worker_Schedule){i, schedule};
  LV2_Feature maps = {LV2_URID__map, &map}, schedules = {LV2_WORKER__schedule, &i->schedule};
  const LV2_Feature *features[] = {&maps, &schedules, NULL};
  sem_init(&i->due, 0, 0);
  atomic_store(&i->ends, 0);
  i->lilv = lilv_plugin_instantiate(plugin, rate, features);
  if (!i->lilv) return 0;
  for (uint32_t k = audio_in + audio_out; k < port_count; k++) lilv_instance_connect_port(i->lilv, k, &i->ports[k]);
  i->works = lilv_instance_get_extension_data(i->lilv, LV2_WORKER__interface);
  DEMAND(i->works && !pthread_create(&i->worker, NULL, work, i));
  lilv_instance_activate(i->lilv);
  return 1;
}

static void end(struct instance *i) {
  if (!i->lilv) return;
  lilv_instance_deactivate(i->lilv);
  atomic_store(&i->ends, 1);
  sem_post(&i->due);
  pthread_join(i->worker, NULL);
  lilv_instance_free(i->lilv);
  sem_destroy(&i->due);
  i->lilv = NULL;
}

static void play(struct instance *i, float *in, float *out, long stride, uint32_t n) {
  for (int k = 0; k < audio_in; k++) {
    float *const side = i->side && k >= 2 ? i->side + (k - 2) * i->samples + i->at : NULL;
    lilv_instance_connect_port(i->lilv, k, k < 2 ? in + k * stride : side);
  }
  for (int k = 0; k < audio_out; k++) lilv_instance_connect_port(i->lilv, audio_in + k, out + k * stride);
  lilv_instance_run(i->lilv, n);
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
    play(i, i->in + i->at, i->out + i->at, i->samples, (uint32_t)n);
    i->at += n;
  }
  return NULL;
}

static uint32_t port_of(const char *symbol) {
  LilvNode *name = lilv_new_string(world, symbol);
  const LilvPort *port = lilv_plugin_get_port_by_symbol(plugin, name);
  lilv_node_free(name);
  DEMAND(port);
  return lilv_port_get_index(plugin, port);
}

/* ---- the state of a project ---- */

static const void *value_of(const char *symbol, void *handle, uint32_t *size, uint32_t *type) {
  *size = sizeof(float), *type = map_uri(NULL, LV2_ATOM__Float);
  return &((struct instance *)handle)->ports[port_of(symbol)];
}
static void set_value(const char *symbol, void *handle, const void *value, uint32_t size, uint32_t type) {
  DEMAND(size == sizeof(float) && type == map_uri(NULL, LV2_ATOM__Float));
  memcpy(&((struct instance *)handle)->ports[port_of(symbol)], value, sizeof(float));
}

static void save(struct instance *i, const char *path) {
  const uint32_t flags = LV2_STATE_IS_POD | LV2_STATE_IS_PORTABLE;
  LilvState *state = lilv_state_new_from_instance(plugin, i->lilv, &map, NULL, NULL, NULL, NULL, value_of, i, flags, NULL);
  DEMAND(state && lilv_state_get_num_properties(state) == 1);
  char *text = lilv_state_to_string(world, &map, &unmap, state, "urn:project:1", NULL);
  FILE *file = fopen(path, "w");
  DEMAND(text && file && fputs(text, file) >= 0);
  fclose(file);
  free(text);
  lilv_state_free(state);
}

static void load(struct instance *i, const char *path) {
  char text[2 * MOST_STATE] = {0};
  FILE *file = fopen(path, "r");
  DEMAND(file && fread(text, 1, sizeof text - 1, file));
  fclose(file);
  LilvState *state = lilv_state_new_from_string(world, &map, text);
  DEMAND(state);
  lilv_state_restore(state, i->lilv, set_value, i, 0, NULL);
  lilv_state_free(state);
}

/* ---- random actions: a thread that plays, one that saves and restores, one that works ---- */

struct stress {
  struct instance *i;
  uint32_t seed;
  _Atomic long blocks;
  _Atomic int is_over;
};

static float some_value(uint32_t port, uint32_t *seed) {
  static const float ODD[] = {1e30f, -1e30f, (float)(0.0 / 0.0), -0.0f};
  if (next_random(seed) % 40 == 0) return ODD[next_random(seed) % 4];
  return low[port] + (high[port] - low[port]) * ((float)(next_random(seed) % 1201) * 1e-3f - 0.1f);
}

static void *play_randomly(void *handle) {
  struct stress *s = handle;
  float *noise = malloc(8 * MOST_BLOCK), *result = malloc(8 * MOST_BLOCK);
  for (s->blocks = 0; !atomic_load(&s->is_over); s->blocks++) {
    const uint32_t n = some_noise(noise, &s->seed), in_place = next_random(&s->seed) % 2;
    for (uint32_t changes = next_random(&s->seed) % 3; changes; changes--) {
      const uint32_t port = audio_in + audio_out + next_random(&s->seed) % (port_count - audio_in - audio_out);
      s->i->ports[port] = some_value(port, &s->seed);
    }
    float *out = in_place ? noise : result;
    play(s->i, noise, out, n, n);
    for (uint32_t k = 0; k < audio_out * n; k++) DEMAND(out[k] >= -16.2f && out[k] <= 16.2f);
    if (next_random(&s->seed) % 200 == 0) lilv_instance_deactivate(s->i->lilv), lilv_instance_activate(s->i->lilv);
  }
  free(noise);
  free(result);
  return NULL;
}

struct kept {
  char bytes[MOST_STATE];
  size_t size;
  uint32_t key, type;
};

static LV2_State_Status store(LV2_State_Handle handle, uint32_t key, const void *value, size_t size, uint32_t type,
                              uint32_t flags) {
  struct kept *kept = handle;
  DEMAND(size <= MOST_STATE && flags & LV2_STATE_IS_POD);
  memcpy(kept->bytes, value, size);
  kept->size = size, kept->key = key, kept->type = type;
  return LV2_STATE_SUCCESS;
}
static const void *retrieve(LV2_State_Handle handle, uint32_t key, size_t *size, uint32_t *type, uint32_t *flags) {
  const struct kept *kept = handle;
  if (kept->key != key) return NULL;
  *size = kept->size, *type = kept->type, *flags = LV2_STATE_IS_POD | LV2_STATE_IS_PORTABLE;
  return kept->bytes;
}

static void ask_something(struct instance *i, uint32_t *seed, struct kept *kept) {
  const LV2_State_Interface *states = lilv_instance_get_extension_data(i->lilv, LV2_STATE__interface);
  LV2_Handle handle = lilv_instance_get_handle(i->lilv);
  if (next_random(seed) % 2) {
    DEMAND(states->save(handle, store, kept, LV2_STATE_IS_POD, NULL) == LV2_STATE_SUCCESS);
    return;
  }
  /* whole, cut off, with a bit that fell over, of another type, of another plug-in */
  const uint32_t kind = next_random(seed) % 5;
  struct kept *copy = malloc(sizeof *copy);
  DEMAND(copy);
  *copy = *kept;
  copy->size = some_damage(copy->bytes, kept->bytes, kept->size, seed, kind);
  if (kind == 3) copy->type++;
  if (kind == 4) copy->key++;
  const LV2_State_Status status = states->restore(handle, retrieve, copy, 0, NULL);
  if (kept->size && (kind == 0 || kind == 4)) DEMAND(status == LV2_STATE_SUCCESS);
  if (kept->size && kind == 3) DEMAND(status == LV2_STATE_ERR_BAD_TYPE);
  free(copy);
}

static void stress(uint32_t seed, long actions) {
  static const double RATES[] = {44100, 48000, 96000, 192000};
  static struct kept kept;
  long blocks = 0;
  while (actions > 0) {
    struct instance *i = &all[0];
    DEMAND(begin(i, RATES[next_random(&seed) % 4]));
    struct stress s = {.i = i, .seed = next_random(&seed) | 1};
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
    end(i);
  }
  printf("%ld blocks\n", blocks);
}

/* ---- lines ---- */

static void look_at_ports(void) {
  LilvNode *audio = lilv_new_uri(world, LILV_URI_AUDIO_PORT), *input = lilv_new_uri(world, LILV_URI_INPUT_PORT);
  float normal[MOST_PORTS];
  port_count = lilv_plugin_get_num_ports(plugin);
  DEMAND(port_count <= MOST_PORTS);
  lilv_plugin_get_port_ranges_float(plugin, low, high, normal);
  for (uint32_t k = 0; k < port_count; k++) {
    const LilvPort *port = lilv_plugin_get_port_by_index(plugin, k);
    const int is_audio = lilv_port_is_a(plugin, port, audio), is_input = lilv_port_is_a(plugin, port, input);
    audio_in += is_audio && is_input, audio_out += is_audio && !is_input;
    for (int n = 0; n < MOST_INSTANCES; n++) all[n].ports[k] = normal[k];
  }
  lilv_node_free(audio);
  lilv_node_free(input);
}

static void crowd(long size, long until) {
  pthread_t threads[MOST_INSTANCES];
  struct stretch stretches[MOST_INSTANCES];
  for (int k = 0; k < count; k++) {
    stretches[k] = (struct stretch){&all[k], size, until};
    DEMAND(!pthread_create(&threads[k], NULL, play_all, &stretches[k]));
  }
  for (int k = 0; k < count; k++) DEMAND(!pthread_join(threads[k], NULL));
}

int main(int argument_count, char **arguments) {
  if (argument_count != 2) return 2;
  world = lilv_world_new();
  lilv_world_load_all(world);
  LilvNode *uri = lilv_new_uri(world, arguments[1]);
  plugin = lilv_plugins_get_by_uri(lilv_world_get_all_plugins(world), uri);
  DEMAND(plugin);
  look_at_ports();
  struct instance *i = all;
  char line[1024], word[512];
  while (fgets(line, sizeof line, stdin)) {
    line_number++;
    long a = 0, b = 0;
    double value = 0.0;
    if (sscanf(line, "new %lf", &value) == 1) {
      DEMAND(count < MOST_INSTANCES);
      i = &all[count];
      const int is_there = begin(i, value);
      count += is_there;
      printf("%d\n", is_there);
    } else if (sscanf(line, "use %ld", &a) == 1) {
      i = &all[a];
    } else if (sscanf(line, "in %511s %ld", word, &i->samples) == 2) {
      read_samples(word, &i->in, &i->out, i->samples);
      i->at = 0;
    } else if (sscanf(line, "side %511s", word) == 1) {
      read_side(word, &i->side, i->samples);
    } else if (sscanf(line, "out %511s", word) == 1) {
      write_samples(word, i->out, i->samples);
    } else if (sscanf(line, "set %511s %lf", word, &value) == 2) {
      i->ports[port_of(word)] = (float)value;
    } else if (sscanf(line, "get %511s", word) == 1) {
      printf("%.9g\n", i->ports[port_of(word)]);
    } else if (sscanf(line, "blocks %ld %ld", &a, &b) == 2) {
      play_all(&(struct stretch){i, a, b});
    } else if (sscanf(line, "crowd %ld %ld", &a, &b) == 2) {
      crowd(a, b);
    } else if (sscanf(line, "save %511s", word) == 1) {
      save(i, word);
    } else if (sscanf(line, "load %511s", word) == 1) {
      load(i, word);
    } else if (sscanf(line, "stress %ld %ld", &a, &b) == 2) {
      stress((uint32_t)a | 1, b);
    } else {
      fprintf(stderr, "line %d is not understood: %s", line_number, line);
      return 2;
    }
  }
  for (int k = 0; k < count; k++) {
    end(&all[k]);
    free(all[k].in);
    free(all[k].out);
    free(all[k].side);
  }
  lilv_node_free(uri);
  lilv_world_free(world);
  for (int k = 0; k < MOST_URIDS; k++) free(uris[k]);
  return 0;
}
