/* LV2: ports and states to the core and back. Symbols of ports are for ever; see `ttl`. */
#include "core.h"
#include "made.h"

#include <lv2/atom/atom.h>
#include <lv2/core/lv2.h>
#include <lv2/options/options.h>
#include <lv2/state/state.h>
#include <lv2/urid/urid.h>
#include <lv2/worker/worker.h>
#include <stdlib.h>
#include <string.h>

/* Ports: inputs, side-chain, outputs, controls, meters, then these. */
enum { P_ENABLED, P_FREEWHEEL, P_LATENCY, MORE };

struct plugin {
  rtm *core;
  int channels_in, channels_side, channels_out;
  const float *in[2], *side[2];
  float *out[2], *controls[CONTROL_COUNT], *meters[METER_COUNT], *more[MORE];
  const LV2_Worker_Schedule *schedule;
  LV2_URID chunk, learned;
  float taken[CONTROL_COUNT]; /* what the ports held the last time */
  int is_off, is_told;        /* what was made of those that bypass; whether the meters' ports hold what was read last */
  double rate_hz;
};

static void wake(void *handle) {
  struct plugin *p = handle;
  const char nothing = 0;
  p->schedule->schedule_work(p->schedule->handle, 1, &nothing);
}

static LV2_Handle instantiate(const LV2_Descriptor *descriptor, double rate_hz, const char *path,
                              const LV2_Feature *const *features) {
  (void)path;
  struct plugin *p = calloc(1, sizeof *p);
  if (!p) return NULL;
  p->channels_in = strstr(descriptor->URI, "mono") ? 1 : 2;
  p->channels_side = strstr(descriptor->URI, "-side-chain") ? 2 : 0;
  p->channels_out = strstr(descriptor->URI, "-to-stereo") ? 2 : p->channels_in;
  const LV2_URID_Map *map = NULL;
  for (; features && *features; features++) {
    if (!strcmp((*features)->URI, LV2_URID__map)) map = (*features)->data;
    if (!strcmp((*features)->URI, LV2_WORKER__schedule)) p->schedule = (*features)->data;
  }
  if (map) {
    p->chunk = map->map(map->handle, LV2_ATOM__Chunk);
    p->learned = map->map(map->handle, RTM_URI "#learned");
  }
  p->core = rtm_new();
  p->rate_hz = rate_hz;
  for (int k = 0; k < CONTROL_COUNT; k++) {
    p->taken[k] = (float)CONTROLS[k].normal;
    p->controls[k] = &p->taken[k];
  }
  if (!p->core || !rtm_prepare(p->core, rate_hz, p->channels_in)) {
    rtm_free(p->core);
    free(p);
    return NULL;
  }
  if (p->schedule) rtm_wake_by(p->core, wake, p);
  return p;
}

static void connect(LV2_Handle handle, uint32_t port, void *to) {
  struct plugin *p = handle;
  const uint32_t in = p->channels_in, side = p->channels_side, out = p->channels_out;
  if (port < in) {
    p->in[port] = to;
  } else if ((port -= in) < side) {
    p->side[port] = to;
  } else if ((port -= side) < out) {
    p->out[port] = to;
  } else if ((port -= out) < CONTROL_COUNT) {
    p->controls[port] = to ? to : &p->taken[port];
  } else if ((port -= CONTROL_COUNT) < METER_COUNT) {
    p->meters[port] = to;
    p->is_told = 0;
  } else if ((port -= METER_COUNT) < MORE) {
    p->more[port] = to;
  }
}

/* In every block: bits are compared, all of them, so that the loop has one end. */
static int have_moved(const struct plugin *p) {
  uint32_t moved = 0, now, before;
  for (int k = 0; k < CONTROL_COUNT; k++) {
    memcpy(&now, p->controls[k], sizeof now);
    memcpy(&before, &p->taken[k], sizeof before);
    moved |= now ^ before;
  }
  return moved != 0;
}

static void take_controls(struct plugin *p) {
  const int is_off = *p->controls[P_BYPASS] > 0.0f || (p->more[P_ENABLED] && *p->more[P_ENABLED] <= 0.0f);
  if (is_off != p->is_off) rtm_set(p->core, P_BYPASS, p->is_off = is_off);
  if (!have_moved(p)) return;
  for (int k = 0; k < CONTROL_COUNT; k++)
    if (*p->controls[k] != p->taken[k]) {
      p->taken[k] = *p->controls[k];
      if (k != P_BYPASS) rtm_set(p->core, k, p->taken[k]);
    }
}

