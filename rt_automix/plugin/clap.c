/* CLAP: parameters with events at their samples, state, latency, kinds of channels, a worker of its own. */
#include "core.h"
#include "made.h"

#include <clap/entry.h>
#include <clap/ext/audio-ports.h>
#include <clap/ext/latency.h>
#include <clap/ext/params.h>
#include <clap/ext/state.h>
#include <clap/plugin-factory.h>
#include <clap/plugin-features.h>
#include <clap/plugin.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Two extensions that the headers which come with DPF lack. */
static const char CLAP_EXT_RENDER[] = "clap.render", CLAP_EXT_AUDIO_PORTS_CONFIG[] = "clap.audio-ports-config";
enum { CLAP_RENDER_REALTIME, CLAP_RENDER_OFFLINE };
typedef struct {
  bool (*has_hard_realtime_requirement)(const clap_plugin_t *);
  bool (*set)(const clap_plugin_t *, int32_t mode);
} clap_plugin_render_t;
typedef struct {
  clap_id id;
  char name[CLAP_NAME_SIZE];
  uint32_t input_port_count, output_port_count;
  bool has_main_input;
  uint32_t main_input_channel_count;
  const char *main_input_port_type;
  bool has_main_output;
  uint32_t main_output_channel_count;
  const char *main_output_port_type;
} clap_audio_ports_config_t;
typedef struct {
  uint32_t (*count)(const clap_plugin_t *);
  bool (*get)(const clap_plugin_t *, uint32_t, clap_audio_ports_config_t *);
  bool (*select)(const clap_plugin_t *, clap_id);
} clap_plugin_audio_ports_config_t;

struct plugin {
  clap_plugin_t clap;
  const clap_host_t *host;
  rtm *core;
  int config, is_active, latency;
  double told[METER_COUNT];
};

struct kind {
  const char *name;
  uint32_t in, out;
};
static const struct kind KINDS[] = {{"Stereo", 2, 2}, {"Mono", 1, 1}, {"Mono to stereo", 1, 2}};
enum { KIND_COUNT = sizeof KINDS / sizeof *KINDS };

static struct plugin *self(const clap_plugin_t *clap) { return clap->plugin_data; }

static int control_of(clap_id id) {
  for (int k = 0; k < CONTROL_COUNT; k++)
    if (CONTROLS[k].id == (int32_t)id) return k;
  return -1;
}

static int meter_of(clap_id id) {
  for (int k = 0; k < METER_COUNT; k++)
    if (METERS[k].id == (int32_t)id) return k;
  return -1;
}

/* ---- life and sound ---- */

static bool init(const clap_plugin_t *clap) {
  self(clap)->core = rtm_new();
  return self(clap)->core != NULL;
}

static void destroy(const clap_plugin_t *clap) {
  rtm_free(self(clap)->core);
  free(self(clap));
}

static bool activate(const clap_plugin_t *clap, double rate_hz, uint32_t least, uint32_t most) {
  (void)least, (void)most;
  struct plugin *p = self(clap);
  if (!rtm_prepare(p->core, rate_hz, (int)KINDS[p->config].in)) return false;
  rtm_start_worker(p->core);
  p->is_active = 1;
  const int latency = rtm_latency_samples(p->core);
  if (latency != p->latency) {
    const clap_host_latency_t *host = p->host->get_extension(p->host, CLAP_EXT_LATENCY);
    p->latency = latency;
    if (host) host->changed(p->host);
  }
  return true;
}

static void deactivate(const clap_plugin_t *clap) {
  rtm_stop_worker(self(clap)->core);
  self(clap)->is_active = 0;
}

static bool start(const clap_plugin_t *clap) {
  (void)clap;
  return true;
}

static void stop(const clap_plugin_t *clap) { (void)clap; }

static void reset(const clap_plugin_t *clap) { rtm_reset(self(clap)->core); }

static void take_event(struct plugin *p, const clap_event_header_t *header) {
  if (header->space_id != CLAP_CORE_EVENT_SPACE_ID || header->type != CLAP_EVENT_PARAM_VALUE) return;
  const clap_event_param_value_t *event = (const clap_event_param_value_t *)header;
  const int place = control_of(event->param_id);
  if (place < 0) return;
  rtm_set(p->core, place, event->value);
  /* A latency changes between two activations only. */
  if (place == P_DIRECT && p->is_active) p->host->request_restart(p->host);
}

