/* The engine as a plug-in of any format needs it: one of these per instance, nothing shared, nothing global.

   Threads: `audio` is whoever calls rtm_run, one at a time; `main` does what stands under it while no audio runs,
   unless it says otherwise; `worker` is at most one other thread. */
#ifndef RTM_CORE_H
#define RTM_CORE_H
#include <stddef.h>
#include <stdint.h>

typedef struct rtm rtm;

/* main: all memory there is ever to be, controls at their defaults; NULL without memory. */
rtm *rtm_new(void);
/* main: ends the worker, too. */
void rtm_free(rtm *c);
/* main: fresh for a stream of one or two channels, and what was learned comes back; 0 for a rate that is not known,
   at which rtm_run gives what it is given, at once. */
int rtm_prepare(rtm *c, double rate_hz, int channels);
/* audio, or main while no audio runs: forget the stream; controls stay, and it begins as it was loaded. */
void rtm_reset(rtm *c);
/* audio, or main while no audio runs: set a control by its place in CONTROLS; it acts from the next tick on. */
void rtm_set(rtm *c, int place, double value);
/* any: the same from elsewhere; the audio thread takes it over before the next block. */
void rtm_set_from_afar(rtm *c, int place, double value);
/* any: what a control was last set to. */
double rtm_get(rtm *c, int place);
/* audio, or main while no audio runs: let `direct` have the latency that is asked for, as rtm_prepare does. */
void rtm_apply_direct(rtm *c);
/* audio, or main while no audio runs */
int rtm_latency_samples(const rtm *c);
/* audio: master n samples, any number; inputs and outputs may be the same memory. For one channel left is enough.
   Whether the meters have been read anew. */
int rtm_run(rtm *c, const float *in_left, const float *in_right, float *out_left, float *out_right, uint32_t n);
/* audio: what the next rtm_run has at its side, as many samples, to learn a reference from; NULL is silence. */
void rtm_set_side(rtm *c, const float *left, const float *right);
/* any: a reading by its place in METERS. */
double rtm_meter(rtm *c, int place);

/* main: who is told, from the audio thread, that rtm_work has something to do; without anybody it is done in line. */
void rtm_wake_by(rtm *c, void (*wake)(void *), void *handle);
/* any: whether time does not matter, and all is done in line. */
void rtm_set_offline(rtm *c, int is_offline);
/* worker: hear and decide what is due. */
void rtm_work(rtm *c);
/* main: a thread that does so; 0 where there is none to be had, and the audio thread does it all. */
int rtm_start_worker(rtm *c);
void rtm_stop_worker(rtm *c);

/* any but audio: what was learned, as one stretch of bytes of at most RTM_STATE_MOST; how many. */
#define RTM_STATE_MOST 65536
#define RTM_STATE_LEAST 8 /* nothing was learned */
size_t rtm_save(rtm *c, void *bytes);
/* any but audio: acts from the next rtm_run or rtm_prepare on; 0 and nothing done where it is none. */
int rtm_load(rtm *c, const void *bytes, size_t count);
#endif