static void activate(LV2_Handle handle) {
  struct plugin *p = handle;
  take_controls(p);
  rtm_reset(p->core);
  p->is_told = 0;
}

static void run(LV2_Handle handle, uint32_t n) {
  struct plugin *p = handle;
  take_controls(p);
  rtm_apply_direct(p->core);
  rtm_set_offline(p->core, p->more[P_FREEWHEEL] && *p->more[P_FREEWHEEL] > 0.0f);
  rtm_set_side(p->core, p->side[0], p->side[1]);
  if (p->in[0] && p->out[0] && (p->channels_in == 1 || p->in[1]) && (p->channels_out == 1 || p->out[1]))
    if (rtm_run(p->core, p->in[0], p->in[1], p->out[0], p->out[1], n)) p->is_told = 0;
  for (int k = 0; k < METER_COUNT && !p->is_told; k++)
    if (p->meters[k]) *p->meters[k] = (float)rtm_meter(p->core, k);
  p->is_told = 1;
  if (p->more[P_LATENCY]) *p->more[P_LATENCY] = (float)rtm_latency_samples(p->core);
}

static void cleanup(LV2_Handle handle) {
  struct plugin *p = handle;
  rtm_free(p->core);
  free(p);
}

static LV2_State_Status save(LV2_Handle handle, LV2_State_Store_Function store, LV2_State_Handle to, uint32_t flags,
                             const LV2_Feature *const *features) {
  (void)flags, (void)features;
  struct plugin *p = handle;
  if (!p->chunk) return LV2_STATE_ERR_NO_FEATURE;
  void *bytes = malloc(RTM_STATE_MOST);
  if (!bytes) return LV2_STATE_ERR_UNKNOWN;
  const size_t count = rtm_save(p->core, bytes);
  const LV2_State_Status status =
      store(to, p->learned, bytes, count, p->chunk, LV2_STATE_IS_POD | LV2_STATE_IS_PORTABLE);
  free(bytes);
  return status;
}

static LV2_State_Status restore(LV2_Handle handle, LV2_State_Retrieve_Function retrieve, LV2_State_Handle from,
                                uint32_t flags, const LV2_Feature *const *features) {
  (void)flags, (void)features;
  struct plugin *p = handle;
  size_t count = 0;
  uint32_t type = 0, kind = 0;
  if (!p->chunk) return LV2_STATE_ERR_NO_FEATURE;
  const void *bytes = retrieve(from, p->learned, &count, &type, &kind);
  if (!bytes) return LV2_STATE_SUCCESS; /* saved before anything was learned */
  if (type != p->chunk) return LV2_STATE_ERR_BAD_TYPE;
  return rtm_load(p->core, bytes, count) ? LV2_STATE_SUCCESS : LV2_STATE_ERR_UNKNOWN;
}

static LV2_Worker_Status work(LV2_Handle handle, LV2_Worker_Respond_Function respond, LV2_Worker_Respond_Handle to,
                              uint32_t count, const void *data) {
  (void)respond, (void)to, (void)count, (void)data;
  rtm_work(((struct plugin *)handle)->core);
  return LV2_WORKER_SUCCESS;
}

static LV2_Worker_Status respond(LV2_Handle handle, uint32_t count, const void *data) {
  (void)handle, (void)count, (void)data;
  return LV2_WORKER_SUCCESS;
}

static const void *extension(const char *uri) {
  static const LV2_State_Interface states = {save, restore};
  static const LV2_Worker_Interface works = {work, respond, NULL};
  if (!strcmp(uri, LV2_STATE__interface)) return &states;
  return strcmp(uri, LV2_WORKER__interface) ? NULL : &works;
}

LV2_SYMBOL_EXPORT const LV2_Descriptor *lv2_descriptor(uint32_t index) {
#define KIND(uri) {uri, instantiate, connect, activate, run, NULL, cleanup, extension}
  static const LV2_Descriptor kinds[] = {KIND(RTM_URI), KIND(RTM_URI "-mono"), KIND(RTM_URI "-mono-to-stereo"),
                                         KIND(RTM_URI "-side-chain")};
  return index < sizeof kinds / sizeof *kinds ? &kinds[index] : NULL;
}