static void tell_meters(struct plugin *p, const clap_output_events_t *out, uint32_t time) {
  if (!out || !out->try_push) return;
  for (int k = 0; k < METER_COUNT; k++) {
    const double value = rtm_meter(p->core, k);
    if (value == p->told[k]) continue;
    clap_event_param_value_t event = {0};
    event.header.size = sizeof event;
    event.header.time = time;
    event.header.space_id = CLAP_CORE_EVENT_SPACE_ID;
    event.header.type = CLAP_EVENT_PARAM_VALUE;
    event.param_id = (clap_id)METERS[k].id;
    event.note_id = event.port_index = event.channel = event.key = -1;
    event.value = value;
    if (!out->try_push(out, &event.header)) return;
    p->told[k] = value;
  }
}

static clap_process_status process(const clap_plugin_t *clap, const clap_process_t *block) {
  struct plugin *p = self(clap);
  const struct kind *kind = &KINDS[p->config];
  const clap_input_events_t *events = block->in_events;
  const uint32_t event_count = events ? events->size(events) : 0;
  uint32_t next = 0, at = 0;
  const int sounds = block->audio_inputs_count > 0 && block->audio_outputs_count > 0 &&
                     block->audio_inputs[0].channel_count >= kind->in &&
                     block->audio_outputs[0].channel_count >= kind->out && block->audio_inputs[0].data32 &&
                     block->audio_outputs[0].data32;
  const clap_audio_buffer_t *aside = block->audio_inputs_count > 1 ? &block->audio_inputs[1] : NULL;
  float *const *side = aside && aside->channel_count >= kind->in ? aside->data32 : NULL;
  do {
    uint32_t end = block->frames_count;
    for (; next < event_count; next++) {
      const clap_event_header_t *header = events->get(events, next);
      if (header->time > at && header->time < end) {
        end = header->time;
        break;
      }
      take_event(p, header);
    }
    if (sounds && end > at) {
      float *const *in = block->audio_inputs[0].data32, *const *out = block->audio_outputs[0].data32;
      if (side) rtm_set_side(p->core, side[0] + at, kind->in == 2 ? side[1] + at : NULL);
      rtm_run(p->core, in[0] + at, kind->in == 2 ? in[1] + at : NULL, out[0] + at, kind->out == 2 ? out[1] + at : NULL,
              end - at);
    }
    at = end;
  } while (at < block->frames_count);
  if (block->frames_count) tell_meters(p, block->out_events, block->frames_count - 1);
  return sounds || !block->frames_count ? CLAP_PROCESS_CONTINUE : CLAP_PROCESS_ERROR;
}

/* ---- ports ---- */

/* The side-chain is a second input. */
static uint32_t port_count(const clap_plugin_t *clap, bool is_input) {
  (void)clap;
  return is_input ? 2 : 1;
}

static bool port_info(const clap_plugin_t *clap, uint32_t index, bool is_input, clap_audio_port_info_t *info) {
  const struct kind *kind = &KINDS[self(clap)->config];
  const int is_side = is_input && index == 1;
  if (index && !is_side) return false;
  memset(info, 0, sizeof *info);
  info->id = is_side ? 2 : is_input ? 0 : 1;
  snprintf(info->name, sizeof info->name, "%s", is_side ? "Side-chain" : is_input ? "Input" : "Output");
  info->flags = is_side ? 0 : CLAP_AUDIO_PORT_IS_MAIN;
  info->channel_count = is_input ? kind->in : kind->out;
  info->port_type = info->channel_count == 2 ? CLAP_PORT_STEREO : CLAP_PORT_MONO;
  info->in_place_pair = kind->in == kind->out && !is_side ? (is_input ? 1 : 0) : CLAP_INVALID_ID;
  return true;
}

static uint32_t config_count(const clap_plugin_t *clap) {
  (void)clap;
  return KIND_COUNT;
}

static bool config_get(const clap_plugin_t *clap, uint32_t index, clap_audio_ports_config_t *config) {
  (void)clap;
  if (index >= KIND_COUNT) return false;
  const struct kind *kind = &KINDS[index];
  memset(config, 0, sizeof *config);
  config->id = index;
  snprintf(config->name, sizeof config->name, "%s", kind->name);
  config->input_port_count = 2, config->output_port_count = 1;
  config->has_main_input = config->has_main_output = true;
  config->main_input_channel_count = kind->in, config->main_output_channel_count = kind->out;
  config->main_input_port_type = kind->in == 2 ? CLAP_PORT_STEREO : CLAP_PORT_MONO;
  config->main_output_port_type = kind->out == 2 ? CLAP_PORT_STEREO : CLAP_PORT_MONO;
  return true;
}

static bool config_select(const clap_plugin_t *clap, clap_id id) {
  if (id >= KIND_COUNT || self(clap)->is_active) return false;
  self(clap)->config = (int)id;
  return true;
}

/* ---- parameters: controls, then meters ---- */

static uint32_t param_count(const clap_plugin_t *clap) {
  (void)clap;
  return CONTROL_COUNT + METER_COUNT;
}

static bool param_info(const clap_plugin_t *clap, uint32_t index, clap_param_info_t *info) {
  (void)clap;
  if (index >= CONTROL_COUNT + METER_COUNT) return false;
  memset(info, 0, sizeof *info);
  const char *label;
  if (index < CONTROL_COUNT) {
    const struct control *control = &CONTROLS[index];
    info->id = (clap_id)control->id, label = control->label;
    info->min_value = control->low, info->max_value = control->high, info->default_value = control->normal;
    info->flags = CLAP_PARAM_IS_AUTOMATABLE | (control->is_stepped ? CLAP_PARAM_IS_STEPPED : 0) |
                  ((int)index == P_BYPASS ? CLAP_PARAM_IS_BYPASS : 0);
    snprintf(info->module, sizeof info->module, "%s", control->id >= 100 ? "Trims" : "");
  } else {
    const struct meter *meter = &METERS[index - CONTROL_COUNT];
    info->id = (clap_id)meter->id, label = meter->label;
    info->min_value = meter->low, info->max_value = meter->high, info->default_value = meter->normal;
    info->flags = CLAP_PARAM_IS_READONLY;
    snprintf(info->module, sizeof info->module, "Meters");
  }
  snprintf(info->name, sizeof info->name, "%s", label);
  return true;
}

static bool param_value(const clap_plugin_t *clap, clap_id id, double *value) {
  const int place = control_of(id), meter = meter_of(id);
  if (place < 0 && meter < 0) return false;
  *value = place >= 0 ? rtm_get(self(clap)->core, place) : rtm_meter(self(clap)->core, meter);
  return true;
}

static bool value_to_text(const clap_plugin_t *clap, clap_id id, double value, char *text, uint32_t size) {
  (void)clap;
  const int place = control_of(id), meter = meter_of(id);
  if (place < 0 && meter < 0) return false;
  const struct control *control = place >= 0 ? &CONTROLS[place] : NULL;
  const char *unit = control ? control->unit : METERS[meter].unit;
  if (control && control->is_switch)
    snprintf(text, size, "%s", value >= 0.5 ? "on" : "off");
  else if (control && control->step_count)
    snprintf(text, size, "%s", value >= 0.0 && value < control->step_count ? control->steps[(int)value] : "auto");
  else
    snprintf(text, size, "%.2f%s%s", value, *unit ? " " : "", unit);
  return true;
}

static bool text_to_value(const clap_plugin_t *clap, clap_id id, const char *text, double *value) {
  (void)clap;
  const int place = control_of(id);
  if (place < 0 && meter_of(id) < 0) return false;
  const struct control *control = place >= 0 ? &CONTROLS[place] : NULL;
  if (control && control->is_switch && (!strcmp(text, "on") || !strcmp(text, "off"))) {
    *value = !strcmp(text, "on");
    return true;
  }
  for (int k = 0; control && k < control->step_count; k++)
    if (!strcmp(text, control->steps[k])) {
      *value = k;
      return true;
    }
  char *end;
  *value = strtod(text, &end);
  return end != text;
}

static void flush(const clap_plugin_t *clap, const clap_input_events_t *in, const clap_output_events_t *out) {
  (void)out;
  const uint32_t count = in ? in->size(in) : 0;
  for (uint32_t k = 0; k < count; k++) take_event(self(clap), in->get(in, k));
}

/* ---- state: how many controls, number and value of each, then what was learned ---- */

struct saved {
  uint32_t id, nothing;
  double value;
};

static bool write_all(const clap_ostream_t *stream, const void *bytes, size_t count) {
  const char *at = bytes;
  while (count) {
    const int64_t done = stream->write(stream, at, count);
    if (done <= 0) return false;
    at += done, count -= (size_t)done;
  }
  return true;
}

static bool save(const clap_plugin_t *clap, const clap_ostream_t *stream) {
  struct plugin *p = self(clap);
  const uint32_t head[] = {CONTROL_COUNT, 0};
  struct saved controls[CONTROL_COUNT];
  for (int k = 0; k < CONTROL_COUNT; k++)
    controls[k] = (struct saved){(uint32_t)CONTROLS[k].id, 0, rtm_get(p->core, k)};
  void *learned = malloc(RTM_STATE_MOST);
  if (!learned) return false;
  const size_t count = rtm_save(p->core, learned);
  const bool is_done = write_all(stream, head, sizeof head) && write_all(stream, controls, sizeof controls) &&
                       write_all(stream, learned, count);
  free(learned);
  return is_done;
}

static bool load(const clap_plugin_t *clap, const clap_istream_t *stream) {
  struct plugin *p = self(clap);
  char *bytes = malloc(2 * RTM_STATE_MOST);
  if (!bytes) return false;
  size_t count = 0;
  int64_t more;
  while (count < 2 * RTM_STATE_MOST && (more = stream->read(stream, bytes + count, 2 * RTM_STATE_MOST - count)) > 0)
    count += (size_t)more;
  uint32_t head[2] = {0};
  if (count >= sizeof head) memcpy(head, bytes, sizeof head);
  const size_t start = sizeof head + (size_t)head[0] * sizeof(struct saved);
  bool is_good = count >= sizeof head && head[0] <= 4096 && start <= count;
  if (is_good) is_good = rtm_load(p->core, bytes + start, count - start);
  for (uint32_t k = 0; is_good && k < head[0]; k++) {
    struct saved one;
    memcpy(&one, bytes + sizeof head + k * sizeof one, sizeof one);
    const int place = control_of(one.id);
    if (place >= 0) rtm_set_from_afar(p->core, place, one.value);
  }
  free(bytes);
  const clap_host_params_t *host = p->host->get_extension(p->host, CLAP_EXT_PARAMS);
  if (is_good && host) host->rescan(p->host, CLAP_PARAM_RESCAN_VALUES);
  return is_good;
}

/* ---- what else a host asks for ---- */

static uint32_t latency(const clap_plugin_t *clap) { return (uint32_t)self(clap)->latency; }

static bool needs_real_time(const clap_plugin_t *clap) {
  (void)clap;
  return false;
}

static bool set_render(const clap_plugin_t *clap, int32_t mode) {
  rtm_set_offline(self(clap)->core, mode == CLAP_RENDER_OFFLINE);
  return true;
}

static const void *extension(const clap_plugin_t *clap, const char *id) {
  (void)clap;
  static const clap_plugin_audio_ports_t ports = {port_count, port_info};
  static const clap_plugin_audio_ports_config_t configs = {config_count, config_get, config_select};
  static const clap_plugin_params_t params = {param_count,   param_info,    param_value,
                                              value_to_text, text_to_value, flush};
  static const clap_plugin_state_t states = {save, load};
  static const clap_plugin_latency_t latencies = {latency};
  static const clap_plugin_render_t renders = {needs_real_time, set_render};
  if (!strcmp(id, CLAP_EXT_AUDIO_PORTS)) return &ports;
  if (!strcmp(id, CLAP_EXT_AUDIO_PORTS_CONFIG)) return &configs;
  if (!strcmp(id, CLAP_EXT_PARAMS)) return &params;
  if (!strcmp(id, CLAP_EXT_STATE)) return &states;
  if (!strcmp(id, CLAP_EXT_LATENCY)) return &latencies;
  return strcmp(id, CLAP_EXT_RENDER) ? NULL : &renders;
}

static void on_main_thread(const clap_plugin_t *clap) { (void)clap; }

static const char *FEATURES[] = {CLAP_PLUGIN_FEATURE_AUDIO_EFFECT, CLAP_PLUGIN_FEATURE_MASTERING,
                                       CLAP_PLUGIN_FEATURE_STEREO, CLAP_PLUGIN_FEATURE_MONO, NULL};
static const clap_plugin_descriptor_t DESCRIPTOR = {
    CLAP_VERSION_INIT, "rt-automix.master", "RT Automix", "rt_automix", "", "", "", RTM_VERSION,
    "Listens, decides ten mastering parameters, applies them", FEATURES};

static const clap_plugin_t *create(const clap_plugin_factory_t *factory, const clap_host_t *host, const char *id) {
  (void)factory;
  if (!clap_version_is_compatible(host->clap_version) || strcmp(id, DESCRIPTOR.id)) return NULL;
  struct plugin *p = calloc(1, sizeof *p);
  if (!p) return NULL;
  p->host = host;
  p->latency = E_DELAY_SAMPLES;
  for (int k = 0; k < METER_COUNT; k++) p->told[k] = METERS[k].normal;
  p->clap = (clap_plugin_t){&DESCRIPTOR, p,    init,  destroy, activate,  deactivate,
                            start,       stop, reset, process, extension, on_main_thread};
  return &p->clap;
}

static uint32_t plugin_count(const clap_plugin_factory_t *factory) {
  (void)factory;
  return 1;
}

static const clap_plugin_descriptor_t *descriptor(const clap_plugin_factory_t *factory, uint32_t index) {
  (void)factory;
  return index ? NULL : &DESCRIPTOR;
}

static bool entry_init(const char *path) {
  (void)path;
  return true;
}

static void entry_deinit(void) {}

static const void *factory(const char *id) {
  static const clap_plugin_factory_t plugins = {plugin_count, descriptor, create};
  return strcmp(id, CLAP_PLUGIN_FACTORY_ID) ? NULL : &plugins;
}

CLAP_EXPORT const clap_plugin_entry_t clap_entry = {CLAP_VERSION_INIT, entry_init, entry_deinit, factory};
